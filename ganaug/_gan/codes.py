"""Codes: the values of a column told apart by whole numbers, whatever the column is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from ganaug._encoding.layout import TableLayout
from ganaug._gan.runtime import DTYPE

# Each value of a number is a part of its own if there are no more. Other numbers fall into as many
# parts as leave so many rows for a cell of two columns.
MAX_VALUES = 32
CELL_ROWS = 20


@dataclass(frozen=True)
class Column:
    """How the values of a column are told apart: by levels, by states, or by parts of a number.

    Parameters
    ----------
    head : slice or None
        Where its levels or states lie in a row.
    number : int or None
        Which it has, or whose states these are.
    edges : Tensor of shape (n_parts - 1,) or None
        Between parts of the number; None looks at levels or states alone.
    n_states : int
        So many states, after the first one, in which the number is of no part.
    is_few : bool
        Whether there are few values, each with a code.
    """

    head: slice | None
    number: int | None = None
    edges: Tensor | None = None
    n_states: int = 0
    is_few: bool = True

    def is_value(self) -> list[bool]:
        """Return for each code whether it stands for a value, or for being of no part."""
        if self.edges is not None:
            return [True] * (len(self.edges) + 1) + [False] * (self.n_states > 0)
        return [True] * (self.head.stop - self.head.start if self.head else 0)

    def is_mixture(self, rows: Tensor) -> Tensor:
        """Return which rows (n, width) have some of each of several levels, (n,)."""
        if self.head is None:
            return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
        return rows[:, self.head].amax(dim=1) < 1

    def coordinates(self, width: int) -> Tensor:
        """Return which coordinates of a row are of the column, (width,)."""
        mask = torch.zeros(width, dtype=torch.bool)
        if self.head is not None:
            mask[self.head] = True
        if self.number is not None:
            mask[self.number] = True
        return mask


class CodeBook:
    """Codes of the values of columns.

    Parameters
    ----------
    columns : sequence of Column
    width : int
        Of a row.
    device : torch.device
    """

    def __init__(self, columns: Sequence[Column], width: int, device: torch.device) -> None:
        # of a one-hot head the product with 0, 1, 2, ... is its level
        levels = torch.zeros(width, len(columns), dtype=DTYPE)
        for k, column in enumerate(columns):
            if column.head is not None:
                size = column.head.stop - column.head.start
                levels[column.head, k] = torch.arange(size, dtype=DTYPE)
        parts = [(k, c, c.edges) for k, c in enumerate(columns) if c.edges is not None]
        self._levels = levels.to(device)
        self._with_parts = [k for k, _, _ in parts]
        self._numbers = [column.number for _, column, _ in parts]
        self._edges = _padded([edges for *_, edges in parts], device)
        self._n_states = torch.tensor([[column.n_states] for _, column, _ in parts], device=device)
        self._no_part = torch.tensor([[len(edges) + 1] for *_, edges in parts], device=device)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the codes of rows (n, width), of shape (n_columns, n)."""
        codes = (rows @ self._levels).T.round().int()
        if self._numbers:
            part = torch.searchsorted(self._edges, rows[:, self._numbers].T.contiguous())
            level = codes[self._with_parts]
            is_state = (level > 0) & (level <= self._n_states)
            codes[self._with_parts] = torch.where(is_state, self._no_part, part).int()
        return codes


def columns_of(layout: TableLayout, rows: Tensor) -> list[Column]:
    """Return how to tell apart the values of columns, of rows (n, width) like these."""
    start = layout.one_hot.start
    heads = [slice(start + part.start, start + part.stop) for part in layout.head_slices]
    of_heads = list(zip(layout.heads, heads, strict=True))
    states = {slot.number: (head, slot.has_missing) for slot, head in of_heads}
    columns = [Column(head) for slot, head in of_heads if slot.number is None]
    for number in range(len(layout.numbers)):
        columns += _of_number(number, rows, *states.get(number, (None, False)))
    return columns


def code_slices(columns: Sequence[Column]) -> list[slice]:
    """Return where the codes of each column lie among those of all, one after the other."""
    ends = list(accumulate((len(column.is_value()) for column in columns), initial=0))
    return [slice(start, stop) for start, stop in pairwise(ends)]


def membership(columns: Sequence[Column]) -> Tensor:
    """Return 1 where a code stands for a value of a column, (n_codes, n_columns)."""
    sizes = torch.tensor([len(column.is_value()) for column in columns], dtype=torch.long)
    is_value = torch.tensor([value for column in columns for value in column.is_value()])
    return torch.eye(len(columns), dtype=DTYPE).repeat_interleave(sizes, dim=0) * is_value[:, None]


def _of_number(number: int, rows: Tensor, states: slice | None, has_missing: bool) -> list[Column]:
    """Return how to tell apart the values of a number, and whether it is missing or common."""
    level = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
    if states is not None:
        level = rows[:, states].argmax(dim=1)
    distinct = rows[(level == 0) | (level > has_missing), number].unique()
    if len(distinct) <= MAX_VALUES:
        edges = (distinct[1:] + distinct[:-1]) / 2
        values = Column(states, number, edges, n_states=int(has_missing))
        return [values, Column(states, number)] if has_missing else [values]
    present = rows[level == 0, number]
    n_parts = min(max(math.isqrt(len(present) // CELL_ROWS), 2), MAX_VALUES)
    edges = present.quantile(torch.linspace(0, 1, n_parts + 1, device=rows.device)[1:-1]).unique()
    if states is None:
        return [Column(None, number, edges, is_few=False)]
    n_states = states.stop - states.start - 1
    return [Column(states, number, edges, n_states, is_few=False), Column(states, number)]


def _padded(edges: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return edges as lines of one length, (n_numbers, most), with infinite ones after the last."""
    lines = torch.full((len(edges), max(map(len, edges), default=0)), torch.inf, dtype=DTYPE)
    for line, of_number in zip(lines, edges, strict=True):
        line[: len(of_number)] = of_number
    return lines.to(device)
