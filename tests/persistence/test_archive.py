"""A file is read only if every bit of it is what was written."""

import io
import json
import os
import stat
import zipfile

import numpy as np
import pytest

from ganaug._persistence.archive import Archive, read_archive, write_archive
from ganaug.exceptions import PersistenceError

ARCHIVE = Archive(
    "test",
    2,
    {"numbers": [1, 2.5, None, True], "text": "ü", "nested": {"a": []}},
    {
        "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
        "scalar": np.array(5),
        "none": np.zeros((0, 4), np.uint16),
        "mask": np.array([True, False]),
    },
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    write_archive(path, ARCHIVE)
    return path


def read(path, kind="test", version=2, max_bytes=10**6):
    return read_archive(path, {kind: version}, max_bytes)


def test_what_was_written_is_read(file):
    found = read(file)
    assert found.document == ARCHIVE.document
    assert found.version == 2
    for name, array in ARCHIVE.tensors.items():
        assert found.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(found.tensors[name], array)


def test_the_same_contents_give_the_same_bytes(file, tmp_path):
    write_archive(tmp_path / "again", read(file))
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_any_tool_can_look_into_a_file(file):
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("document.json")) == ARCHIVE.document


def test_every_single_bit_counts(file):
    data = file.read_bytes()
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            file.write_bytes(damaged)
            with pytest.raises(PersistenceError):
                read(file)


def test_a_file_cut_short_anywhere_is_refused(file):
    data = file.read_bytes()
    for n in range(len(data)):
        file.write_bytes(data[:n])
        with pytest.raises(PersistenceError):
            read(file)


@pytest.mark.parametrize("data", [b"", b"PK", b"\x80\x04K\x01.", b"{}", bytes(1000)])
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "other").write_bytes(data)
    with pytest.raises(PersistenceError, match=r"other can't be read: it is no ganaug file"):
        read(tmp_path / "other")


def rewritten(file, change):
    """Write the parts of a file again, by an ordinary zip writer and after a change."""
    with zipfile.ZipFile(file) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", change.get("compression", zipfile.ZIP_STORED)) as archive:
        for name, data in change.get("parts", lambda parts: parts)(parts):
            archive.writestr(name, data)
    file.write_bytes(out.getvalue())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compression": zipfile.ZIP_DEFLATED}, r"part header\.json is compressed"),
        ({"parts": lambda parts: parts[::-1]}, r"its parts are"),
        ({"parts": lambda parts: parts[:2]}, r"its parts are"),
        ({"parts": lambda parts: [*parts, ("../evil.py", b"")]}, r"its parts are.*evil"),
        ({"parts": lambda parts: [*parts, ("data.pkl", b"")]}, r"its parts are.*data\.pkl"),
        ({}, r"written by something else"),
    ],
)
def test_other_zips_are_refused(file, change, message):
    rewritten(file, change)
    with pytest.raises(PersistenceError, match=message):
        read(file)


def test_what_expands_is_refused_without_being_expanded(file):
    def bomb(parts):
        return [(name, bytes(2**26)) for name, _ in parts]

    rewritten(file, {"compression": zipfile.ZIP_DEFLATED, "parts": bomb})
    assert file.stat().st_size < 2**20
    with pytest.raises(PersistenceError, match="compressed"):
        read(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "another"}, "it is a 'test', expected a 'another'"),
        ({"version": 1}, "has format version 2, and this ganaug reads up to 1; install a later"),
        ({"max_bytes": 100}, "more than max_bytes=100 bytes"),
    ],
)
def test_other_kinds_and_versions_are_refused(file, change, message):
    with pytest.raises(PersistenceError, match=message):
        read(file, **change)


@pytest.mark.parametrize("version", [0, True, "1", None])
def test_versions_are_whole_numbers(tmp_path, version):
    write_archive(tmp_path / "file", Archive("test", version, {}, {}))
    with pytest.raises(PersistenceError, match="format version is"):
        read(tmp_path / "file")


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}', "[]", '{"a":', "[" * 10**5, '{"a":-Infinity}'],
)
def test_json_is_strict(file, text):
    def change(parts):
        return [(name, text.encode() if name == "header.json" else data) for name, data in parts]

    from ganaug._persistence import archive

    with zipfile.ZipFile(file) as found:
        parts = change([(name, found.read(name)) for name in found.namelist()])
    file.write_bytes(archive._pack(dict(parts)))
    with pytest.raises(PersistenceError, match=r"header\.json"):
        read(file)


@pytest.mark.parametrize("dtype", [object, "U3", np.complex64, np.longdouble, "M8[s]"])
def test_other_arrays_are_not_written(tmp_path, dtype):
    archive = Archive("test", 1, {}, {"x": np.zeros(2, dtype)})
    with pytest.raises(PersistenceError, match="x has dtype"):
        write_archive(tmp_path / "file", archive)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(file, monkeypatch):
    before = file.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_archive(file, Archive("test", 2, {}, {}))
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_link_keeps_pointing_where_it_does(file):
    link = file.with_name("link")
    link.symlink_to(file)
    write_archive(link, Archive("test", 2, {"new": 1}, {}))
    assert link.is_symlink()
    assert read(file).document == {"new": 1}
    assert stat.S_ISREG(file.stat().st_mode)
