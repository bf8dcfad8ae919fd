"""TableEncoder: columns to compact encoded rows, and generated rows back to columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.columns import MISSING_CODE, Column, level_key
from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout, VectorSlot
from ganaug._encoding.levels import level_vectors, nearest_levels
from ganaug._encoding.numbers import Grid, Scale, find_atoms, find_grid, find_scale
from ganaug.exceptions import DataError

# Up to so many levels a category is a softmax head, beyond it a vector: a head costs
# rows x levels in every batch, and a rare level among hundreds is hardly ever drawn right.
MAX_ONE_HOT_LEVELS = 32
SECONDS = {
    **{"Y": 31_556_952.0, "M": 2_629_746.0, "W": 604_800.0, "D": 86_400.0, "h": 3600.0, "m": 60.0},
    **{"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9},
}


class TableEncoder:
    """Turns the columns of a table into encoded rows and back.

    Attributes
    ----------
    layout_ : TableLayout
        The slices of an encoded row.
    codecs_ : list
        One codec for each column.
    """

    layout_: TableLayout
    codecs_: list[Codec]

    def fit(self, columns: Sequence[Column], classes: NDArray[np.int64]) -> TableEncoder:
        """Learn ranges, grids, scales and levels.

        Parameters
        ----------
        columns : sequence of Column
            The training table.
        classes : ndarray of shape (n_rows,)
            Class code of each row; levels of a column with very many are placed by what they
            say about the class and the other columns.
        """
        self._names = [column.name for column in columns]
        self.codecs_ = [fit_codec(column) for column in columns]
        context = _context(self.codecs_, columns, classes)
        builder = _LayoutBuilder()
        for position, (codec, column) in enumerate(zip(self.codecs_, columns, strict=True)):
            codec.lay_out(position, column, context, builder)
        self.layout_ = builder.layout()
        return self

    @property
    def is_categorical(self) -> list[bool]:
        """Which columns were fitted as categories."""
        return [not isinstance(codec, NumberCodec) for codec in self.codecs_]

    def transform(self, columns: Sequence[Column]) -> EncodedTable:
        """Encode columns; categories not seen in `fit` become code -1."""
        n_rows = len(columns[0].values) if columns else 0
        layout = self.layout_
        numbers = np.zeros((n_rows, len(layout.numbers)), dtype=np.float32)
        codes = np.zeros((n_rows, len(layout.vectors) + len(layout.heads)), dtype=np.int32)
        for codec, column in zip(self.codecs_, columns, strict=True):
            codec.encode(column, numbers, codes, len(layout.vectors))
        return EncodedTable(numbers, codes)

    def inverse_transform(self, rows: NDArray[np.float32]) -> list[Column]:
        """Decode expanded rows of shape (n_rows, layout_.width) to valid columns."""
        layout = self.layout_
        heads = [rows[:, layout.one_hot][:, part].argmax(axis=1) for part in layout.head_slices]
        return [
            codec.decode(name, rows, heads, layout)
            for codec, name in zip(self.codecs_, self._names, strict=True)
        ]


def fit_codec(column: Column) -> Codec:
    """Return the codec that fits the kind and the size of a column."""
    if column.levels is not None:
        if len(column.levels) > MAX_ONE_HOT_LEVELS:
            return VectorCodec.fit(column)
        return CategoryCodec.fit(column)
    return NumberCodec.fit(column)


class _LayoutBuilder:
    """Collects slots while codecs claim them."""

    def __init__(self) -> None:
        self.numbers: list[NumberSlot] = []
        self.vectors: list[VectorSlot] = []
        self.heads: list[HeadSlot] = []

    def layout(self) -> TableLayout:
        return TableLayout(tuple(self.numbers), tuple(self.vectors), tuple(self.heads))


class Codec(ABC):
    """Encodes and decodes one column."""

    @abstractmethod
    def lay_out(
        self, position: int, column: Column, context: NDArray[np.float64], builder: _LayoutBuilder
    ) -> None:
        """Claim the slots that the column needs."""

    @abstractmethod
    def encode(
        self,
        column: Column,
        numbers: NDArray[np.float32],
        codes: NDArray[np.int32],
        n_vectors: int,
    ) -> None:
        """Write the column into the compact rows."""

    @abstractmethod
    def decode(
        self,
        name: Any,
        rows: NDArray[np.float32],
        heads: list[NDArray[np.int64]],
        layout: TableLayout,
    ) -> Column:
        """Read the column from expanded rows."""


@dataclass
class NumberCodec(Codec):
    """A number on a standard scale, with a state for missing and for values that pile up.

    `grid` is None if no value is present; `scale` is None if all present values are equal.
    """

    grid: Grid | None
    scale: Scale | None
    atoms: NDArray[Any]
    has_missing: bool
    unit: str | None = None
    number: int | None = None
    head: int | None = None

    @classmethod
    def fit(cls, column: Column) -> NumberCodec:
        present = column.values[~column.missing]
        has_missing = bool(column.missing.any())
        if not len(present):
            return cls(None, None, present, has_missing, column.unit)
        grid = find_grid(present)
        scale = find_scale(grid.to_unit(present)) if grid.low != grid.high else None
        atoms = find_atoms(present)
        return cls(grid, scale, atoms, has_missing, column.unit)

    def lay_out(
        self, position: int, column: Column, context: NDArray[np.float64], builder: _LayoutBuilder
    ) -> None:
        if self.grid is None:
            return
        if self.scale is not None:
            self.number = len(builder.numbers)
            builder.numbers.append(self._number_slot(position, self.grid, self.scale))
        if self.n_states > 1:
            self.head = len(builder.heads)
            constants = (0.0, *([0.0] if self.has_missing else []), *self._scaled(self.atoms))
            builder.heads.append(
                HeadSlot(position, self.n_states, self.number, constants, self.has_missing)
            )

    @staticmethod
    def _number_slot(position: int, grid: Grid, scale: Scale) -> NumberSlot:
        low, high = scale.forward(np.array([0.0, 1.0]))
        step = grid.unit_step * (high - low) if scale.is_linear else 0.0
        return NumberSlot(position, float(low), float(high), float(step))

    @property
    def n_states(self) -> int:
        """States: the number as it is, missing (if it occurs), one for each atom."""
        return 1 + self.has_missing + len(self.atoms)

    def _scaled(self, values: NDArray[Any]) -> NDArray[np.float64]:
        if self.grid is None or self.scale is None:
            return np.zeros(len(values))
        return self.scale.forward(self.grid.to_unit(values))

    def encode(
        self,
        column: Column,
        numbers: NDArray[np.float32],
        codes: NDArray[np.int32],
        n_vectors: int,
    ) -> None:
        if column.is_categorical and not column.missing.all():
            raise DataError(
                f"column {column.name!r} was numbers in fit, but holds categories now; convert it."
            )
        if self.number is not None:
            # the mean of the column, 0, stands for a missing number
            scaled = self._scaled(self._in_unit(column))
            numbers[:, self.number] = np.where(column.missing, 0.0, scaled)
        if self.head is not None:
            codes[:, n_vectors + self.head] = self._states(column)

    def _in_unit(self, column: Column) -> NDArray[Any]:
        """Return values in the unit of time that was fitted."""
        if column.unit == self.unit or column.unit is None or self.unit is None:
            return column.values
        return column.values * (SECONDS[column.unit] / SECONDS[self.unit])

    def _states(self, column: Column) -> NDArray[np.int32]:
        states = np.zeros(len(column.values), dtype=np.int32)
        for k, atom in enumerate(self.atoms):
            states[column.values == atom] = 1 + self.has_missing + k
        states[column.missing] = 1 if self.has_missing else MISSING_CODE
        return states

    def decode(
        self,
        name: Any,
        rows: NDArray[np.float32],
        heads: list[NDArray[np.int64]],
        layout: TableLayout,
    ) -> Column:
        n_rows = len(rows)
        if self.grid is None:
            return Column(name, np.zeros(n_rows), np.ones(n_rows, dtype=bool))
        if self.number is None or self.scale is None:
            values = self.grid.from_unit(np.zeros(n_rows))
        else:
            standard = rows[:, self.number].astype(np.float64)
            values = self.grid.from_unit(self.scale.backward(standard))
        missing = np.zeros(n_rows, dtype=bool)
        if self.head is not None:
            states = heads[self.head]
            for k, atom in enumerate(self.atoms):
                values[states == 1 + self.has_missing + k] = atom
            missing = (states == 1) & self.has_missing
        return Column(name, values, missing)


@dataclass
class CategoryCodec(Codec):
    """A category as a softmax head; a missing value is the last level."""

    levels: tuple[Any, ...]
    has_missing: bool
    head: int | None = None

    @classmethod
    def fit(cls, column: Column) -> CategoryCodec:
        assert column.levels is not None  # narrows the type
        return cls(column.levels, bool(column.missing.any()))

    def lay_out(
        self, position: int, column: Column, context: NDArray[np.float64], builder: _LayoutBuilder
    ) -> None:
        size = len(self.levels) + self.has_missing
        if size > 1:
            self.head = len(builder.heads)
            builder.heads.append(HeadSlot(position, size, has_missing=self.has_missing))

    def encode(
        self,
        column: Column,
        numbers: NDArray[np.float32],
        codes: NDArray[np.int32],
        n_vectors: int,
    ) -> None:
        if self.head is not None:
            codes[:, n_vectors + self.head] = known_codes(column, self.levels, self.has_missing)

    def decode(
        self,
        name: Any,
        rows: NDArray[np.float32],
        heads: list[NDArray[np.int64]],
        layout: TableLayout,
    ) -> Column:
        if self.head is None:
            codes = np.zeros(len(rows), dtype=np.int64)
        else:
            codes = heads[self.head].astype(np.int64)
        missing = codes >= len(self.levels)
        return Column(name, np.where(missing, MISSING_CODE, codes), missing, self.levels)


@dataclass
class VectorCodec(Codec):
    """A category with many levels as coordinates; decoded to the nearest level."""

    levels: tuple[Any, ...]
    has_missing: bool
    vector: int = -1

    @classmethod
    def fit(cls, column: Column) -> VectorCodec:
        assert column.levels is not None  # narrows the type
        return cls(column.levels, bool(column.missing.any()))

    def lay_out(
        self, position: int, column: Column, context: NDArray[np.float64], builder: _LayoutBuilder
    ) -> None:
        codes = known_codes(column, self.levels, self.has_missing)
        vectors = level_vectors(codes, len(self.levels) + self.has_missing, context)
        self.vector = len(builder.vectors)
        builder.vectors.append(VectorSlot(position, vectors))

    def encode(
        self,
        column: Column,
        numbers: NDArray[np.float32],
        codes: NDArray[np.int32],
        n_vectors: int,
    ) -> None:
        codes[:, self.vector] = known_codes(column, self.levels, self.has_missing)

    def decode(
        self,
        name: Any,
        rows: NDArray[np.float32],
        heads: list[NDArray[np.int64]],
        layout: TableLayout,
    ) -> Column:
        slot = layout.vectors[self.vector]
        codes = nearest_levels(rows[:, layout.vector_slices[self.vector]], slot.vectors)
        missing = codes >= len(self.levels)
        return Column(name, np.where(missing, MISSING_CODE, codes), missing, self.levels)


def known_codes(column: Column, levels: tuple[Any, ...], has_missing: bool) -> NDArray[np.int32]:
    """Return codes in `levels`; the missing level comes last, an unknown one is -1."""
    missing_code = len(levels) if has_missing else MISSING_CODE
    own = column.levels if column.levels is not None else ()
    if own == levels:
        codes = column.values
    else:
        code_of = {level_key(level): code for code, level in enumerate(levels)}
        translation = np.array(
            [code_of.get(level_key(level), MISSING_CODE) for level in own] or [MISSING_CODE]
        )
        codes = translation[np.where(column.missing, 0, column.values)]
    return np.where(column.missing, missing_code, codes).astype(np.int32)


def _context(
    codecs: Sequence[Codec], columns: Sequence[Column], classes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return what is known about each row besides columns of many levels: (n_rows, n_facts)."""
    if not any(isinstance(codec, VectorCodec) for codec in codecs):
        return np.empty((len(classes), 0))
    facts = [np.eye(classes.max() + 1)[classes]]
    for codec, column in zip(codecs, columns, strict=True):
        if isinstance(codec, NumberCodec) and codec.grid is not None:
            facts.append(np.where(column.missing, 0.0, codec._scaled(column.values))[:, None])
        elif isinstance(codec, CategoryCodec):
            codes = known_codes(column, codec.levels, codec.has_missing)
            facts.append(np.eye(len(codec.levels) + codec.has_missing)[codes])
    return np.hstack(facts)
