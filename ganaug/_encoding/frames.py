"""Data frames as `Rows`: pandas natively, polars and pyarrow by way of narwhals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

from ganaug._checks import check_distinct
from ganaug._encoding.clocks import (
    arrow_from_ticks,
    from_ticks,
    on_clock,
    pandas_zoned,
    to_ticks,
    unit_of,
)
from ganaug._encoding.columns import MISSING_CODE, Column, categorical, from_objects, numeric
from ganaug._encoding.pandas_index import extended_index
from ganaug._encoding.rows import (
    RowBuilder,
    Rows,
    build_array,
    level_rows,
    read_array,
    template_rows,
)
from ganaug.exceptions import DataError

TEXT_TYPES = {"string", "large_string", "string_view"}  # of pyarrow


class NarwhalsRows(Rows):
    """A polars or pyarrow table, by way of narwhals."""

    def __init__(self, X: Any) -> None:
        names = list(X.column_names if hasattr(X, "column_names") else X.columns)
        check_distinct(names, "X")
        self.native = X
        self.frame = nw.from_native(X, eager_only=True)
        self.n_rows = len(self.frame)
        self.names = names

    def column(
        self, position: int, *, as_category: bool = False, zone: tzinfo | None = None
    ) -> Column:
        name = self.names[position]
        series = self.frame[name]
        missing = series.is_null().to_numpy().astype(bool)
        dtype = series.dtype
        if dtype in (nw.Categorical, nw.Enum, nw.String) and _holds_strings(series):
            return _coded(name, series, missing)
        if dtype.is_numeric() and not as_category:
            if dtype in (nw.Int128, nw.UInt128):
                raise DataError(
                    f"column {name!r} has the type {dtype}, which numpy has not; cast it to "
                    "Int64, Float64 or, if it holds identifiers, to String."
                )
            if isinstance(dtype, nw.Decimal):
                series = series.cast(nw.Float64())
            return numeric(name, _fill(series, missing), missing)
        if dtype.is_temporal() and not as_category:
            unit = unit_of(series)
            return numeric(name, _ticks(series, missing, unit, zone), missing, unit)
        values = series.to_list()
        if dtype == nw.Object and not as_category:
            return from_objects(name, _object_array(values), zone)
        return categorical(name, values)

    def cell(self, row: int, position: int) -> Any:
        return self.frame[self.names[position]][row : row + 1].to_list()[0]

    def builder(self, columns: Sequence[Column]) -> RowBuilder:
        levels = [self._rows_of(j, self._shown(column)) for j, column in enumerate(columns)]
        nulls = [self.frame[name].null_count() > 0 for name in self.names]
        return NarwhalsBuilder(levels, nulls, self.native[:0])

    def _shown(self, column: Column) -> NDArray[np.int64]:
        """Return rows that show what a column's type does not say."""
        series = self.frame[str(column.name)]
        if series.dtype == nw.Object:
            return template_rows(column, _object_array(series.to_list()))
        return level_rows(column) if column.is_categorical else np.empty(0, np.int64)

    def _rows_of(self, position: int, rows: NDArray[np.int64]) -> nw.Series[Any]:
        name = self.names[position]
        try:
            return self.frame[name][rows.tolist()]
        except NotImplementedError as error:  # a type that pyarrow can't do much with yet
            raise _unsupported(name, error) from error

    def extended(self, columns: list[Column], builder: RowBuilder) -> Any:
        rows = builder.build(columns)
        return nw.concat([self.frame, nw.from_native(rows, eager_only=True)]).to_native()


def _holds_strings(series: nw.Series[Any]) -> bool:
    """Tell columns of strings, coded or not; what pyarrow codes may be values of any type."""
    if not series.implementation.is_pyarrow():
        return True
    import pyarrow as pa

    kind = series.to_native().type
    return not pa.types.is_dictionary(kind) or str(kind.value_type) in TEXT_TYPES


def _coded(name: Hashable, series: nw.Series[Any], missing: NDArray[np.bool_]) -> Column:
    """Return a column of strings; levels are numbered by first appearance."""
    codes = np.full(len(series), MISSING_CODE, dtype=np.int64)
    try:
        present = series.cast(nw.String()).drop_nulls()
        levels = present.unique(maintain_order=True).to_list()
        if levels:
            numbers = list(range(len(levels)))  # polars 1.0 takes no range
            coded = present.replace_strict(levels, numbers, return_dtype=nw.Int64())
            codes[~missing] = coded.to_numpy()
    except NotImplementedError as error:  # a type that pyarrow can't do much with yet
        raise _unsupported(name, error) from error
    return Column(name, codes, missing, tuple(levels))


@dataclass
class NarwhalsBuilder(RowBuilder):
    """Builds rows by narwhals; `empty` is a native frame without rows that holds the dtypes."""

    levels: list[nw.Series[Any]]
    nulls: list[bool]
    empty: Any

    def build(self, columns: Sequence[Column]) -> Any:
        frame = nw.from_native(self.empty, eager_only=True)
        series = [
            self._series(column, levels, has_nulls, frame)
            for column, levels, has_nulls in zip(columns, self.levels, self.nulls, strict=True)
        ]
        native = series[0].to_frame().with_columns(*series[1:]).to_native()
        return native.cast(self.empty.schema)

    @staticmethod
    def _series(
        column: Column, levels: nw.Series[Any], has_nulls: bool, frame: nw.DataFrame[Any]
    ) -> nw.Series[Any]:
        if column.is_categorical:
            taken: nw.Series[Any] = levels[
                np.where(column.missing, len(levels) - 1, column.values).tolist()
            ]
            return taken
        name, dtype = str(column.name), frame.schema[str(column.name)]
        if dtype == nw.Object:
            objects = build_array(column, np.dtype(object), _object_array(levels.to_list()))
            return nw.new_series(name, objects.tolist(), dtype, backend=frame.implementation)
        values = column.values
        if dtype.is_float() and not has_nulls:  # its missing values are NaN
            values = np.where(column.missing, np.nan, values)
        backend = frame.implementation
        series = nw.new_series(name, values, _storage_dtype(values), backend=backend)
        series = from_ticks(series, dtype, levels) if dtype.is_temporal() else series.cast(dtype)
        if has_nulls and column.missing.any():
            nulls = nw.new_series(name, [None] * len(values), dtype, backend=backend)
            series = series.zip_with(
                nw.new_series("present", ~column.missing, nw.Boolean(), backend=backend), nulls
            )
        return series


def _storage_dtype(values: NDArray[Any]) -> Any:
    return {"f": nw.Float64(), "i": nw.Int64(), "u": nw.UInt64()}[values.dtype.kind]


def _fill(series: nw.Series[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the numbers of a series with something finite in the place of nulls."""
    filled = series.fill_null(0) if missing.any() else series
    values: NDArray[Any] = filled.to_numpy()
    return values


def _ticks(
    series: nw.Series[Any], missing: NDArray[np.bool_], unit: str, zone: tzinfo | None
) -> NDArray[np.int64]:
    """Return dates or durations as integers, by the clock of `zone` if it is given."""
    is_other = zone is not None and getattr(series.dtype, "time_zone", None) is not None
    ticks = _fill(to_ticks(series, in_utc=is_other), missing).astype(np.int64, copy=False)
    return on_clock(ticks, unit, zone) if is_other and zone is not None else ticks


class PandasRows(Rows):
    """A pandas DataFrame."""

    def __init__(self, X: Any) -> None:
        self.native = X
        self.n_rows = len(X)
        self.names = list(X.columns)

    def column(
        self, position: int, *, as_category: bool = False, zone: tzinfo | None = None
    ) -> Column:
        try:
            return self._column(position, as_category, zone)
        except NotImplementedError as error:  # an arrow type that pandas doesn't know
            raise _unsupported(self.names[position], error) from error

    def _column(self, position: int, as_category: bool, zone: tzinfo | None) -> Column:
        import pandas as pd

        name, series = self.names[position], self.native.iloc[:, position]
        dtype = series.dtype
        if isinstance(dtype, pd.SparseDtype):
            series = series.sparse.to_dense()
            dtype = series.dtype
        missing = series.isna().to_numpy(dtype=bool)
        # `pd.factorize` would take True for 1, which are two categories among objects
        if isinstance(dtype, np.dtype) and dtype.kind in ("O" if as_category else "fiuOcb"):
            return read_array(name, series.to_numpy(), as_category, zone)
        if pd.api.types.is_bool_dtype(dtype) or as_category:
            return _factorize(name, series)
        if _is_temporal(dtype):
            unit = _pandas_unit(dtype)
            return numeric(name, _pandas_ticks(series, missing, unit, zone), missing, unit)
        if pd.api.types.is_numeric_dtype(dtype):
            kind = "f" if pd.api.types.is_float_dtype(dtype) else None
            if kind or not pd.api.types.is_integer_dtype(dtype):  # decimals read as floats
                return numeric(name, series.to_numpy(np.float64, na_value=np.nan), missing)
            width = np.uint64 if pd.api.types.is_unsigned_integer_dtype(dtype) else np.int64
            return numeric(name, series.to_numpy(width, na_value=0), missing)
        return _factorize(name, series)

    def cell(self, row: int, position: int) -> Any:
        return self.native.iloc[row, position]

    def builder(self, columns: Sequence[Column]) -> RowBuilder:
        levels = []
        for j, column in enumerate(columns):
            series = self.native.iloc[:, j]
            objects = series.to_numpy() if series.dtype == object else None
            levels.append(series.iloc[template_rows(column, objects)].reset_index(drop=True))
        return PandasBuilder(levels, self.native.columns)

    def extended(self, columns: list[Column], builder: RowBuilder) -> Any:
        import pandas as pd

        assert isinstance(builder, PandasBuilder)  # narrows the type
        index = extended_index(self.native.index, len(columns[0]))
        whole = {}
        for j, levels in enumerate(builder.levels):  # one by one: never all rows three times
            old, new = self.native.iloc[:, j], _pandas_series(columns.pop(0), levels)
            whole[j] = pd.concat([old, new], ignore_index=True)
        frame = pd.DataFrame(whole, copy=False)
        frame.columns, frame.index = self.native.columns, index  # `set_axis` copies in pandas 2
        frame.attrs = deepcopy(self.native.attrs)
        return frame

    def index_of(self, native: Any) -> Any:
        return native.index


@dataclass
class PandasBuilder(RowBuilder):
    """Builds pandas rows; `levels` holds a Series for each column: its levels, missing last."""

    levels: list[Any]
    columns: Any

    def build(self, columns: Sequence[Column]) -> Any:
        import pandas as pd

        series = {
            j: _pandas_series(column, levels)
            for j, (column, levels) in enumerate(zip(columns, self.levels, strict=True))
        }
        frame = pd.DataFrame(series, copy=False)
        frame.columns = self.columns  # `set_axis` copies in pandas 2
        return frame


def _factorize(name: Hashable, series: Any) -> Column:
    import pandas as pd

    try:
        codes, levels = pd.factorize(series)
    except TypeError as error:
        raise DataError(
            f"column {name!r} holds values that are not hashable ({error}); expected numbers, "
            "strings, booleans, dates or other categories."
        ) from error
    codes = codes.astype(np.int32)
    # pandas 2 has a level NA, which no row is, for null[pyarrow]
    n_levels = codes.max(initial=-1) + 1
    return Column(name, codes, codes < 0, tuple(levels[:n_levels].tolist()))


def _unsupported(name: Hashable, error: NotImplementedError) -> DataError:
    return DataError(
        f"column {name!r} has a type that its library can't work with yet ({error}); cast it, for "
        "example string_view to string."
    )


def _is_temporal(dtype: Any) -> bool:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        return True
    return isinstance(dtype, pd.ArrowDtype) and dtype.kind in "mMO" and _is_arrow_temporal(dtype)


def _is_arrow_temporal(dtype: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_temporal(dtype.pyarrow_dtype))


def _pandas_ticks(
    series: Any, missing: NDArray[np.bool_], unit: str, zone: tzinfo | None
) -> NDArray[np.int64]:
    """Return dates or durations as integers in their own unit, by the clock of `zone` if given."""
    import pandas as pd

    if isinstance(series.dtype, pd.ArrowDtype):
        arrow = nw.from_native(_to_arrow(series), series_only=True)
        return _ticks(arrow, missing, unit, zone)
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        zone = None
    elif zone is None:
        series = series.dt.tz_localize(None)  # the local clock: midnights are midnights all year
    else:
        series = series.dt.tz_convert(None)
    ticks: NDArray[np.int64] = series.to_numpy().view(np.int64)
    return ticks if zone is None else on_clock(np.where(missing, 0, ticks), unit, zone)


def _pandas_unit(dtype: Any) -> str:
    if isinstance(dtype, np.dtype):
        return str(np.datetime_data(dtype)[0])
    return str(getattr(getattr(dtype, "pyarrow_dtype", dtype), "unit", "D"))


def _to_arrow(series: Any) -> Any:
    import pyarrow as pa

    return pa.chunked_array([pa.array(series.array)])


def _pandas_series(column: Column, levels: Any) -> Any:
    """Build one pandas Series in the dtype of `levels`."""
    import pandas as pd

    dtype = levels.dtype
    if column.is_categorical:
        rows = np.where(column.missing, len(levels) - 1, column.values)
        return levels.take(rows).reset_index(drop=True)
    if isinstance(dtype, np.dtype):
        return pd.Series(build_array(column, dtype, levels.to_numpy()), dtype=dtype)
    if isinstance(dtype, pd.SparseDtype):
        dense = build_array(column, dtype.subtype, levels.to_numpy())
        return pd.Series(pd.arrays.SparseArray(dense, dtype=dtype))
    if isinstance(dtype, pd.DatetimeTZDtype):
        naive = build_array(column, np.dtype(f"M8[{dtype.unit}]"), levels.to_numpy())
        return pandas_zoned(naive, dtype.tz)
    if isinstance(dtype, pd.ArrowDtype):
        return pd.Series(pd.array(_arrow_values(column, dtype.pyarrow_dtype), dtype=dtype))
    series = pd.Series(column.values).astype(dtype)
    series[column.missing] = pd.NA
    return series


def _arrow_values(column: Column, kind: Any) -> Any:
    import pyarrow as pa

    values = pa.array(column.values, mask=column.missing)
    if pa.types.is_temporal(kind):
        return arrow_from_ticks(values, kind)
    return values.cast(kind, safe=not pa.types.is_decimal(kind))


def _object_array(values: list[Any]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
