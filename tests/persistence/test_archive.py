"""A file is read only if every bit of it is what was written."""

import dataclasses
import hashlib
import io
import json
import os
import re
import stat
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

import ganaug
from ganaug._persistence import archive as archives
from ganaug._persistence.archive import Archive, parsed_bytes, read_archive, write_archive
from ganaug._persistence.models import MAX_BYTES
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
    {"ganaug": "0.1"},
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
@pytest.mark.parametrize("part", ["header.json", "document.json"])
def test_json_is_strict(file, part, text):
    replace_part(file, part, text.encode())
    with pytest.raises(PersistenceError, match=re.escape(part)):
        read(file)


def replace_part(file, part, data):
    """Put other bytes in the place of a part; all checksums are right."""
    with zipfile.ZipFile(file) as found:
        parts = {name: found.read(name) for name in found.namelist()} | {part: data}
    if part != "header.json":
        header = json.loads(parts["header.json"])
        header["sha256"][part] = hashlib.sha256(data).hexdigest()
        parts["header.json"] = json.dumps(header).encode()
    file.write_bytes(archives.pack(parts))


def tensors_with(file, change):
    """Return the part with the tensors, its header changed as text."""
    with zipfile.ZipFile(file) as found:
        data = found.read("tensors.safetensors")
    (n,) = struct.unpack("<Q", data[:8])
    text = change(data[8 : 8 + n].decode()).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + n :]


def twice(text):
    first = text[1 : text.index("}") + 1]
    return "{" + first + "," + text[1:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (twice, "the header of tensors.safetensors is no valid JSON (a key occurs twice)"),
        (lambda text: "[" * 10**5, "the header of tensors.safetensors"),
        (lambda text: text.replace('"shape":[2,3]', '"shape":[2,3000000000]'), "its tensors are"),
        (lambda text: text.replace('"shape":[0,4]', '"shape":[0,9223372036854775807]'), "tensors"),
        (lambda text: text.replace("[0,", "[9223372036854775807,"), "its tensors are damaged"),
        (lambda text: text.replace('"F32"', '"BF16"'), "tensors"),
    ],
    ids=["name twice", "deep", "huge", "huge and empty", "offset", "type"],
)
def test_headers_of_tensors_are_strict(file, change, message):
    replace_part(file, "tensors.safetensors", tensors_with(file, change))
    with pytest.raises(PersistenceError, match=re.escape(message)):
        read(file)


# --- what JSON takes ------------------------------------------------------------------------------

N = 20_000
COSTLY = {
    **{name: "[" + item * N + "0]" for name, item in {
        "lists": "[],", "lists of one": "[0],", "lists of five": "[0,0,0,0,0],", "nested": "[[]],",
        "objects": "{},", "objects of one": '{"a":0},', "objects of six":
        '{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0},', "floats": "1.5,", "integers": "999,",
        "large integers": f"{10**40},", "texts": '"ab",', "wide texts": '"\\u4e00",',
        "wider texts": '"\\ud83d\\ude00",', "raw wide texts": '"\U0001f600",',
    }.items()},
    **{f"{n} keys": "{" + ",".join(f'"{k}":0' for k in range(n)) + "}" for n in (N, 21_846)},
    "keys of their own": "[" + ",".join(f'{{"{k}":[]}}' for k in range(N)) + "]",
    "a wide character in a text": json.dumps("a" * 10**6 + "\U0001f600"),
    "a raw wide character in a text": '"' + "a" * 10**6 + '\U0001f600"',
}  # fmt: skip


@pytest.mark.parametrize("kind", COSTLY)
def test_json_takes_no_more_memory_than_estimated(kind):
    data = b'{"a":' + COSTLY[kind].encode() + b"}"
    tracemalloc.start()
    try:
        value = archives._from_json(data, "it", "file", 2**30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert value
    assert peak <= parsed_bytes(data) + 10_000


def test_a_long_header_of_tensors_is_refused(file):
    replace_part(file, "tensors.safetensors", tensors_with(file, lambda text: text + " " * 2**22))
    with pytest.raises(PersistenceError, match=r"the header of tensors\.safetensors is too long"):
        read(file, max_bytes=MAX_BYTES)


@pytest.mark.parametrize("part", ["header.json", "document.json", "tensors.safetensors"])
@pytest.mark.parametrize("item", ["[],", "{},", '{"a":0},'])
def test_json_that_would_take_much_memory_is_not_parsed(file, monkeypatch, part, item):
    text = '{"a":[' + item * 10**5 + "0]}"
    data = tensors_with(file, lambda _: text) if part.startswith("tensors") else text.encode()
    replace_part(file, part, data)
    parse, seen = json.loads, []
    monkeypatch.setattr(json, "loads", lambda text, **more: [seen.append(len(text)),
                                                             parse(text, **more)][1])  # fmt: skip
    with pytest.raises(
        PersistenceError, match=rf"{re.escape(part)} (is too long|may take [\d,]+ b)"
    ):
        read(file)
    assert max(seen, default=0) < 1000


def test_a_million_levels_may_be_read(tmp_path):
    levels = [f"customer {k:07d}" for k in range(10**6)]
    write_archive(tmp_path / "file", Archive("test", 1, {"codec": levels, "rows": levels}, {}))
    assert len(read(tmp_path / "file", max_bytes=MAX_BYTES).document["rows"]) == 10**6


# --- versions -------------------------------------------------------------------------------------


def test_a_file_names_the_versions_that_wrote_it(file):
    write_archive(file, Archive("test", 1, {}, {}))
    header = json.loads(zipfile.ZipFile(file).read("header.json"))
    assert header["versions"]["ganaug"] == ganaug.__version__
    assert torch.__version__.startswith(header["versions"]["torch"])  # may say "+cpu" besides
    assert {"python", "numpy", "scikit-learn"} < header["versions"].keys()
    assert read(file).versions == header["versions"]


@pytest.mark.parametrize("versions", [{}, {"ganaug": "99.1", "torch": "0.4", "else": "1"}])
def test_files_of_other_versions_are_read(file, versions):
    write_archive(file, dataclasses.replace(ARCHIVE, versions=versions))
    assert read(file).versions == versions


@pytest.mark.parametrize("versions", [None, [], {"torch": 2}])
def test_versions_of_packages_are_texts(file, versions):
    write_archive(file, dataclasses.replace(ARCHIVE, versions=versions))
    with pytest.raises(PersistenceError, match="its versions of packages are"):
        read(file)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        np.arange(24.0).reshape(2, 3, 4).transpose(0, 2, 1),
        np.arange(10.0)[::-2],
        np.arange(6).astype(">i4").reshape(2, 3).T,
    ],
    ids=["transposed", "columns first", "axes exchanged", "backwards", "other byte order"],
)
def test_arrays_may_lie_in_memory_in_any_order(tmp_path, array):
    write_archive(tmp_path / "a", dataclasses.replace(ARCHIVE, tensors={"x": array}))
    np.testing.assert_array_equal(read(tmp_path / "a").tensors["x"], array)


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


@pytest.mark.parametrize("path", [5, None, 2.5])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(TypeError, match=f"expected a path.*got {path!r}"):
        write_archive(path, ARCHIVE)
    with pytest.raises(TypeError, match=f"expected a path.*got {path!r}"):
        read(path)


def test_a_number_is_no_open_file(file):
    with file.open("rb") as opened:
        with pytest.raises(TypeError, match="expected a path"):
            read(opened.fileno())
        assert opened.read(2) == b"PK"  # neither closed nor read


@pytest.mark.parametrize(
    ("place", "kind", "message"),
    [
        ("none/x.ganaug", FileNotFoundError, "make its folder first"),
        ("old/x.ganaug", NotADirectoryError, "name a file in a folder"),
        ("folder", IsADirectoryError, "name a file in it"),
    ],
)
def test_an_error_names_the_place_that_was_given(tmp_path, monkeypatch, place, kind, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(kind, match=message) as caught:
        write_archive(place, ARCHIVE)
    assert caught.value.filename == place
    assert ".tmp" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "old"]


def test_a_folder_that_can_not_be_written_to_is_named(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(archives.Path, "open", refuse)
    with pytest.raises(PermissionError, match="denied; name a file in a folder") as caught:
        write_archive(tmp_path / "file", ARCHIVE)
    assert caught.value.filename == str(tmp_path / "file")
