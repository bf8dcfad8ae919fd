"""What an encoded row looks like: named slices, counted once and never by hand.

A row of a table is stored compactly (`EncodedTable`: one float for a number, one integer for a
category) and expanded to `layout.width` floats for a batch only, so that memory does not grow with
rows x levels::

    | numbers            | vectors                  | one-hot heads                      |
    | one for a number   | `size` for a column with | `size` for a category, or for the  |
    |                    | many levels              | state of a number                  |
    '---- layout.continuous, ends at continuous_width ---'--- layout.one_hot ------------'

An image (`ImageLayout`) is a row of numbers, too: its pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class NumberSlot:
    """One number of an encoded row.

    Parameters
    ----------
    column : int
        Position of the column in the table.
    low, high : float
        Encoded value of the smallest and the largest number seen in training.
    step : float
        Distance of neighbouring values on the column's grid, in encoded units; 0 if the column is
        continuous or its scale is not linear.
    is_heaped : bool
        Whether some values are rounded to more than the grid, which decoding does: until then they
        are where they are.
    """

    column: int
    low: float
    high: float
    step: float
    is_heaped: bool = False


@dataclass(frozen=True)
class VectorSlot:
    """The coordinates of a category with many levels.

    Parameters
    ----------
    column : int
        Position of the column in the table.
    vectors : ndarray of shape (n_levels, size), dtype float32
        Coordinates of each level.
    """

    column: int
    vectors: NDArray[np.float32]

    @property
    def size(self) -> int:
        return self.vectors.shape[1]

    def of_levels(self, levels: Sequence[int]) -> VectorSlot:
        """Return the slot of some of the levels."""
        return VectorSlot(self.column, self.vectors[list(levels)])

    def nearest_levels(self, points: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the level whose coordinates are nearest to each point."""
        return np.asarray(self._tree.query(points)[1], dtype=np.int64)

    @cached_property
    def _tree(self) -> cKDTree:
        # rows are decoded some thousand at a time, and identifiers have as many levels as rows
        return cKDTree(self.vectors)

    def __getstate__(self) -> dict[str, object]:
        return {"column": self.column, "vectors": self.vectors}  # the tree is quickly made again


@dataclass(frozen=True)
class HeadSlot:
    """A one-hot group: the levels of a category, or the state of a number.

    Parameters
    ----------
    column : int
        Position of the column in the table.
    size : int
        Number of levels.
    number : int or None
        For the state of a number, the position of that number in the encoded row. Level 0 means
        "the number as it is", level k > 0 that it equals ``constants[k]``.
    constants : tuple of float
        Encoded values for the states; ``constants[0]`` is not used. Empty for a category.
    has_missing : bool
        Whether one of the levels says that the value is missing.
    """

    column: int
    size: int
    number: int | None = None
    constants: tuple[float, ...] = ()
    has_missing: bool = False


@dataclass(frozen=True)
class TableLayout:
    """The slices of an encoded row of shape (width,)."""

    numbers: tuple[NumberSlot, ...]
    vectors: tuple[VectorSlot, ...]
    heads: tuple[HeadSlot, ...]

    @cached_property
    def continuous_width(self) -> int:
        """How many coordinates are real-valued: numbers and vectors."""
        return len(self.numbers) + sum(slot.size for slot in self.vectors)

    @cached_property
    def one_hot_width(self) -> int:
        return sum(slot.size for slot in self.heads)

    @cached_property
    def width(self) -> int:
        return self.continuous_width + self.one_hot_width

    @cached_property
    def is_grid(self) -> bool:
        """Whether rows can equal one another: levels and numbers on a grid, nothing else."""
        return not self.vectors and all(slot.step > 0 for slot in self.numbers)

    @property
    def continuous(self) -> slice:
        return slice(0, self.continuous_width)

    @property
    def one_hot(self) -> slice:
        return slice(self.continuous_width, self.width)

    @cached_property
    def vector_slices(self) -> tuple[slice, ...]:
        """Where each vector lies in the row."""
        return _consecutive(len(self.numbers), [slot.size for slot in self.vectors])

    @cached_property
    def head_slices(self) -> tuple[slice, ...]:
        """Where each head lies within the one-hot part."""
        return _consecutive(0, [slot.size for slot in self.heads])


@dataclass(frozen=True)
class ImageLayout(TableLayout):
    """An encoded row that is an image: its channels one after the other, from -1 to 1.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width in pixels.
    """

    shape: tuple[int, int, int]

    @classmethod
    def of(cls, shape: tuple[int, int, int]) -> ImageLayout:
        """Return the layout of images of a shape: each pixel is a number."""
        pixels = tuple(NumberSlot(column, -1.0, 1.0, 0.0) for column in range(math.prod(shape)))
        return cls(pixels, (), (), shape)


@dataclass(frozen=True)
class Condition:
    """What a generated row must be in one column, in terms of the slots of that column.

    Parameters
    ----------
    text : str
        The condition as one would write it down, for messages.
    number : int or None
        A number that must lie in [`low`, `high`] (encoded).
    vector : int or None
        A vector slot whose level must be one of `levels`.
    head : int or None
        A head whose level must be one of `states`.
    """

    text: str
    number: int | None = None
    low: float = 0.0
    high: float = 0.0
    vector: int | None = None
    levels: tuple[int, ...] = ()
    head: int | None = None
    states: tuple[int, ...] = ()


@dataclass(frozen=True)
class Found:
    """What training rows of a class there are for some conditions.

    Parameters
    ----------
    n_rows : int
    n_meeting_each : tuple of int
        Rows that meet each condition.
    n_meeting_all : int
    within_reach : tuple of bool
        Whether rows that meet a condition can be generated.
    excluding : tuple of int or None
        Two conditions that can't be met at once, as their values never meet.
    """

    n_rows: int
    n_meeting_each: tuple[int, ...]
    n_meeting_all: int
    within_reach: tuple[bool, ...]
    excluding: tuple[int, int] | None = None


@dataclass(frozen=True)
class EncodedTable:
    """Compact rows.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_numbers), dtype float32
    codes : ndarray of shape (n_rows, n_vectors + n_heads), dtype int32
        Level of each vector slot, then of each head; -1 for a level unknown to the encoder.
    """

    numbers: NDArray[np.float32]
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.int64]) -> EncodedTable:
        return EncodedTable(self.numbers[rows], self.codes[rows])


def _consecutive(start: int, sizes: list[int]) -> tuple[slice, ...]:
    ends = start + np.cumsum([0, *sizes])
    return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))
