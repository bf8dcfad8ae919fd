"""Values of two columns that exclude one another, kept apart in generated rows.

A generator draws the level of each column by itself, and so combines what no row does: a nurse in
the sales department, a value that is missing beside one that it always goes with. Where two values
would often have met if their columns were independent, and never did, the cell of the table that
they would have met in is taken for a structural zero (Bishop, Fienberg & Holland 1975, "Discrete
multivariate analysis", chapter 5).

A cell may also be empty because a class has few rows. What its new rows would find is told by those
that there are, each left out in turn (Good 1953, "The population frequencies of species"): two
columns exclude nothing in a class if one of its rows would have been called impossible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganaug._encoding.layout import HeadSlot, TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.runtime import DTYPE, random_generator

# Rows that are looked at, of all classes alike.
MAX_ROWS = 10_000
# Each value of a number has a code if there are no more. Other numbers fall into parts, as many as
# leave so many rows for a cell of two columns.
MAX_VALUES = 32
CELL_ROWS = 20
# Tables of more codes exclude nothing: time and memory are those of all pairs.
MAX_CODES = 1024
# So many cells of a table of independent columns would be taken for impossible by mistake ...
MISTAKEN_CELLS = 0.05
# ... and of the rows of all classes at most this share, each left out in turn.
MISTAKEN_ROWS = 0.001
# Cells that are looked up at once.
LOOKUPS = 2**22
SEED = 0


@dataclass(frozen=True)
class Column:
    """How the values of a column are told apart: levels, states of a number, or the number.

    Parameters
    ----------
    head : slice or None
        Where its levels or states lie in a row.
    n_levels : int
        So many of these have codes of their own, besides the first; the others are numbers.
    is_few : bool
        Whether each value has a code.
    number : int or None
    edges : Tensor of shape (n_parts - 1,) or None
        Between the parts of the number; None does not look at it.
    """

    head: slice | None
    n_levels: int
    is_few: bool
    number: int | None = None
    edges: Tensor | None = None

    @property
    def n_codes(self) -> int:
        return 1 + self.n_levels + (0 if self.edges is None else len(self.edges))

    def codes(self, rows: Tensor) -> Tensor:
        """Return the codes of rows (n, width), (n,): parts of a number, and levels or states."""
        level = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
        if self.head is not None:
            level = rows[:, self.head].argmax(dim=1)
        if self.edges is None:
            return level
        part = torch.bucketize(rows[:, self.number].contiguous(), self.edges)
        is_number = (level == 0) | (level > self.n_levels)
        return torch.where(is_number, part, level + len(self.edges))

    def is_mixture(self, rows: Tensor) -> Tensor:
        """Return which rows (n, width) have some of each of several levels, (n,)."""
        if self.head is None:
            return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
        return rows[:, self.head].amax(dim=1) < 1

    def mark(self, coordinates: Tensor) -> None:
        """Set those of the coordinates of a row (width,) that belong to the column, in place."""
        if self.head is not None:
            coordinates[self.head] = True
        if self.number is not None:
            coordinates[self.number] = True


class ClassExclusions:
    """Which values of two columns never meet in a class.

    Parameters
    ----------
    columns : sequence of Column
    impossible : Tensor of shape (n_codes, n_codes)
        Of each two values, those of all columns one after the other.
    pairs : Tensor of shape (n_pairs, 2)
        Columns whose values to compare.
    width : int
        Of a row.
    """

    def __init__(
        self, columns: Sequence[Column], impossible: Tensor, pairs: Tensor, width: int
    ) -> None:
        numbers, self._pairs = pairs.unique(return_inverse=True)  # most columns are in no pair
        self._columns = [columns[k] for k in numbers.tolist()]
        self._starts = _starts(columns, pairs.device)[numbers]
        self._impossible = impossible
        self._coordinates = impossible.new_zeros(len(numbers), width)
        for coordinates, column in zip(self._coordinates, self._columns, strict=True):
            column.mark(coordinates)

    def __len__(self) -> int:
        """Return how many pairs of columns exclude something."""
        return len(self._pairs)

    def respected(self, rows: Tensor, origins: Tensor) -> Tensor:
        """Return rows (n, width) in which no value excludes another.

        Those that do go back to those of real rows, `origins` (n, width), and so does what then
        excludes one of these. A mixture of levels is nothing to go back to.
        """
        if not len(self):
            return rows
        clashing = self._clashes(rows).any(dim=1).nonzero().flatten()
        some, origins = rows[clashing], origins[clashing]
        can_go_back = _codes(self._columns, some) != _codes(self._columns, origins)
        can_go_back &= ~torch.stack([column.is_mixture(origins) for column in self._columns], dim=1)
        while (goes_back := self._clashes(some) & can_go_back).any():
            coordinates = goes_back.to(DTYPE) @ self._coordinates.to(DTYPE) > 0
            some = torch.where(coordinates, origins, some)
            can_go_back &= ~goes_back
        return rows.index_copy(0, clashing, some)

    def _clashes(self, rows: Tensor) -> Tensor:
        """Return which of the columns exclude another in rows (n, width): (n, n_columns)."""
        places = _codes(self._columns, rows) + self._starts
        parts = places.split(max(LOOKUPS // len(self), 1))
        return torch.cat([self._excluding(part) for part in parts])

    def _excluding(self, places: Tensor) -> Tensor:
        first, second = self._pairs.T
        is_impossible = self._impossible[places[:, first], places[:, second]].to(DTYPE)
        counts = is_impossible.new_zeros(places.shape)
        counts.index_add_(1, first, is_impossible).index_add_(1, second, is_impossible)
        return counts > 0


def exclusions_of_classes(table: DeviceTable) -> list[ClassExclusions]:
    """Return for each class what its values exclude.

    One of two columns at least has few values: levels, or a number of at most 32.
    """
    random = random_generator(SEED, device=table.device)
    n_classes, width = len(table.counts), table.layout.width
    rows = [table.class_rows(code, MAX_ROWS // n_classes, random) for code in range(n_classes)]
    in_full = table.expand(torch.cat(rows))
    columns = _columns(table.layout, in_full)
    impossible = torch.zeros(0, 0, dtype=torch.bool, device=table.device)
    pairs = [torch.zeros(0, 2, dtype=torch.long, device=table.device)] * n_classes
    n_codes = sum(column.n_codes for column in columns)
    if n_codes <= MAX_CODES and any(column.is_few for column in columns):
        places = _codes(columns, in_full) + _starts(columns, table.device)
        one_hot = in_full.new_zeros(len(places), n_codes).scatter_(1, places, 1.0)
        impossible, pairs = _excluded(columns, one_hot.split([len(part) for part in rows]))
    return [ClassExclusions(columns, impossible, part, width) for part in pairs]


def _excluded(columns: Sequence[Column], one_hot: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return which two codes never meet, and for each class the pairs of columns that show it.

    Parameters
    ----------
    columns : sequence of Column
    one_hot : sequence of Tensor of shape (n_rows, n_codes)
        Codes of the rows of each class.
    """
    device, n_rows = one_hot[0].device, sum(map(len, one_hot))
    sizes = torch.tensor([column.n_codes for column in columns])
    member = torch.eye(len(columns)).repeat_interleave(sizes, dim=0).to(device)
    is_few = torch.tensor([column.is_few for column in columns])
    numbers = torch.tensor([~k if c.number is None else c.number for k, c in enumerate(columns)])
    is_pair = ((is_few[:, None] | is_few) & (numbers[:, None] != numbers)).to(device)
    is_cell = member @ is_pair.to(DTYPE) @ member.T > 0

    together = torch.stack([codes.T @ codes for codes in one_hot]).sum(dim=0)
    counts, n_cells = together.diagonal(), max(int(is_cell.sum()) // 2, 1)
    # independent values never meet with a probability of exp(-expected)
    is_often = torch.outer(counts, counts) / n_rows > math.log(n_cells / MISTAKEN_CELLS)
    impossible = is_cell & is_often & (together == 0)
    # a row that is alone in its cell would have been called impossible without it
    alone = (is_cell & is_often & (together == 1)).to(DTYPE)
    mistaken = [member.T @ (codes.T @ codes * alone) @ member for codes in one_hot]
    is_rule = member.T @ impossible.to(DTYPE) @ member > 0
    is_rule &= torch.stack(mistaken).sum(dim=0) <= MISTAKEN_ROWS * n_rows
    return impossible, [(is_rule & (part == 0)).triu().nonzero() for part in mistaken]


def _columns(layout: TableLayout, rows: Tensor) -> list[Column]:
    """Return how to tell apart the values of columns, of rows (n, width) like these."""
    start, columns = layout.one_hot.start, []
    states: dict[int, tuple[slice, HeadSlot]] = {}
    for slot, part in zip(layout.heads, layout.head_slices, strict=True):
        head = slice(start + part.start, start + part.stop)
        columns.append(Column(head, slot.size - 1, is_few=True, number=slot.number))
        if slot.number is not None:
            states[slot.number] = head, slot
    return columns + [_number(k, rows, *states.get(k, ())) for k in range(len(layout.numbers))]


def _number(
    number: int, rows: Tensor, states: slice | None = None, slot: HeadSlot | None = None
) -> Column:
    """Return how to tell apart the values of a number."""
    level = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
    if states is not None:
        level = rows[:, states].argmax(dim=1)
    n_missing = int(slot is not None and slot.has_missing)
    distinct = rows[(level == 0) | (level > n_missing), number].unique()
    if len(distinct) <= MAX_VALUES:
        return Column(states, n_missing, True, number, (distinct[1:] + distinct[:-1]) / 2)
    values = rows[level == 0, number]
    n_parts = min(max(math.isqrt(len(values) // CELL_ROWS), 2), MAX_VALUES)
    shares = torch.linspace(0, 1, n_parts + 1, device=rows.device)[1:-1]
    n_levels = 0 if slot is None else slot.size - 1
    return Column(states, n_levels, False, number, values.quantile(shares).unique())


def _codes(columns: Sequence[Column], rows: Tensor) -> Tensor:
    """Return the codes of rows (n, width), of shape (n, n_columns)."""
    return torch.stack([column.codes(rows) for column in columns], dim=1)


def _starts(columns: Sequence[Column], device: torch.device) -> Tensor:
    """Return the first code of each column among those of all, (n_columns,)."""
    sizes = torch.tensor([column.n_codes for column in columns], device=device)
    return sizes.cumsum(dim=0) - sizes
