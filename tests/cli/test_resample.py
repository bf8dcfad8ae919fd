"""`ganaug resample`: what is read, what is written, and how it looks."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ganaug._files import large
from tests.cli.running import ganaug, read

pytestmark = pytest.mark.filterwarnings("ignore::ganaug.exceptions.DataWarning")

HEADER = "id;zip;price;when;land;n;y"


LANDS = ["NA", "Österreich", '"a;b"', ""]


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


def test_original_rows_come_first_letter_for_letter(odd_csv, tmp_path):
    output = tmp_path / "out.csv"
    assert ganaug("resample", odd_csv, "--target", "y", "-o", output, "--seed", 0) == 0
    lines = output.read_text(encoding="utf-8").splitlines()
    assert lines[: 1 + 60] == [HEADER, *odd_rows()]
    assert len(lines) == 1 + 48 + 48


@pytest.mark.parametrize("large_bytes", [0, 2**28])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", [True, False])
def test_new_lines_end_as_the_original_ones(
    odd_csv, tmp_path, monkeypatch, newline, large_bytes, end
):
    monkeypatch.setattr(large, "LARGE_BYTES", large_bytes)
    text = newline.join([HEADER, *odd_rows()]) + newline * end
    odd_csv.write_bytes(text.encode())
    output = tmp_path / "out.csv"
    assert ganaug("resample", odd_csv, "--target", "y", "-o", output, "--seed", 0) == 0
    result = output.read_bytes().decode()
    assert result.startswith(text)
    assert len(result.split(newline)) == 1 + 48 + 48 + 1
    assert all(len(line.splitlines()) == 1 for line in result.split(newline)[:-1])


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


@pytest.mark.parametrize("dtype", [bool, int, float])
def test_dummies_of_a_file_have_one_level_each(tmp_path, dtype):
    random = np.random.default_rng(0)
    colours = pd.DataFrame(
        {"colour": random.choice(list("rgbw"), 200), "z": random.normal(size=200)}
    )
    X = pd.get_dummies(colours, dtype=dtype).assign(y=random.choice(list("aab"), 200))
    X.to_csv(tmp_path / "in.csv", index=False)
    assert ganaug("resample", tmp_path / "in.csv", "--target", "y", "-o", tmp_path / "out.csv") == 0
    out = pd.read_csv(tmp_path / "out.csv")
    assert len(out) > 230
    assert (out.filter(like="colour_").astype(float).sum(axis=1) == 1).all()
