"""Dataclasses as documents: what a field may hold is read from its type.

A dataclass becomes an object with its fields, a tuple an array, an array of numbers a tensor of its
own, and `Any` a value of the closed list in `values.py`. Reading refuses whatever is not of the
type that the field declares, by its place in the document. A field that has a default may be
missing: so a format grows without a new version.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._persistence.archive import DTYPES
from ganaug._persistence.values import Reading, decode_value, encode_value
from ganaug.exceptions import PersistenceError

__all__ = ["describe", "from_document", "to_document"]

PLAIN = (bool, int, float, str)
T = TypeVar("T")


def to_document(state: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a dataclass as JSON values and the tensors that they refer to."""
    tensors: dict[str, NDArray[Any]] = {}
    return _encode(state, type(state), "", tensors), tensors


def from_document(
    kind: type[T],
    document: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    reading: Reading,
) -> T:
    """Return the dataclass of this kind that a document describes.

    Raises
    ------
    PersistenceError
        If the document has other fields, types or tensors than the dataclass declares.
    """
    left = dict(tensors)
    state: T = _decode(document, kind, "", left, reading)
    if left:
        raise PersistenceError(f"there are unknown tensors: {sorted(left)[:5]}.")
    return state


def describe(kind: type) -> dict[str, dict[str, str]]:
    """Return the fields and their types of a dataclass and of all within: the written format."""
    found: dict[str, dict[str, str]] = {}
    _describe(kind, found)
    return found


# --- writing --------------------------------------------------------------------------------------


def _encode(value: Any, hint: Any, place: str, tensors: dict[str, NDArray[Any]]) -> Any:
    if _is_union(hint):
        return _encode_union(value, hint, place, tensors)
    origin = typing.get_origin(hint) or hint
    if hint in (Any, Hashable):
        return encode_value(value, place)
    if dataclasses.is_dataclass(hint):
        return {
            name: _encode(getattr(value, name), kind, _inside(place, name), tensors)
            for name, kind in _fields(hint).items()  # type: ignore[arg-type]
        }
    if origin in (tuple, list):
        item = typing.get_args(hint)[0]
        return [_encode(v, item, _inside(place, k), tensors) for k, v in enumerate(value)]
    if origin is dict:
        item = typing.get_args(hint)[1]
        return {name: _encode(v, item, _inside(place, name), tensors) for name, v in value.items()}
    if hint is Tensor:
        value, origin = value.detach().cpu().numpy(), np.ndarray
    if origin is np.ndarray:
        if value.dtype not in DTYPES:
            return encode_value(value, place)
        tensors[place] = value
        return {"tensor": place}
    return hint(value)


def _encode_union(value: Any, hint: Any, place: str, tensors: dict[str, NDArray[Any]]) -> Any:
    if value is None:
        return None
    for kind in _alternatives(hint):
        if not dataclasses.is_dataclass(kind):
            return _encode(value, kind, place, tensors)
        if type(value) is kind:
            document = _encode(value, kind, place, tensors)
            return {"type": kind.__name__, **document} if _is_tagged(hint) else document
    raise PersistenceError(f"{place} is a {type(value).__name__}, which can't be stored.")


# --- reading --------------------------------------------------------------------------------------


def _decode(
    value: Any, hint: Any, place: str, tensors: dict[str, NDArray[Any]], reading: Reading
) -> Any:
    def inside(value: Any, hint: Any, name: object) -> Any:
        return _decode(value, hint, _inside(place, name), tensors, reading)

    if _is_union(hint):
        return None if value is None else _decode_union(value, hint, place, tensors, reading)
    origin = typing.get_origin(hint) or hint
    if hint in (Any, Hashable):
        return decode_value(value, place, reading)
    if hint in PLAIN:
        return _of_type(value, hint, place)
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(_of_type(value, dict, place), hint, place, inside)
    if origin in (tuple, list):
        item = typing.get_args(hint)[0]
        return origin(inside(v, item, k) for k, v in enumerate(_of_type(value, list, place)))
    if origin is dict:
        item = typing.get_args(hint)[1]
        return {name: inside(v, item, name) for name, v in _of_type(value, dict, place).items()}
    return _decode_array(value, hint, place, tensors, reading)


def _decode_dataclass(
    document: dict[str, Any], kind: Any, place: str, inside: Callable[[Any, Any, object], Any]
) -> Any:
    fields = _fields(kind)
    optional = {
        field.name for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING
    }
    if unknown := document.keys() - fields.keys():
        raise PersistenceError(f"{place or 'it'} has unknown fields {sorted(unknown)[:5]}.")
    if missing := fields.keys() - document.keys() - optional:
        raise PersistenceError(f"{place or 'it'} lacks the fields {sorted(missing)[:5]}.")
    return kind(**{name: inside(document[name], fields[name], name) for name in document})


def _decode_union(
    value: Any, hint: Any, place: str, tensors: dict[str, NDArray[Any]], reading: Reading
) -> Any:
    kinds = _alternatives(hint)
    if not _is_tagged(hint):
        return _decode(value, kinds[0], place, tensors, reading)
    document = dict(_of_type(value, dict, place))
    name = document.pop("type", None)
    for kind in kinds:
        if kind.__name__ == name:
            return _decode(document, kind, place, tensors, reading)
    raise PersistenceError(f"{place} is of the unknown type {str(name)[:80]!r}.")


def _decode_array(
    value: Any, hint: Any, place: str, tensors: dict[str, NDArray[Any]], reading: Reading
) -> Any:
    document = _of_type(value, dict, place)
    if document.keys() == {"tensor"}:
        if document["tensor"] != place or place not in tensors:
            raise PersistenceError(f"{place} refers to a tensor that is not its own.")
        array = tensors.pop(place).copy()  # it may be written to, and leaves the file's memory
    else:
        array = decode_value(value, place, reading)
        if not isinstance(array, np.ndarray):
            raise PersistenceError(f"{place} is no array.")
    if hint is Tensor:
        return torch.from_numpy(array)
    expected = _dtype_of(hint)
    if expected is not None and array.dtype != expected:
        raise PersistenceError(f"{place} is of type {array.dtype}, expected {expected}.")
    return array


# --- types ----------------------------------------------------------------------------------------


def _of_type(value: Any, kind: type, place: str) -> Any:
    if type(value) is not kind:  # a bool is no int
        raise PersistenceError(
            f"{place or 'it'} is a {type(value).__name__}, expected a {kind.__name__}."
        )
    return value


@cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _alternatives(hint: Any) -> list[Any]:
    return [kind for kind in typing.get_args(hint) if kind is not type(None)]


def _is_tagged(hint: Any) -> bool:
    return len(_alternatives(hint)) > 1


def _dtype_of(hint: Any) -> np.dtype[Any] | None:
    """Return the dtype of an array's type, None where it may be any."""
    scalar = typing.get_args(typing.get_args(hint)[1])[0]
    return None if scalar is Any else np.dtype(scalar)


def _inside(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def _describe(hint: Any, found: dict[str, dict[str, str]]) -> None:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in found:
            fields = _fields(hint)
            found[hint.__name__] = {name: _shown(kind) for name, kind in fields.items()}
            for kind in fields.values():
                _describe(kind, found)
        return
    for kind in typing.get_args(hint):
        _describe(kind, found)


def _shown(hint: Any) -> str:
    if _is_union(hint):
        return " | ".join(map(_shown, typing.get_args(hint)))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is np.ndarray:
        dtype = _dtype_of(hint)
        return "array" if dtype is None else f"array of {dtype}"
    if origin is not None:
        inside = ", ".join("..." if kind is ... else _shown(kind) for kind in arguments)
        return f"{origin.__name__}[{inside}]"
    return "None" if hint is type(None) else getattr(hint, "__name__", str(hint))
