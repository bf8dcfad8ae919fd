"""What must be true of the encoder of a table: names, codecs, dummies and slots go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganaug._encoding.calendars import FAR_DAYS, LAST_SHIFT, CalendarGrid, Months
from ganaug._encoding.clocks import NANOSECONDS
from ganaug._encoding.codecs import CategoryCodec, NumberCodec, VectorCodec
from ganaug._encoding.columns import is_hashable
from ganaug._encoding.dummies import DummyGroup, binary_digits
from ganaug._encoding.grids import FloatGrid, Grid, IntegerGrid, ValueGrid
from ganaug._encoding.heaping import Heaps
from ganaug._encoding.layout import HeadSlot, NumberSlot, TableLayout, VectorSlot
from ganaug._encoding.numbers import Scale
from ganaug._persistence.requirements import (
    LARGEST_COORDINATE,
    LARGEST_SINGLE,
    require,
    require_finite,
    slot_at,
)

if TYPE_CHECKING:
    from ganaug._persistence.estimators import EncoderState

MAX_FILE_DECIMALS = 18


def check_encoder(
    encoder: EncoderState, layout: TableLayout, feature_names: tuple[str, ...] | None
) -> None:
    """Check that names, codecs and slots go together."""
    n_columns = len(encoder.names)
    require(feature_names is None or feature_names == encoder.names, "columns have two names")
    require(n_columns == len(encoder.codecs) > 0, "names and codecs differ in number")
    slots: list[Any] = [*layout.numbers, *layout.vectors, *layout.heads]
    require(all(0 <= slot.column < n_columns for slot in slots), "a slot has no column")
    for number in layout.numbers:
        _check_number_slot(number)
    for vector in layout.vectors:
        _check_vector_slot(vector)
    for head in layout.heads:
        _check_head_slot(head, len(layout.numbers))
    claimed = zip(*(_check_codec(codec, layout) for codec in encoder.codecs), strict=True)
    n_slots = (len(layout.numbers), len(layout.vectors), len(layout.heads))
    for places, n in zip(claimed, n_slots, strict=True):
        used = sorted(place for place in places if place is not None)
        require(used == list(range(n)), "slots and codecs are not one to one")
    _check_groups(encoder.groups, encoder.codecs)


def _check_groups(groups: Sequence[DummyGroup], codecs: Sequence[Any]) -> None:
    positions = [dummy.position for group in groups for dummy in group.dummies]
    require(len(set(positions)) == len(positions), "a dummy is of two categories")
    require(all(0 <= position < len(codecs) for position in positions), "a dummy has no column")
    for group in groups:
        _check_group(group, codecs)


def _check_group(group: DummyGroup, codecs: Sequence[Any]) -> None:
    require(len(group.dummies) >= 2, "a category has less than two dummies")
    codec, *others = (codecs[dummy.position] for dummy in group.dummies)
    is_category = not isinstance(codec, NumberCodec) and codec.levels == group.levels
    require(is_category and not codec.has_missing, "dummies are of no category")
    for other in others:
        is_nothing = isinstance(other, NumberCodec) and other.number is other.head is None
        require(is_nothing, "a dummy has slots of its own")
    for dummy in group.dummies:
        values: tuple[Any, ...] = (dummy.zero, dummy.one)
        levels = dummy.levels
        require(all(map(is_hashable, (*values, *(levels or ())))), "a dummy holds no numbers")
        require({*values} == {0, 1}, "a dummy holds other numbers")
        if levels is not None:
            require(len(levels) == 2, "a dummy has other levels")
            values = tuple(binary_digits([levels[int(code)] for code in values]))
        require(values == (0, 1), "0 and 1 of a dummy are changed")


def _check_number_slot(slot: NumberSlot) -> None:
    require(slot.low <= slot.high and slot.step >= 0, "a number has no range")


def _check_vector_slot(slot: VectorSlot) -> None:
    shape = slot.vectors.shape
    require(len(shape) == 2 and min(shape) > 0, "levels have no coordinates")
    require_finite("coordinates are", slot.vectors, largest=LARGEST_COORDINATE)


def _check_head_slot(slot: HeadSlot, n_numbers: int) -> None:
    require(slot.size >= 2, "a category has less than two levels")
    require(slot.number is None or 0 <= slot.number < n_numbers, "a state belongs to no number")
    with_constants = (slot.size,) if slot.number is not None else (0, slot.size)
    require(len(slot.constants) in with_constants, "a number has more states than constants")


def _check_codec(
    codec: NumberCodec | CategoryCodec | VectorCodec, layout: TableLayout
) -> tuple[int | None, int | None, int | None]:
    """Check a codec against the slots it claims; return the place of each: number, vector, head."""
    head = None if codec.head is None else slot_at(layout.heads, codec.head)
    if isinstance(codec, NumberCodec):
        _check_number_codec(codec, head, layout)
        return codec.number, None, codec.head
    require(len(codec.levels) > 0 or codec.has_missing, "a category has no levels")
    require(all(map(is_hashable, codec.levels)), "a level is none that a category can have")
    if isinstance(codec, CategoryCodec):
        size = 1 if head is None else head.size
        require(size == codec.n_codes, "a category has other levels than its head")
        return None, None, codec.head
    vector = slot_at(layout.vectors, codec.vector)
    require(len(vector.vectors) == len(codec.levels), "a level has no coordinates")
    require((head is not None) == codec.has_missing, "missing values have no head")
    require(head is None or head.size == 2, "the head of missing values has other states")
    return None, codec.vector, codec.head


def _check_number_codec(codec: NumberCodec, head: HeadSlot | None, layout: TableLayout) -> None:
    require(codec.unit is None or codec.unit in NANOSECONDS, "a unit of time is unknown")
    require(codec.atoms.ndim == 1 and codec.atoms.dtype.kind in "iuf", "states are no numbers")
    require_finite("states are", codec.atoms)
    if codec.grid is None:
        require(codec.number is None and codec.head is None, "an empty column has slots")
        return
    _check_grid(codec.grid)
    if codec.scale is not None:
        _check_scale(codec.scale)
    if codec.heaps is not None:
        _check_heaps(codec.heaps, codec.grid)
    require((codec.scale is None) == (codec.number is None), "a scale has no number")
    if codec.number is not None:
        slot_at(layout.numbers, codec.number)
    require((head is None) == (codec.n_states == 1), "states have no head")
    require(head is None or head.size == codec.n_states, "states differ in number")


def check_scales(encoder: EncoderState) -> None:
    """Check that rows of a GAN stay in single precision; those of a detector are drawn in."""
    for codec in encoder.codecs:
        if isinstance(codec, NumberCodec) and codec.scale is not None:
            require_finite("a scale is", codec.scale.standard, largest=LARGEST_SINGLE)


def _check_grid(grid: Grid | CalendarGrid) -> None:
    if isinstance(grid, CalendarGrid):
        _check_calendar(grid)
    elif isinstance(grid, IntegerGrid):
        limits = range(-(2**63), 2**64)
        require(grid.low in limits and grid.high in limits, "an integer is too large")
        require(0 <= grid.high - grid.low < 2**64, "a range is too wide")
        require(0 <= grid.step <= max(grid.high - grid.low, 1), "a step is too large")
    elif isinstance(grid, FloatGrid):
        require(grid.low <= grid.high and grid.step >= 0, "a range is none")
        require(0 <= grid.decimals <= MAX_FILE_DECIMALS, "decimals are too many")
    else:
        _check_values(grid)


def _check_calendar(grid: CalendarGrid) -> None:
    calendar = grid.calendar
    if isinstance(calendar, Months):
        require(-1 <= calendar.shift <= LAST_SHIFT, "a month has no such day")
    else:
        of_week = tuple(day for day in range(7) if day in calendar.weekdays)
        require(() != calendar.weekdays == of_week, "a week has no such days")
    _check_grid(grid.places)
    require(grid.places.low > -FAR_DAYS and grid.places.high < FAR_DAYS, "a date is too far")
    require(0 < grid.per_day <= NANOSECONDS["D"], "a day has no such length")
    require(grid.low > -(2**63) and grid.high < 2**63, "a date is too far")


def _check_values(grid: ValueGrid) -> None:
    values = grid.values
    require(values.ndim == 1 and len(values) > 0 and values.dtype.kind in "iuf", "a grid is none")
    require_finite("values are", values)
    require(bool((values[1:] > values[:-1]).all()), "values are not sorted")


def _check_heaps(heaps: Heaps, grid: Grid | CalendarGrid) -> None:
    steps, shares = heaps.steps, heaps.shares
    require(isinstance(grid, IntegerGrid | FloatGrid), "a grid is rounded to steps")
    require(steps.ndim == 1 and len(steps) > 0 and shares.ndim == 2, "steps are none")
    require(len(shares) > 0 and shares.shape[1] == len(steps), "steps have no shares")
    for numbers in (steps, shares):
        require(numbers.dtype == np.float64, "steps are no numbers")
        require_finite("steps are", numbers)
    require(bool((steps > 0).all()), "a step is none")
    require(bool(((shares >= 0) & (shares <= 1)).all()), "a share is none")


def _check_scale(scale: Scale) -> None:
    for knots in (scale.unit, scale.standard):
        require(knots.ndim == 1 and len(knots) >= 2, "a scale has no knots")
        require_finite("a scale is", knots)
    require(len(scale.unit) == len(scale.standard), "a scale has two lengths")
    require(bool((np.diff(scale.unit) > 0).all()), "a scale is not increasing")
