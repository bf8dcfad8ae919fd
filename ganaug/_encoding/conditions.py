"""Conditions on columns, from what a user writes to what a generator can be held to.

A condition is a value, a range or several levels; here it becomes a `Condition` on slots of the
encoded row, snapped to the column's own grid, so that what meets it encoded also meets it decoded.
"""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.calendars import CalendarGrid
from ganaug._encoding.clocks import NANOSECONDS
from ganaug._encoding.codecs import CategoryCodec, Codec, LevelCodec, NumberCodec, VectorCodec
from ganaug._encoding.columns import Bounds, Column, is_missing, level_key
from ganaug._encoding.dummies import Dummy, DummyGroup
from ganaug._encoding.layout import Condition
from ganaug.exceptions import DataError

LEVELS_SHOWN = 8
# By how much clocks are put back.
PUT_BACK = tuple(dt.timedelta(minutes=minutes) for minutes in (30, 60, 120))
UNEQUAL_UNITS = {"M", "Y"}


@dataclass(frozen=True)
class TableConditions:
    """Conditions on several columns of a table.

    Parameters
    ----------
    encoded : tuple of Condition
    bounds : dict of int -> (low, high)
        Position of a numeric column -> its range, in the column's own values.
    levels : dict of int -> tuple of int
        Position of a column of many levels -> the codes of those that are wanted.
    """

    encoded: tuple[Condition, ...] = ()
    bounds: Bounds = field(default_factory=dict)
    levels: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def keep(self, columns: Sequence[Column]) -> list[Column]:
        """Return decoded columns with what decoding may have moved put back.

        A last bit may put a number out of its range, and of two levels with the same coordinates
        only the first is ever decoded.
        """
        return [self._kept(position, column) for position, column in enumerate(columns)]

    def _kept(self, position: int, column: Column) -> Column:
        if position in self.bounds:
            return replace(column, values=np.clip(column.values, *self.bounds[position]))
        if position in self.levels:
            wanted = self.levels[position]
            is_other = ~column.missing & ~np.isin(column.values, wanted)
            return replace(column, values=np.where(is_other, wanted[0], column.values))
        return column


NO_CONDITIONS = TableConditions()


def encode_conditions(
    where: Mapping[Any, Any],
    names: Sequence[Any],
    codecs: Sequence[Codec],
    groups: Sequence[DummyGroup],
    zone_of: Callable[[int], dt.tzinfo | None],
) -> TableConditions:
    """Return the conditions on the slots of an encoded row.

    Parameters
    ----------
    where : mapping
        Name of a column -> value, missing value, (low, high) or several levels.
    names : sequence
        Names of all columns.
    codecs : sequence of Codec
    groups : sequence of DummyGroup
        Columns that are a category together.
    zone_of : callable
        Takes the position of a column of dates, returns their time zone.

    Raises
    ------
    DataError
        If a column is unknown, or can never be what is asked for.
    """
    conditions: dict[int, Condition] = {}
    bounds: dict[int, tuple[Any, Any]] = {}
    asked = {_position(name, names): (name, wanted) for name, wanted in where.items()}
    for group in groups:
        of_group = {d: asked.pop(d.position) for d in group.dummies if d.position in asked}
        if of_group:
            conditions[group.place] = _group_condition(group, of_group, codecs[group.place])
    for position, (name, wanted) in asked.items():
        codec = codecs[position]
        if isinstance(codec, LevelCodec):
            conditions[position] = _level_condition(codec, name, wanted)
        elif isinstance(codec, NumberCodec):
            if codec.unit is not None:
                wanted = _on_clock(name, wanted, partial(zone_of, position))
            conditions[position], limits = _number_condition(codec, name, wanted)
            bounds |= {} if limits is None else {position: limits}
    levels = {place: condition.levels for place, condition in conditions.items()}
    wanted_levels = {place: codes for place, codes in levels.items() if codes}
    return TableConditions(tuple(conditions.values()), bounds, wanted_levels)


def _position(name: Any, names: Sequence[Any]) -> int:
    for position, known in enumerate(names):
        if level_key(known) == level_key(name):  # `in` would take True for 1
            return position
    raise DataError(
        f"where asks for column {name!r}, which was not in fit; the columns are "
        f"{_listed(list(map(repr, names)))}."
    )


# --- categories ---------------------------------------------------------------------------------


def _level_condition(codec: LevelCodec, name: Any, wanted: Any) -> Condition:
    codes, text = _level_codes(codec, name, wanted)
    if isinstance(codec, CategoryCodec):
        return Condition(text, head=codec.head, states=codes)
    assert isinstance(codec, VectorCodec)  # narrows the type
    levels = tuple(code for code in codes if code < len(codec.levels))
    states = ((0,) if levels else ()) + ((1,) if len(levels) < len(codes) else ())
    vector = codec.vector if levels else None
    return Condition(text, vector=vector, levels=levels, head=codec.head, states=states)


def _level_codes(codec: LevelCodec, name: Any, wanted: Any) -> tuple[tuple[int, ...], str]:
    """Return the codes of a level, or of several, and the condition as text."""
    if hasattr(wanted, "tolist") and np.ndim(wanted) == 1:  # an array or a series
        wanted = wanted.tolist()
    if isinstance(wanted, tuple) and level_key(wanted) not in map(level_key, codec.levels):
        raise DataError(
            f"where asks for the range {wanted!r} in column {name!r}, which holds categories; "
            "expected a level or a list of levels."
        )
    several = isinstance(wanted, list | set | frozenset) and wanted not in codec.levels
    levels = wanted if several else [wanted]
    if not levels:
        raise DataError(f"where asks for none of the levels of column {name!r}; name at least one.")
    code_of = {level_key(level): code for code, level in enumerate(codec.levels)}
    codes = tuple(_level_code(codec, code_of, name, level) for level in levels)
    if not several:
        return codes, f"{name} == {wanted!r}"
    return codes, f"{name} in [{_listed(sorted(map(repr, wanted)))}]"


def _level_code(codec: LevelCodec, code_of: Mapping[Hashable, int], name: Any, wanted: Any) -> int:
    if is_missing(wanted):
        if not codec.has_missing:
            raise DataError(f"column {name!r} had no missing values in fit, but where asks for it.")
        return len(codec.levels)
    wanted = wanted.tolist() if isinstance(wanted, np.ndarray) else wanted  # has no one truth
    key = level_key(wanted)
    if isinstance(wanted, str | numbers.Number) and key in code_of:
        return code_of[key]
    for code, level in enumerate(codec.levels):  # equals may differ in their hash, or have none
        if level_key(level) == key:
            return code
    shown = ", ".join(map(repr, codec.levels[:LEVELS_SHOWN]))
    more = len(codec.levels) - LEVELS_SHOWN
    raise DataError(
        f"column {name!r} had no level {wanted!r} in fit; it had {shown}"
        f"{f' and {more} more' if more > 0 else ''}."
    )


def _group_condition(
    group: DummyGroup, asked: Mapping[Dummy, tuple[Any, Any]], codec: Codec
) -> Condition:
    """Return the condition on a category that is what is asked of its dummies (name, wanted)."""
    allowed, texts = set(group.levels), []
    for dummy, (name, wanted) in asked.items():
        text, may_be = _dummy_condition(dummy, name, wanted)
        texts.append(text)
        own = {group.dummies.index(dummy)}
        if not may_be(dummy.one):
            allowed -= own
        if not may_be(dummy.zero):
            allowed &= own
    text, n_others = " and ".join(texts), len(group.dummies) - len(texts)
    if not allowed:
        others = f" and {n_others} others" if n_others else ""
        raise DataError(
            f"where asks for {text}, but of these columns{others} exactly one was 1 in each row "
            "of fit. Ask for what one row can be."
        )
    assert isinstance(codec, LevelCodec)  # narrows the type
    return replace(_level_condition(codec, text, sorted(allowed)), text=text)


def _dummy_condition(dummy: Dummy, name: Any, wanted: Any) -> tuple[str, Callable[[Any], bool]]:
    """Return the text of a condition on a dummy, and what tells whether a value meets it."""
    codec = dummy.codec
    if isinstance(codec, LevelCodec):
        condition = _level_condition(codec, name, wanted)
        return condition.text, lambda code: code in condition.states
    condition, limits = _number_condition(codec, name, wanted)
    assert limits is not None  # no value of it is missing
    low, high = limits
    return condition.text, lambda value: low <= value <= high


def _listed(texts: Sequence[str]) -> str:
    return ", ".join([*texts[:LEVELS_SHOWN], *(["..."] if len(texts) > LEVELS_SHOWN else [])])


# --- numbers ------------------------------------------------------------------------------------


def _number_condition(
    codec: NumberCodec, name: Any, wanted: Any
) -> tuple[Condition, tuple[Any, Any] | None]:
    """Return the condition, and the range in the column's own values."""
    if not isinstance(wanted, tuple) and is_missing(wanted):
        if not codec.has_missing:
            raise DataError(f"column {name!r} had no missing values in fit, but where asks for it.")
        # a column of which nothing else was ever seen needs no head
        return Condition(f"{name} is missing", head=codec.head, states=(1,)), None
    if codec.grid is None:
        raise DataError(
            f"column {name!r} was missing in all rows of fit; where can't ask for more."
        )
    low, high = _range(codec, name, wanted)
    text = f"{name} == {wanted}" if not isinstance(wanted, tuple) else _range_text(name, wanted)
    inside = codec.grid.inside(low, high)
    if inside is None:
        raise DataError(
            f"where asks for {text}, but column {name!r} takes {_described(codec, wanted)}; "
            "widen the range."
        )
    low, high = codec.scaled_cells(*inside).tolist()
    at_atom = [k for k, atom in enumerate(codec.atoms) if inside[0] <= atom <= inside[1]]
    first_atom = 1 + codec.has_missing
    states = (
        *(() if inside[0] == inside[1] and at_atom else (0,)),
        *(first_atom + k for k in at_atom),
    )
    condition = Condition(text, codec.number, low, high, head=codec.head, states=states)
    return condition, inside


def _range(codec: NumberCodec, name: Any, wanted: Any) -> tuple[Any, Any]:
    """Return the ends of what is wanted as numbers; an open end is infinite."""
    if isinstance(wanted, list | set | frozenset | Mapping) or (
        isinstance(wanted, tuple) and len(wanted) != 2
    ):
        raise DataError(
            f"where asks for {wanted!r} in column {name!r}, which holds numbers or dates; expected "
            "a value or a range (low, high), where None leaves an end open."
        )
    ends = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    low = -np.inf if ends[0] is None else _span(codec, name, ends[0])[0]
    high = np.inf if ends[1] is None else _span(codec, name, ends[1])[1]
    if not low <= high:
        asked = f"{ends[0]} to {ends[1]}"
        raise DataError(f"where asks for {asked} in column {name!r}; expected low <= high.")
    return low, high


def _span(codec: NumberCodec, name: Any, value: Any) -> tuple[Any, Any]:
    """Return the first and the last number, or ticks, that a value stands for."""
    if codec.unit is not None:
        try:
            return _span_of_ticks(codec.unit, value)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"where asks for {value!r} in column {name!r}; expected a date or a duration, such "
                "as '2024-02-29' or datetime.timedelta(hours=1)."
            ) from error
    if isinstance(value, bool) or not isinstance(value, numbers.Real | Decimal):
        raise DataError(f"where asks for {value!r} in column {name!r}; expected a number.")
    number = value.item() if hasattr(value, "item") else value
    return number, number


def _span_of_ticks(unit: str, value: Any) -> tuple[int | Fraction, int | Fraction]:
    """Return a date or duration in a unit, of a month the first and the last of its days."""
    kind = "m8" if _is_duration(value) else "M8"
    if kind == "M8" and isinstance(value, numbers.Number | np.bool_):
        raise TypeError("a number has no unit of time")
    if isinstance(value, dt.time):
        midnight = dt.datetime.combine(dt.date.min, dt.time())
        value = dt.datetime.combine(dt.date.min, value) - midnight
    exact = np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value, dtype=kind)
    if np.isnat(exact):
        raise ValueError("no time")
    first = _as_ticks(unit, exact)
    is_moment = kind == "m8" or isinstance(value, dt.datetime)
    return first, first if is_moment else max(first, ceil(_as_ticks(unit, exact + 1)) - 1)


def _as_ticks(unit: str, exact: NDArray[Any]) -> int | Fraction:
    """Return numpy's time or duration in a unit: a fraction if between two ticks, of any size."""
    kind = exact.dtype.kind + "8"
    own_unit, count = np.datetime_data(exact.dtype)
    if unit in UNEQUAL_UNITS or (kind == "m8" and own_unit in UNEQUAL_UNITS):
        return int(np.array(exact, dtype=f"{kind}[{unit}]").astype(np.int64))
    if own_unit in UNEQUAL_UNITS:
        exact, own_unit, count = exact.astype("M8[D]"), "D", 1
    nanoseconds = int(exact.astype(np.int64)) * count * NANOSECONDS[own_unit]
    ticks = Fraction(nanoseconds, NANOSECONDS[unit])
    return ticks.numerator if ticks.denominator == 1 else ticks


def _on_clock(name: Any, wanted: Any, zone_of: Callable[[], dt.tzinfo | None]) -> Any:
    """Return dates, or a range of them, by the local clock of their column.

    Of an hour that the clock shows twice rows are of the first one, so what begins in the second
    one begins after it, and what ends there ends with the first.
    """
    ends = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    found = [_local(name, end, zone_of, is_low=place == 0) for place, end in enumerate(ends)]
    if found and all(is_again for _, is_again in found) and found[0][0] > found[-1][0]:
        raise DataError(
            f"where asks for {wanted!r} in column {name!r}, when its clock shows an hour for the "
            "second time; rows are of the first of the two. Widen the range."
        )
    local = tuple(time for time, _ in found)
    return local if isinstance(wanted, tuple) else local[0]


def _local(
    name: Any, wanted: Any, zone_of: Callable[[], dt.tzinfo | None], *, is_low: bool
) -> tuple[Any, bool]:
    """Return an end by the local clock of its column, and whether that has shown it before."""
    time: Any = _parsed(wanted) if isinstance(wanted, str) else wanted
    if isinstance(time, dt.time) or getattr(time, "tzinfo", None) is None:
        return wanted, False
    zone = zone_of()
    if zone is None:
        raise DataError(
            f"where asks for {wanted!r} in column {name!r}, whose dates have no time zone; leave "
            "it out."
        )
    try:
        return _shown(time.astimezone(dt.UTC), zone, is_low=is_low)
    except (OverflowError, ValueError):  # the first or the last time there is
        return time.replace(tzinfo=None), False


def _shown(time: Any, zone: dt.tzinfo, *, is_low: bool) -> tuple[Any, bool]:
    """Return what a clock shows at a time of UTC, and whether it has shown that before."""
    if not _is_shown_again(time, zone):
        return _clock_time(time, zone), False
    while _is_shown_again(time, zone):
        time = time.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    end = _clock_time(time, zone)
    return (end if is_low else end - dt.timedelta(microseconds=1)), True


def _is_shown_again(time: Any, zone: dt.tzinfo) -> bool:
    """Tell whether a clock has shown what it shows at a time of UTC before."""
    shown = _clock_time(time, zone)
    return any(_clock_time(time - ago, zone) == shown for ago in PUT_BACK)


def _clock_time(time: Any, zone: dt.tzinfo) -> Any:
    return time.astimezone(zone).replace(tzinfo=None)


def _parsed(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None  # numpy reads more


def _is_duration(value: Any) -> bool:
    """Tell durations, and times of the day (since midnight), from dates."""
    return hasattr(value, "total_seconds") or isinstance(value, np.timedelta64 | dt.time)


def _described(codec: NumberCodec, wanted: Any) -> str:
    """Say which values there are; dates or durations, as what is wanted is one or the other."""
    assert codec.grid is not None  # narrows the type
    if codec.unit is None:
        return codec.grid.describe()
    ticks = np.array([codec.grid.low, codec.grid.high])
    if any(map(_is_duration, wanted if isinstance(wanted, tuple) else (wanted,))):
        low, high = ticks.view(f"m8[{codec.unit}]").astype("m8[us]").tolist()
        return f"durations from {low} to {high}"
    low, high = np.datetime_as_string(ticks.view(f"M8[{codec.unit}]"), unit="auto")
    which = f", each {codec.grid.describe()}" if isinstance(codec.grid, CalendarGrid) else ""
    return f"dates from {low} to {high}{which}"


def _range_text(name: Any, wanted: tuple[Any, Any]) -> str:
    low, high = wanted
    return f"{'' if low is None else f'{low} <= '}{name}{'' if high is None else f' <= {high}'}"
