"""One column, independent of the container it came from."""

from __future__ import annotations

import mmap
import numbers
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import compress, count
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.clocks import are_times, ticks_of_objects
from ganaug.exceptions import DataError

MISSING_CODE = -1
# From where to where the numbers of columns, by their positions, are to lie.
Bounds = Mapping[int, tuple[Any, Any]]
NO_BOUNDS: Bounds = MappingProxyType({})
BOOLEANS = (bool, np.bool_)
# the first that fits: numpy's durations are integers, and True is one of Python's
KINDS: dict[str, tuple[type, ...]] = {
    "booleans": BOOLEANS,
    "strings": (str,),
    "dates": (date, np.datetime64),
    "durations or times of the day": (timedelta, time, np.timedelta64),
    "numbers": (numbers.Number, np.number),
    "bytes": (bytes,),
}
OTHER_KIND = "objects of another type"
OWN_PAGES_FROM = 2**17  # bytes
# Without flags a forked process would share them. Windows has neither flags nor forks.
PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


@dataclass(frozen=True)
class Column:
    """Values of one column, in the form that encoders read and write.

    Parameters
    ----------
    name : Hashable
        Name of the column, or its position where there are no names.
    values : ndarray of shape (n_rows,)
        Numbers (float64, int64 or uint64; dates and durations are integer ticks) or, for a
        categorical column, signed integer codes into `levels`. Arbitrary where `missing`.
    missing : ndarray of shape (n_rows,), dtype bool
        Where the value is missing.
    levels : tuple or None
        The distinct values of a categorical column, None for a numeric one.
    unit : str or None
        Unit of the ticks of a date or duration, as numpy names it: "D", "s", "ns" ...
    """

    name: Hashable
    values: NDArray[Any]
    missing: NDArray[np.bool_]
    levels: tuple[Hashable, ...] | None = None
    unit: str | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_categorical(self) -> bool:
        return self.levels is not None

    def take(self, rows: NDArray[np.int64] | slice) -> Column:
        """Return the column at these rows."""
        return replace(self, values=self.values[rows], missing=self.missing[rows])


def concatenate(columns: Sequence[Column]) -> Column:
    """Return parts of one column as a whole."""
    first = columns[0]
    values = np.concatenate([column.values for column in columns])
    missing = np.concatenate([column.missing for column in columns])
    return replace(first, values=values, missing=missing)


def assemble(
    like: Sequence[Column],
    parts: Iterable[tuple[NDArray[np.int64] | slice, list[Column]]],
    n_rows: int,
) -> list[Column]:
    """Return columns of `n_rows` rows from parts, each given with the places of its rows.

    `like` are columns of these kinds, without rows.
    """
    whole = [
        replace(
            column,
            values=_own_pages(n_rows, column.values.dtype),
            missing=_own_pages(n_rows, np.dtype(bool)),
        )
        for column in like
    ]
    for places, part in parts:
        for target, column in zip(whole, part, strict=True):
            target.values[places] = column.values
            target.missing[places] = column.missing
    return whole


def as_slice(places: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Return increasing places as a slice if none is left out: writing there is much faster."""
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def _own_pages(n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array whose memory, if it is much, goes back to the system when it is freed.

    What is freed between other pieces of the heap stays with the process. Columns are as large as
    the table that is then built from them one by one, so that matters.
    """
    n_bytes = n * dtype.itemsize
    if n_bytes < OWN_PAGES_FROM:
        return np.empty(n, dtype)
    return np.frombuffer(mmap.mmap(-1, n_bytes, **PRIVATE), dtype)


def regrouped(parts: Iterable[list[Column]], n_rows: int) -> Iterator[list[Column]]:
    """Give parts of a table again, `n_rows` rows at a time and the rest at the end."""
    waiting: list[list[Column]] = []
    n_waiting = 0
    for part in parts:
        waiting.append(part)
        n_waiting += len(part[0])
        while n_waiting >= n_rows:
            table = [concatenate(columns) for columns in zip(*waiting, strict=True)]
            yield [column.take(slice(n_rows)) for column in table]
            waiting = [[column.take(slice(n_rows, None)) for column in table]]
            n_waiting -= n_rows
    if n_waiting:
        yield [concatenate(columns) for columns in zip(*waiting, strict=True)]


def numeric(
    name: Hashable, values: NDArray[Any], missing: NDArray[np.bool_], unit: str | None = None
) -> Column:
    """Return a numeric column; refuse infinite values by name."""
    if values.dtype.kind == "f":
        values = np.ascontiguousarray(values, dtype=np.float64)
        infinite = np.isinf(values)
        if infinite.any() and (infinite := infinite & ~missing).any():
            row = int(np.flatnonzero(infinite)[0])
            raise DataError(
                f"column {name!r} contains infinity ({int(infinite.sum())} values, the first in "
                f"row {row}); expected finite or missing values. Replace them first."
            )
        missing = np.isnan(values) | missing
    elif values.dtype.kind == "u" and values.dtype.itemsize == 8:
        values = np.ascontiguousarray(values, dtype=np.uint64)
    else:
        values = np.ascontiguousarray(values, dtype=np.int64)
    return Column(name, values, missing, unit=unit)


def categorical(name: Hashable, values: Sequence[Any] | NDArray[Any]) -> Column:
    """Return a categorical column; levels are numbered by first appearance."""
    types = set(map(type, values))
    keys: Iterable[Hashable] = values
    if not types.isdisjoint(BOOLEANS) and not types <= {*BOOLEANS, str, type(None)}:
        keys = map(level_key, values)
    code_of: defaultdict[Hashable, int] = defaultdict(count().__next__)
    try:
        codes = np.fromiter(map(code_of.__getitem__, keys), np.int64, len(values))
    except TypeError as error:
        row = next(row for row, value in enumerate(values) if not is_hashable(value))
        raise DataError(
            f"column {name!r} holds a value of type {type(values[row]).__name__} in row {row}; "
            "expected numbers, strings, booleans, dates or other hashable categories."
        ) from error
    found = [values[row] for row in first_rows(codes, len(code_of))]
    is_level = np.array([not is_missing(value) for value in found], dtype=bool)
    renumbered = np.where(is_level, np.cumsum(is_level) - 1, MISSING_CODE)
    codes = renumbered[codes] if found else codes
    return Column(name, codes, codes == MISSING_CODE, tuple(compress(found, is_level)))


def is_hashable(value: object) -> bool:
    """Tell whether a value can be a key."""
    try:
        hash(value)  # of a tuple, of all that is in it
    except TypeError:
        return False
    return True


def level_key(value: Hashable) -> Hashable:
    """Return what tells levels apart: 1 and 1.0 are one, but True, equal to Python, is another."""
    return (bool, value) if value.__class__ in BOOLEANS else value


def level_kind(level: object) -> str:
    """Return what kind of value a level is, in the plural, as messages name it."""
    if isinstance(level, datetime) and level.tzinfo is not None:
        return "dates with a time zone"
    return next((kind for kind, types in KINDS.items() if isinstance(level, types)), OTHER_KIND)


def from_objects(name: Hashable, values: NDArray[np.object_], zone: tzinfo | None = None) -> Column:
    """Return the column that an array of Python objects holds: numbers, times or categories.

    Times with a zone go by its clock or, if `zone` is given, by the clock of that one.
    """
    if str in set(map(type, values)):
        return categorical(name, values)
    missing = np.fromiter((is_missing(value) for value in values), bool, len(values))
    types = set(map(type, values[~missing]))
    if are_times(values[~missing]):
        ticks = np.zeros(len(values), dtype=np.int64)
        ticks[~missing], unit = ticks_of_objects(values[~missing], zone)
        return numeric(name, ticks, missing, unit)
    are_numbers = types == {Decimal} or all(
        issubclass(kind, numbers.Real | np.number) and not issubclass(kind, bool | np.bool_)
        for kind in types
    )
    if not types or not are_numbers:
        return categorical(name, values)
    filled = np.where(missing, 0, values)
    if all(issubclass(kind, numbers.Integral | np.integer) for kind in types):
        for dtype in (np.int64, np.uint64):
            try:
                return numeric(name, filled.astype(dtype), missing)
            except OverflowError:
                continue
        return categorical(name, values)  # wider than any machine integer: identifiers
    return numeric(name, filled.astype(np.float64), missing)


def is_missing(value: object) -> bool:
    """Tell whether a Python object stands for a missing value (None, NaN, NaT, NA)."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating | Decimal) and bool(value != value)


def first_rows(codes: NDArray[Any], n_codes: int) -> NDArray[np.int64]:
    """Return the first row of each code 0..n_codes-1 (each must occur)."""
    rows = np.empty(n_codes, dtype=np.int64)
    # later assignments win, so writing backwards leaves the first row
    valid = np.flatnonzero(codes >= 0)[::-1]
    rows[codes[valid]] = valid
    return rows
