"""Builders of rows, and labels, as data: what a fitted sampler knows of the caller's containers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ganaug._encoding.frames import NarwhalsBuilder, PandasBuilder
from ganaug._encoding.rows import ArrayBuilder, ListBuilder, RowBuilder, SparseBuilder
from ganaug._persistence import columns as kinds
from ganaug._persistence.requirements import require
from ganaug._persistence.values import numpy_dtype
from ganaug.exceptions import PersistenceError

SPARSE_FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


@dataclass(frozen=True)
class Series:
    """A column of a data frame: its type as a tuple (see `columns.py`), and its values."""

    kind: Any
    values: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of_pandas(cls, series: Any, name: object) -> Series:
        described = _attempt(name, kinds.describe_pandas, series.dtype)
        out = cls(described, tuple(series.tolist()))
        again = _attempt(name, out.to_pandas)
        same = again.dtype == series.dtype and again.equals(series.reset_index(drop=True))
        return _checked(out, same and _same_types(again.tolist(), out.values), name)

    def to_pandas(self) -> Any:
        return kinds.pandas_series(self.kind, self.values)

    @classmethod
    def of_polars(cls, series: Any, name: object) -> Series:
        described = _attempt(name, kinds.describe_polars, series.dtype)
        out = cls(described, tuple(series.to_list()))
        again = _attempt(name, out.to_polars, series.name)
        return _checked(out, again.dtype == series.dtype and again.equals(series), name)

    def to_polars(self, name: str) -> Any:
        import polars as pl

        return pl.Series(name, list(self.values), dtype=kinds.polars_dtype(self.kind))

    @classmethod
    def of_arrow(cls, array: Any, name: object) -> Series:
        described = _attempt(name, kinds.describe_arrow_values, array)
        out = cls(described, tuple(array.to_pylist()))
        again = _attempt(name, out.to_arrow)
        same = again.type == array.type and again.to_pylist() == array.to_pylist()
        return _checked(out, same, name)

    def to_arrow(self) -> Any:
        return kinds.arrow_array(self.kind, self.values)


# --- builders of rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ArrayState:
    """An `ArrayBuilder`; `container` says what the array is turned into."""

    dtype: str
    levels: tuple[NDArray[Any], ...]
    container: str  # "array", "list", or a sparse format, with " array" if it is not a matrix
    row_shape: tuple[int, ...] = ()  # of an image

    @classmethod
    def of(cls, builder: RowBuilder) -> ArrayState:
        match builder:
            case ListBuilder():
                assert isinstance(builder.array_builder, ArrayBuilder)  # narrows the type
                array, container = builder.array_builder, "list"
            case SparseBuilder():
                is_array = issubclass(builder.container, sp.sparray)
                array, container = (
                    builder.array_builder,
                    f"{builder.format}{' array' if is_array else ''}",
                )
            case _:
                assert isinstance(builder, ArrayBuilder)  # narrows the type
                array, container = builder, "array"
        dtype = _attempt("X", numpy_dtype, array.dtype.str).str
        return cls(dtype, tuple(array.levels), container, array.row_shape)

    def build(self) -> RowBuilder:
        array = ArrayBuilder(numpy_dtype(self.dtype), list(self.levels), self.row_shape)
        if self.container == "array":
            return array
        if self.container == "list":
            return ListBuilder(array)
        sparse_format, _, kind = self.container.partition(" ")
        if sparse_format not in SPARSE_FORMATS or kind not in ("", "array"):
            raise kinds.UnknownTypeError(self.container)
        return SparseBuilder(array, sparse_format, sp.csr_array if kind else sp.csr_matrix)


@dataclass(frozen=True)
class PandasState:
    """A `PandasBuilder`."""

    levels: tuple[Series, ...]
    columns: Any

    @classmethod
    def of(cls, builder: PandasBuilder) -> PandasState:
        names = builder.columns
        levels = tuple(
            Series.of_pandas(series, name)
            for series, name in zip(builder.levels, names, strict=True)
        )
        described = _attempt("the names of the columns", kinds.describe_index, names)
        out = cls(levels, described)
        return _checked(out, kinds.pandas_index(described).identical(names), "X.columns")

    def build(self) -> PandasBuilder:
        levels = [series.to_pandas() for series in self.levels]
        columns = kinds.pandas_index(self.columns)
        require(len(columns) == len(levels), "columns and their names differ in number")
        return PandasBuilder(levels, columns)


@dataclass(frozen=True)
class FrameState:
    """A `NarwhalsBuilder` of polars or pyarrow; `schema` describes a frame without rows."""

    library: str
    schema: Any
    levels: tuple[Series, ...]
    nulls: tuple[bool, ...]

    @classmethod
    def of(cls, builder: NarwhalsBuilder) -> FrameState:
        names = [series.name for series in builder.levels]
        natives = [series.to_native() for series in builder.levels]
        nulls = tuple(map(bool, builder.nulls))
        if nw.dependencies.is_polars_dataframe(builder.empty):
            levels = map(Series.of_polars, natives, names)
            schema = tuple(
                (name, _attempt(name, kinds.describe_polars, dtype))
                for name, dtype in builder.empty.schema.items()
            )
            return cls("polars", schema, tuple(levels), nulls)
        if nw.dependencies.is_pyarrow_table(builder.empty):
            levels = map(Series.of_arrow, natives, names)
            schema = _attempt("X", kinds.describe_schema, builder.empty.schema)
            return cls("pyarrow", schema, tuple(levels), nulls)
        raise PersistenceError(f"rows of type {type(builder.empty)} can't be stored; use pickle.")

    def build(self) -> NarwhalsBuilder:
        empty: Any
        if self.library == "polars":
            import polars as pl

            empty = pl.DataFrame(
                schema={name: kinds.polars_dtype(kind) for name, kind in self.schema}
            )
            frames = [series.to_polars(name).to_frame() for name, series in self._named(empty)]
        elif self.library == "pyarrow":
            import pyarrow as pa

            empty = kinds.arrow_schema(self.schema).empty_table()
            frames = [pa.table({name: s.to_arrow()}) for name, s in self._named(empty)]
        else:
            raise kinds.UnknownTypeError(self.library)
        levels = [nw.from_native(frame, eager_only=True) for frame in frames]
        return NarwhalsBuilder([frame[frame.columns[0]] for frame in levels],
                               list(self.nulls), empty)  # fmt: skip

    def _named(self, empty: Any) -> list[tuple[str, Series]]:
        names = list(getattr(empty, "column_names", empty.columns))
        return list(zip(names, self.levels, strict=True))


BuilderState = ArrayState | PandasState | FrameState


def builder_state(builder: RowBuilder) -> BuilderState:
    """Return a builder as data."""
    match builder:
        case PandasBuilder():
            return PandasState.of(builder)
        case NarwhalsBuilder():
            return FrameState.of(builder)
    return ArrayState.of(builder)


# --- labels ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LabelState:
    """One label of each class in the caller's container.

    `container` is "values" (of a list, a tuple or an array), "pandas series", "pandas frame",
    "polars series", "polars frame", "arrow array", "arrow chunks" or "arrow table"; data frames
    have one or more columns, with `names`.
    """

    container: str
    values: Any = None
    names: Any = None
    columns: tuple[Series, ...] = ()

    @classmethod
    def of(cls, labels: Any) -> LabelState:
        if isinstance(labels, list | tuple | np.ndarray):
            return cls("values", labels)
        library = type(labels).__module__.partition(".")[0]
        find = {"pandas": cls._of_pandas, "polars": cls._of_polars, "pyarrow": cls._of_arrow}
        if library not in find:
            raise PersistenceError(f"labels of type {type(labels)} can't be stored; use pickle.")
        return find[library](labels)

    @classmethod
    def _of_pandas(cls, labels: Any) -> LabelState:
        if labels.ndim == 1:
            return cls("pandas series", None, labels.name, (Series.of_pandas(labels, "y"),))
        columns = [Series.of_pandas(labels.iloc[:, j], "y") for j in range(labels.shape[1])]
        names = _attempt("the names of y", kinds.describe_index, labels.columns)
        return cls("pandas frame", None, names, tuple(columns))

    @classmethod
    def _of_polars(cls, labels: Any) -> LabelState:
        if not hasattr(labels, "columns"):
            return cls("polars series", None, labels.name, (Series.of_polars(labels, "y"),))
        columns = tuple(Series.of_polars(labels[name], name) for name in labels.columns)
        return cls("polars frame", None, tuple(labels.columns), columns)

    @classmethod
    def _of_arrow(cls, labels: Any) -> LabelState:
        if hasattr(labels, "column_names"):
            columns = tuple(Series.of_arrow(column, "y") for column in labels.columns)
            schema = _attempt("y", kinds.describe_schema, labels.schema)
            return cls("arrow table", None, schema, columns)
        container = "arrow chunks" if hasattr(labels, "chunks") else "arrow array"
        return cls(container, None, None, (Series.of_arrow(labels, "y"),))

    def build(self) -> Any:
        library, _, kind = self.container.partition(" ")
        if self.container == "values" and isinstance(self.values, list | tuple | np.ndarray):
            return self.values
        if self.columns and library in ("pandas", "polars", "arrow"):
            return getattr(self, f"_to_{library}")(kind)
        raise kinds.UnknownTypeError(self.container)

    def _to_pandas(self, kind: str) -> Any:
        import pandas as pd

        columns = [series.to_pandas() for series in self.columns]
        if kind == "series":
            return columns[0].rename(self.names)
        names = kinds.pandas_index(self.names)
        return pd.DataFrame(dict(enumerate(columns))).set_axis(names, axis=1)

    def _to_polars(self, kind: str) -> Any:
        import polars as pl

        if kind == "series":
            return self.columns[0].to_polars(self.names)
        named = zip(self.columns, self.names, strict=True)
        return pl.DataFrame([series.to_polars(name) for series, name in named])

    def _to_arrow(self, kind: str) -> Any:
        import pyarrow as pa

        arrays = [series.to_arrow() for series in self.columns]
        if kind == "table":
            return pa.table(arrays, schema=kinds.arrow_schema(self.names))
        return pa.chunked_array(arrays) if kind == "chunks" else arrays[0]


# --- errors ---------------------------------------------------------------------------------------


def _attempt(name: object, function: Any, *arguments: Any) -> Any:
    """Return the result, or say that the column of this name can't be stored."""
    try:
        return function(*arguments)
    except (TypeError, ValueError, OverflowError) as error:
        raise PersistenceError(_complaint(name, str(error))) from error


def _checked(state: Any, is_same: bool, name: object) -> Any:
    if not is_same:
        raise PersistenceError(_complaint(name, "its values would come back changed"))
    return state


def _complaint(name: object, reason: str) -> str:
    return (
        f"{name!r} can't be stored as data: {reason}. Convert it (for example to text) and fit "
        "again, or use pickle, which runs code when it is loaded."
    )


def _same_types(one: Any, other: Any) -> bool:
    return all(type(a) is type(b) for a, b in zip(one, other, strict=True))
