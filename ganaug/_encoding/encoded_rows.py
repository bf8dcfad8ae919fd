"""What codecs claim, write and read: the slots of an encoded row, and rows themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.columns import NO_BOUNDS, Bounds
from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout, VectorSlot


class LayoutBuilder:
    """Collects slots while codecs claim them; each claim returns the number of its slot."""

    def __init__(self) -> None:
        self._numbers: list[NumberSlot] = []
        self._vectors: list[VectorSlot] = []
        self._heads: list[HeadSlot] = []

    def add_number(self, slot: NumberSlot) -> int:
        self._numbers.append(slot)
        return len(self._numbers) - 1

    def add_vector(self, slot: VectorSlot) -> int:
        self._vectors.append(slot)
        return len(self._vectors) - 1

    def add_head(self, slot: HeadSlot) -> int:
        self._heads.append(slot)
        return len(self._heads) - 1

    def layout(self) -> TableLayout:
        return TableLayout(tuple(self._numbers), tuple(self._vectors), tuple(self._heads))


class CompactRows:
    """Compact rows while codecs write them."""

    def __init__(self, layout: TableLayout, n_rows: int) -> None:
        n_codes = len(layout.vectors) + len(layout.heads)
        self.numbers = np.zeros((n_rows, len(layout.numbers)), dtype=np.float32)
        codes = np.zeros((n_rows, n_codes), dtype=np.int32)
        self.vectors, self.heads = np.split(codes, [len(layout.vectors)], axis=1)  # views
        self._codes = codes

    def table(self) -> EncodedTable:
        return EncodedTable(self.numbers, self._codes)


class ExpandedRows:
    """Rows of shape (n_rows, width) while codecs read them: new ones of a class, or any."""

    def __init__(
        self,
        layout: TableLayout,
        rows: NDArray[np.float32],
        class_code: int | None = None,
        bounds: Bounds = NO_BOUNDS,
    ) -> None:
        self.class_code = class_code
        self._layout = layout
        self._bounds = bounds
        self._rows = rows
        self._numbers = np.ascontiguousarray(rows[:, : len(layout.numbers)].T)
        self._one_hot = rows[:, layout.one_hot]

    def __len__(self) -> int:
        return len(self._rows)

    def number(self, slot: int) -> NDArray[np.float32]:
        return self._numbers[slot]

    def bounds(self, slot: int) -> tuple[Any, Any]:
        """Return from where to where the values of a number are to lie, in those of its column."""
        return self._bounds.get(self._layout.numbers[slot].column, (-np.inf, np.inf))

    def vector(self, slot: int) -> NDArray[np.float32]:
        return self._rows[:, self._layout.vector_slices[slot]]

    def levels_near(self, slot: int) -> NDArray[np.int64]:
        """Return the levels whose vectors are nearest."""
        return self._layout.vectors[slot].nearest_levels(self.vector(slot))

    def head(self, slot: int) -> NDArray[np.int64]:
        """Return the level that is hot."""
        levels: NDArray[np.int64] = self._one_hot[:, self._layout.head_slices[slot]].argmax(axis=1)
        return levels
