"""Dates, times and durations as integers in their own unit, and back.

Dates with a time zone are read by their local clock: a midnight is a midnight all year, whatever
its time in UTC. Of an hour that the clock shows twice the first is taken; a time that it skips
becomes the next one that it shows.
"""

from __future__ import annotations

from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray


def to_ticks(series: nw.Series[Any]) -> nw.Series[Any]:
    """Return a temporal series of polars or pyarrow as integers."""
    if getattr(series.dtype, "time_zone", None) is not None:
        series = series.dt.replace_time_zone(None)
    native = series.to_native()
    if hasattr(native, "to_physical"):  # polars
        return nw.from_native(native.to_physical(), series_only=True).cast(nw.Int64())
    width = "int32" if native.type.bit_width == 32 else "int64"  # pyarrow casts width to width
    return nw.from_native(native.cast(width), series_only=True).cast(nw.Int64())


def from_ticks(ticks: nw.Series[Any], dtype: Any, like: nw.Series[Any]) -> nw.Series[Any]:
    """Return the series of `dtype` that ticks stand for; `like` is a series of that type."""
    if ticks.implementation.is_pyarrow():
        native = arrow_from_ticks(ticks.to_native(), like.to_native().type)
        return nw.from_native(native, series_only=True).alias(ticks.name)
    zone = getattr(dtype, "time_zone", None)
    if zone is None:
        return ticks.cast(dtype)
    native = ticks.cast(nw.Datetime(dtype.time_unit)).to_native()
    return nw.from_native(_polars_zoned(native, zone), series_only=True)


def arrow_from_ticks(ticks: Any, kind: Any) -> Any:
    """Return the arrow array of a temporal `kind` that an array of integers stands for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind.bit_width == 32:
        ticks = ticks.cast("int32")
    zone = getattr(kind, "tz", None)
    if zone is None:
        return ticks.cast(kind)
    naive = ticks.cast(pa.timestamp(kind.unit))
    return pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")


def pandas_zoned(naive: NDArray[np.datetime64], zone: Any) -> Any:
    """Return the pandas Series of local times in a zone."""
    import pandas as pd

    return pd.Series(
        pd.DatetimeIndex(naive).tz_localize(
            zone, ambiguous=np.ones(len(naive), dtype=bool), nonexistent="shift_forward"
        )
    )


def _polars_zoned(naive: Any, zone: str) -> Any:
    def zoned(local: Any) -> Any:
        return local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")

    out = zoned(naive)
    for step in ("30m", "30m", "1d"):  # clocks skip half an hour, an hour or, seldom, a day
        skipped = out.is_null() & naive.is_not_null()
        if skipped.any():
            naive = naive.dt.truncate(step).dt.offset_by(step)
            out = out.zip_with(~skipped, zoned(naive))
    return out
