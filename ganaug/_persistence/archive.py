"""The container of every file: JSON and tensors in a zip without compression.

::

    header.json          what the file is, its format version, the versions of the packages that
                         wrote it, and a checksum of each other part
    document.json        everything but arrays
    tensors.safetensors  the arrays

The zip is a function of its parts: the reader packs the parts again, and a file that differs in a
single bit from what comes out is refused. So nothing can hide between the parts, no name leads
out of the archive, and no part is larger than the file. JSON does take more memory than text: how
much is estimated before any of it is parsed, and limited.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import platform
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ganaug._replacing import replaced
from ganaug.exceptions import PersistenceError

__all__ = ["Archive", "pack", "read_archive", "write_archive"]

HEADER, DOCUMENT, TENSORS = "header.json", "document.json", "tensors.safetensors"
DTYPES = [
    np.dtype(name)
    for name in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")
]
PACKAGES = ("ganaug", "numpy", "scikit-learn", "torch")
# Headers are parsed before anything is known of what they say; that of 40,000 tensors has 4 MB. The
# library that parses it ends the process where memory runs out.
MAX_HEADER_BYTES, MAX_TENSORS_HEADER_BYTES = 2**16, 2**22
# JSON may take so many times `max_bytes` of memory: a million levels of text take half of that.
PARSED_SHARE = 4
# How much at most (CPython 3.11 to 3.14), in bytes: for each of these marks, a value behind it
# included, and for each byte of text, as text and as strings; with a single wide character in it,
# a string takes 4 bytes for each.
MARK_BYTES = {b"[": 100, b"{": 130, b",": 64, b":": 200}
TEXT_BYTES, WIDE_TEXT_BYTES = 2, 8


@cache
def installed_versions() -> dict[str, str]:
    """Return the versions of what a file depends on, by package."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


@dataclass(frozen=True)
class Archive:
    """What a file holds.

    Parameters
    ----------
    kind : str
        What the file is, such as "ganaug model".
    version : int
        Version of the document's format.
    document : dict
        JSON values: None, bool, int, finite float, str, list and dict with keys of str.
    tensors : dict of str -> ndarray
        Arrays of numbers or booleans.
    versions : dict of str -> str
        Versions of the packages that wrote the file, for those who look into it: other versions
        may read it. Empty where a file does not say.
    """

    kind: str
    version: int
    document: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    versions: dict[str, str] = field(default_factory=installed_versions)


def write_archive(path: str | os.PathLike[str], archive: Archive) -> None:
    """Write a file that is there either wholly or not at all, whenever the power goes.

    An existing file is replaced at the end, in one step.

    Raises
    ------
    TypeError
        If `path` is no path.
    OSError
        If the file can't be written; the error names the file, not the temporary one beside it.
    """
    place = _as_path(path)
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "It is a folder; name a file in it", str(path))
    try:
        with replaced(place) as temporary, temporary.open("xb") as file:
            file.write(pack(_parts(archive)))
    except OSError as error:
        raise _explained(error, path) from error


def read_archive(path: str | os.PathLike[str], kinds: Mapping[str, int], max_bytes: int) -> Archive:
    """Read a file; nothing of it is built before all of it was checked.

    Parameters
    ----------
    path : path
    kinds : mapping
        What the file may be -> the latest version that can be read.
    max_bytes : int
        Of the file; its JSON may take `PARSED_SHARE` times as much memory.

    Raises
    ------
    PersistenceError
        If the file is larger than `max_bytes`, of another kind, of a later version, or its zip is
        not what `write_archive` makes of its parts, bit for bit.
    """
    parts = _unpack(_read_bytes(path, max_bytes), path)
    if len(parts[HEADER]) > MAX_HEADER_BYTES:
        _refuse(path, f"{HEADER} is too long")
    header = _from_json(parts[HEADER], HEADER, path, max_bytes)
    _check_header(header, parts, kinds, path)
    return Archive(
        header["format"],
        header["version"],
        _from_json(parts[DOCUMENT], DOCUMENT, path, max_bytes),
        _from_safetensors(parts[TENSORS], path, max_bytes),
        header.get("versions", {}),
    )


# --- the zip --------------------------------------------------------------------------------------


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return a zip that depends on nothing but the parts: no clock, no user, no platform."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.create_version, entry.external_attr = 3, 20, 0o644 << 16
            archive.writestr(entry, data)
    return out.getvalue()


def _unpack(data: bytes, path: object) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if names != [HEADER, DOCUMENT, TENSORS]:
                _refuse(path, f"its parts are {_shown(names)}, expected those of a ganaug file")
            for entry in entries:
                if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(data):
                    _refuse(path, f"its part {entry.filename} is compressed")
            parts = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
            OverflowError) as error:  # fmt: skip
        if isinstance(error, PersistenceError):
            raise
        raise PersistenceError(
            f"{path} can't be read: it is no ganaug file, or is damaged or cut short ({error})."
        ) from error
    if pack(parts) != data:
        _refuse(path, "it is damaged, or was written by something else")
    return parts


def _as_path(path: str | os.PathLike[str]) -> Path:
    """Return a path; refuse a number, which `open` takes for a file that is open already."""
    try:
        return Path(os.fsdecode(path))
    except TypeError as error:
        raise TypeError(
            f"expected a path, such as 'model.ganaug' or a pathlib.Path, got {path!r}; pass the "
            "name of the file."
        ) from error


def _explained(error: OSError, path: object) -> OSError:
    """Return the error of a write with the file that was asked for and what to do."""
    advice = "name a file in a folder that can be written to and has room"
    if isinstance(error, FileNotFoundError):
        advice = "make its folder first"
    return type(error)(error.errno, f"{error.strerror or error}; {advice}", str(path))


def _read_bytes(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    with _as_path(path).open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        _refuse(path, f"it has more than max_bytes={max_bytes:,} bytes; pass a higher limit if "
                "you know the file")  # fmt: skip
    return data


# --- its parts ------------------------------------------------------------------------------------


def _parts(archive: Archive) -> dict[str, bytes]:
    body = {
        DOCUMENT: _to_json(archive.document),
        TENSORS: _to_safetensors(archive.tensors),
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in body.items()}
    header = {
        "format": archive.kind,
        "version": archive.version,
        "versions": archive.versions,
        "sha256": sums,
    }
    return {HEADER: _to_json(header), **body}


def _check_header(
    header: dict[str, Any], parts: Mapping[str, bytes], kinds: Mapping[str, int], path: object
) -> None:
    kind = header.get("format")
    if not isinstance(kind, str) or kind not in kinds:
        _refuse(path, f"it is a {_shown(kind)}, expected a {' or a '.join(map(repr, kinds))}")
    version = kinds[kind]
    found = header.get("version")
    if type(found) is not int or found < 1:
        _refuse(path, f"its format version is {_shown(found)}, expected a whole number")
    if found > version:
        _refuse(
            path,
            f"it has format version {found}, and this ganaug reads up to {version}; install a "
            "later ganaug",
        )
    sums = {name: hashlib.sha256(parts[name]).hexdigest() for name in (DOCUMENT, TENSORS)}
    if header.get("sha256") != sums:
        _refuse(path, "its checksums don't match; it is damaged")
    versions = header.get("versions", {})  # the first files of version 1 have none
    if type(versions) is not dict or not all(type(v) is str for v in versions.values()):
        _refuse(path, f"its versions of packages are {_shown(versions)}")
    if unknown := set(header) - {"format", "version", "versions", "sha256"}:
        _refuse(path, f"its header has unknown entries {_shown(sorted(unknown))}")


def _to_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def _from_json(data: bytes, name: str, path: object, max_bytes: int) -> dict[str, Any]:
    """Return what JSON says, unless it may take `PARSED_SHARE` times `max_bytes` of memory."""
    if (n_bytes := parsed_bytes(data)) > PARSED_SHARE * max_bytes:
        limit = f"{PARSED_SHARE} times max_bytes={max_bytes:,}"
        _refuse(path, f"{name} may take {n_bytes:,} bytes of memory, more than {limit}; pass a "
                "higher limit if you know the file")  # fmt: skip
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_float=_finite_float,
        )
    except (ValueError, RecursionError) as error:
        raise PersistenceError(f"{path} can't be read: {name} is no valid JSON ({error}).") from (
            error
        )
    if not isinstance(value, dict):
        _refuse(path, f"{name} holds no JSON object")
    return value


def parsed_bytes(data: bytes) -> int:
    """Return how much memory this JSON takes at most, without parsing it."""
    is_wide = b"\\u" in data or not data.isascii()
    text = len(data) * (WIDE_TEXT_BYTES if is_wide else TEXT_BYTES)
    return text + sum(n_bytes * data.count(mark) for mark, n_bytes in MARK_BYTES.items())


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a key occurs twice")
    return out


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large")
    return value


def _to_safetensors(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    for name, array in tensors.items():
        if array.dtype.newbyteorder("=") not in DTYPES:
            raise PersistenceError(f"{name} has dtype {array.dtype}, which can't be stored.")
    # row after row: the library writes memory as it lies
    native = {
        name: array.astype(array.dtype.newbyteorder("="), order="C")
        for name, array in tensors.items()
    }
    return save(native)


def _from_safetensors(data: bytes, path: object, max_bytes: int) -> dict[str, NDArray[Any]]:
    n_header = int.from_bytes(data[:8], "little")
    if n_header > MAX_TENSORS_HEADER_BYTES:
        _refuse(path, f"the header of {TENSORS} is too long")
    # the library takes the last of two tensors of one name
    _from_json(data[8 : 8 + n_header], f"the header of {TENSORS}", path, max_bytes)
    try:
        tensors = load(data)
    except (SafetensorError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise PersistenceError(f"{path} can't be read: its tensors are damaged ({error}).") from (
            error
        )
    for name, array in tensors.items():
        if array.dtype not in DTYPES:
            _refuse(path, f"tensor {_shown(name)} has the unknown type {array.dtype}")
        if max(array.shape, default=0) > len(data):  # of no elements, so no bytes are missing
            _refuse(path, f"tensor {_shown(name)} has a side longer than the file")
    return tensors


def _refuse(path: object, reason: str) -> NoReturn:
    raise PersistenceError(f"{path} can't be read: {reason}.")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
