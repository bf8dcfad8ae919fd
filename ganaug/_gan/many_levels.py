"""Levels of columns with many of them, drawn at the rates of a class.

Such a level is a point (`_encoding/levels.py`), and a generated one lies beside it. The nearest
level would be frequent where levels are few, however often it occurs. So points are taken for a
mixture of levels, as wide as generated points are far from the nearest one, and the level of a row
is drawn by what each is responsible for. The weights with which levels come at their rates are
found by scaling them in turn (Sinkhorn 1964; Cuturi 2013).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganaug._encoding.layout import TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.conditions import MISSING_STATE
from ganaug._gan.noise import gumbel_noise
from ganaug._gan.runtime import DTYPE

Conflicts = Sequence[tuple[slice, Tensor]]

# Beyond, levels name rows, and no rate of one can be told; and each row takes time for all of them.
MAX_LEVELS = 2048
N_ROUNDS = 30
# A level is weighed up or down so far, as a logarithm: not to where its points never are.
MAX_WEIGHT = 6.0
# So large a share of new rows at most has a level that the class lacks.
MAX_NEW_SHARE = 0.5
# What nearly all rows agree in, of a category of which no level is nearly all.
DECIDED = 0.99
VARIED = 0.9
MIN_ROWS_TO_DECIDE = 50
ENTRIES_AT_ONCE = 2**22
NEVER = -1e9
SMALLEST_WIDTH = 1e-6


@dataclass(frozen=True)
class Companion:
    """Another column of many levels: these decide those of a column, or the other way round.

    Parameters
    ----------
    vector : int
        The vector slot of the other column.
    part : slice
        Where its points are in a row.
    points : Tensor of shape (n_other_levels, size)
    missing : int or None
        The place, among all heads, that says that it is missing.
    never_meet : Tensor of shape (n_other_levels, n_levels), dtype bool
    """

    vector: int
    part: slice
    points: Tensor
    missing: int | None
    never_meet: Tensor

    def excluded(self, layout: TableLayout, rows: Tensor) -> Tensor:
        """Return which levels the other column's one excludes in rows, (n, n_levels)."""
        codes = torch.cdist(rows[:, self.part], self.points).argmin(dim=1)
        excluded = self.never_meet.index_select(0, codes)
        if self.missing is None:
            return excluded
        return excluded & (rows[:, layout.one_hot][:, self.missing] < 0.5)[:, None]


@dataclass(frozen=True)
class LevelMixture:
    """The levels of one column in one class.

    Parameters
    ----------
    vector : int
        The vector slot of the column.
    part : slice
        Where its points are in a row.
    points : Tensor of shape (n_levels, size)
    log_weights : Tensor of shape (n_levels,)
    width : float
        Twice the variance of generated points about their level, in each coordinate.
    conflicts : sequence of (slice, Tensor of shape (size, n_levels))
        For the heads that a level decides, as a town does its state: where they are among all
        heads, and 1 where a level never meets one of theirs.
    companions : sequence of Companion
    """

    vector: int
    part: slice
    points: Tensor
    log_weights: Tensor
    width: float
    conflicts: Conflicts
    companions: Sequence[Companion]

    @classmethod
    def fit(cls, table: DeviceTable, vector: int, class_code: int, rows: Tensor) -> LevelMixture:
        """Return the mixture with which levels of generated rows (n, width) come at their rates."""
        points, part = table.level_points[vector], table.layout.vector_slices[vector]
        rows = rows[: max(1, ENTRIES_AT_ONCE // len(points))]
        rates = rates_of_levels(table, vector, class_code)
        squares = torch.cdist(rows[:, part], points).square()
        width = 2 * float(squares[:, rates > 0].amin(dim=1).mean()) / points.shape[1]
        mixture = cls(
            vector,
            part,
            points,
            rates.log().clamp(min=NEVER),
            max(width, SMALLEST_WIDTH),
            conflicts_of_levels(table, vector),
            companions_of(table, vector),
        )
        return replace(mixture, log_weights=mixture._scaled(mixture._nearness(table.layout, rows)))

    def drawn(
        self,
        layout: TableLayout,
        rows: Tensor,
        random: torch.Generator,
        wanted: Sequence[int] = (),
        known: Collection[int] = (),
    ) -> Tensor:
        """Return the points of a level for each row, of those that are wanted if any are named.

        `known` are the vector slots whose levels were drawn before.
        """
        log_weights = self.log_weights
        if len(wanted):
            log_weights = torch.full_like(log_weights, 10 * NEVER)
            log_weights[list(wanted)] = self.log_weights[list(wanted)]
        codes = []
        for some in rows.split(max(1, ENTRIES_AT_ONCE // len(self.points))):
            nearness = self._nearness(layout, some)
            for companion in self.companions:
                if companion.vector in known:
                    nearness.masked_fill_(companion.excluded(layout, some), 3 * NEVER)
            noise = gumbel_noise(tuple(nearness.shape), random)
            codes.append((nearness + log_weights + noise).argmax(dim=1))
        return self.points[torch.cat(codes)]

    def _nearness(self, layout: TableLayout, rows: Tensor) -> Tensor:
        """Return how near rows (n, width) are to each level, as a logarithm: (n, n_levels)."""
        nearness = -torch.cdist(rows[:, self.part], self.points).square() / self.width
        one_hot = rows[:, layout.one_hot]
        for part, never_meets in self.conflicts:
            nearness.masked_fill_(one_hot[:, part] @ never_meets > 0.5, 3 * NEVER)
        return nearness

    def _scaled(self, nearness: Tensor) -> Tensor:
        """Return the weights with which levels of rows so near come as often as now they weigh."""
        rates, change = self.log_weights, torch.zeros_like(self.log_weights)
        for _ in range(N_ROUNDS):
            responsible = (nearness + rates + change).log_softmax(dim=1)
            found = responsible.logsumexp(dim=0) - math.log(len(nearness))
            change = (change + rates - found).clamp(-MAX_WEIGHT, MAX_WEIGHT)
        return rates + change


def rates_of_levels(table: DeviceTable, vector: int, class_code: int) -> Tensor:
    """Return how often new rows of a class have each level, (n_levels,).

    As often as real ones; but as large a share as has a level that is there once has one that the
    class lacks (Good 1953), the more frequent in the table the likelier.
    """
    counts = [table.level_counts(vector, code) for code in range(len(table.counts))]
    own, of_all = counts[class_code], torch.stack(counts).sum(dim=0)
    rates = table.level_counts(vector, class_code, weighted=True)
    if not rates.any():  # all that weigh are missing
        return of_all / of_all.sum()
    rates = rates / rates.sum()
    lacking = torch.where(own > 0, 0.0, of_all)
    if not lacking.any():
        return rates
    new = ((own == 1).sum() / own.sum()).clamp(max=MAX_NEW_SHARE)
    return (1 - new) * rates + new * lacking / lacking.sum()


def conflicts_of_levels(table: DeviceTable, vector: int) -> Conflicts:
    """Return where levels have never met one of a category that they decide.

    Levels decide a category, as towns do their state, if nearly all rows with a level that is there
    more than once have the same level of the category, though the table has others.
    """
    layout = table.layout
    conflicts = []
    for head, (slot, part) in enumerate(zip(layout.heads, layout.head_slices, strict=True)):
        if slot.number is None and slot.column != layout.vectors[vector].column:
            met = table.meetings(vector, head)
            if _decide(met):
                conflicts.append((part, (met == 0).T.to(DTYPE)))
    return conflicts


def companions_of(table: DeviceTable, vector: int) -> list[Companion]:
    """Return the other columns of many levels that a column decides, or that decide it."""
    layout, companions = table.layout, []
    said_missing = {
        slot.column: part.start + MISSING_STATE
        for slot, part in zip(layout.heads, layout.head_slices, strict=True)
    }
    for other, points in enumerate(table.level_points):
        if other == vector or len(points) > MAX_LEVELS:
            continue
        met = table.vectors_meeting(other, vector)
        if _decide(met) or _decide(met.T):
            missing = said_missing.get(layout.vectors[other].column)
            part = layout.vector_slices[other]
            companions.append(Companion(other, part, points, missing, met == 0))
    return companions


def _decide(met: Tensor) -> bool:
    """Tell whether levels decide a category, by the rows in which they meet (n_levels, size)."""
    often = met[met.sum(dim=1) > 1]
    n_rows = int(often.sum())
    if n_rows < MIN_ROWS_TO_DECIDE:
        return False
    agree, most_frequent = often.amax(dim=1).sum(), often.sum(dim=0).amax()
    return bool(agree >= DECIDED * n_rows and most_frequent < VARIED * n_rows)


def mixtures_of(table: DeviceTable, class_code: int, rows: Tensor) -> list[LevelMixture]:
    """Return a mixture for each column whose levels are many, but not too many for rates."""
    return [
        LevelMixture.fit(table, vector, class_code, rows)
        for vector, points in enumerate(table.level_points)
        if len(points) <= MAX_LEVELS
    ]
