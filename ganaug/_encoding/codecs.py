"""Codecs: one column each, to the slots of an encoded row and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.calendars import CalendarGrid, find_date_grid
from ganaug._encoding.clocks import NANOSECONDS
from ganaug._encoding.columns import MISSING_CODE, Column, level_key, level_kind
from ganaug._encoding.encoded_rows import CompactRows, ExpandedRows, LayoutBuilder
from ganaug._encoding.grids import SINGLE_PRECISION, Grid, find_usual_grid
from ganaug._encoding.heaping import Heaps, find_heaps
from ganaug._encoding.layout import HeadSlot, NumberSlot, VectorSlot
from ganaug._encoding.levels import Context, level_vectors, shifts_left_out
from ganaug._encoding.numbers import Scale, find_atoms, find_scale
from ganaug.exceptions import DataError

# Up to so many levels a category is a softmax head, beyond it a vector: a head costs
# rows x levels in every batch, and a rare level among hundreds is hardly ever drawn right.
MAX_ONE_HOT_LEVELS = 32
# Encoded numbers are float32.
LARGEST = 1e30


def fit_codec(
    column: Column, rows_by_class: Sequence[NDArray[np.int64]] = (), *, linear: bool = False
) -> Codec:
    """Return the codec that fits the kind and the size of a column.

    `rows_by_class` are rows of each class.
    """
    if column.levels is None:
        return NumberCodec.fit(column, rows_by_class, linear=linear)
    if len(column.levels) > MAX_ONE_HOT_LEVELS:
        return VectorCodec.fit(column)
    return CategoryCodec.fit(column)


class Codec(ABC):
    """Encodes and decodes one column."""

    @abstractmethod
    def lay_out(
        self, position: int, column: Column, context: Context, builder: LayoutBuilder
    ) -> None:
        """Claim the slots that the column needs.

        `context` is what is known about each row besides columns of many levels.
        """

    @abstractmethod
    def encode(self, column: Column, out: CompactRows) -> None:
        """Write the column into compact rows."""

    @abstractmethod
    def is_unseen(self, column: Column) -> NDArray[np.bool_]:
        """Return which values are of a kind that training did not have.

        A new level, a value missing where none was, another value than the only one.
        """

    @abstractmethod
    def empty(self, name: Any) -> Column:
        """Return a column as that of `fit`, without rows."""

    @abstractmethod
    def decode(self, name: Any, rows: ExpandedRows) -> Column:
        """Read the column from expanded rows."""


def _differ(values: NDArray[Any], constant: Any) -> NDArray[np.bool_]:
    """Return which values are not the constant, to single precision if they are floats.

    A column may come as float32 in one table and as float64 in the other.
    """
    if values.dtype.kind != "f":
        return np.asarray(values != constant)
    with np.errstate(over="ignore"):
        return ~np.isclose(values, float(constant), rtol=SINGLE_PRECISION, atol=0.0)


@dataclass
class NumberCodec(Codec):
    """A number on a standard scale, with a state for missing and for values that pile up.

    `grid` is None if no value is present; `scale` is None if all present values are equal.
    """

    grid: Grid | CalendarGrid | None
    scale: Scale | None
    atoms: NDArray[Any]
    has_missing: bool
    unit: str | None = None
    number: int | None = None
    head: int | None = None
    heaps: Heaps | None = None

    @classmethod
    def fit(
        cls,
        column: Column,
        rows_by_class: Sequence[NDArray[np.int64]] = (),
        *,
        linear: bool = False,
    ) -> NumberCodec:
        present = column.values[~column.missing]
        has_missing = bool(column.missing.any())
        if not len(present):
            return cls(None, None, present, has_missing, column.unit)
        grid = find_usual_grid(present) if linear else find_date_grid(present, column.unit)
        by_class = [column.values[rows[~column.missing[rows]]] for rows in rows_by_class]
        scale = None
        if grid.low != grid.high:
            of_classes = [grid.to_unit(values) for values in by_class]
            scale = find_scale(grid.to_unit(present), of_classes, linear=linear)
        if linear:
            return cls(grid, scale, present[:0], has_missing, column.unit)
        atoms = find_atoms(present, by_class)
        varied = [own[~np.isin(own, atoms)] for own in (present, *by_class)]
        heaps = find_heaps(varied[0], varied[1:], grid, column.unit)
        return cls(grid, scale, atoms, has_missing, column.unit, heaps=heaps)

    def lay_out(
        self, position: int, column: Column, context: Context, builder: LayoutBuilder
    ) -> None:
        if self.grid is None:
            return
        if self.scale is not None:
            self.number = builder.add_number(self._number_slot(position, self.grid, self.scale))
        if self.n_states > 1:
            constants = (0.0, *([0.0] if self.has_missing else []), *self.scaled(self.atoms))
            head = HeadSlot(position, self.n_states, self.number, constants, self.has_missing)
            self.head = builder.add_head(head)

    def _number_slot(self, position: int, grid: Grid | CalendarGrid, scale: Scale) -> NumberSlot:
        low, high = scale.forward(np.array([0.0, 1.0]))
        step = grid.unit_step * (high - low) if scale.is_linear else 0.0
        return NumberSlot(position, float(low), float(high), float(step), self.heaps is not None)

    @property
    def n_states(self) -> int:
        """States: the number as it is, missing (if it occurs), one for each atom."""
        return 1 + self.has_missing + len(self.atoms)

    def scaled(self, values: NDArray[Any]) -> NDArray[np.float64]:
        if self.grid is None or self.scale is None:
            return np.zeros(len(values))
        return self.scale.forward(self.grid.to_unit(values))

    def scaled_cells(self, first: Any, last: Any) -> NDArray[np.float64]:
        """Return from where to where numbers stand for first ... last; one for a single value."""
        if self.grid is None or self.scale is None or first == last:
            return self.scaled(np.array([first, last]))
        return self.scale.forward(self.grid.cells(first, last))

    def encode(self, column: Column, out: CompactRows) -> None:
        self.check_kind(column)
        for rows, values in self._in_unit(column):
            missing = column.missing[rows]
            if self.number is not None:
                scaled = self.scaled(values).clip(-LARGEST, LARGEST)
                # the mean of the column, 0, stands for a missing number
                out.numbers[rows, self.number] = np.where(missing, 0.0, scaled)
            if self.head is not None:
                out.heads[rows, self.head] = self._states(values, missing)

    def is_unseen(self, column: Column) -> NDArray[np.bool_]:
        present = ~column.missing
        if self.grid is None:
            return present
        unseen = column.missing & (not self.has_missing)
        if self.scale is None:
            for rows, values in self._in_unit(column):
                unseen[rows] |= present[rows] & _differ(values, self.grid.low)
        return unseen

    def check_kind(self, column: Column) -> None:
        """Refuse a column of another kind than the one that was fitted."""
        if column.missing.all() or self.grid is None:
            return
        kinds = [
            "categories" if is_categorical else "numbers" if unit is None else "dates or durations"
            for is_categorical, unit in ((False, self.unit), (column.is_categorical, column.unit))
        ]
        if kinds[0] != kinds[1]:
            raise DataError(
                f"column {column.name!r} was {kinds[0]} in fit, but holds {kinds[1]} now; "
                "convert it."
            )

    def _in_unit(self, column: Column) -> Iterator[tuple[Any, NDArray[Any]]]:
        """Give values in the unit of time that was fitted, and the rows that they are of.

        Whole numbers as far as these go and floats beyond (9999 is no year in nanoseconds): apart,
        so that no value depends on those beside it.
        """
        if column.unit == self.unit or column.unit is None or self.unit is None:
            yield slice(None), column.values
            return
        theirs, ours = NANOSECONDS[column.unit], NANOSECONDS[self.unit]
        # whole ratios, so that a date is the same float whatever unit it comes in
        if theirs < ours:
            yield slice(None), column.values / (ours // theirs)
            return
        ratio = theirs // ours
        last = np.iinfo(np.int64).max // ratio
        is_exact = (column.values >= -last) & (column.values <= last)
        yield is_exact, column.values[is_exact] * ratio
        yield ~is_exact, column.values[~is_exact] * float(ratio)

    def _states(self, values: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[np.int32]:
        states = np.zeros(len(values), dtype=np.int32)
        for k, atom in enumerate(self.atoms):
            states[values == atom] = 1 + self.has_missing + k
        states[missing] = 1 if self.has_missing else MISSING_CODE
        return states

    def empty(self, name: Any) -> Column:
        return Column(name, np.zeros(0), np.zeros(0, dtype=bool), unit=self.unit)

    def decode(self, name: Any, rows: ExpandedRows) -> Column:
        n_rows = len(rows)
        if self.grid is None:
            return Column(name, np.zeros(n_rows), np.ones(n_rows, dtype=bool), unit=self.unit)
        values = self.grid.from_unit(np.zeros(n_rows))
        if self.number is not None and self.scale is not None:
            unit = self.scale.backward_from_single(rows.number(self.number))
            values = self.grid.from_unit(unit)
            if self.heaps is not None and rows.class_code is not None:
                rounded = self.heaps.from_unit(unit, self.grid, rows.class_code)
                low, high = rows.bounds(self.number)
                values = np.where((rounded >= low) & (rounded <= high), rounded, values)
        missing = np.zeros(n_rows, dtype=bool)
        if self.head is not None:
            states = rows.head(self.head)
            for k, atom in enumerate(self.atoms):
                values[states == 1 + self.has_missing + k] = atom
            missing = (states == 1) & self.has_missing
        return Column(name, values, missing, unit=self.unit)


@dataclass
class LevelCodec(Codec):
    """What categories of any size have in common; a missing value is the last level."""

    levels: tuple[Any, ...]
    has_missing: bool

    @classmethod
    def fit(cls, column: Column) -> Self:
        return cls(column.levels or (), bool(column.missing.any()))

    @property
    def n_codes(self) -> int:
        return len(self.levels) + self.has_missing

    def codes(self, column: Column) -> NDArray[np.int32]:
        """Return a column's codes among the fitted levels; an unknown one is -1.

        Raises
        ------
        DataError
            If no level is of a kind (strings, booleans, numbers ...) that was fitted.
        """
        own = column.levels or ()
        codes = column.values
        if own is not self.levels:  # they are, to the very object, in the column that was fitted
            code_of = {level_key(level): code for code, level in enumerate(self.levels)}
            translation = [code_of.get(level_key(level), MISSING_CODE) for level in own]
            if set(translation) == {MISSING_CODE}:
                self._check_kinds(column)
            codes = np.array([*translation, MISSING_CODE])[np.where(column.missing, -1, codes)]
        missing_code = len(self.levels) if self.has_missing else MISSING_CODE
        return np.where(column.missing, missing_code, codes).astype(np.int32)

    def _check_kinds(self, column: Column) -> None:
        """Refuse a column none of whose levels is of a kind that was seen: its type has changed."""
        fitted, found = (
            sorted(set(map(level_kind, levels))) for levels in (self.levels, column.levels or ())
        )
        if fitted and set(fitted).isdisjoint(found):
            raise DataError(
                f"column {column.name!r} was {' and '.join(fitted)} in fit, but holds "
                f"{' and '.join(found)} now; convert it."
            )

    def is_unseen(self, column: Column) -> NDArray[np.bool_]:
        return self.codes(column) == MISSING_CODE

    def empty(self, name: Any) -> Column:
        return self.column(name, np.zeros(0, dtype=np.int64))

    def column(self, name: Any, codes: NDArray[np.int64]) -> Column:
        """Return the column that has these codes among the fitted levels."""
        missing = codes >= len(self.levels)
        codes = np.where(missing, MISSING_CODE, codes).astype(np.int32)
        return Column(name, codes, missing, self.levels)


@dataclass
class CategoryCodec(LevelCodec):
    """A category as a softmax head, or as nothing if it has one level only."""

    head: int | None = None

    def lay_out(
        self, position: int, column: Column, context: Context, builder: LayoutBuilder
    ) -> None:
        if self.n_codes > 1:
            slot = HeadSlot(position, self.n_codes, has_missing=self.has_missing)
            self.head = builder.add_head(slot)

    def encode(self, column: Column, out: CompactRows) -> None:
        if self.head is not None:
            out.heads[:, self.head] = self.codes(column)

    def decode(self, name: Any, rows: ExpandedRows) -> Column:
        if self.head is None:
            return self.column(name, np.zeros(len(rows), dtype=np.int64))
        return self.column(name, rows.head(self.head))


@dataclass
class VectorCodec(LevelCodec):
    """A category with many levels as coordinates; decoded to the nearest level.

    Whether the value is missing is said by a head beside them, so that its rate can be met.
    """

    vector: int = -1
    head: int | None = None

    def lay_out(
        self, position: int, column: Column, context: Context, builder: LayoutBuilder
    ) -> None:
        vectors = level_vectors(self._present_codes(column), len(self.levels), context)
        self.vector = builder.add_vector(VectorSlot(position, vectors))
        if self.has_missing:
            self.head = builder.add_head(HeadSlot(position, size=2, has_missing=True))

    def encode(self, column: Column, out: CompactRows) -> None:
        out.vectors[:, self.vector] = self._present_codes(column)
        if self.head is not None:
            out.heads[:, self.head] = column.missing

    def shifts_left_out(
        self,
        rows: tuple[Column, Context],
        some: tuple[Column, Context],
        times: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return how far the levels of some rows move if these have no part in their place.

        `rows` are what `lay_out` was given, each of `some` is so many `times` among them.
        """
        placed, moved = ((self._present_codes(column), context) for column, context in (rows, some))
        return shifts_left_out(placed, len(self.levels), moved, times)

    def _present_codes(self, column: Column) -> NDArray[np.int32]:
        return np.where(column.missing, MISSING_CODE, self.codes(column)).astype(np.int32)

    def decode(self, name: Any, rows: ExpandedRows) -> Column:
        codes = rows.levels_near(self.vector)
        if self.head is not None:
            codes = np.where(rows.head(self.head) == 1, len(self.levels), codes)
        return self.column(name, codes)
