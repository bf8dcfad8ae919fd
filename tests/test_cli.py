import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from ganaug import GANSampler, __version__, cli

HEADER = "id;zip;price;when;land;n;y"
LANDS = ["NA", "Österreich", '"a;b"', ""]
COLUMNS = HEADER.split(";")


def odd_rows(n=60):
    """Return lines of a table with what CSV readers like to spoil."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        zip_code, price = f"{rng.integers(0, 999):05d}", f"{10 * rng.random():.2f}"
        day, gap = f"2024-0{i % 9 + 1}-{i % 28 + 1:02d}", "NA" if i % 7 == 0 else i
        label = "yes" if i < 12 else "no"
        rows.append(f"{i};{zip_code};{price};{day};{LANDS[i % 4]};{gap};{label}")
    return rows


@pytest.fixture
def odd_csv(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("\n".join([HEADER, *odd_rows()]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def mixed_files(tmp_path, mixed_table):
    """Return the mixed table as a file of each format."""
    X, y = mixed_table
    table = X.assign(y=y)
    table.to_csv(tmp_path / "in.csv", index=False)
    table.to_csv(tmp_path / "in.csv.gz", index=False)
    table.to_parquet(tmp_path / "in.parquet", index=False)
    return {suffix: tmp_path / f"in{suffix}" for suffix in (".csv", ".csv.gz", ".parquet")}


def ganaug(*arguments, steps=5):
    """Run the command line with few training steps; return its exit status."""
    trained = ["--steps", steps] if arguments[0] in ("resample", "sample", "fit") else []
    return cli.main([str(argument) for argument in (*arguments, *trained)])


def read(path):
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


# --- resample -----------------------------------------------------------------------------------


def test_original_rows_come_first_letter_for_letter(odd_csv, tmp_path):
    output = tmp_path / "out.csv"
    assert ganaug("resample", odd_csv, "--target", "y", "-o", output, "--seed", 0) == 0
    lines = output.read_text(encoding="utf-8").splitlines()
    assert lines[: 1 + 60] == [HEADER, *odd_rows()]
    assert len(lines) == 1 + 48 + 48


def test_synthetic_cells_are_written_as_the_original_ones(odd_csv, tmp_path):
    output = tmp_path / "out.csv"
    ganaug("resample", odd_csv, "--target", "y", "-o", output, "--seed", 0)
    table = pd.read_csv(output, sep=";", dtype=str, keep_default_na=False)
    old, new = table[:60], table[60:]
    assert new["id"].str.fullmatch(r"\d+").all()
    assert new["price"].str.fullmatch(r"\d+\.\d\d").all()
    assert new["when"].str.fullmatch(r"2024-0\d-\d\d").all()
    assert new["n"].str.fullmatch(r"\d+|NA").all()
    for column in ("zip", "land"):
        assert set(new[column]) <= set(old[column])
    assert set(new["y"]) == {"yes"}


@pytest.mark.parametrize("source", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_every_format_in_and_out(mixed_files, tmp_path, source, suffix):
    output = tmp_path / f"out{suffix}"
    assert ganaug("resample", mixed_files[source], "--target", "y", "-o", output) == 0
    table = read(output)
    assert table["y"].value_counts().to_dict() == {"no": 96, "yes": 96}
    assert table["age"].dtype == "int64"
    assert list(table.columns) == ["age", "price", "score", "job", "day", "y"]
    before = read(mixed_files[suffix])
    if source == suffix:
        pd.testing.assert_frame_equal(table[:120], before, check_index_type=False)


def test_parquet_keeps_its_types(mixed_files, tmp_path):
    output = tmp_path / "out.parquet"
    ganaug("resample", mixed_files[".parquet"], "--target", "y", "-o", output)
    assert pq.read_schema(output).equals(pq.read_schema(mixed_files[".parquet"]))


def test_labels_of_numbers_are_numbers_in_parquet(tmp_path, mixed_table):
    X, y = mixed_table
    X.assign(y=(y == "yes").astype(int)).to_csv(tmp_path / "in.csv", index=False)
    output = tmp_path / "out.parquet"
    strategy = ("--strategy", "1=50")
    assert ganaug("resample", tmp_path / "in.csv", "--target", "y", "-o", output, *strategy) == 0
    assert read(output)["y"].value_counts().to_dict() == {0: 96, 1: 50}


@pytest.mark.parametrize(
    ("strategy", "n_yes"),
    [
        ("auto", 96),
        ("minority", 96),
        ("0.5", 48),
        ("yes=40", 40),
        ("yes=40,no=96", 40),
        ('{"yes": 40}', 40),
    ],
)
def test_strategies(mixed_files, tmp_path, strategy, n_yes):
    output = tmp_path / "out.csv"
    arguments = ("--target", "y", "-o", output, "--strategy", strategy)
    assert ganaug("resample", mixed_files[".csv"], *arguments) == 0
    assert read(output)["y"].value_counts().to_dict() == {"no": 96, "yes": n_yes}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_synthetic_rows_can_be_marked(mixed_files, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    arguments = ("--target", "y", "-o", output, "--mark-synthetic", "new")
    assert ganaug("resample", mixed_files[suffix], *arguments) == 0
    assert read(output)["new"].tolist() == [False] * 120 + [True] * 72


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_of_numbers_can_be_categories(tmp_path, suffix, mixed_table):
    X, y = mixed_table
    table = pd.DataFrame({"code": (X["age"] % 2) * 1000, "price": X["price"], "y": y})
    source = tmp_path / f"in{suffix}"
    table.to_csv(source, index=False) if suffix == ".csv" else table.to_parquet(source)
    output = tmp_path / f"out{suffix}"
    arguments = ("--target", "y", "-o", output, "--categorical", "code")
    assert ganaug("resample", source, *arguments) == 0
    assert set(read(output)["code"]) == {0, 1000}
    assert read(output)["code"].dtype == "int64"


def test_nothing_to_add_leaves_the_table_as_it_is(mixed_files, tmp_path, capsys):
    output = tmp_path / "out.csv"
    arguments = ("--target", "y", "-o", output, "--strategy", "yes=24")
    assert ganaug("resample", mixed_files[".csv"], *arguments) == 0
    assert output.read_bytes() == mixed_files[".csv"].read_bytes()
    assert "0 new (no class needed any)" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_file(mixed_files, tmp_path):
    outputs = [tmp_path / f"{k}.csv.gz" for k in range(3)]
    for output, seed in zip(outputs, (1, 1, 2), strict=True):
        ganaug("resample", mixed_files[".csv"], "--target", "y", "-o", output, "--seed", seed)
    first, second, third = (output.read_bytes() for output in outputs)
    assert first == second != third


# --- sample -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_sample_writes_synthetic_rows_only(mixed_files, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    arguments = ("--target", "y", "-n", 7, "--class", "no", "-o", output)
    assert ganaug("sample", mixed_files[suffix], *arguments) == 0
    table = read(output)
    assert table["y"].tolist() == ["no"] * 7
    assert list(table.columns) == ["age", "price", "score", "job", "day", "y"]


def test_sample_without_a_class_fills_up_the_small_ones(mixed_files, tmp_path):
    output = tmp_path / "out.csv"
    assert ganaug("sample", mixed_files[".csv"], "--target", "y", "-n", 7, "-o", output) == 0
    assert read(output)["y"].tolist() == ["yes"] * 7


# --- what it says -------------------------------------------------------------------------------


# --- saved models -------------------------------------------------------------------------------


@pytest.fixture
def model(mixed_files, tmp_path):
    path = tmp_path / "model.ganaug"
    assert ganaug("fit", mixed_files[".csv"], "--target", "y", "-o", path, "--seed", 0) == 0
    return path


def test_a_fit_is_saved_and_sampled(model, mixed_files, tmp_path):
    rows = tmp_path / "rows.csv"
    assert ganaug("sample", model, "-n", 20, "--class", "yes", "-o", rows) == 0
    table = pd.read_csv(mixed_files[".csv"], parse_dates=["day"])
    X, y = table.drop(columns="y"), table["y"]
    expected, _ = GANSampler(n_steps=5, random_state=0).fit(X, y).sample(20, y="yes")
    pd.testing.assert_series_equal(read(rows)["age"], expected["age"], check_names=False)


def test_labels_of_a_saved_sampler_keep_their_name(mixed_files, tmp_path):
    path, rows = tmp_path / "parquet.ganaug", tmp_path / "rows.parquet"
    assert ganaug("fit", mixed_files[".parquet"], "--target", "y", "-o", path) == 0
    assert ganaug("sample", path, "-n", 20, "-o", rows) == 0
    assert list(read(rows).columns) == ["age", "price", "score", "job", "day", "y"]


YES = np.arange(60) % 3 == 0
LABELS = {
    "frame": (pd.DataFrame({"outcome": YES}), ["outcome"]),
    "polars frame": (pl.DataFrame({"outcome": YES}), ["outcome"]),
    "column": (YES[:, None], ["target"]),
    "one-hot": (np.eye(2, dtype=int)[YES.astype(int)], ["target0", "target1"]),
    "one-hot frame": (pd.DataFrame({"no": 1 - YES, "yes": 1 * YES}), ["no", "yes"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_two_dimensions_and_images_are_written_as_columns(kind, tmp_path):
    path, rows = tmp_path / "m.ganaug", tmp_path / "rows.csv"
    y, names = LABELS[kind]
    images = np.random.default_rng(0).random((60, 8, 8))
    GANSampler(n_steps=2).fit(images, y).save(path)
    assert ganaug("sample", path, "-n", 5, "-o", rows) == 0
    assert list(read(rows).columns) == [*(f"x{j}" for j in range(64)), *names]


def test_the_row_labels_of_pandas_may_be_the_target(mixed_table, tmp_path):
    X, y = mixed_table
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "in.parquet", tmp_path / "folder" / "part.parquet"):
        X.set_axis(pd.Index(y, name="y")).to_parquet(path)
    output = tmp_path / "out.parquet"
    for source in ("in.parquet", "folder"):
        assert ganaug("resample", tmp_path / source, "--target", "y", "-o", output, "--force") == 0
        labels = pq.read_table(output)["y"].to_pandas()
        assert labels.value_counts().to_dict() == {"no": 96, "yes": 96}


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


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (["age=40.."], lambda rows: rows["age"] >= 40),
        (["age=..40", "job=clerk,nurse"], lambda r: (r["age"] <= 40) & (r["job"] != "farmer")),
        (["day=2024-05-01.."], lambda rows: rows["day"] >= "2024-05-01"),
        (["day=2020..2024-03"], lambda rows: rows["day"] <= "2024-03-01"),
        (["score=", "job=nurse"], lambda r: r["score"].isna() & (r["job"] == "nurse")),
    ],
)
@pytest.mark.parametrize("saved", [True, False])
def test_rows_meet_conditions(model, mixed_files, tmp_path, conditions, holds, saved):
    output = tmp_path / "rows.csv"
    where = [argument for condition in conditions for argument in ("--where", condition)]
    source = [model] if saved else [mixed_files[".csv"], "--target", "y"]
    assert ganaug("sample", *source, "-n", 30, *where, "-o", output) == 0
    assert len(read(output)) == 30
    assert holds(read(output)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "{csv}", "-o", "{folder}/m.ganaug"], "--target; or fit a detector"),
        (["fit", "{csv}", "--target", "y", "-o", "{folder}/m.zip"], "must end with .ganaug"),
        (["score", "{model}", "{folder}/other.csv", "-o", "{folder}/s.csv"], "no column 'age'"),
        (["score", "{model}", "{csv}", "-o", "{model}", "--force"], "is what is read"),
        (["score", "{csv}", "{csv}", "-o", "{folder}/s.csv"], "is no ganaug file"),
        (["sample", "{model}", "-n", "5", "-o", "{folder}/s.csv", "--where", "age=a"], "number"),
        (["sample", "{model}", "-n", "5", "-o", "{folder}/s.csv", "--where", "tall=1"], "'tall'"),
        (
            [
                *("sample", "{model}", "-n", "5", "-o", "{folder}/s.csv"),
                *("--where", "age=3..", "--where", "age=..9"),
            ],
            "twice",
        ),
    ],
)
def test_mistakes_with_models(model, mixed_files, tmp_path, capsys, arguments, message):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = {"csv": mixed_files[".csv"], "model": model, "folder": tmp_path}
    assert ganaug(*(argument.format(**given) for argument in arguments)) == 2
    err = capsys.readouterr().err
    assert err.startswith("ganaug: error: ")
    assert message in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_nothing_is_written_into_the_folder_that_is_read(mixed_files, tmp_path, capsys):
    folder = tmp_path / "parts"
    folder.mkdir()
    mixed_files[".parquet"].rename(folder / "part.parquet")
    arguments = ["resample", folder, "--target", "y", "-o", folder / "out.parquet"]
    assert ganaug(*arguments) == 2
    assert "in the folder that is read" in capsys.readouterr().err


def test_a_summary_is_printed_unless_quiet(mixed_files, tmp_path, capsys):
    arguments = ("resample", mixed_files[".csv"], "--target", "y", "-o", tmp_path / "out.csv")
    ganaug(*arguments)
    assert "120 rows as they were, 72 new (yes +72)" in capsys.readouterr().out
    ganaug(*arguments, "--force", "--quiet")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["resample", "sample", "fit", "score", "demo"])
def test_help_has_examples_that_parse(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--help"])
    examples = re.findall(rf"^  ganaug ({command}.*)", capsys.readouterr().out, re.M)
    assert examples
    for example in examples:
        assert cli._parser().parse_args(example.split()).run


def test_defaults_are_those_of_the_estimator(monkeypatch, capsys, mixed_files, tmp_path):
    made = []

    class Spy(GANSampler):
        def __init__(self, *, n_steps=3, device="cpu", **others):
            made.append((n_steps, device, others))
            super().__init__(n_steps=n_steps, device=device, **others)

    monkeypatch.setattr("ganaug.sampler.GANSampler", Spy)
    with pytest.raises(SystemExit):
        cli.main(["resample", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "training steps, or auto (default: 3)" in shown
    assert "(default: cpu)" in shown
    arguments = ["resample", mixed_files[".csv"], "--target", "y", "-o", tmp_path / "out.csv"]
    cli.main(list(map(str, arguments)))
    assert made[0] == (3, "cpu", {"verbose": 0})


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "ganaug", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"ganaug {__version__}\n"


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "outcome"], "no target column 'outcome'; its columns are age, price, score"),
        (["--categorical", "age,work"], "no categorical column 'work'; its columns are age, price"),
        (["--strategy", "maybe=100"], "there is no class 'maybe'; there are no, yes"),
        (["--strategy", "yes=3"], "3"),
        (["--strategy", "-0.5"], "-0.5"),
        (["--device", "abacus"], "abacus"),
        (["--mark-synthetic", "age"], "has a column 'age' already"),
        (["-o", "{folder}"], "is a folder"),
        (["-o", "{folder}/no/out.csv"], "there is no folder"),
        (["-o", "{folder}/out.xlsx"], "must end with one of .csv, .csv.gz, .parquet"),
        (["-o", "{folder}/in.csv"], "exists already; choose another name"),
        (["-o", "{folder}/in.csv", "--force"], "in.csv is what is read; name another file"),
    ],
)
def test_a_mistake_is_one_sentence_before_training(
    mixed_files, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.setattr(GANSampler, "_train", lambda *_: pytest.fail("training has started"))
    before = sorted(tmp_path.iterdir())
    given = [argument.format(folder=tmp_path) for argument in arguments]
    standard = ["--target", "y", "-o", tmp_path / "out.csv"]
    assert ganaug("resample", mixed_files[".csv"], *standard, *given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ganaug: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("a,y\n1,no\n2,no\n3,no\n", "class"),
        ("a,y\n1,no\n2,no\n3,yes\n", "'yes' has 1 row"),
        ("a,y\n1,no\n2,no\n3,\n4,yes\n5,yes\n", "missing label"),
        ("a,y\n1,no\n2,no\n3,yes\ninf,yes\n", "column 'a' contains infinity"),
    ],
)
def test_unusable_data_are_told(tmp_path, capsys, content, message):
    source = tmp_path / "in.csv"
    if content is not None:
        source.write_text(content)
    assert ganaug("resample", source, "--target", "y", "-o", tmp_path / "out.csv") == 2
    err = capsys.readouterr().err
    assert err.startswith("ganaug: error: ")
    assert message in err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resample"], "the following arguments are required"),
        (["resmple"], "invalid choice: 'resmple'"),
        (["resample", "a.csv", "--strategy", "lots"], "CLASS=COUNT pairs"),
        (["resample", "a.csv", "--strategy", '{"yes": [1]}'], "CLASS=COUNT pairs"),
        (["resample", "a.csv", "--strategy", '{"yes": 50.7}'], "CLASS=COUNT pairs"),
        (["resample", "a.csv", "--steps", "0"], "expected a whole number from 1 on, got '0'"),
        (["sample", "a.csv", "-n", "few"], "expected a whole number from 1 on, got 'few'"),
        (["sample", "a.csv", "--where", "age"], "expected COLUMN=VALUE, COLUMN=LOW..HIGH"),
        (["sample", "a.csv", "--seed", "x"], "expected a whole number from 0 to 4294967295"),
        (["demo", "--seed", "-1"], "expected a whole number from 0 to 4294967295, got '-1'"),
        (["demo", "--quiet", "--verbose"], "not allowed with argument --quiet"),
    ],
)
def test_a_wrong_argument_is_told(capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    err = capsys.readouterr().err
    assert err.startswith("ganaug: error: ")
    assert message in err
    assert "--help" in err


def test_an_existing_file_is_replaced_with_force_only(mixed_files, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("mine")
    arguments = ("resample", mixed_files[".csv"], "--target", "y", "-o", output)
    assert ganaug(*arguments) == 2
    assert output.read_text() == "mine"
    assert ganaug(*arguments, "--force") == 0
    assert len(read(output)) == 192


def test_verbose_shows_the_traceback(tmp_path):
    with pytest.raises(FileNotFoundError):
        ganaug(
            "resample", tmp_path / "no.csv", "--target", "y", "-o", tmp_path / "o.csv", "--verbose"
        )


@pytest.mark.parametrize("moment", ["training", "writing"])
def test_an_interrupted_run_leaves_nothing(mixed_files, tmp_path, capsys, monkeypatch, moment):
    def interrupt(*_):
        raise KeyboardInterrupt

    def interrupt_half_way(self, path, **_):
        path.write_text("half")
        raise KeyboardInterrupt

    if moment == "training":
        monkeypatch.setattr(GANSampler, "_train", interrupt)
    else:
        monkeypatch.setattr(pd.DataFrame, "to_csv", interrupt_half_way)
    before = sorted(tmp_path.iterdir())
    output = tmp_path / "out.csv"
    assert ganaug("resample", mixed_files[".csv"], "--target", "y", "-o", output) == 130
    assert sorted(tmp_path.iterdir()) == before
    assert capsys.readouterr().err == "ganaug: interrupted; nothing was written.\n"


def test_progress_is_shown_on_a_terminal(mixed_files, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    ganaug("resample", mixed_files[".csv"], "--target", "y", "-o", tmp_path / "out.csv")
    assert "GANSampler" in terminal.getvalue()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
def test_a_killed_run_leaves_a_whole_output_or_none(tmp_path):
    command = [sys.executable, "-m", "tests.killed_cli", str(tmp_path)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["kills"] >= 4
    assert counts["half"] == 0


def test_a_saved_detector_is_no_sampler(tmp_path, capsys):
    from ganaug import GANOutlierDetector

    X = np.random.default_rng(0).normal(size=(50, 2))
    GANOutlierDetector(n_steps=1, random_state=0).fit(X).save(tmp_path / "model.ganaug")
    arguments = ["sample", tmp_path / "model.ganaug", "--target", "y", "-n", 5]
    assert ganaug(*arguments, "-o", tmp_path / "out.csv") == 2
    assert "holds a detector" in capsys.readouterr().err
