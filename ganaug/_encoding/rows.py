"""A caller's rows: read as columns on the way in, rebuilt in their own kind on the way out.

A `Rows` wraps what the caller passed. It reads columns, appends rows and makes a `RowBuilder`,
the small memory of names, dtypes and category values that outlives the data.

Categories are never converted back: each level remembers one row of the caller's own column and
is *taken* from there, so that every dtype of every library survives without a case of its own.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ganaug._encoding.clocks import objects_of_ticks
from ganaug._encoding.columns import Column, categorical, first_rows, from_objects, numeric
from ganaug.exceptions import DataError

IMAGE_DIMENSIONS = (3, 4)  # images in grey, and with an axis of channels


class RowBuilder(ABC):
    """Builds rows in the container and dtypes that were fitted."""

    @abstractmethod
    def build(self, columns: Sequence[Column]) -> Any:
        """Return rows in the caller's container; one `Column` for each fitted column."""


class Rows(ABC):
    """A caller's table of shape (n_rows, n_columns)."""

    native: Any
    n_rows: int
    names: list[Hashable]
    row_shape: tuple[int, ...] = ()  # of an image that is a row; () where rows are flat

    @abstractmethod
    def column(
        self, position: int, *, as_category: bool = False, zone: tzinfo | None = None
    ) -> Column:
        """Read one column.

        `as_category` reads numbers as categories; `zone` reads times that have a zone by the clock
        of this one, not of their own.
        """

    @abstractmethod
    def builder(self, columns: Sequence[Column]) -> RowBuilder:
        """Return the builder of further rows like these; `columns` are those read from here."""

    @abstractmethod
    def extended(self, columns: list[Column], builder: RowBuilder) -> Any:
        """Return the caller's rows, untouched, followed by new ones.

        `columns` is emptied on the way where that saves memory.
        """

    def check_flat(self) -> None:
        """Refuse images where rows of a table are expected.

        Raises
        ------
        DataError
        """
        if self.row_shape:
            raise DataError(
                f"Found array with dim {1 + len(self.row_shape)}, X has rows of shape "
                f"{self.row_shape}; a table must be 2-dimensional (n_samples, n_features). "
                "Flatten it with X.reshape(len(X), -1)."
            )

    def cell(self, row: int, position: int) -> Any:
        """Return one cell as an object."""
        return self.native[row, position]

    def zone_of(self, position: int, column: Column) -> tzinfo | None:
        """Return the time zone of a column that was read from here, None if it has none."""
        row = int(np.argmin(column.missing))  # a missing time says nothing
        if column.unit is None or column.missing[row]:
            return None
        zone: tzinfo | None = getattr(self.cell(row, position), "tzinfo", None)
        return zone

    def index_of(self, native: Any) -> Any:
        """Return the row labels of a container of this kind, None if it has none."""
        return None


class ArrayRows(Rows):
    """A numpy array, of images flattened; object arrays may mix numbers and categories."""

    def __init__(self, X: NDArray[Any]) -> None:
        if X.ndim in IMAGE_DIMENSIONS:
            self.row_shape = X.shape[1:]
            X = X.reshape(len(X), math.prod(self.row_shape))
        _check_two_dimensional(X)
        self.native = X
        self.n_rows = X.shape[0]
        self.names = list(range(X.shape[1]))

    def column(
        self, position: int, *, as_category: bool = False, zone: tzinfo | None = None
    ) -> Column:
        return read_array(self.names[position], self.native[:, position], as_category, zone)

    def builder(self, columns: Sequence[Column]) -> RowBuilder:
        return ArrayBuilder(
            self.native.dtype,
            [array_levels(self.native[:, j], column) for j, column in enumerate(columns)],
            self.row_shape,
        )

    def extended(self, columns: list[Column], builder: RowBuilder) -> NDArray[Any]:
        assert isinstance(builder, ArrayBuilder)  # narrows the type
        shape = (self.n_rows + len(columns[0]), len(columns))
        out = np.empty(shape, dtype=self.native.dtype)
        out[: self.n_rows] = self.native
        builder.fill(out[self.n_rows :], columns)
        return builder.shaped(out)


@dataclass
class ArrayBuilder(RowBuilder):
    """Builds numpy rows; `levels` holds each column's category values, missing last."""

    dtype: np.dtype[Any]
    levels: list[NDArray[Any]]
    row_shape: tuple[int, ...] = ()

    def build(self, columns: Sequence[Column]) -> NDArray[Any]:
        out = np.empty((len(columns[0]), len(columns)), dtype=self.dtype)
        self.fill(out, columns)
        return self.shaped(out)

    def shaped(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return flat rows as the images that they are."""
        return rows.reshape(len(rows), *self.row_shape) if self.row_shape else rows

    def fill(self, out: NDArray[Any], columns: Sequence[Column]) -> None:
        """Write rows into `out`, of shape (n_rows, n_columns)."""
        for j, (column, levels) in enumerate(zip(columns, self.levels, strict=True)):
            out[:, j] = build_array(column, self.dtype, levels)


class ListRows(Rows):
    """A list of rows."""

    def __init__(self, X: Sequence[Any]) -> None:
        try:
            array = np.asarray(X)
        except ValueError as error:
            raise DataError(
                "X is a list whose rows differ in length; expected rows of one length."
            ) from error
        _check_two_dimensional(array)
        if array.dtype.kind in "USO" or len({type(cell) for row in X for cell in row}) > 1:
            # numpy would turn the numbers beside a string into text, and True beside 1 into 1
            array = np.array(X, dtype=object)
        self.native = X
        self._array = ArrayRows(array)
        self.n_rows = self._array.n_rows
        self.names = self._array.names

    def column(
        self, position: int, *, as_category: bool = False, zone: tzinfo | None = None
    ) -> Column:
        return self._array.column(position, as_category=as_category, zone=zone)

    def cell(self, row: int, position: int) -> Any:
        return self.native[row][position]

    def builder(self, columns: Sequence[Column]) -> RowBuilder:
        return ListBuilder(self._array.builder(columns))

    def extended(self, columns: list[Column], builder: RowBuilder) -> list[Any]:
        # lists of their own: who changes a row of the result must not change the table
        rows = [row.copy() if isinstance(row, list | np.ndarray) else row for row in self.native]
        return rows + builder.build(columns)


@dataclass
class ListBuilder(RowBuilder):
    array_builder: RowBuilder

    def build(self, columns: Sequence[Column]) -> list[Any]:
        rows: list[Any] = self.array_builder.build(columns).tolist()
        return rows


class SparseRows(Rows):
    """A scipy sparse matrix or array; read column by column, rebuilt in the same format."""

    def __init__(self, X: Any) -> None:
        _check_two_dimensional(X)
        self.native = X
        self.n_rows = X.shape[0]
        self.names = list(range(X.shape[1]))
        self._by_column = X.tocsc()

    def column(
        self, position: int, *, as_category: bool = False, zone: tzinfo | None = None
    ) -> Column:
        return read_array(self.names[position], self._dense(position), as_category)

    def _dense(self, position: int) -> NDArray[Any]:
        dense: NDArray[Any] = self._by_column[:, [position]].toarray().ravel()
        return dense

    def builder(self, columns: Sequence[Column]) -> RowBuilder:
        levels = [array_levels(self._dense(j), column) for j, column in enumerate(columns)]
        return SparseBuilder(
            ArrayBuilder(self.native.dtype, levels), self.native.format, type(self.native)
        )

    def extended(self, columns: list[Column], builder: RowBuilder) -> Any:
        return sp.vstack([self.native, builder.build(columns)], format=self.native.format)


@dataclass
class SparseBuilder(RowBuilder):
    array_builder: ArrayBuilder
    format: str
    container: type

    def build(self, columns: Sequence[Column]) -> Any:
        dense = self.array_builder.build(columns)
        build: Any = sp.csr_array if issubclass(self.container, sp.sparray) else sp.csr_matrix
        return build(dense).asformat(self.format)


def read_array(
    name: Hashable, values: NDArray[Any], as_category: bool, zone: tzinfo | None = None
) -> Column:
    """Read a one-dimensional numpy array as a column."""
    kind = values.dtype.kind
    if kind == "c":
        raise DataError(f"Complex data not supported: column {name!r} is complex.")
    if kind in "USb" or as_category:
        return categorical(name, values.tolist() if kind in "USb" else values.astype(object))
    if kind in "mM":
        unit = np.datetime_data(values.dtype)[0]  # less its count: of 10 seconds, seconds
        ticks = values.astype(f"{kind}8[{unit}]", copy=False).view(np.int64)
        return numeric(name, ticks, np.isnat(values), unit)
    if kind == "O":
        return from_objects(name, values, zone)
    if kind not in "fiu":
        raise DataError(
            f"column {name!r} has the numpy type {values.dtype}; expected numbers, strings, "
            "booleans, dates or objects. Convert it, for example by X.astype(object)."
        )
    return numeric(name, values, np.isnan(values) if kind == "f" else _none(len(values)))


def build_array(column: Column, dtype: np.dtype[Any], levels: NDArray[Any]) -> NDArray[Any]:
    """Build a one-dimensional numpy array of `dtype` from a column."""
    if column.is_categorical:
        return _take_levels(levels, column)
    if dtype.kind in "mM":
        ticks = np.where(column.missing, np.iinfo(np.int64).min, column.values)
        return (
            ticks.astype(np.int64).view(f"{dtype.kind}8[{column.unit}]").astype(dtype, copy=False)
        )
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.where(column.missing, np.nan, column.values).astype(dtype)
    if dtype.kind != "O":
        return column.values.astype(dtype)
    out = _as_objects(column, levels[0] if len(levels) else None)
    if column.missing.any():
        out[column.missing] = levels[-1]
    return out


def array_levels(values: NDArray[Any], column: Column) -> NDArray[Any]:
    """Return one value for each level, then the value that stands for missing."""
    if column.levels is None and values.dtype.kind != "O":
        return values[:0]
    return values[template_rows(column, values)]


def template_rows(column: Column, objects: NDArray[np.object_] | None) -> NDArray[np.int64]:
    """Return rows that show of cells what codes and numbers don't say.

    One of each level or, where numbers are objects, of a time or of the decimal with most places;
    then a missing one.
    """
    if column.levels is not None:
        return level_rows(column)
    present, missing = np.flatnonzero(~column.missing), np.flatnonzero(column.missing)
    if objects is None:
        return missing[:1]
    kind = type(objects[present[0]])
    example = present[:1] if issubclass(kind, date | timedelta) else present[:0]
    if kind is Decimal:
        example = present[[np.argmin([_exponent(cell) for cell in objects[present]])]]
    return np.concatenate([example, missing[:1]])


def _as_objects(column: Column, like: Any) -> NDArray[np.object_]:
    """Return numbers as Python objects: times, or decimals of as many places, if `like` is one."""
    values = column.values
    if column.unit is not None:
        return objects_of_ticks(values.astype(np.int64), column.unit, like)
    if isinstance(like, Decimal) and like.is_finite():
        places = max(-_exponent(like), 0)
        out = np.empty(len(values), dtype=object)
        out[:] = [Decimal(f"{value:.{places}f}") for value in values.tolist()]
        return out
    return values.astype(object)


def _exponent(value: Decimal) -> int:
    return int(value.as_tuple().exponent)


def level_rows(column: Column) -> NDArray[np.int64]:
    """Return a row of each level, followed by a row with a missing value if there is one."""
    assert column.levels is not None  # narrows the type
    rows = first_rows(column.values, len(column.levels))
    return np.concatenate([rows, np.flatnonzero(column.missing)[:1]])


def _take_levels(levels: Any, column: Column) -> Any:
    return levels[np.where(column.missing, len(levels) - 1, column.values)]


def _none(n: int) -> NDArray[np.bool_]:
    return np.zeros(n, dtype=bool)


def _check_two_dimensional(X: Any) -> None:
    if X.ndim == 1:
        raise DataError(
            f"Expected 2D array, got 1D array instead: X has shape {X.shape}. Reshape your data "
            "with X.reshape(-1, 1) if it is one feature, or X.reshape(1, -1) if it is one row."
        )
    if X.ndim != 2:
        raise DataError(
            f"Found array with dim {X.ndim}, X has shape {X.shape}; a table must be "
            "2-dimensional (n_samples, n_features), images a numpy array of 3 or 4 dimensions."
        )
