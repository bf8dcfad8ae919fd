"""`ganaug fit` and `ganaug score`: models that are saved, gone on with, and asked."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ganaug import GANSampler
from tests.cli.running import ganaug, read


def test_a_fit_is_saved_and_sampled(model, mixed_files, tmp_path):
    rows = tmp_path / "rows.csv"
    assert ganaug("sample", model, "-n", 20, "--class", "yes", "-o", rows) == 0
    table = pd.read_csv(mixed_files[".csv"], parse_dates=["day"])
    X, y = table.drop(columns="y"), table["y"]
    expected, _ = GANSampler(n_steps=5, random_state=0).fit(X, y).sample(20, y="yes")
    pd.testing.assert_series_equal(read(rows)["age"], expected["age"], check_names=False)


def test_a_killed_fit_goes_on(model, mixed_files, tmp_path):
    other, folder = tmp_path / "other.ganaug", tmp_path / "run"
    fit = ("fit", mixed_files[".csv"], "--target", "y", "--seed", 0, "--checkpoint", folder)
    for _ in range(2):
        assert ganaug(*fit, "--resume", "-o", other, "--force") == 0
    assert (folder / "checkpoint.ganaug").exists()
    assert_same_rows(model, other)


def assert_same_rows(one, other):
    from ganaug import load

    pd.testing.assert_frame_equal(load(one).sample(9)[0], load(other).sample(9)[0])


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("target", [[], ["--target", "y"]])
def test_rows_are_scored_by_a_saved_sampler(model, mixed_files, tmp_path, suffix, target):
    from ganaug import load

    source, output = mixed_files[suffix], tmp_path / f"scores{suffix}"
    assert ganaug("score", model, source, "-o", output, *target) == 0
    table = pd.read_csv(mixed_files[".csv"], parse_dates=["day"])
    X, y = table.drop(columns="y"), table["y"]
    expected = load(model).anomaly_score(X, y if target else None)
    scored = read(output)
    np.testing.assert_allclose(scored.pop("anomaly_score"), expected, rtol=1e-6)
    if suffix != ".csv.gz":
        pd.testing.assert_frame_equal(scored, read(source))


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("ns")], ids=str)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_classes_may_be_days(mixed_files, tmp_path, kind, suffix):
    table = pq.read_table(mixed_files[".parquet"])
    days = pc.if_else(pc.equal(table["y"], "yes"), "2024-02-29", "2024-03-01").cast(pa.date32())
    table = table.set_column(table.column_names.index("y"), "y", days.cast(kind))
    source, model = tmp_path / "days.parquet", tmp_path / "days.ganaug"
    pq.write_table(table, source)
    table.to_pandas().assign(y=days.to_pylist()).to_csv(tmp_path / "days.csv", index=False)
    assert ganaug("fit", source, "--target", "y", "-o", model) == 0
    rows, scores = tmp_path / f"rows{suffix}", tmp_path / f"scores{suffix}"
    assert ganaug("sample", model, "-n", 5, "--class", "2024-02-29", "-o", rows) == 0
    assert len(read(rows)) == 5
    scored = ("score", model, tmp_path / f"days{suffix}", "--target", "y", "-o", scores)
    assert ganaug(*scored) == 0
    assert read(scores)["anomaly_score"].notna().all()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_days_that_were_text_may_come_as_dates(mixed_files, tmp_path, suffix):
    """Labels of a CSV file are text, letter for letter, and those of Parquet are what they are."""
    frame = read(mixed_files[".csv"])
    frame["y"] = np.where(frame["y"] == "yes", "2024-02-29", "2024-03-01")
    frame["since"] = frame["y"]
    frame.to_csv(tmp_path / "in.csv", index=False)
    dates = frame.assign(y=pd.to_datetime(frame["y"]), since=pd.to_datetime(frame["since"]))
    dates["day"] = pd.to_datetime(dates["day"])
    dates.to_parquet(tmp_path / "in.parquet", index=False)
    model, expected, scores = (tmp_path / name for name in ("m.ganaug", "e.csv", "s.csv"))
    fit = ("--target", "y", "--categorical", "since", "--seed", 0, "-o", model)
    assert ganaug("fit", tmp_path / "in.csv", *fit) == 0
    assert ganaug("score", model, tmp_path / "in.csv", "--target", "y", "-o", expected) == 0
    assert ganaug("score", model, tmp_path / f"in{suffix}", "--target", "y", "-o", scores) == 0
    scored = [read(path)["anomaly_score"] for path in (expected, scores)]
    pd.testing.assert_series_equal(*scored)


def test_a_date_that_is_no_class_is_named(mixed_files, tmp_path, capsys):
    frame = read(mixed_files[".csv"])
    frame["y"] = np.where(frame["y"] == "yes", "2024-02-29", "2024-03-01")
    frame.to_csv(tmp_path / "in.csv", index=False)
    frame.assign(y=pd.Timestamp("2024-03-02"), day=pd.to_datetime(frame["day"])).to_parquet(
        tmp_path / "in.parquet", index=False
    )
    model, scores = tmp_path / "m.ganaug", tmp_path / "s.csv"
    assert ganaug("fit", tmp_path / "in.csv", "--target", "y", "-o", model) == 0
    score = ("score", model, tmp_path / "in.parquet", "--target", "y", "-o", scores)
    assert ganaug(*score) == 2
    assert "there is no class '2024-03-02 00:00:00'; there are" in capsys.readouterr().err


def test_categories_of_parquet_are_known_whatever_their_type(mixed_files, tmp_path):
    table = pq.read_table(mixed_files[".parquet"])
    table = table.append_column("even", pc.equal(pc.bit_wise_and(table["age"], 1), 0))
    source, model = tmp_path / "even.parquet", tmp_path / "m.ganaug"
    pq.write_table(table, source)
    fit = ("--target", "y", "--categorical", "age,even,day", "--seed", 0, "-o", model)
    assert ganaug("fit", source, *fit) == 0
    assert ganaug("score", model, source, "-o", tmp_path / "s.parquet") == 0
    assert (read(tmp_path / "s.parquet")["anomaly_score"] > 0.5).mean() < 0.1
    where = ("--where", "even=true")
    assert ganaug("sample", model, "-n", 9, *where, "-o", tmp_path / "r.parquet") == 0
    rows = pq.read_table(tmp_path / "r.parquet")
    assert rows.schema.types == table.select(rows.column_names).schema.types
    assert set(rows["even"].to_pylist()) == {True}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_labels_of_rows_to_score_are_told(model, mixed_files, tmp_path, capsys, suffix):
    frame = pd.read_parquet(mixed_files[".parquet"])
    frame["y"] = frame["y"].where(frame.index != 7)
    source = tmp_path / f"missing{suffix}"
    frame.to_csv(source, index=False) if suffix == ".csv" else frame.to_parquet(source)
    assert ganaug("score", model, source, "--target", "y", "-o", tmp_path / "s.csv") == 2
    assert "1 missing labels (NaN or None), the first in row 7" in capsys.readouterr().err


def test_a_detector_is_fitted_and_scores(mixed_files, tmp_path):
    path, output = tmp_path / "detector.ganaug", tmp_path / "scores.csv"
    fit = ("fit", mixed_files[".csv"], "--target", "y", "--detector", "-o", path, "--seed", 0)
    assert ganaug(*fit) == 0
    assert ganaug("score", path, mixed_files[".csv"], "-o", output) == 0
    scored = read(output)
    assert scored["anomaly_score"].between(0, 1).all()
    assert scored["p_value"].between(0, 1).all()
    assert scored["anomaly_score"].corr(scored["p_value"], method="spearman") < -0.9


def test_cells_are_scored_as_the_model_saw_them(tmp_path):
    """One row alone looks like numbers, where the whole column was text; and the reverse."""
    table, one, path = tmp_path / "t.csv", tmp_path / "one.csv", tmp_path / "m.ganaug"
    lines = [f"{code},{k},{'yes' if k % 3 else 'no'}" for k, code in enumerate(["7", "x", "8"] * 9)]
    table.write_text("\n".join(["code,n,y", *lines]) + "\n")
    one.write_text("n,code,more\n,7,a\n")  # a missing number, other columns and another order
    assert ganaug("fit", table, "--target", "y", "-o", path) == 0
    assert ganaug("score", path, one, "-o", tmp_path / "s.csv") == 0
    from ganaug import load

    X = pd.DataFrame({"code": ["7"], "n": [np.nan]})
    expected = load(path).anomaly_score(X)
    assert read(tmp_path / "s.csv")["anomaly_score"].tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("fitted", [int, float])
@pytest.mark.parametrize("written", [int, float])
def test_categories_that_are_numbers_are_read_as_such(fitted, written, tmp_path):
    """An empty cell makes pandas write 3.0 in the others."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"code": rng.integers(0, 4, 40), "size": rng.normal(size=40)})
    sampler = GANSampler(n_steps=5, random_state=0, categorical_features=["code"])
    sampler.fit(X.astype({"code": fitted}), np.repeat(["yes", "no"], 20))
    model, source = tmp_path / "m.ganaug", tmp_path / "t.csv"
    scores, rows = tmp_path / "s.csv", tmp_path / "r.csv"
    sampler.save(model)
    X.astype({"code": written}).to_csv(source, index=False)
    assert ganaug("score", model, source, "-o", scores) == 0
    np.testing.assert_allclose(read(scores)["anomaly_score"], sampler.anomaly_score(X), rtol=1e-6)
    assert ganaug("sample", model, "-n", 9, "--where", f"code={written(2)}", "-o", rows) == 0
    assert (read(rows)["code"] == 2).all()


@pytest.fixture
def branches(tmp_path):
    """Return a model of a CSV file with a column of codes, and that table."""
    rng = np.random.default_rng(0)
    codes = rng.choice(["501", "502", "north"], 60)
    frame = pd.DataFrame({"branch": codes, "open": rng.choice(["True", "False"], 60)})
    frame = frame.assign(size=rng.normal(size=60), y=np.repeat(["yes", "no"], 30))
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = tmp_path / "m.ganaug"
    assert ganaug("fit", tmp_path / "t.csv", "--target", "y", "--seed", 0, "-o", model) == 0
    return model, frame


def test_whole_numbers_and_truths_that_were_text_are_read_in_any_spelling(branches, tmp_path):
    model, frame = branches
    other = frame.replace({"501": "501.0", "502": "502.0", "True": "TRUE", "False": "false"})
    scores = []
    for name, table in (("a", frame), ("b", other)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        out = tmp_path / f"{name}-scores.csv"
        assert ganaug("score", model, tmp_path / f"{name}.csv", "-o", out) == 0
        scores.append(read(out)["anomaly_score"])
    pd.testing.assert_series_equal(*scores)
    rows = tmp_path / "r.csv"
    where = ("--where", "branch=501.0", "--where", "open=true")
    assert ganaug("sample", model, "-n", 5, *where, "-o", rows) == 0
    assert set(read(rows)["branch"]) == {501}


@pytest.mark.filterwarnings("always")
def test_categories_of_which_none_is_known_are_told(branches, tmp_path, capsys):
    model, frame = branches
    table, out = tmp_path / "new.csv", tmp_path / "s.csv"
    for column, is_told in (("branch", True), ("size", False)):
        frame.assign(**{column: [str(k % 9) for k in range(60)]}).to_csv(table, index=False)
        assert ganaug("score", model, table, "-o", out, "--force") == 0
        told = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
        assert len(told) == is_told
        assert all("no value of column 'branch' in" in line for line in told)
    frame.assign(branch="").to_csv(table, index=False)  # nothing is there to be known
    assert ganaug("score", model, table, "-o", out, "--force") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("zone", ["Asia/Tokyo", None])
@pytest.mark.parametrize("pattern", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])
def test_times_of_a_csv_file_go_by_the_clock_of_the_model(zone, pattern, tmp_path):
    """A file of text has no zones, but Z is UTC."""
    rng = np.random.default_rng(0)
    hours = pd.Series(pd.date_range("2024-01-01", periods=60, freq="7h", tz=zone))
    X = pd.DataFrame({"at": hours.where(hours.index > 0), "size": rng.normal(size=60)})
    sampler = GANSampler(n_steps=5, random_state=0).fit(X, np.repeat(["yes", "no"], 30))
    model, source, output = (tmp_path / name for name in ("m.ganaug", "t.csv", "s.csv"))
    sampler.save(model)
    is_utc = zone is not None and pattern.endswith("Z")
    written = X["at"].dt.tz_convert("UTC") if is_utc else X["at"]
    X.assign(at=written.dt.strftime(pattern)).to_csv(source, index=False)
    assert ganaug("score", model, source, "-o", output) == 0
    np.testing.assert_allclose(read(output)["anomaly_score"], sampler.anomaly_score(X), rtol=1e-6)
    X[:1].assign(at="").to_csv(source, index=False)
    assert ganaug("score", model, source, "-o", output, "--force") == 0
