"""Dates, times and durations as integers in their own unit, and back.

Dates with a time zone are read by their local clock: a midnight is a midnight all year, whatever
its time in UTC. Of an hour that the clock shows twice the first is taken; a time that it skips
becomes the next one that it shows.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

PYTHON_TIMES = {date: "M8[D]", datetime: "M8[us]", timedelta: "m8[us]"}
MOST_IN_NANOSECONDS = np.iinfo(np.int64).max // 1000  # microseconds
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
NANOSECONDS = {
    **{"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9},
    **{"D": 86_400 * 10**9, "W": 604_800 * 10**9, "M": 2_629_746 * 10**9, "Y": 31_556_952 * 10**9},
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Python has no other years, and a clock may be a day off UTC
FIRST_SECOND, LAST_SECOND = (
    (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(seconds=1)
    for moment in (datetime.min + timedelta(days=1), datetime.max - timedelta(days=1))
)


def to_ticks(series: nw.Series[Any], *, in_utc: bool = False) -> nw.Series[Any]:
    """Return a temporal series of polars or pyarrow as integers.

    Times with a zone are those of its clock or, if `in_utc`, of UTC.
    """
    if getattr(series.dtype, "time_zone", None) is not None and not in_utc:
        series = series.dt.replace_time_zone(None)
    native = series.to_native()
    if hasattr(native, "to_physical"):  # polars
        return nw.from_native(native.to_physical(), series_only=True).cast(nw.Int64())
    width = "int32" if native.type.bit_width == 32 else "int64"  # pyarrow casts width to width
    return nw.from_native(native.cast(width), series_only=True).cast(nw.Int64())


def on_clock(ticks: NDArray[np.int64], unit: str, zone: tzinfo) -> NDArray[np.int64]:
    """Return times of UTC as times of the clock of a zone."""
    seconds, places = np.unique(ticks // PER_SECOND[unit], return_inverse=True)
    offsets = [
        _seconds((EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset())
        for second in seconds.clip(FIRST_SECOND, LAST_SECOND).tolist()
    ]
    return ticks + np.array(offsets, dtype=np.int64)[places] * PER_SECOND[unit]


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else round(offset.total_seconds())


def unit_of(series: nw.Series[Any]) -> str:
    """Return the unit of a temporal series of polars or pyarrow."""
    if series.dtype == nw.Time and series.implementation.is_pyarrow():
        return str(series.to_native().type.unit)
    return str(getattr(series.dtype, "time_unit", "D" if series.dtype == nw.Date else "ns"))


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


def are_times(objects: NDArray[np.object_]) -> bool:
    """Tell days, datetimes on one clock and durations from other objects."""
    types = set(map(type, objects))
    if types and all(issubclass(kind, datetime) for kind in types):
        zones = {id(time.tzinfo): time.tzinfo for time in objects}  # some have no hash
        return len(set(map(str, zones.values()))) == 1
    return types == {date} or (bool(types) and all(issubclass(kind, timedelta) for kind in types))


def ticks_of_objects(
    times: NDArray[np.object_], zone: tzinfo | None = None
) -> tuple[NDArray[np.int64], str]:
    """Return days, datetimes or durations, of Python or pandas, as integers and their unit.

    Times with a zone are those of its clock or, if `zone` is given, of the clock of that one.
    """
    if type(times[0]) is date:
        return times.astype("M8[D]").astype(np.int64), "D"
    if getattr(times[0], "tzinfo", None) is None:
        return _naive_ticks(times)
    ticks, unit = _naive_ticks(np.array([time.replace(tzinfo=None) for time in times], object))
    if zone is None:
        return ticks, unit
    ahead = np.array([_seconds(time.utcoffset()) for time in times], dtype=np.int64)
    return on_clock(ticks - ahead * PER_SECOND[unit], unit, zone), unit


def _naive_ticks(times: NDArray[np.object_]) -> tuple[NDArray[np.int64], str]:
    kind, below = ("m8", "nanoseconds") if isinstance(times[0], timedelta) else ("M8", "nanosecond")
    ticks = times.astype(f"{kind}[us]").astype(np.int64)
    rest = np.array([getattr(time, below, 0) for time in times])  # pandas has it, Python has not
    if rest.any() and np.abs(ticks).max() < MOST_IN_NANOSECONDS:
        return ticks * 1000 + rest, "ns"
    return ticks, "us"


def objects_of_ticks(ticks: NDArray[np.int64], unit: str, like: Any) -> NDArray[np.object_]:
    """Return days, datetimes or durations as objects of the type of `like`, on its clock."""
    times = ticks.view(f"{'m8' if isinstance(like, timedelta) else 'M8'}[{unit}]")
    zone = getattr(like, "tzinfo", None)
    if type(like) in PYTHON_TIMES:
        objects = times.astype(PYTHON_TIMES[type(like)]).astype(object)
        return objects if zone is None else _python_zoned(objects, zone)
    import pandas as pd  # `like` is of it

    series = pd.Series(times) if zone is None else pandas_zoned(times, like.tz)
    return series.astype(object).to_numpy(copy=True)


def _python_zoned(naive: NDArray[np.object_], zone: Any) -> NDArray[np.object_]:
    # by way of UTC: so a time that the clock skips becomes one that it shows
    zoned = [time.replace(tzinfo=zone).astimezone(UTC).astimezone(zone) for time in naive]
    return np.array(zoned, dtype=object)
