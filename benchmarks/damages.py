"""Ways to damage a model file: `DAMAGES`, for `benchmarks.fuzz`.

What tests how parts are read is packed as our writer packs, with right checksums, so that nothing
refuses it before it gets there. What our writer never makes (parts that occur twice, compressed
ones) is a zip that an ordinary reader would take.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._persistence.archive import (
    DOCUMENT,
    HEADER,
    TENSORS,
    Archive,
    pack,
    read_archive,
    write_archive,
)
from ganaug._persistence.models import FORMATS, MAX_BYTES

__all__ = ["DAMAGES", "Case"]

Random = np.random.Generator
KINDS = {form.kind: form.version for form in FORMATS}
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 2**31, -(2**31), 2**62, 2**63, 2**64, -(2**70), 10**30),
    *(0.0, -1.5, 1e-300, 1e300, "", "x", "<f8", "<U99999", "O", "..", "/etc/passwd", "../../x"),
    *([], [0], [[]], {}, {"type": "callable", "value": "os.system"}),
    {"type": "tuple", "value": [1, {"type": "list", "value": []}]},
    {"type": "array", "value": ["<f8", [2**40, 0], []]},
    {"type": "array", "value": ["<U99999", [5000], [""] * 5000]},
    {"type": "numpy", "value": ["O", [], [None]]},
    {"type": "datetime", "value": ["2020-01-01", "../../../etc/passwd", 0]},
    {"type": "Timestamp", "value": [2**62, "ns", "dateutil//etc/passwd"]},
    {"type": "RandomState", "value": []},
    {"tensor": "gan.rows.numbers"},
]
PICKLE = b"cos\nsystem\n(S'touch /tmp/ganaug-was-here'\ntR."
# What a naive reader would expand a zip to; the file has some megabytes.
BOMB_BYTES = 2**32


class Case:
    """A good file in parts, to be damaged; what is in it can score the rows of `X`."""

    def __init__(self, path: Path, X: Any) -> None:
        self.path = path
        self.X = X
        self.data = path.read_bytes()
        with zipfile.ZipFile(path) as file:
            self.parts = {name: file.read(name) for name in file.namelist()}

    def zipped(self, parts: list[tuple[str, bytes]]) -> bytes:
        """Return an ordinary zip."""
        out = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as file:
            warnings.simplefilter("ignore")  # of names that occur twice
            for name, data in parts:
                file.writestr(name, data)
        return out.getvalue()

    def packed(self, parts: Mapping[str, bytes]) -> bytes:
        """Return our own zip with these parts in the place of the good ones, rightly signed."""
        parts = {**self.parts, **parts}
        if parts[HEADER] == self.parts[HEADER]:
            header = json.loads(parts[HEADER])
            header["sha256"] = {
                name: hashlib.sha256(parts[name]).hexdigest() for name in (DOCUMENT, TENSORS)
            }
            parts[HEADER] = json.dumps(header, separators=(",", ":")).encode()
        return pack(parts)

    def with_text(self, name: str, change: Callable[[str], str]) -> bytes:
        """Return a file with a part changed as text; of the tensors that is their header."""
        if name != TENSORS:
            return self.packed({name: change(self.parts[name].decode()).encode()})
        raw = self.parts[TENSORS]
        (size,) = struct.unpack("<Q", raw[:8])
        text = change(raw[8 : 8 + size].decode()).encode()
        return self.packed({TENSORS: struct.pack("<Q", len(text)) + text + raw[8 + size :]})

    def signed(self, document: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> bytes:
        """Return a file of other contents."""
        return self.written(Archive(self._read().kind, 1, document, tensors))

    def written(self, archive: Archive) -> bytes:
        target = self.path.with_suffix(".signed")
        write_archive(target, archive)
        return target.read_bytes()

    def archive(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        archive = self._read()
        return archive.document, {name: array.copy() for name, array in archive.tensors.items()}

    def _read(self) -> Archive:
        return read_archive(self.path, KINDS, MAX_BYTES)


# --- bytes ----------------------------------------------------------------------------------------


def flip_a_bit(case: Case, random: Random) -> bytes:
    out = bytearray(case.data)
    out[random.integers(len(out))] ^= 1 << int(random.integers(8))
    return bytes(out)


def overwrite_bytes(case: Case, random: Random) -> bytes:
    out = bytearray(case.data)
    start, n = int(random.integers(len(out))), int(random.integers(1, 64))
    out[start : start + n] = random.bytes(n)
    return bytes(out)


def truncate(case: Case, random: Random) -> bytes:
    return case.data[: int(random.integers(len(case.data)))]


def append_bytes(case: Case, random: Random) -> bytes:
    return case.data + random.bytes(int(random.integers(1, 100)))


def random_bytes(case: Case, random: Random) -> bytes:
    return random.bytes(int(random.integers(0, 4096)))


# --- zips that an ordinary reader takes -----------------------------------------------------------


def zip_bomb(case: Case, random: Random) -> bytes:
    """Compress a part of several GiB, or say that a part has so many bytes."""
    name = str(random.choice(list(case.parts)))
    if random.random() < 0.5:
        return _bomb(name)
    out = bytearray(case.data)
    entry = out.rindex(b"PK\x01\x02", 0, out.rindex(name.encode()))
    struct.pack_into("<I", out, entry + 24, int(random.integers(2**31, 2**32 - 1)))  # its size
    if random.random() < 0.5:
        struct.pack_into("<H", out, entry + 10, zipfile.ZIP_DEFLATED)
    return bytes(out)


@cache
def _bomb(name: str) -> bytes:
    """Return a zip of some megabytes in which a part is compressed from 4 GiB."""
    out, block = io.BytesIO(), bytes(2**24)
    with zipfile.ZipFile(out, "w", compresslevel=6) as file:
        for part in (HEADER, DOCUMENT, TENSORS):
            entry = zipfile.ZipInfo(part)
            entry.compress_type = zipfile.ZIP_DEFLATED if part == name else zipfile.ZIP_STORED
            with file.open(entry, "w", force_zip64=True) as target:
                for _ in range(BOMB_BYTES // len(block) if part == name else 0):
                    target.write(block)
    return out.getvalue()


def path_traversal(case: Case, random: Random) -> bytes:
    """Add a part that unpacking would put elsewhere, or give such a name to one."""
    names = ["../../evil.py", "/tmp/evil.py", "a/../../b", "C:\\evil", "header.json/x"]
    name = str(random.choice(names))
    parts = list(case.parts.items())
    if random.random() < 0.5:
        return pack({**case.parts, name: b"raise SystemExit"})
    parts[random.integers(len(parts))] = (name, b"raise SystemExit")
    return pack(dict(parts))


def parts_twice(case: Case, random: Random) -> bytes:
    """Add another part of a name that is there: readers differ in which one they take."""
    parts = list(case.parts.items())
    name, _ = parts[random.integers(len(parts))]
    place = int(random.integers(len(parts) + 1))
    return case.zipped([*parts[:place], (name, b"{}"), *parts[place:]])


def parts_missing(case: Case, random: Random) -> bytes:
    parts = dict(case.parts)
    del parts[str(random.choice(list(parts)))]
    return pack(parts)


# --- parts with right checksums -------------------------------------------------------------------


def pickled_part(case: Case, random: Random) -> bytes:
    return case.packed({str(random.choice(list(case.parts))): PICKLE})


def duplicate_key(case: Case, random: Random) -> bytes:
    """Name something twice, somewhere: a key of an object, a checksum, a tensor."""
    return case.with_text(
        str(random.choice(list(case.parts))), lambda text: _with_twin(text, random)
    )


def _with_twin(text: str, random: Random) -> str:
    """Write the first entry of one of the objects once more, with the same or another value."""
    objects: list[Any] = []

    def collect(pairs: list[tuple[str, Any]]) -> Any:
        objects.append(out := _Pairs(pairs))
        return out

    whole = json.loads(text, object_pairs_hook=collect)
    full = [pairs for pairs in objects if pairs]
    chosen = full[random.integers(len(full))]
    key, value = chosen[0]
    chosen.append((key, value if random.random() < 0.5 else 0))
    return _written(whole)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with its keys as they are written."""


def _written(value: Any) -> str:
    if isinstance(value, _Pairs):
        return "{" + ",".join(f"{json.dumps(k)}:{_written(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value)


def deep_json(case: Case, random: Random) -> bytes:
    depth = int(random.integers(1000, 100_000))
    opening, closing = [("[", "]"), ('{"a":', "}")][random.integers(2)]
    deep = '{"a":' + opening * depth + "0" + closing * depth
    return case.with_text(
        str(random.choice(list(case.parts))),
        lambda text: deep + ("," + text[1:] if random.random() < 0.5 else "}"),
    )


def amplified_json(case: Case, random: Random) -> bytes:
    """Add JSON that takes many times its size in memory: 16 to 32 MiB of empty lists, say."""
    items = ["[],", "{},", '{"a":0},', "[0],"]
    item, n_bytes = str(random.choice(items)), int(random.integers(2**24, 2**25))
    more = '{"a":[' + item * (n_bytes // len(item)) + "0]"
    return case.with_text(str(random.choice(list(case.parts))), lambda text: f"{more},{text[1:]}")


def huge_shape(case: Case, random: Random) -> bytes:
    """Change a shape or the place of a tensor to what nobody has memory for."""

    def change(text: str) -> str:
        header = json.loads(text)
        tensor = header[str(random.choice([name for name in header if name != "__metadata__"]))]
        huge = [2 ** int(random.integers(20, 64)) for _ in range(random.integers(1, 4))]
        what = random.integers(4)
        if what < 2:
            tensor["shape"] = [*huge, *([0] if what else [])]
        else:
            tensor["data_offsets"] = [huge[-1] if what == 3 else 0, huge[-1]]
        return json.dumps(header)

    return case.with_text(TENSORS, change)


def huge_array(case: Case, random: Random) -> bytes:
    """Put arrays of long texts, each of them empty, in the place of a value of the document."""
    document, tensors = case.archive()
    n_arrays, n_items = int(random.integers(20, 60)), int(random.integers(100, 600))
    length = int(random.integers(80_000, 100_000))
    array = {"type": "array", "value": [f"<U{length}", [n_items], [""] * n_items]}
    name = str(random.choice(list(document["parameters"])))
    document["parameters"][name] = {"type": "list", "value": [array] * n_arrays}
    return case.signed(document, tensors)


def later_version(case: Case, random: Random) -> bytes:
    document, tensors = case.archive()
    if random.random() < 0.5:
        return case.written(Archive("something else", 1, document, tensors))
    kind, version = str(random.choice(list(KINDS))), int(random.integers(2, 99))
    return case.written(Archive(kind, version, document, tensors))


# --- files that may well be good ------------------------------------------------------------------


def signed_swap(case: Case, random: Random) -> bytes:
    document, tensors = case.archive()
    one, other = (str(name) for name in random.choice(list(tensors), 2, replace=False))
    tensors[one], tensors[other] = tensors[other], tensors[one]
    return case.signed(document, tensors)


def signed_tensor(case: Case, random: Random) -> bytes:
    document, tensors = case.archive()
    name = str(random.choice(list(tensors)))
    array = tensors[name]
    change = random.integers(5)
    if change == 0 or array.size == 0:
        del tensors[name]
    elif change == 1:
        tensors[name] = array.astype(np.float64 if array.dtype.kind != "f" else np.int64)
    elif change == 2:
        tensors[name] = array.reshape(-1)[: int(random.integers(array.size))]
    elif change == 3:
        flat = array.reshape(-1)
        odd = [0, -1, 127, -128] if array.dtype.kind != "f" else [np.nan, np.inf, -1e30, 1e30]
        flat[random.integers(len(flat))] = np.array(odd[random.integers(4)]).astype(array.dtype)
    else:
        tensors[name] = np.zeros((0, *array.shape[1:]), array.dtype)
    return case.signed(document, tensors)


def signed_value(case: Case, random: Random) -> bytes:
    """Put an odd value somewhere into the document."""
    document, tensors = case.archive()
    holder, key = _random_place(document, random)
    holder[key] = ODD_VALUES[random.integers(len(ODD_VALUES))]
    return case.signed(document, tensors)


def signed_structure(case: Case, random: Random) -> bytes:
    """Remove, add or rename something in the document."""
    document, tensors = case.archive()
    holder, key = _random_place(document, random)
    value = holder.pop(key)
    if random.random() < 0.5 and isinstance(holder, dict):
        holder[f"{key}x"] = value
    return case.signed(document, tensors)


def _random_place(document: Any, random: Random) -> tuple[Any, Any]:
    places: list[tuple[Any, Any]] = []
    stack = [document]
    while stack:
        holder = stack.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])
    return places[random.integers(len(places))]


# damage -> whether what is damaged so could still be a valid file, of other contents
DAMAGES: dict[Callable[[Case, Random], bytes], bool] = {
    **dict.fromkeys((flip_a_bit, overwrite_bytes, truncate, append_bytes, random_bytes), False),
    **dict.fromkeys((zip_bomb, path_traversal, parts_twice, parts_missing, pickled_part), False),
    **dict.fromkeys((duplicate_key, deep_json, amplified_json, huge_shape, huge_array), False),
    later_version: False,
    **dict.fromkeys((signed_swap, signed_tensor, signed_value, signed_structure), True),
}
