import datetime as dt
import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganaug._files.csv_columns import DateColumn, NumberColumn, TextColumn, detect_column
from ganaug._files.fitted import FittedColumn
from ganaug._files.output import check_output, replacing
from ganaug._files.row_labels import RowLabels
from ganaug._files.tables import read_table
from ganaug.exceptions import DataError

NEXT_YEAR = dt.datetime(2021, 1, 1)
CSV = b"a,b,y\n1,x,no\n2,,yes\n"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-20", "+3"], NumberColumn(0)),
        (["1", "", "3"], NumberColumn(0)),
        (["1", "NA", "NA", ""], NumberColumn(0, "NA")),
        (["9223372036854775807"], NumberColumn(0)),
        (["9223372036854775808"], TextColumn()),
        (["1", "-100000000000000000000"], TextColumn()),
        (["9223372036854775808", "1.5"], NumberColumn(None)),
        (["1.50", "2.25", "3e5"], NumberColumn(None)),
        (["1.50", "2.25"], NumberColumn(2)),
        (["1.5", "2.25", "3"], NumberColumn(None)),
        (["1e-9", "2.5E+12"], NumberColumn(None)),
        (["inf", "1.5"], NumberColumn(None)),
        (["007", "123"], TextColumn()),
        (["00.5", "1.5"], TextColumn()),
        (["1,5", "2,5"], TextColumn()),
        (["1_000", "2"], TextColumn()),
        (["0x1f", "2"], TextColumn()),
        (["12", "twelve"], TextColumn()),
        (["NA", "DE", ""], TextColumn()),
        (["None", "Full"], TextColumn()),
        (["true", "false"], TextColumn()),
        (["", ""], TextColumn()),
        (["2024-02-29", ""], DateColumn("%Y-%m-%d")),
        (["2024-02-29", "NaN"], DateColumn("%Y-%m-%d", "NaN")),
        (["2024-02-29T12:30:00"], DateColumn("%Y-%m-%dT%H:%M:%S")),
        (["2024-02-29T12:30:00Z"], DateColumn("%Y-%m-%dT%H:%M:%SZ")),
        (["2024-02-29T12:30"], DateColumn("%Y-%m-%dT%H:%M")),
        (["29.02.2024"], DateColumn("%d.%m.%Y")),
        (["29/02/2024", "01/02/2024"], DateColumn("%d/%m/%Y")),
        (["02/29/2024", "01/02/2024"], DateColumn("%m/%d/%Y")),
        (["01/02/2024", "03/04/2024"], TextColumn()),  # which is the month?
        (["2024-2-9"], TextColumn()),  # would be written back as 2024-02-09
        (["2024-02-30"], TextColumn()),
        (["2024-02-29", "2024-02-29 12:30"], TextColumn()),
        (["2024-02-29", "1"], TextColumn()),
    ],
)
def test_a_column_is_taken_for_what_all_of_its_cells_are(cells, expected):
    assert detect_column(pd.Series(cells, dtype=str)) == expected


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "-20", "9223372036854775807"],
        ["1", "NA", "3"],
        ["1.50", "-0.25", ""],
        ["1.5", "2.25", "3", "1e-09"],
        ["007", "NA", "", "Ärger", 'a "b", c'],
        ["29.02.2024", "31.12.1999", ""],
        ["1999-12-31 23:59", "2024-02-29 00:00"],
    ],
)
def test_cells_survive_parse_and_format(cells):
    text = pd.Series(cells, dtype=str)
    column = detect_column(text)
    assert column.format(column.parse(text)).tolist() == cells


def test_numbers_have_the_dtype_that_holds_them():
    integers, gaps, floats = (
        detect_column(text).parse(text)
        for text in (pd.Series(c, dtype=str) for c in (["1", "2"], ["1", "NA"], ["1.5", ""]))
    )
    assert [str(values.dtype) for values in (integers, gaps, floats)] == [
        "int64",
        "Int64",
        "float64",
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_read_from_the_header(tmp_path, separator):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + CSV.replace(b",", separator.encode()))
    table = read_table(path, "y")
    assert table.names == ["a", "b", "y"]
    assert table.X["a"].tolist() == [1, 2]
    assert table.X["b"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("header", "separator", "names"),
    [
        ('"a, b, c, d";e;y', ";", ["a, b, c, d", "e", "y"]),
        ('"a;b;c","d",y', ",", ["a;b;c", "d", "y"]),
        ('"a\nb";"c,d,e";y', ";", ["a\nb", "c,d,e", "y"]),
        ('"a\r\n,b\n\n,c"|d|y', "|", ["a\r\n,b\n\n,c", "d", "y"]),
        ('"say ""a,b,\n""";c;y', ";", ['say "a,b,\n"', "c", "y"]),
        ('disk 5";disk 6";y', ";", ['disk 5"', 'disk 6"', "y"]),
        ('"";c,d;y', ";", ["", "c,d", "y"]),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_separator_is_what_stands_outside_of_quotes(
    tmp_path, header, separator, names, newline
):
    rows = [separator.join(row) for row in (["1", "4", "no"], ["2", "5", "yes"])]
    path, out = tmp_path / "a.csv", tmp_path / "out.csv"
    path.write_bytes((newline.join([header, *rows]) + newline).encode())
    table = read_table(path, "y")
    assert table.names == names
    assert table.X.to_numpy().tolist() == [[1, 4], [2, 5]]
    assert table.y.tolist() == ["no", "yes"]
    table.write(out, table.X, table.y, originals=False, mark=None, force=False)
    assert out.read_bytes().endswith((newline.join(rows) + newline).encode())


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("cells", [["1", "", "3", ""], ["", "a b", "", "x"]])
def test_an_empty_line_in_a_file_of_one_column_is_a_missing_value(tmp_path, cells, newline):
    path, out = tmp_path / "a.csv", tmp_path / "out.csv"
    path.write_bytes((newline.join(["a", *cells]) + newline).encode())
    table = read_table(path, None)
    assert table.X["a"].isna().tolist() == [cell == "" for cell in cells]
    table.write_with(out, {"score": range(4)}, force=False)
    lines = [f"{cell},{k}" for k, cell in enumerate(cells)]
    assert out.read_bytes() == (newline.join(["a,score", *lines]) + newline).encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "no header"),
        ("a.csv", b"a,b,y\n", "no rows"),
        ("a.csv", b"a,a,y\n1,2,no\n", "more than one column named 'a'"),
        ("a.csv", b"a,y\n1,no\n2,yes,3\n", "line 3"),
        ("a.csv", b"a,y\n1,no,2\n3,yes,4\n", "more cells than its header"),
        ("a.csv", b'a,y\n"1,no\n', "regular table"),
        ("a.csv", b'"a,y\n' + b"1,no\n" * 50_000, "regular table"),
        ("a.csv", b"a,y\n\xe4,no\n", "UTF-8"),
        ("a.csv", b"x\n1\n", "no target column 'y'; its columns are x"),
        ("a.csv", b"y\n1\n", "no column besides"),
        ("a.csv.gz", b"a,y\n1,no\n", "gzip"),
        ("a.csv.gz", gzip.compress(CSV * 1000, mtime=0)[:-20], "gzip"),
        ("a.parquet", b"no parquet", "Parquet"),
        ("a.xlsx", b"", "must end with one of .csv, .csv.gz, .parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path, "y")
    assert str(path) in str(caught.value)


def test_a_parquet_file_with_columns_of_one_name_is_refused(tmp_path):
    column = pa.array([1, 2])
    pq.write_table(pa.table([column] * 3, names=["a", "a", "y"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet has more than one column named 'a'"):
        read_table(tmp_path / "a.parquet", "y")


def test_categorical_columns_must_be_features(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    with pytest.raises(DataError, match="no categorical column 'c'"):
        read_table(path, "y", ["c"])
    with pytest.raises(DataError, match="'y' is the target"):
        read_table(path, "y", ["y"])
    assert read_table(path, "y", ["a"]).X["a"].tolist() == ["1", "2"]


def test_parquet_keeps_its_schema(tmp_path):
    schema = pa.schema(
        [
            pa.field("i", pa.int16()),
            pa.field("d", pa.date32()),
            pa.field("c", pa.dictionary(pa.int8(), pa.string())),
            pa.field("y", pa.bool_(), nullable=False),
        ]
    )
    columns = {
        "i": [1, None],
        "d": [None, dt.date(2024, 2, 29)],
        "c": ["x", "z"],
        "y": [True, False],
    }
    pq.write_table(pa.table(columns, schema=schema), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet", "y", ["i"])
    assert table.classes == [False, True]
    table.write(tmp_path / "b.parquet", table.X, table.y, originals=True, mark="new", force=False)
    written = pq.read_table(tmp_path / "b.parquet")
    # pyarrow 16 reads the codes of "c" as int32 from any file
    assert written.drop_columns(["new"]).schema == pq.read_schema(tmp_path / "a.parquet")
    assert written["new"].to_pylist() == [False, False, True, True]
    assert written.slice(0, 2)["i"].to_pylist() == written.slice(2)["i"].to_pylist() == [1, None]


def test_row_labels_stored_by_pandas_are_no_feature(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5], "y": ["u", "v"]}, index=[7, 3])
    frame.to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet", "y")
    assert table.X.column_names == ["a"]
    table.write(tmp_path / "b.parquet", table.X, table.y, originals=True, mark=None, force=False)
    written = pd.read_parquet(tmp_path / "b.parquet")
    assert written.index.tolist() == [7, 3, 8, 9]
    pd.testing.assert_frame_equal(written.iloc[:2], frame)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (pa.int8(), [3, 119, None], [[120, 121, 122, 123], [124, 125, 126, 127]]),
        (pa.int8(), [3, 122], [[123, 124, 125, 126], [-1, 0, 1, 2]]),
        (pa.uint8(), [9, 254], [[5, 6, 7, 8], [1, 2, 3, 4]]),
        (pa.uint64(), [6, 2**64 - 1], [[2, 3, 4, 5], [None] * 4]),
        (pa.int64(), [-(2**63), 2**63 - 1], [[None] * 4] * 2),
        (pa.string(), ["a"], [[None] * 4] * 2),
    ],
)
def test_row_labels_stay_within_their_type(kind, old, new):
    labels = RowLabels(kind)
    labels.see(pa.array(old, kind))
    found = [labels.next(4) for _ in new]
    assert [part.to_pylist() for part in found] == new
    assert {part.type for part in found} == {kind}


def test_an_error_while_writing_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path, force=True) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "a.csv"

    def write_too_late() -> None:
        with replacing(path, force=False) as temporary:
            temporary.write_text("mine")
            path.write_text("yours")

    with pytest.raises(DataError, match="exists already"):
        write_too_late()
    assert path.read_text() == "yours"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing_where_it_did(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.csv", tmp_path / "b.csv"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link, force=True) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize(
    ("name", "message"), [("there", "is a folder"), ("no/b.csv", "there is no folder")]
)
def test_a_path_that_can_not_be_written_is_refused(tmp_path, name, message):
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError, match=message):
        check_output(tmp_path / name, force=True)


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    # the mode of a folder does not stop root, who may run this
    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(DataError, match="can't be written: Permission denied"):
        check_output(tmp_path / "a.csv", force=False)


@pytest.mark.parametrize(
    ("levels", "cells", "expected"),
    [
        ((1, 2.5), ["2.5", "1.0", "7", "1e3", "x", None], [2.5, 1, 7, 1000.0, "x", None]),
        (("1", "x"), [1, 7, "x", True, None], ["1", "7", "x", True, None]),
        (("1", "x"), [1.0, float("nan")], ["1", None]),
        (("501", "7"), ["501.0", 7.0, "007", "7.00"], ["501", "7", "007", "7.00"]),
        (("501.0", "x"), ["501", 501, 501.0, "0501"], ["501.0", "501.0", "501.0", "0501"]),
        (("007", "3", "3.0"), ["7", "007.0", "3", "3.0"], ["7", "007.0", "3", "3.0"]),
        ((True, False), ["true", "False", "TRUE", "yes", 0], [True, False, True, "yes", 0]),
        (("true", "false"), ["TRUE", "False", True, "tRue"], ["true", "false", "true", "tRue"]),
        (("True", "False"), ["true", "FALSE", "1"], ["True", "False", "1"]),
        (("True", "maybe"), ["true", "TRUE"], ["true", "TRUE"]),
        ((dt.date(2020, 1, 1),), ["2020-01-01", "2021-01-01"], [dt.date(2020, 1, 1), NEXT_YEAR]),
        ((dt.date(2020, 1, 1),), [dt.datetime(2020, 1, 1)], [dt.date(2020, 1, 1)]),
        (
            ("2020-01-01", "2020-01-02T12:30:00"),
            [dt.datetime(2020, 1, 1), dt.date(2020, 1, 1), dt.datetime(2020, 1, 2, 12, 30)],
            ["2020-01-01", "2020-01-01", "2020-01-02T12:30:00"],
        ),
        (("2020-01-01",), [NEXT_YEAR], ["2021-01-01 00:00:00"]),
        (("1", 2), [3, "4"], [3, "4"]),
        ((), ["a"], ["a"]),
    ],
    ids=str,
)
def test_new_levels_of_a_file_are_of_the_kind_that_the_model_knows(levels, cells, expected):
    """A file may have other types: none of its levels need be known for it to be read."""
    found = FittedColumn("x", levels, None).as_levels(cells)
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))
