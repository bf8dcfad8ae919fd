"""Codes: the values of a column told apart by whole numbers, whatever the column is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ganaug._encoding.layout import HeadSlot, TableLayout, VectorSlot
from ganaug._gan.runtime import DTYPE

# Each value of a number is a part of its own if there are no more. Other numbers fall into as many
# parts as leave so many rows for a cell of two columns.
MAX_VALUES = 32
CELL_ROWS = 20
# Of all columns, and of these and those that have few values.
MAX_CODES = 2048
MAX_CELLS = 2**18


@dataclass(frozen=True)
class CodedColumn:
    """How the values of a column are told apart.

    Those of a head are its levels or states, those of a number the parts between edges, those of a
    vector the levels that are nearest to it.

    Parameters
    ----------
    place : int
        Of the column in the table.
    head : slice or None
        Where its levels or states lie in a row.
    continuous : slice or None
        Where its number or vector does, if that goes with what is told apart.
    edges : Tensor of shape (n_parts - 1,) or None
    vectors : Tensor of shape (n_parts, size) or None
    n_states : int
        So many states, after the first one, in which a number or vector is of no part.
    is_few : bool
        Whether there are few values, each with a code.
    """

    place: int
    head: slice | None
    continuous: slice | None = None
    edges: Tensor | None = None
    vectors: Tensor | None = None
    n_states: int = 0
    is_few: bool = True

    def is_value(self) -> list[bool]:
        """Return for each code whether it stands for a value, or for being of no part."""
        if self.n_parts:
            return [True] * self.n_parts + [False] * (self.n_states > 0)
        return [True] * (self.head.stop - self.head.start if self.head else 0)

    @property
    def n_parts(self) -> int:
        """How many parts there are of its number or vector; 0 if these are not looked at."""
        if self.edges is not None:
            return len(self.edges) + 1
        return 0 if self.vectors is None else len(self.vectors)

    def coordinates(self, width: int) -> Tensor:
        """Return which coordinates of a row are of the column, (width,)."""
        mask = torch.zeros(width, dtype=torch.bool)
        if self.head is not None:
            mask[self.head] = True
        if self.continuous is not None:
            mask[self.continuous] = True
        return mask


class CodeBook:
    """Codes of the values of columns.

    Parameters
    ----------
    columns : sequence of CodedColumn
    width : int
        Of a row.
    device : torch.device
    """

    def __init__(self, columns: Sequence[CodedColumn], width: int, device: torch.device) -> None:
        # of a one-hot head the product with 0, 1, 2, ... is its level
        self._levels = torch.zeros(width, len(columns), dtype=DTYPE, device=device)
        self._heads = torch.zeros_like(self._levels)
        for k, column in enumerate(columns):
            if column.head is not None:
                size = column.head.stop - column.head.start
                self._levels[column.head, k] = torch.arange(size, dtype=DTYPE, device=device)
                self._heads[column.head, k] = 1.0
        self._parts = _Parts(columns, device)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the codes of rows (n, width), of shape (n_columns, n)."""
        return self._parts.or_levels((rows @ self._levels).T.round().int(), rows)

    def mixtures(self, rows: Tensor) -> Tensor:
        """Return where rows (n, width) have some of each of several levels, (n_columns, n)."""
        return (((rows > 0) & (rows < 1)).to(DTYPE) @ self._heads > 0).T


class _Parts:
    """Parts of numbers and vectors, of all columns at once.

    Parameters
    ----------
    columns : sequence of CodedColumn
    device : torch.device
    """

    def __init__(self, columns: Sequence[CodedColumn], device: torch.device) -> None:
        numbers = [(k, column) for k, column in enumerate(columns) if column.edges is not None]
        vectors = [(k, column) for k, column in enumerate(columns) if column.vectors is not None]

        def integers(values: Sequence[int], dtype: torch.dtype = torch.long) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)

        both = [column for _, column in (*numbers, *vectors)]
        self._columns = integers([k for k, _ in (*numbers, *vectors)])
        self._n_parts = integers([column.n_parts for column in both], torch.int32)[:, None]
        self._n_states = integers([column.n_states for column in both], torch.int32)[:, None]
        self._numbers = integers([cast(slice, column.continuous).start for _, column in numbers])
        # no number is beyond what fills edges up, so that all can be looked up at once
        edges = [cast(Tensor, column.edges).to(DTYPE) for _, column in numbers]
        self._edges = torch.empty(0, 0, dtype=DTYPE, device=device)
        if edges:
            self._edges = pad_sequence(edges, batch_first=True, padding_value=torch.inf)
        self._vectors = [(column.continuous, cast(Tensor, column.vectors)) for _, column in vectors]

    def or_levels(self, levels: Tensor, rows: Tensor) -> Tensor:
        """Return levels (n_columns, n) of rows (n, width), or parts where columns have these."""
        level = levels[self._columns]
        is_state = (level > 0) & (level <= self._n_states)
        parts = torch.where(is_state, self._n_parts, self._of(rows))
        return levels.index_copy(0, self._columns, parts)

    def _of(self, rows: Tensor) -> Tensor:
        """Return the part of each number and vector of rows (n, width), of shape (n_both, n)."""
        numbers = rows[:, self._numbers].T.contiguous()
        parts = [torch.searchsorted(self._edges, numbers, out_int32=True)]
        for place, vectors in self._vectors:
            parts.append(torch.cdist(rows[:, place], vectors).argmin(dim=1).int()[None])
        return torch.cat(parts)


def columns_of(layout: TableLayout, rows: Tensor) -> list[CodedColumn]:
    """Return how to tell apart the values of columns, of rows (n, width) like these.

    Vectors have a code for each level, and are left out where these would be too many.
    """
    start = layout.one_hot.start
    heads = {
        slot.column: (slot, slice(start + part.start, start + part.stop))
        for slot, part in zip(layout.heads, layout.head_slices, strict=True)
    }
    beside = {slot.column for slot in layout.numbers} | {slot.column for slot in layout.vectors}
    columns = [
        CodedColumn(place, head) for place, (_, head) in heads.items() if place not in beside
    ]
    for k, number in enumerate(layout.numbers):
        columns += _of_number(number.column, slice(k, k + 1), heads.get(number.column), rows)
    for vector, part in zip(layout.vectors, layout.vector_slices, strict=True):
        of_vector = _of_vector(vector, part, heads.get(vector.column), rows.device)
        if not are_too_many([*columns, *of_vector]):
            columns += of_vector
    return columns


def are_too_many(columns: Sequence[CodedColumn]) -> bool:
    """Tell whether to compare the codes of columns with those of few values would take too long."""
    n_few, n_codes = (
        sum(len(column.is_value()) for column in columns if column.is_few or not only_few)
        for only_few in (True, False)
    )
    return n_codes > MAX_CODES or n_few * n_codes > MAX_CELLS


def code_slices(columns: Sequence[CodedColumn]) -> list[slice]:
    """Return where the codes of each column lie among those of all, one after the other."""
    ends = list(accumulate((len(column.is_value()) for column in columns), initial=0))
    return [slice(start, stop) for start, stop in pairwise(ends)]


def membership(columns: Sequence[CodedColumn]) -> Tensor:
    """Return 1 where a code stands for a value of a column, (n_codes, n_columns)."""
    sizes = torch.tensor([len(column.is_value()) for column in columns], dtype=torch.long)
    is_value = torch.tensor([value for column in columns for value in column.is_value()])
    return torch.eye(len(columns), dtype=DTYPE).repeat_interleave(sizes, dim=0) * is_value[:, None]


def _of_number(
    place: int, part: slice, states: tuple[HeadSlot, slice] | None, rows: Tensor
) -> list[CodedColumn]:
    """Return how to tell apart the values of a number, and whether it is missing or common."""
    slot, head = states or (None, None)
    has_missing = slot is not None and slot.has_missing
    level = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
    if head is not None:
        level = rows[:, head].argmax(dim=1)
    values = rows[:, part.start]
    distinct = values[(level == 0) | (level > has_missing)].unique()
    if len(distinct) <= MAX_VALUES:
        edges = (distinct[1:] + distinct[:-1]) / 2
        number = CodedColumn(place, head, part, edges, n_states=int(has_missing))
        return [number, CodedColumn(place, head, part)] if has_missing else [number]
    present = values[level == 0]
    n_parts = min(max(math.isqrt(len(present) // CELL_ROWS), 2), MAX_VALUES)
    shares = torch.linspace(0, 1, n_parts + 1, dtype=rows.dtype, device=rows.device)[1:-1]
    edges = present.quantile(shares).unique()
    if slot is None:
        return [CodedColumn(place, None, part, edges, is_few=False)]
    number = CodedColumn(place, head, part, edges, n_states=slot.size - 1, is_few=False)
    return [number, CodedColumn(place, head, part)]


def _of_vector(
    slot: VectorSlot, part: slice, states: tuple[HeadSlot, slice] | None, device: torch.device
) -> list[CodedColumn]:
    """Return how to tell apart the levels of a vector, and whether it is missing."""
    vectors = torch.from_numpy(slot.vectors).to(device)
    if states is None:
        return [CodedColumn(slot.column, None, part, vectors=vectors)]
    _, head = states
    levels = CodedColumn(slot.column, head, part, vectors=vectors, n_states=1)
    return [levels, CodedColumn(slot.column, head, part)]
