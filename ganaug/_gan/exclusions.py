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
from itertools import accumulate

import torch
from torch import Tensor

from ganaug._encoding.layout import TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.runtime import DTYPE, random_generator

# Rows that are looked at, of all classes alike.
MAX_ROWS = 10_000
# Each value of a number is a part of its own if there are no more. Other numbers fall into as many
# parts as leave so many rows for a cell of two columns.
MAX_VALUES = 32
CELL_ROWS = 20
# Tables of more codes exclude nothing: time and memory are those of all pairs.
MAX_CODES = 1024
# So many cells of a table of independent columns would be taken for impossible by mistake ...
MISTAKEN_CELLS = 0.05
# ... and of the rows of all classes at most this share, each left out in turn.
MISTAKEN_ROWS = 0.001
SEED = 0


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


class ClassExclusions:
    """Which values of two columns never meet in a class.

    Parameters
    ----------
    columns : sequence of Column
    impossible : Tensor of shape (n_codes, n_codes)
        Of each two values, those of all columns one after the other.
    pairs : sequence of (int, int)
        Columns whose values to compare.
    width : int
        Of a row.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        impossible: Tensor,
        pairs: Sequence[tuple[int, int]],
        width: int,
    ) -> None:
        numbers = sorted({number for pair in pairs for number in pair})  # few are in any
        place = {number: k for k, number in enumerate(numbers)}
        self._columns = [columns[number] for number in numbers]
        self._codes = CodeBook(self._columns, width, impossible.device)
        starts = [_starts(columns)[number] for number in numbers]
        self._starts = torch.tensor(starts, device=impossible.device, dtype=torch.int32)[:, None]
        self._pairs = [(place[first], place[second]) for first, second in pairs]
        self._impossible = impossible
        self._coordinates = torch.zeros(len(numbers), width, dtype=DTYPE)
        for k, column in enumerate(self._columns):
            self._coordinates[k] = column.coordinates(width)
        self._coordinates = self._coordinates.to(impossible.device)

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
        clashing = self._clashes(rows).any(dim=0).nonzero().flatten()
        some, origins = rows[clashing], origins[clashing]
        can_go_back = self._codes(some) != self._codes(origins)
        can_go_back &= ~torch.stack([column.is_mixture(origins) for column in self._columns])
        while (goes_back := self._clashes(some) & can_go_back).any():
            some = torch.where(goes_back.T.to(DTYPE) @ self._coordinates > 0, origins, some)
            can_go_back &= ~goes_back
        return rows.index_copy(0, clashing, some)

    def _clashes(self, rows: Tensor) -> Tensor:
        """Return which of the columns exclude another in rows (n, width): (n_columns, n)."""
        n_codes, cells = len(self._impossible), self._impossible.flatten()
        places = self._codes(rows) + self._starts
        lines = places * n_codes
        clashes = torch.zeros(places.shape, dtype=torch.bool, device=rows.device)
        for first, second in self._pairs:
            is_impossible = cells.index_select(0, lines[first] + places[second])
            clashes[first] |= is_impossible
            clashes[second] |= is_impossible
        return clashes


def exclusions_of_classes(table: DeviceTable) -> list[ClassExclusions]:
    """Return for each class what its values exclude.

    One of two columns at least has few values: levels, or a number of at most 32.
    """
    layout, device, n_classes = table.layout, table.device, len(table.counts)
    no_cells = torch.zeros(0, 0, dtype=torch.bool, device=device)
    nothing = [ClassExclusions((), no_cells, (), layout.width)] * n_classes
    if layout.one_hot_width + len(layout.numbers) > MAX_CODES:
        return nothing
    random, share = random_generator(SEED, device=device), max(MAX_ROWS // n_classes, 1)
    rows = [table.class_rows(code, share, random) for code in range(n_classes)]
    in_full = table.expand(torch.cat(rows))
    columns = _columns(layout, in_full)
    n_codes = sum(len(column.is_value()) for column in columns)
    if n_codes > MAX_CODES or not any(column.is_few for column in columns):
        return nothing
    codes = CodeBook(columns, layout.width, device)(in_full).T
    places = codes + torch.tensor(_starts(columns), device=device)
    one_hot = in_full.new_zeros(len(places), n_codes).scatter_(1, places, 1.0)
    impossible, pairs = _excluded(columns, one_hot, [len(part) for part in rows])
    return [ClassExclusions(columns, impossible, part, layout.width) for part in pairs]


def _excluded(
    columns: Sequence[Column], one_hot: Tensor, class_counts: list[int]
) -> tuple[Tensor, list[list[tuple[int, int]]]]:
    """Return which two codes never meet, and for each class the pairs of columns that show it.

    Parameters
    ----------
    columns : sequence of Column
    one_hot : Tensor of shape (n_rows, n_codes)
        Codes of rows, one class after the other.
    class_counts : list of int
    """
    member, is_pair = _member(columns).to(one_hot), _is_pair(columns).to(one_hot)
    is_cell = member @ is_pair @ member.T > 0
    together = one_hot.T @ one_hot
    counts, n_cells = together.diagonal(), max(int(is_cell.sum()) // 2, 1)
    # independent values never meet with a probability of exp(-expected)
    is_often = torch.outer(counts, counts) / len(one_hot) > math.log(n_cells / MISTAKEN_CELLS)
    impossible = is_cell & is_often & (together == 0)
    # a row that is alone in its cell would have been called impossible without it
    is_alone = is_cell & is_often & (together == 1)
    some = is_alone.any(dim=0).nonzero().flatten()
    alone, members = is_alone[some][:, some].to(DTYPE), member[some]
    of_classes = one_hot[:, some].split(class_counts)
    mistaken = [members.T @ (codes.T @ codes * alone) @ members for codes in of_classes]
    is_rule = member.T @ impossible.to(DTYPE) @ member > 0
    is_rule &= torch.stack(mistaken).sum(dim=0) <= MISTAKEN_ROWS * len(one_hot)
    pairs = [(is_rule & (part == 0)).triu().nonzero().tolist() for part in mistaken]
    return impossible, [[(first, second) for first, second in part] for part in pairs]


def _columns(layout: TableLayout, rows: Tensor) -> list[Column]:
    """Return how to tell apart the values of columns, of rows (n, width) like these."""
    start = layout.one_hot.start
    heads = [slice(start + part.start, start + part.stop) for part in layout.head_slices]
    of_heads = list(zip(layout.heads, heads, strict=True))
    states = {slot.number: (head, slot.has_missing) for slot, head in of_heads}
    columns = [Column(head) for slot, head in of_heads if slot.number is None]
    for number in range(len(layout.numbers)):
        columns += _of_number(number, rows, *states.get(number, (None, False)))
    return columns


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


def _member(columns: Sequence[Column]) -> Tensor:
    """Return 1 where a code stands for a value of a column, (n_codes, n_columns)."""
    sizes = torch.tensor([len(column.is_value()) for column in columns])
    is_value = torch.tensor([value for column in columns for value in column.is_value()])
    return torch.eye(len(columns), dtype=DTYPE).repeat_interleave(sizes, dim=0) * is_value[:, None]


def _is_pair(columns: Sequence[Column]) -> Tensor:
    """Return which columns may exclude one another, (n_columns, n_columns)."""
    is_few = torch.tensor([column.is_few for column in columns])
    # a number and its states are of one column of the table
    source = torch.tensor([~k if c.number is None else c.number for k, c in enumerate(columns)])
    return (is_few[:, None] | is_few) & (source[:, None] != source)


def _starts(columns: Sequence[Column]) -> list[int]:
    """Return the first code of each column among those of all."""
    return list(accumulate((len(column.is_value()) for column in columns[:-1]), initial=0))


def _padded(edges: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return edges as lines of one length, (n_numbers, most), with infinite ones after the last."""
    lines = torch.full((len(edges), max(map(len, edges), default=0)), torch.inf, dtype=DTYPE)
    for line, of_number in zip(lines, edges, strict=True):
        line[: len(of_number)] = of_number
    return lines.to(device)
