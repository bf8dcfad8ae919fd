"""CSV files read in parts are read by the rules of those that are read as a whole."""

import csv
import io
import re

import numpy as np
import pytest

from ganaug._files import csv_dataset, large
from ganaug.cli import main

N = 300
RANDOM = np.random.default_rng(0)
CELLS = {
    "a": [f"{value:.3f}" for value in RANDOM.normal(size=N)],
    "b": [str(value) for value in RANDOM.integers(0, 50, N)],
    "c": [f"k{i % 4}" for i in range(N)],
    "y": ["no" if i % 6 else "yes" for i in range(N)],
}


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch):
    monkeypatch.setattr(large, "LARGE_BYTES", 0)


def with_missing(name, cell):
    return {name: [cell if i % 17 == 5 else value for i, value in enumerate(CELLS[name])]}


def text_of(cells, separator=","):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator="\n")
    writer.writerow(cells)
    writer.writerows(zip(*cells.values(), strict=True))
    return file.getvalue()


def resample(path, out, *arguments):
    options = ["--target", "y", "--seed", "0", "--steps", "2", "--quiet", *arguments]
    return main(["resample", str(path), "-o", str(out), *options])


def new_rows(source, out, separator=","):
    assert out.read_bytes().startswith(source.read_bytes().rstrip(b"\n"))
    old, new = (
        list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter=separator))
        for path in (source, out)
    )
    assert {len(row) for row in new} == {len(old[0])}
    return [dict(zip(old[0], row, strict=True)) for row in new[len(old) :]]


@pytest.mark.parametrize(
    ("name", "cells", "pattern"),
    [
        *(
            ("b", with_missing("b", m)["b"], rf"\d+|{re.escape(m)}")
            for m in ("None", "none", " ", "<NA>", "")
        ),
        ("a", with_missing("a", "<NA>")["a"], r"-?\d\.\d{3}|<NA>"),
        ("b", ["+" + cell for cell in CELLS["b"]], r"\d+"),
        ("b", ["7"] * (N - 1) + ["3.5"], r"[3-7](\.\d+)?"),
        ("b", ["7"] * (N - 1) + ["many"], "7|many"),
        ("c", ['a "b", c', "d\ne"] * (N // 2), 'a "b", c|d\ne'),
        ("d", ["None" if i % 9 == 2 else f"0{1 + i % 9}.12.2020" for i in range(N)],
         r"\d\d\.12\.2020|None"),
        ("", CELLS["b"], r"\d+"),
        ("", [""] * N, ""),
    ],
)  # fmt: skip
def test_cells_are_read_as_those_of_small_files(tmp_path, monkeypatch, name, cells, pattern):
    monkeypatch.setattr(csv_dataset, "BLOCK_BYTES", 1000)
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text_of(CELLS | {name: cells}))
    assert resample(source, out) == 0
    assert all(re.fullmatch(pattern, row[name]) for row in new_rows(source, out))


@pytest.mark.parametrize("large_bytes", [0, 2**28])
@pytest.mark.parametrize(
    "labels",
    [with_missing("y", ""), {"y": ["NA" if i % 17 == 5 else str(i % 2) for i in range(N)]}],
)
def test_missing_labels_are_refused(tmp_path, capsys, monkeypatch, labels, large_bytes):
    monkeypatch.setattr(large, "LARGE_BYTES", large_bytes)
    (tmp_path / "in.csv").write_text(text_of(CELLS | labels))
    assert resample(tmp_path / "in.csv", tmp_path / "out.csv") == 2
    message = capsys.readouterr().err
    assert "missing labels" in message
    assert "the first in row 5" in message


def test_a_level_of_the_target_that_reads_na_is_a_class(tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text_of(CELLS | with_missing("y", "NA")))
    assert resample(source, out, "--strategy", "NA=100") == 0
    assert {row["y"] for row in new_rows(source, out)} == {"NA"}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_line_breaks_in_cells_may_cross_blocks(tmp_path, monkeypatch, separator):
    monkeypatch.setattr(csv_dataset, "BLOCK_BYTES", 1000)
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text_of(CELLS | {"c": ["one\ntwo\n\nthree", "four"] * (N // 2)}, separator))
    assert resample(source, out) == 0
    assert {row["c"] for row in new_rows(source, out, separator)} <= {"one\ntwo\n\nthree", "four"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_and_line_breaks_in_quotes_of_the_header_are_text(tmp_path, newline):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    body = text_of(CELLS, ";").split("\n", 1)[1].replace("\n", newline)
    source.write_bytes(f'"size, width, depth";"b\nb";c;y{newline}{body}'.encode())
    assert resample(source, out) == 0
    assert out.read_bytes().startswith(source.read_bytes())
    new = new_rows(source, out, ";")
    assert new
    assert {row["y"] for row in new} == {"yes"}
    assert all(re.fullmatch(r"\d+", row["b\nb"]) for row in new)
    assert out.read_bytes().count(b"\r\n") == (1 + N + len(new)) * (newline == "\r\n")


def test_large_integers_come_back_as_they_are(tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    cells = {"b": ["" if i % 3 == 0 else str(2**60 + 1 + 2 * (i % 2)) for i in range(N)]}
    source.write_text(text_of(CELLS | cells))
    assert resample(source, out) == 0
    found = {int(row["b"]) for row in new_rows(source, out) if row["b"]}
    assert found <= {2**60 + 1, 2**60 + 2, 2**60 + 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (b"a,y\n", "has a header and no rows"),
        (b"a,a,y\n1,2,no\n", "more than one column named 'a'"),
        (b"a,y\n1,no\n2,yes,3\n", "Row #3: Expected 2 columns, got 3"),
        (b'a,y\n1,yes\n"1,no\n', "isn't a regular table"),
        (b"a,y\n1,\xe4\n", "isn't UTF-8 text; save it as UTF-8"),
        (b"\xe4,y\n1,no\n", "isn't UTF-8 text; save it as UTF-8"),
        (b"a,y\n1,no\n-inf,yes\n", "column 'a' contains infinity, first in row 1"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, capsys, content, message):
    (tmp_path / "in.csv").write_bytes(content)
    assert resample(tmp_path / "in.csv", tmp_path / "out.csv") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
