"""Single values as JSON: a closed list of types, each written so that it comes back the same.

None, bool, int, str and finite floats are JSON's own; all others are objects with a "type".
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from ganaug.exceptions import PersistenceError

__all__ = ["Callables", "Reading", "decode_value", "encode_value"]

# What the caller passes for the functions that a file only names.
Callables = Mapping[str, Callable[..., Any]]
MAX_DEPTH = 20
MAX_DIMENSIONS = 32
# Booleans, integers and floats, times, text and bytes of a moderate length, and objects.
NUMPY_DTYPE = re.compile(
    r"[<>|]?(b1|[iu][1248]|f[248]|[US]\d{1,5}|O|[mM]8(\[\d{0,4}(Y|M|W|D|h|m|s|ms|us|ns)\])?)"
)
ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}((/|:)[A-Za-z0-9_+-]{1,32}){0,2}")


@dataclass
class Reading:
    """What the reading of one file may draw on.

    Parameters
    ----------
    callables : mapping
    max_bytes : int
        What all arrays among its values may take together: a short text can stand for an array of
        long ones.
    n_bytes : int
        What they took so far.
    """

    callables: Callables
    max_bytes: int
    n_bytes: int = 0

    def claim(self, n_bytes: int) -> None:
        """Refuse an array for which there is no room left, before it is made."""
        self.n_bytes += n_bytes
        if self.n_bytes > self.max_bytes:
            raise PersistenceError(
                f"its arrays would expand to more than max_bytes={self.max_bytes:,} bytes; pass a "
                "higher limit if you know the file"
            )


def encode_value(value: Any, place: str) -> Any:
    """Return a value as JSON.

    Raises
    ------
    PersistenceError
        If its type isn't in the list; the message names `place`.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    for name, kind, encode, _ in _CODECS:
        if _is_of(value, kind):
            return {"type": name, "value": encode(value, place)}
    raise PersistenceError(
        f"{place} holds a value of type {type(value).__module__}.{type(value).__qualname__}, "
        "which can't be stored as data. Convert it (for example to text), or use pickle, which "
        "runs code when it is loaded."
    )


def decode_value(value: Any, place: str, reading: Reading, depth: int = 0) -> Any:
    """Return the value that JSON stands for; refuse what is not in the list.

    Functions are taken from `reading.callables`, by name; none is ever looked up or imported.
    """
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise PersistenceError(f"{place} holds a value of an unknown form.")
        return value
    if value.keys() != {"type", "value"} or depth > MAX_DEPTH:
        raise PersistenceError(f"{place} holds a value of an unknown form.")
    if value["type"] == "callable":
        return _callable_of(value["value"], place, reading.callables)
    for name, _, _, decode in _CODECS:
        if name == value["type"]:
            return _decoded(decode, value["value"], _Inner(place, reading, depth + 1))
    raise PersistenceError(
        f"{place} holds a value of the unknown type {str(value['type'])[:80]!r}."
    )


@dataclass(frozen=True)
class _Inner:
    """Decodes the values inside a value."""

    place: str
    reading: Reading
    depth: int

    def __call__(self, value: Any) -> Any:
        return decode_value(value, self.place, self.reading, self.depth)


def _decoded(decode: Callable[..., Any], value: Any, inner: _Inner) -> Any:
    try:
        return decode(value, inner)
    except PersistenceError:
        raise
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError, OSError) as error:
        raise PersistenceError(
            f"{inner.place} holds a value that can't be read ({str(error)[:200]})."
        ) from error


def _callable_of(name: Any, place: str, callables: Callables) -> Any:
    key = place.rpartition(".")[2]
    if key not in callables:
        raise PersistenceError(
            f"{key} was the function {str(name)[:200]!r}, and files hold no code; pass the "
            f"function: load(path, callables={{{key!r}: ...}})."
        )
    return callables[key]


def _is_of(value: Any, kind: Any) -> bool:
    """Tell whether a value is of a class (not of a subclass) or of one of pandas, by name."""
    if isinstance(kind, str):
        return f"{type(value).__module__}.{type(value).__name__}".startswith("pandas.") and (
            type(value).__name__ == kind
        )
    if kind in (np.generic, np.random.RandomState):
        return isinstance(value, kind)
    return callable(value) if kind is Callable else type(value) is kind


def _path_of(function: Callable[..., Any]) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


# --- containers -----------------------------------------------------------------------------------


def _each(values: Any, place: str) -> list[Any]:
    return [encode_value(value, place) for value in values]


def _pairs(values: Mapping[Any, Any], place: str) -> list[Any]:
    return [_each(pair, place) for pair in values.items()]


def _encode_array(array: np.ndarray[Any, Any], place: str) -> list[Any]:
    kind = array.dtype.str
    if array.dtype.fields or not NUMPY_DTYPE.fullmatch(kind):
        raise PersistenceError(f"{place} has dtype {array.dtype}, which can't be stored.")
    flat = array.ravel().view(np.int64) if array.dtype.kind in "mM" else array.ravel()
    return [kind, list(array.shape), _each(flat.tolist(), place)]


def _decode_array(value: Any, inner: _Inner) -> np.ndarray[Any, Any]:
    kind, shape, items = value
    dtype = numpy_dtype(kind)
    is_shape = len(shape) <= MAX_DIMENSIONS and all(type(n) is int and n >= 0 for n in shape)
    if not is_shape or math.prod(shape) != len(items):
        raise ValueError("the shape does not go with the number of values")
    inner.reading.claim(len(items) * dtype.itemsize)
    values = [inner(item) for item in items]
    if dtype.kind == "O":
        out = np.empty(len(values), dtype=object)
        for k, item in enumerate(values):
            out[k] = item
    elif dtype.kind in "mM":
        out = np.array(values, dtype=np.int64).view(dtype)
    else:
        out = np.array(values, dtype=dtype)
        if any(a != b and a == a for a, b in zip(out.tolist(), values, strict=True)):
            raise ValueError(f"a value does not fit into {dtype}")
    return out.reshape(shape)


def numpy_dtype(name: Any) -> np.dtype[Any]:
    """Return the dtype of this name, if it is one that can be stored."""
    if not isinstance(name, str) or not NUMPY_DTYPE.fullmatch(name):
        raise ValueError(f"unknown dtype {str(name)[:80]!r}")
    return np.dtype(name)


def _encode_scalar(value: np.generic, place: str) -> list[Any]:
    return _encode_array(np.asarray(value), place)


def _decode_scalar(value: Any, inner: _Inner) -> Any:
    return _decode_array(value, inner)[()]


def _encode_random_state(state: np.random.RandomState, place: str) -> list[Any]:
    parts: Any = state.get_state(legacy=True)
    name, keys, *rest = parts
    return _each((str(name), tuple(keys.tolist()), *rest), place)


def _decode_random_state(value: Any, inner: _Inner) -> np.random.RandomState:
    name, keys, *rest = map(inner, value)
    random = np.random.RandomState()
    random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    return random


# --- times ----------------------------------------------------------------------------------------


def _encode_datetime(value: dt.datetime, place: str) -> list[Any]:
    zone = value.tzinfo
    if zone is None or type(zone) is dt.timezone:
        return [value.isoformat(), None, value.fold]
    if type(zone) is ZoneInfo and zone.key is not None:
        return [value.replace(tzinfo=None).isoformat(), zone.key, value.fold]
    raise PersistenceError(f"{place} has a time zone of type {type(zone)}, which can't be stored.")


def _decode_datetime(value: Any, inner: _Inner) -> dt.datetime:
    text, zone, fold = value
    moment = dt.datetime.fromisoformat(text)
    if zone is not None:
        moment = moment.replace(tzinfo=ZoneInfo(zone_from(zone)))
    return moment.replace(fold=fold)


def _zone_name(value: Any) -> str | None:
    return None if value.tz is None else str(value.tz)


def zone_from(name: Any) -> str:
    """Return the name of a time zone; refuse one that could be a path."""
    if not isinstance(name, str) or not ZONE.fullmatch(name) or name.startswith("dateutil"):
        raise ValueError(f"unknown time zone {str(name)[:80]!r}")
    return name


def _decode_timestamp(value: Any, inner: _Inner) -> Any:
    import pandas as pd

    ticks, unit, zone = value
    naive: Any = np.array(ticks, dtype=np.int64).view(numpy_dtype(f"<M8[{unit}]"))[()]
    moment = pd.Timestamp(naive)
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone_from(zone))


def _decode_timedelta(value: Any, inner: _Inner) -> Any:
    import pandas as pd

    ticks, unit = value
    duration: Any = np.array(ticks, dtype=np.int64).view(numpy_dtype(f"<m8[{unit}]"))[()]
    return pd.Timedelta(duration)


def _pandas(name: str) -> Any:
    import pandas as pd

    return getattr(pd, name)


def _number(text: Any) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError(f"unknown float {str(text)[:80]!r}")
    return float(text)


# name in files, class, to JSON, from JSON
_CODECS: list[tuple[str, Any, Callable[[Any, str], Any], Callable[..., Any]]] = [
    ("float", float, lambda v, _: repr(v), lambda v, _: _number(v)),
    ("tuple", tuple, _each, lambda v, inner: tuple(map(inner, v))),
    ("list", list, _each, lambda v, inner: list(map(inner, v))),
    ("dict", dict, _pairs, lambda v, inner: {inner(key): inner(item) for key, item in v}),
    ("bytes", bytes, lambda v, _: v.hex(), lambda v, _: bytes.fromhex(v)),
    ("date", dt.date, lambda v, _: v.isoformat(), lambda v, _: dt.date.fromisoformat(v)),
    ("time", dt.time, lambda v, _: v.isoformat(), lambda v, _: dt.time.fromisoformat(v)),
    ("datetime", dt.datetime, _encode_datetime, _decode_datetime),
    (
        "timedelta",
        dt.timedelta,
        lambda v, _: [v.days, v.seconds, v.microseconds],
        lambda v, _: dt.timedelta(*v),
    ),
    ("UUID", UUID, lambda v, _: str(v), lambda v, _: UUID(v)),
    ("Decimal", Decimal, lambda v, _: str(v), lambda v, _: Decimal(v)),
    (
        "Timestamp",
        "Timestamp",
        lambda v, _: [v.to_numpy().view(np.int64).item(), v.unit, _zone_name(v)],
        _decode_timestamp,
    ),
    (
        "Timedelta",
        "Timedelta",
        lambda v, _: [v.to_numpy().view(np.int64).item(), v.unit],
        _decode_timedelta,
    ),
    (
        "Period",
        "Period",
        lambda v, _: [v.ordinal, v.freqstr],
        lambda v, _: _pandas("Period")(ordinal=v[0], freq=v[1]),
    ),
    (
        "Interval",
        "Interval",
        lambda v, place: _each((v.left, v.right, v.closed), place),
        lambda v, inner: _pandas("Interval")(*map(inner, v)),
    ),
    ("NA", "NAType", lambda *_: None, lambda *_: _pandas("NA")),
    ("NaT", "NaTType", lambda *_: None, lambda *_: _pandas("NaT")),
    ("numpy", np.generic, _encode_scalar, _decode_scalar),
    ("array", np.ndarray, _encode_array, _decode_array),
    ("RandomState", np.random.RandomState, _encode_random_state, _decode_random_state),
    ("callable", Callable, lambda v, _: _path_of(v), _number),
]
