"""How much nearer a generated row is to its own class than to others, by its nearest real rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from ganaug._encoding.layout import TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.gate import StateGate, number_ranges
from ganaug._gan.runtime import random_generator

MAX_REFERENCE_ROWS = 2000
N_NEIGHBORS = 3
# What is compared at once: as much as fits into the cache.
DISTANCE_ROWS = 1024
# So many rows beside one anchor are compared with the real rows near it, in place of all.
MANY_ROWS = 16
N_NEAR = 32

# The margin of what is known to be a row of another class.
CONTRADICTION = -1e6
HASH_SEED = 0


class Margins:
    """Measures rows of a class against real rows of it and of all other classes.

    A margin is how much farther other classes are than the own one; distances are means over the
    3 nearest real rows.

    Parameters
    ----------
    table : DeviceTable
        The real rows; at most 2000 of the class and 2000 of others are looked at.
    class_code : int
    anchors : Tensor of shape (n_anchors,)
        Table rows beside which rows are generated.
    random : torch.Generator
    """

    def __init__(
        self, table: DeviceTable, class_code: int, anchors: Tensor, random: torch.Generator
    ) -> None:
        others = [code for code in range(len(table.counts)) if code != class_code]
        share = max(MAX_REFERENCE_ROWS // max(len(others), 1), N_NEIGHBORS)
        own = table.some_of(class_code, MAX_REFERENCE_ROWS, random)
        other = torch.cat([table.some_of(code, share, random) for code in others])
        k = min(N_NEIGHBORS, len(own), len(other))
        self._table = table
        self._own_rows = own
        self._anchors = anchors
        self._own = _References(table.expand(own), k, len(anchors))
        self._others = _References(table.expand(other), k, len(anchors))
        self._is_known = torch.zeros(len(anchors), dtype=torch.bool, device=table.device)
        self._contradictions = KnownRows(table, class_code) if table.layout.is_grid else None

    def class_mean(self) -> Tensor:
        """Return the mean of the real rows of the class, of shape (width,)."""
        return self._table.mean(self._own_rows)

    @property
    def classes_overlap(self) -> bool:
        """Whether rows of several classes may lie in one place; not on a grid where none do."""
        return self._contradictions is None or not self._contradictions.is_decided

    def of_real_rows(self) -> Tensor:
        """Return the margins of the real rows of the class, each without itself: (n_rows,)."""
        return self._others.distances(self._own.rows) - self._own.distances_among_themselves()

    def __call__(self, rows: Tensor, homes: Tensor) -> Tensor:
        """Return the margins of candidates, of shape (n_each, n_homes).

        Parameters
        ----------
        rows : Tensor of shape (n_each, n_homes, width)
        homes : Tensor of shape (n_homes,)
            Numbers of their anchors, or ``n_anchors`` for rows without one.
        """
        margins = self._measured(rows, homes)
        return margins.masked_fill_(self._contradict(rows), CONTRADICTION)

    def _measured(self, rows: Tensor, homes: Tensor) -> Tensor:
        is_near = homes < len(self._anchors)
        if len(rows) < MANY_ROWS or not is_near.any():
            return self.anywhere(rows.flatten(0, 1)).view(rows.shape[:2])
        if is_near.all():
            return self.beside_anchors(rows, homes)
        margins = rows.new_empty(rows.shape[:2])
        for part in (is_near, ~is_near):
            margins[:, part] = self._measured(rows[:, part], homes[part])
        return margins

    def _contradict(self, rows: Tensor) -> Tensor:
        """Return a mask of rows (n_each, n_homes, width) known to be of other classes."""
        if self._contradictions is None:
            return torch.zeros(rows.shape[:2], dtype=torch.bool, device=rows.device)
        return self._contradictions.are_of_others(rows)

    def anywhere(self, rows: Tensor) -> Tensor:
        """Return the margins of rows, of shape (n_rows,)."""
        return torch.cat(
            [
                self._others.distances(part) - self._own.distances(part)
                for part in rows.split(DISTANCE_ROWS)
            ]
        )

    def beside_anchors(self, rows: Tensor, homes: Tensor) -> Tensor:
        """Return the margins of rows (n_each, n_homes, width) that lie beside anchors.

        Only the real rows near an anchor are looked at, so that the nearest of all may be missed;
        for many rows beside each anchor that takes a tenth of the time.
        """
        self._look_around(homes)
        square = torch.linalg.vector_norm(rows, dim=2).square()
        own, others = (
            references.distances_beside(rows, square, homes)
            for references in (self._own, self._others)
        )
        return others - own

    def get_ready(self, homes: Tensor, n_each: int) -> None:
        """Learn what it takes to measure so many rows of each home; threads then only read it."""
        if n_each >= MANY_ROWS:
            self._look_around(homes)

    def _look_around(self, homes: Tensor) -> None:
        """Find the references near these anchors, once for each."""
        homes = homes[homes < len(self._anchors)]
        new = homes[~self._is_known[homes]].unique()
        if len(new):
            anchors = self._table.expand(self._anchors[new])
            self._own.look_around(new, anchors)
            self._others.look_around(new, anchors)
            self._is_known[new] = True


class KnownRows:
    """Tells which rows are rows of other classes and not of the own, in tables that are a grid.

    There a generated row may be, to the last column, a row that is known to be of another class.
    Where a place holds rows of two classes, places don't decide, and no row contradicts another.
    Rows are told apart by a random hash; all training rows are looked at.

    Attributes
    ----------
    is_decided : bool
        Whether no place holds rows of two classes.
    """

    def __init__(self, table: DeviceTable, class_code: int) -> None:
        layout, device = table.layout, table.device
        random = random_generator(HASH_SEED, device=device)
        self._weights = torch.randint(2**62, (layout.width,), generator=random, device=device)
        self._weights *= ~_is_in_numbers(layout).to(device)
        self._gate = StateGate(layout, device)
        self._numbers, self._one_hot = layout.continuous, layout.one_hot
        self._low, self._high, self._step = number_ranges(layout, device)
        rows = torch.arange(len(table), device=device)
        keys = torch.cat([self._keys(table.expand(part)) for part in rows.split(DISTANCE_ROWS)])
        start, stop = table.starts[class_code : class_code + 2].tolist()
        self._own, others = keys[start:stop].unique(), torch.cat([keys[:start], keys[stop:]])
        self.is_decided = not bool(torch.isin(self._own, others).any())
        self._contradictions = others.unique() if self.is_decided else others[:0]

    def are_of_others(self, rows: Tensor) -> Tensor:
        """Return a mask of rows (..., width) that are known to be of another class."""
        return torch.isin(self._keys(rows), self._contradictions)

    def are_new(self, rows: Tensor) -> Tensor:
        """Return a mask of rows (..., width): possible for the class, and none that it has."""
        keys = self._keys(rows)
        return ~(torch.isin(keys, self._contradictions) | torch.isin(keys, self._own))

    def _keys(self, rows: Tensor) -> Tensor:
        """Return whole numbers that are equal for rows on the same place of the grid."""
        one_hot = rows[..., self._one_hot]
        numbers = self._gate(rows[..., self._numbers], one_hot).clamp(self._low, self._high)
        places = (numbers - self._low) / self._step
        # sums of 64-bit integers run over, always to the same
        return (torch.cat([places, one_hot], dim=-1).round().long() * self._weights).sum(dim=-1)


def _is_in_numbers(layout: TableLayout) -> Tensor:
    """Return a mask (width,) of states that say no more than the number itself: all but missing."""
    mask = torch.zeros(layout.width, dtype=torch.bool)
    one_hot = mask[layout.one_hot]
    for slot, part in zip(layout.heads, layout.head_slices, strict=True):
        if slot.number is not None:
            one_hot[part] = True
            one_hot[part.start + 1] = not slot.has_missing  # the first one after "as it is"
    return mask


class _References:
    """Real rows to which distances are measured.

    Parameters
    ----------
    rows : Tensor of shape (n_references, width)
    k : int
        Over how many of the nearest the mean is taken.
    n_anchors : int
    """

    def __init__(self, rows: Tensor, k: int, n_anchors: int) -> None:
        self.rows = rows
        self._k = k
        self._square = rows.square().sum(dim=1)
        n_near = min(N_NEAR, len(rows))
        self._near = torch.zeros(n_anchors, n_near, dtype=torch.long, device=rows.device)

    def distances(self, rows: Tensor) -> Tensor:
        """Return the distances of rows (n_rows, width)."""
        nearest = torch.cdist(rows, self.rows).topk(self._k, largest=False, sorted=False).values
        return nearest.mean(dim=1)

    def distances_among_themselves(self) -> Tensor:
        """Return the distance of each reference to the nearest others; 0 if it is alone."""
        distance = torch.cdist(self.rows, self.rows)
        k = min(self._k, len(self.rows) - 1)
        if k == 0:
            return distance[:, 0]
        distance.fill_diagonal_(torch.inf)
        return distance.topk(k, largest=False, sorted=False).values.mean(dim=1)

    def look_around(self, homes: Tensor, anchors: Tensor) -> None:
        """Remember what is near anchors (n, width)."""
        distance = torch.cdist(anchors, self.rows)
        nearest = distance.topk(self._near.shape[1], largest=False, sorted=False)
        self._near[homes] = nearest.indices

    def distances_beside(self, rows: Tensor, square: Tensor, homes: Tensor) -> Tensor:
        """Return the distances of rows (n_each, n_homes, width) beside anchors.

        `square`, of shape (n_each, n_homes), is what each row is from the origin, squared.
        """
        near = self._near[homes]  # (n_homes, n_near)
        references = self.rows.index_select(0, near.flatten()).view(*near.shape, self.rows.shape[1])
        # but for the rows' own squares, (n_homes, n_near, n_each)
        squares = torch.baddbmm(
            self._square[near].unsqueeze(2), references, rows.permute(1, 2, 0), alpha=-2
        )
        nearest = smallest(squares.transpose(0, 1), self._k).transpose(1, 2) + square
        return nearest.clamp_(min=0).sqrt_().mean(dim=0)


def smallest(values: Tensor, k: int) -> Tensor:
    """Return the k smallest values along the first dimension, in order: of shape (k, ...).

    By merging the smallest of both halves, and that of all halves at once: for a k as small as
    here, much faster than sorting.
    """
    missing = 2 ** math.ceil(math.log2(len(values))) - len(values)
    if missing:
        values = torch.cat([values, values.new_full((missing, *values.shape[1:]), torch.inf)])
    found = [values]  # the smallest of each part, the second smallest ...
    while len(found[0]) > 1:
        halves = [values.chunk(2) for values in found]
        found = [_smallest_of_both(halves, n) for n in range(min(k, 2 * len(found)))]
    return torch.cat(found)


def _smallest_of_both(halves: Sequence[tuple[Tensor, ...]], n: int) -> Tensor:
    """Return the n-th smallest, from 0, of two sorted lists: any that leaves n others below it."""
    candidates = [value for pair in halves[n : n + 1] for value in pair]
    for i in range(n):
        if i < len(halves) and n - 1 - i < len(halves):
            candidates.append(torch.maximum(halves[i][0], halves[n - 1 - i][1]))
    return reduce(torch.minimum, candidates)
