"""Columns of pandas, polars and pyarrow as data: what type they are, and their values.

A type is a tuple: a name from a closed list, then its parameters. Written columns are read again
at once and compared, so that what a library would not give back the same is refused when it is
saved, not found out later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganaug._persistence.values import numpy_dtype, zone_from

UNITS = ("s", "ms", "us", "ns")


class UnknownTypeError(ValueError):
    """A type that isn't in the list."""

    def __init__(self, described: object) -> None:
        super().__init__(f"the type {str(described)[:100]!r} is not one that can be stored")


# --- pandas ---------------------------------------------------------------------------------------

MASKED = {"boolean", "Float32", "Float64"} | {
    f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)
}


def describe_pandas(dtype: Any) -> tuple[Any, ...]:
    """Return a dtype of pandas as a tuple."""
    import pandas as pd

    match dtype:
        case np.dtype():
            return ("numpy", numpy_dtype(dtype.str).str)
        case pd.CategoricalDtype():
            return ("category", bool(dtype.ordered), *describe_index(dtype.categories))
        case pd.StringDtype():
            return ("string", dtype.storage, dtype.na_value is pd.NA)
        case pd.DatetimeTZDtype():
            return ("zoned", dtype.unit, zone_from(str(dtype.tz)))
        case pd.PeriodDtype():
            return ("period", str(dtype).removeprefix("period[").removesuffix("]"))
        case pd.IntervalDtype():
            return ("interval", describe_pandas(dtype.subtype), dtype.closed)
        case pd.SparseDtype():
            return ("sparse", describe_pandas(dtype.subtype), dtype.fill_value)
        case pd.ArrowDtype():
            return ("arrow", describe_arrow(dtype.pyarrow_dtype))
        case _ if str(dtype) in MASKED:
            return ("masked", str(dtype))
    raise UnknownTypeError(dtype)


def pandas_dtype(described: Any) -> Any:
    """Return the dtype of pandas that a tuple describes."""
    import pandas as pd

    zoned: Any = pd.DatetimeTZDtype
    match described:
        case ("numpy", str(name)) if numpy_dtype(name).kind not in "SU":  # text is of objects
            return numpy_dtype(name)
        case ("category", bool(ordered), *index):
            return pd.CategoricalDtype(pandas_index(tuple(index)), ordered=ordered)
        case ("string", "python" | "pyarrow" as storage, bool(is_na)):
            return pd.StringDtype(storage, na_value=pd.NA if is_na else np.nan)
        case ("zoned", str(unit), zone) if unit in UNITS:
            return zoned(unit, zone_from(zone))
        case ("period", str(freq)):
            return pd.PeriodDtype(freq)
        case ("interval", subtype, "left" | "right" | "both" | "neither" as closed):
            return pd.IntervalDtype(pandas_dtype(subtype), closed)
        case ("sparse", ("numpy", str()) as subtype, fill):
            return pd.SparseDtype(pandas_dtype(subtype), fill)
        case ("arrow", kind):
            return pd.ArrowDtype(arrow_type(kind))
        case ("masked", str(name)) if name in MASKED:
            return pd.api.types.pandas_dtype(name)
    raise UnknownTypeError(described)


def pandas_series(described: Any, values: Sequence[Any]) -> Any:
    """Return a Series of the described dtype."""
    import pandas as pd

    dtype = pandas_dtype(described)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        out = np.empty(len(values), dtype=object)
        out[:] = list(values)
        return pd.Series(out, dtype=dtype)
    return pd.Series(list(values), dtype=dtype)


def describe_index(index: Any) -> tuple[Any, ...]:
    """Return an index of pandas as a tuple: dtype, values and names."""
    import pandas as pd

    match index:
        case pd.RangeIndex():
            return ("range", index.start, index.stop, index.step, index.name)
        case pd.MultiIndex():
            levels = tuple(describe_pandas(level.dtype) for level in index.levels)
            return ("multi", levels, tuple(index.tolist()), tuple(index.names))
    described = (describe_pandas(index.dtype), tuple(index.tolist()), index.name)
    if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) and _has_a_name(index.freq):
        return ("times", *described, index.freqstr)
    return ("index", *described)


def _has_a_name(frequency: Any) -> bool:
    """Tell whether the frequency of an index is all that its name says."""
    from pandas.tseries.frequencies import to_offset

    if frequency is None:
        return False
    try:
        return bool(to_offset(frequency.freqstr) == frequency)
    except ValueError:
        return False


def pandas_index(described: Any) -> Any:
    """Return the index that a tuple describes."""
    import pandas as pd

    match described:
        case ("range", int(start), int(stop), int(step), name):
            return pd.RangeIndex(start, stop, step, name=name)
        case ("multi", tuple(levels), tuple(values), tuple(names)):
            columns = [
                pd.Index(pandas_series(kind, [value[k] for value in values]))
                for k, kind in enumerate(levels)
            ]
            return pd.MultiIndex.from_arrays(columns, names=names)
        case ("times", dtype, tuple(values), name, str(frequency)):
            index = pandas_index(("index", dtype, values, name))
            index.freq = frequency
            return index
        case ("index", dtype, tuple(values), name):
            return pd.Index(pandas_series(dtype, values), name=name)
    raise UnknownTypeError(described)


# --- pyarrow --------------------------------------------------------------------------------------

ARROW_PLAIN = {
    *("null", "bool", "halffloat", "float", "double", "date32", "date64"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *("string", "large_string", "string_view", "binary", "large_binary", "binary_view"),
    *("time32[s]", "time32[ms]", "time64[us]", "time64[ns]"),
}
ARROW_NAMES = {"date32[day]": "date32", "date64[ms]": "date64"}


def describe_arrow(kind: Any) -> tuple[Any, ...]:
    """Return a type of pyarrow as a tuple."""
    import pyarrow as pa

    name = ARROW_NAMES.get(str(kind), str(kind))
    if name in ARROW_PLAIN:
        return ("plain", name)
    if pa.types.is_timestamp(kind):
        return ("timestamp", kind.unit, kind.tz)
    if pa.types.is_duration(kind):
        return ("duration", kind.unit)
    if pa.types.is_decimal128(kind) or pa.types.is_decimal256(kind):
        return ("decimal", kind.bit_width, kind.precision, kind.scale)
    if pa.types.is_dictionary(kind):
        inner = (describe_arrow(kind.index_type), describe_arrow(kind.value_type))
        return ("dictionary", *inner, kind.ordered)
    raise UnknownTypeError(kind)


def arrow_type(described: Any) -> Any:
    """Return the type of pyarrow that a tuple describes."""
    import pyarrow as pa

    match described:
        case ("plain", str(name)) if name in ARROW_PLAIN:
            return pa.type_for_alias(name)
        case ("timestamp", str(unit), zone) if unit in UNITS:
            return pa.timestamp(unit, None if zone is None else zone_from(zone))
        case ("duration", str(unit)) if unit in UNITS:
            return pa.duration(unit)
        case ("decimal", 128, int(precision), int(scale)):
            return pa.decimal128(precision, scale)
        case ("decimal", 256, int(precision), int(scale)):
            return pa.decimal256(precision, scale)
        case ("dictionary", index, value, bool(ordered)):
            return pa.dictionary(arrow_type(index), arrow_type(value), ordered)
    raise UnknownTypeError(described)


def describe_arrow_values(array: Any) -> tuple[Any, ...]:
    """Return the type of an array of pyarrow as a tuple, that of a dictionary with its levels."""
    import pyarrow as pa

    described = describe_arrow(array.type)
    if not pa.types.is_dictionary(array.type):
        return described
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries().combine_chunks()
    return ("levels", described, tuple(array.dictionary.to_pylist()))


def arrow_array(described: Any, values: Sequence[Any]) -> Any:
    """Return an array of pyarrow of the described type."""
    import pyarrow as pa

    match described:
        case ("levels", ("dictionary", index, level, bool(ordered)), tuple(levels)):
            code_of = {value: code for code, value in enumerate(levels)}
            codes = pa.array([code_of.get(value) for value in values], arrow_type(index))
            dictionary = pa.array(list(levels), arrow_type(level))
            return pa.DictionaryArray.from_arrays(codes, dictionary, ordered=ordered)
    return pa.array(list(values), type=arrow_type(described))


def describe_schema(schema: Any) -> tuple[Any, ...]:
    """Return a schema of pyarrow as a tuple."""
    fields = tuple(
        (field.name, describe_arrow(field.type), field.nullable, _pairs(field.metadata))
        for field in schema
    )
    return (fields, _pairs(schema.metadata))


def arrow_schema(described: Any) -> Any:
    """Return the schema of pyarrow that a tuple describes."""
    import pyarrow as pa

    match described:
        case (tuple(fields), metadata):
            return pa.schema(
                [
                    pa.field(name, arrow_type(kind), nullable, _metadata(more))
                    for name, kind, nullable, more in fields
                ],
                metadata=_metadata(metadata),
            )
    raise UnknownTypeError(described)


def _pairs(metadata: Any) -> Any:
    return None if metadata is None else tuple(metadata.items())


def _metadata(pairs: Any) -> Any:
    return None if pairs is None else dict(pairs)


# --- polars ---------------------------------------------------------------------------------------

POLARS_PLAIN = {
    *("Null", "Boolean", "Float32", "Float64", "String", "Binary", "Date", "Time", "Categorical"),
    *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
}


def describe_polars(dtype: Any) -> tuple[Any, ...]:
    """Return a dtype of polars as a tuple."""
    import polars as pl

    match dtype:
        case pl.Datetime():
            return ("datetime", dtype.time_unit, dtype.time_zone)
        case pl.Duration():
            return ("duration", dtype.time_unit)
        case pl.Decimal():
            return ("decimal", dtype.precision, dtype.scale)
        case pl.Enum():
            return ("enum", tuple(dtype.categories.to_list()))
    name = type(dtype).__name__
    if name in POLARS_PLAIN and dtype == getattr(pl, name)():
        return ("plain", name)
    raise UnknownTypeError(dtype)


def polars_dtype(described: Any) -> Any:
    """Return the dtype of polars that a tuple describes."""
    import polars as pl

    datetime: Any = pl.Datetime
    duration: Any = pl.Duration
    match described:
        case ("plain", str(name)) if name in POLARS_PLAIN:
            return getattr(pl, name)()
        case ("datetime", str(unit), zone) if unit in UNITS:
            return datetime(unit, None if zone is None else zone_from(zone))
        case ("duration", str(unit)) if unit in UNITS:
            return duration(unit)
        case ("decimal", int(precision), int(scale)):
            return pl.Decimal(precision, scale)
        case ("enum", tuple(names)):
            return pl.Enum(names)
    raise UnknownTypeError(described)
