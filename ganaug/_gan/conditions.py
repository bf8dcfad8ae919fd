"""Conditions on generated rows, met by construction and not by waiting for lucky rows.

Categories are conditioned where they are drawn: levels that are not allowed get no probability.
Numbers are folded into their range like a paper strip, which keeps them spread where cutting them
off would pile them up at the ends. So that the rest of a row fits, rows start from anchors that
meet the conditions or, where hardly any do, come nearest to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import torch
from torch import Tensor

from ganaug._encoding.layout import Condition, TableLayout
from ganaug._gan.ranges import fold
from ganaug._gan.runtime import DTYPE

NEVER = -1e9
# Encoded numbers are single floats.
TOLERANCE = 1e-5
# Of the head beside a number or a vector; 0 is the value as it is.
MISSING_STATE = 1
# Rows that come near to meeting conditions on numbers: of one alone all others would be copies, and
# of many the far ones have little to do with what is asked for. No more than the root of all.
NEAREST_ROWS = 10


class Conditions:
    """What rows must be.

    Parameters
    ----------
    conditions : sequence of Condition
    layout : TableLayout
    device : torch.device
    """

    def __init__(
        self, conditions: Sequence[Condition], layout: TableLayout, device: torch.device
    ) -> None:
        self._conditions = tuple(conditions)
        self._layout = layout
        self._wanted = {
            condition.vector: layout.vectors[condition.vector].of_levels(condition.levels)
            for condition in conditions
            if condition.vector is not None
        }
        self.log_allowed = torch.zeros(layout.one_hot_width, dtype=DTYPE, device=device)
        for condition in conditions:
            if condition.head is not None:
                part = self.log_allowed[layout.head_slices[condition.head]]
                part.fill_(NEVER)
                part[list(condition.states)] = 0.0

    def __len__(self) -> int:
        return len(self._conditions)

    @property
    def numbers(self) -> list[int]:
        """The numbers that are conditioned."""
        return [c.number for c in self._conditions if c.number is not None]

    def coordinates(self) -> Tensor:
        """Return 1 where a condition says something of a coordinate, (n_conditions, width)."""
        layout = self._layout
        mask = torch.zeros(len(self), layout.width, dtype=DTYPE, device=self.log_allowed.device)
        for row, condition in zip(mask, self._conditions, strict=True):
            if condition.number is not None:
                row[condition.number] = 1.0
            if condition.vector is not None:
                row[self._vector(condition)] = 1.0
            if condition.head is not None:
                row[layout.one_hot][layout.head_slices[condition.head]] = 1.0
        return mask

    def levels_of(self, vector: int) -> tuple[int, ...]:
        """Return the levels of a vector that are wanted, none if all are."""
        return next((c.levels for c in self._conditions if c.vector == vector), ())

    def holds(self, rows: Tensor) -> Tensor:
        """Return which conditions rows (n, width) meet, (n, n_conditions)."""
        if not self._conditions:
            return rows.new_ones(len(rows), 0, dtype=torch.bool)
        return torch.stack([self._holds(condition, rows) for condition in self._conditions], dim=1)

    def nearest(self, rows: Tensor) -> Tensor:
        """Return which of rows (n, width) meet the conditions or come nearest to that, (n,).

        Of the rows that meet most of the conditions on levels (no level is nearer to another than a
        third one is), those that meet all on numbers, too. Where these are few, the nearest ones
        beside them, and whatever is as near as the last of these.
        """
        n_met = self._levels_met(rows)
        is_candidate = n_met == n_met.max()
        distances = self._distances(rows)
        of_candidates = distances[is_candidate].sort().values
        n_wanted = min(NEAREST_ROWS, isqrt(len(of_candidates)))
        return is_candidate & (distances <= of_candidates[n_wanted - 1])

    def within_reach(self, rows: Tensor) -> Tensor:
        """Return which conditions rows of these columns could meet, (n_conditions,).

        Levels must occur among the rows; of a number, what lies between the smallest and the
        largest can be generated, and beyond them as far as numbers lie apart on average: a class
        goes on about as far beyond the rows that it was seen by.
        """
        return torch.stack([self._within_reach(condition, rows) for condition in self._conditions])

    def impose(self, rows: Tensor, level_shares: Tensor) -> Tensor:
        """Return rows moved to the nearest ones (or so) that meet the conditions.

        A level that is not wanted becomes all those that are, each by its share (one_hot_width,).
        """
        if not self._conditions:
            return rows
        rows = rows.clone()
        for condition in self._conditions:
            if condition.number is not None:
                number = rows[:, condition.number]
                rows[:, condition.number] = fold(number, condition.low, condition.high)
            if condition.vector is not None:
                rows[:, self._vector(condition)] = self._nearest_wanted(condition, rows)
            if condition.head is not None:
                part = self._layout.head_slices[condition.head]
                head = rows[:, self._layout.one_hot][:, part]
                allowed = (self.log_allowed[part] == 0).to(rows)
                shares = level_shares[part] * allowed + TOLERANCE * allowed
                is_allowed = (head @ allowed > 0)[:, None]
                head[:] = torch.where(is_allowed, head, shares / shares.sum())
        return rows

    def _holds(self, condition: Condition, rows: Tensor) -> Tensor:
        holds = rows.new_ones(len(rows), dtype=torch.bool)
        if condition.number is not None:
            number = rows[:, condition.number]
            holds &= (number >= condition.low - TOLERANCE) & (number <= condition.high + TOLERANCE)
        if condition.vector is not None:
            beside = rows[:, self._vector(condition)] - self._nearest_wanted(condition, rows)
            holds &= (beside.abs().amax(dim=1) < TOLERANCE) | self._is_missing(condition, rows)
        if condition.head is not None:
            part = self._layout.head_slices[condition.head]
            holds &= rows[:, self._layout.one_hot][:, part][:, list(condition.states)].any(dim=1)
        return holds

    def _levels_met(self, rows: Tensor) -> Tensor:
        """Return how many conditions on levels rows meet, (n,); a number that is there is one."""
        n_met = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
        for condition in self._conditions:
            if condition.number is None:
                n_met += self._holds(condition, rows)
            else:
                n_met += ~self._is_missing(condition, rows)
        return n_met

    def _distances(self, rows: Tensor) -> Tensor:
        """Return how far rows are from meeting all conditions on numbers, squared, (n,)."""
        squares = rows.new_zeros(len(rows))
        for condition in self._conditions:
            if condition.number is not None:
                number = rows[:, condition.number]
                inside = number.clamp(condition.low - TOLERANCE, condition.high + TOLERANCE)
                squares += (number - inside).square()
        return squares

    def _within_reach(self, condition: Condition, rows: Tensor) -> Tensor:
        if condition.number is None:
            return self._holds(condition, rows).any()
        number, is_missing = rows[:, condition.number], self._is_missing(condition, rows)
        lowest = number.masked_fill(is_missing, torch.inf).amin()
        highest = number.masked_fill(is_missing, -torch.inf).amax()
        apart = (highest - lowest) / (~is_missing).sum().sub(1).clamp(min=1)
        beyond = TOLERANCE + apart.nan_to_num(posinf=0.0, neginf=0.0)
        return (lowest <= condition.high + beyond) & (highest >= condition.low - beyond)

    def _is_missing(self, condition: Condition, rows: Tensor) -> Tensor:
        """Return where the number or vector of a condition stands for nothing, (n,)."""
        if condition.head is None or not self._layout.heads[condition.head].has_missing:
            return rows.new_zeros(len(rows), dtype=torch.bool)
        part = self._layout.head_slices[condition.head]
        return rows[:, self._layout.one_hot][:, part.start + MISSING_STATE] > 0

    def _nearest_wanted(self, condition: Condition, rows: Tensor) -> Tensor:
        """Return for each row the nearest vector of a wanted level."""
        wanted = self._wanted[condition.vector or 0]
        nearest = wanted.nearest_levels(rows[:, self._vector(condition)].cpu().numpy())
        return torch.from_numpy(wanted.vectors[nearest]).to(rows)

    def _vector(self, condition: Condition) -> slice:
        return self._layout.vector_slices[condition.vector or 0]
