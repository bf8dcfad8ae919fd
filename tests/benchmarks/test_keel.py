"""Tables from an archive of KEEL's files, as a folder that the benchmark reads."""

import json
from zipfile import ZipFile

import pytest

from benchmarks.data import dataset_names, load_dataset
from benchmarks.keel import main, parse

HEADER = """% a comment, with @data in it
@relation car-good
@attribute Doors {2,3, 5more}
@attribute Weight real [0.0, 1.0]
@attribute Age integer
@attribute Class {positive, negative}
"""


def rows(n_minority, n_majority=40):
    """Return a file with so many rows of either class."""
    lines = [f"{2 + k % 2}, {k / 100}, {k},positive" for k in range(n_minority)]
    lines += [f"5more, 0.5, {k} ,negative" for k in range(n_majority)]
    return HEADER + "@data\n" + "\n".join(lines) + "\n"


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "tables.whl"
    with ZipFile(path, "w") as files:
        for name, n_minority in {"car-good": 12, "car-vgood": 15, "car": 9, "glass2": 11}.items():
            files.writestr(f"pack/data/{name}/{name}.dat", rows(n_minority))
        files.writestr("pack/data/car-good/car-good.dat.bak", "not a table")
        files.writestr("pack/data/notes/notes.txt", "nor this")
    return path


def test_types_are_those_of_the_header():
    frame = parse(rows(3, 5))
    assert [str(dtype) for dtype in frame.dtypes] == ["category", "float64", "int64", "int64"]
    assert frame["target"].tolist() == [1] * 3 + [0] * 5
    assert set(frame["Doors 0"].cat.categories) == {"2", "3", "5more"}


def test_what_has_no_value_is_missing():
    frame = parse(HEADER + "@data\n?,0.5,1,positive\n2,<null>,1,negative\n3,0.1,2,negative\n")
    assert frame.isna().sum().sum() == 2


@pytest.mark.parametrize("text", ["", "1,2,3\n", HEADER, HEADER + "@data\n2,0.5,1,positive\n"])
def test_what_is_no_table_of_two_classes_is_left_out(text):
    assert parse(text) is None


def test_the_benchmark_reads_what_was_unpacked(archive, tmp_path):
    assert main([str(archive), str(tmp_path / "out"), "--each", "1"]) == 0
    assert set(dataset_names(tmp_path / "out")) == {"car_vgood", "glass2"}
    table = load_dataset(tmp_path / "out", "car_vgood")
    assert table.y.sum() == 15
    assert table.categorical == ("Doors 0",)
    assert table.family == "car"


def test_families_of_another_folder_are_left_out(archive, tmp_path):
    known = tmp_path / "known"
    known.mkdir()
    (known / "MANIFEST.json").write_text(json.dumps([{"name": "glass_1_vs_3"}]))
    main([str(archive), str(tmp_path / "out"), "--not-like", str(known)])
    assert set(dataset_names(tmp_path / "out")) == {"car_good", "car_vgood"}
