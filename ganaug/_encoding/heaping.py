"""Heaping: values that are rounder than their column asks for.

Of ages, amounts and readings many are rounded to tens, halves or whole numbers, and some are not
(Heitjan & Rubin 1990, "Inference from coarse data via multiple imputation with application to age
heaping"). One value with a half in a column of whole numbers would otherwise make halves of all
new ones, by which a classifier can tell them from real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.calendars import CalendarGrid
from ganaug._encoding.clocks import NANOSECONDS
from ganaug._encoding.grids import FloatGrid, Grid, IntegerGrid

# Steps to which people round: each a multiple of the next finer one.
MANTISSAS = (5.0, 1.0)
MAX_STEP_DECIMALS = 9
SECONDS_ROUNDED_TO = (86_400.0, 43_200.0, 3600.0, 1800.0, 900.0, 300.0, 60.0, 1.0)
# So large a share of values has to be rounded to a step, and so many standard errors of it: the
# values of a smooth column are there by chance, as often as there are steps.
MIN_SHARE = 0.1
MIN_STANDARD_ERRORS = 4.0
# What is not smooth over some steps says nothing of rounding: middle halves are so much wider.
MIN_STEPS_IN_MIDDLE = 2.0
# Finer steps than so many in the middle half are as good as none.
MAX_STEPS_IN_MIDDLE = 1e4
# So far from a step, in units of the last digit, a value is still on it; and, in steps, none is
# farther, or all would be.
SLACK = 4
MAX_SLACK = 0.1
# The share in a class is that in all classes, as if so many rows had said so, and that of its own.
PRIOR_ROWS = 10.0
TINY = 1e-12
# Shifts and factors of splitmix64, of which the last one is a shift alone.
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
# Beyond, floats don't tell neighbouring integers apart.
LARGEST = 2.0**53
MAX_ROWS = 20_000


@dataclass(frozen=True)
class Heaps:
    """The steps that values of a column are rounded to, and how many of each class are.

    Parameters
    ----------
    steps : ndarray of shape (n_steps,), dtype float64
        The coarsest first, each a multiple of the next.
    shares : ndarray of shape (n_classes, n_steps), dtype float64
        What share of a class is rounded to each step: of those that no coarser one got. One row
        for all classes where they are not told apart.
    """

    steps: NDArray[np.float64]
    shares: NDArray[np.float64]

    def from_unit(
        self, unit: NDArray[np.float64], grid: Grid | CalendarGrid, class_code: int
    ) -> NDArray[Any]:
        """Return values of a class at places in the range of a grid, the right share rounded.

        What rounding would take out of the range stays where it is, and so do the ends.
        """
        values = grid.from_unit(unit)
        places = grid.low + unit * (grid.high - grid.low)
        is_left = (unit > 0) & (unit < 1)
        for step, share in zip(self.steps, self.shares[class_code % len(self.shares)], strict=True):
            rounded = _multiples(np.round(places / step), step)
            is_chosen = is_left & (_scrambled(unit, step) < share)
            is_left &= ~is_chosen
            is_inside = (rounded >= grid.low) & (rounded <= grid.high)
            values = np.where(is_chosen & is_inside, rounded.astype(values.dtype), values)
        return values


def find_heaps(
    values: NDArray[Any],
    by_class: Sequence[NDArray[Any]],
    grid: Grid | CalendarGrid,
    unit: str | None = None,
) -> Heaps | None:
    """Return the steps to which more values are rounded than all are, None if there are none.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Those of a column that are no states.
    by_class : sequence of ndarray
        Those of each class; none if classes are not told apart.
    grid : Grid or CalendarGrid
        What all values are on.
    unit : str or None
        The unit of a column of times.
    """
    if not isinstance(grid, IntegerGrid | FloatGrid) or not len(values):
        return None
    if max(-grid.low, grid.high) >= LARGEST:
        return None
    if len(values) > MAX_ROWS:
        values = np.random.default_rng(0).choice(values, MAX_ROWS, replace=False)
    column, finest = _Column(values, grid), float(grid.step)
    steps = column.candidates(unit)
    reached = column.shares_on(steps)
    while len(steps):
        rounded = _rounded_to(reached, steps, finest)[:-1]
        error = np.sqrt(reached * (1 - reached) / len(values))
        excess = rounded - np.maximum(MIN_SHARE, MIN_STANDARD_ERRORS * error)
        if excess.min() >= 0:
            break
        worst = excess.argmin()
        steps, reached = np.delete(steps, worst), np.delete(reached, worst)
    if not len(steps):
        return None
    of_classes = [column.shares_in_class(own, steps, reached) for own in by_class] or [reached]
    return Heaps(steps, np.array([_in_turn(_rounded_to(own, steps, finest)) for own in of_classes]))


class _Column:
    """Values among which those on a step are counted."""

    def __init__(self, values: NDArray[Any], grid: IntegerGrid | FloatGrid) -> None:
        self._values = values.astype(np.float64)
        self._grid = grid
        self._finest = float(grid.step)
        is_single = np.array_equal(self._values, self._values.astype(np.float32))
        is_whole = np.array_equal(self._values, np.round(self._values))
        # the column may have been float32, in which 0.1 is another number
        kind = np.float32 if is_single and not is_whole else np.float64
        self._precision = SLACK * float(np.finfo(kind).eps)

    def candidates(self, unit: str | None) -> NDArray[np.float64]:
        """Return steps that values may be rounded to, the coarsest first."""
        middle = float(np.subtract(*np.quantile(self._values, [0.75, 0.25])))
        if unit is None:
            coarsest = np.floor(np.log10(max(middle, TINY)))
            powers = 10.0 ** np.arange(coarsest, -MAX_STEP_DECIMALS - 1, -1.0)
            steps = (powers[:, None] * MANTISSAS).ravel()
        else:
            steps = np.array(SECONDS_ROUNDED_TO) / (NANOSECONDS[unit] / 1e9)
        told_apart = np.abs(self._values).max() * self._precision / MAX_SLACK
        finest = max(middle / MAX_STEPS_IN_MIDDLE, told_apart, TINY)
        steps = steps[(steps <= middle / MIN_STEPS_IN_MIDDLE) & (steps >= finest)]
        if self._finest:
            is_aligned = self._is_on(self._values, self._finest).all()  # steps are counted from 0
            is_coarser = (steps > 1.5 * self._finest) & self._is_on(steps, self._finest)
            return steps[is_coarser & is_aligned]
        # most columns without a step are not rounded at all: all that is is on the finest
        return steps if self.shares_on(steps[-1:]).sum() >= MIN_SHARE else steps[:0]

    def shares_on(
        self, steps: NDArray[np.float64], own: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return which share of values is on each step, but for those next to the ends.

        There only a part of what would be rounded to a step exists, on one side of it.
        """
        values = self._values if own is None else own
        shares = []
        for step in steps:
            first, last = np.round(np.array([self._grid.low, self._grid.high]) / step)
            nearest = np.round(values / step)
            inside = values[(nearest > first) & (nearest < last)]
            shares.append(self._is_on(inside, step).mean() if len(inside) else 0.0)
        return np.array(shares)

    def shares_in_class(
        self, own: NDArray[Any], steps: NDArray[np.float64], of_all: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return which share of a class is on each step, as far as its rows can tell."""
        n_on = self.shares_on(steps, own.astype(np.float64)) * len(own)
        shares: NDArray[np.float64] = (n_on + PRIOR_ROWS * of_all) / (len(own) + PRIOR_ROWS)
        return shares

    def _is_on(self, values: NDArray[np.float64], step: float) -> NDArray[np.bool_]:
        places = values / step
        slack = self._precision * np.maximum(np.abs(places), 1.0)
        return np.asarray(np.abs(places - np.round(places)) <= slack)


def _rounded_to(
    reached: NDArray[np.float64], steps: NDArray[np.float64], finest: float
) -> NDArray[np.float64]:
    """Return which share is rounded to each step and, last, to none of them: (n_steps + 1,).

    What is rounded to a step is also on all finer ones, and by chance on a coarser one: once in as
    many steps as fit into that. So shares on steps are sums of shares that are rounded to them.
    """
    all_steps = np.append(steps, finest)
    on_step = np.minimum(all_steps[None, :] / steps[:, None], 1.0)
    system = np.vstack([on_step, np.ones(len(all_steps))])
    rounded = np.linalg.solve(system, np.append(reached, 1.0)).clip(0.0, 1.0)
    return rounded / rounded.sum()


def _in_turn(rounded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares of those that no coarser step got, from shares of all."""
    left = np.cumsum(rounded[::-1])[::-1][:-1]
    in_turn: NDArray[np.float64] = rounded[:-1] / np.where(left > 0, left, 1.0)
    return in_turn


def _scrambled(unit: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each place, of which nearby places say nothing.

    What is rounded has to be chosen by chance: generated values are near real ones, which lie on
    steps. But the same row is decoded to the same value, alone and among others, so its own last
    digits are the chance (mixed as Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
    generators", do).
    """
    bits = np.ascontiguousarray(unit).view(np.uint64) ^ np.float64(step).view(np.uint64)
    for shift, factor in MIXING:
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    mixed: NDArray[np.float64] = (bits >> np.uint64(11)) / 2.0**53
    return mixed


def _multiples(numbers: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return numbers x step, as the floats that are nearest to what one would write down."""
    if step >= 1:
        return numbers * step
    return numbers / np.round(1 / step)
