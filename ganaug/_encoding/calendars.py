"""Dates on a calendar: the first or the last days of months, quarters and years, business days.

They are at no equal distances in days, but they are when they are numbered: months one after the
other (of these, quarters are every third and years every twelfth), and likewise the days of a week
on which anything happens. A date beside the calendar has a place between those on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.clocks import NANOSECONDS
from ganaug._encoding.grids import Grid, IntegerGrid, find_grid, find_integer_grid

# Dates that lie on a calendar by chance with a larger probability than this may not belong to it.
MAX_CHANCE = 1e-3
DAYS_OF_A_MONTH = 30.0
# The 28th, counted from 0, is the last one that every month has.
LAST_SHIFT = 27
# A weekday with fewer dates than this share of the mean is an exception: counted as the others, it
# would come as often.
LEAST_SHARE = 0.25
MONDAY = 3  # 1970-01-01 was the third day after one
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Three billion years; dates beyond are taken for these.
FAR_DAYS = 2**40


@dataclass(frozen=True)
class Months:
    """One day of each month.

    Parameters
    ----------
    shift : int
        Days after the first, 0 to 27; -1 for the last of the month before.
    """

    shift: int

    def number(self, days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the last date that is not after each of these days since 1970."""
        return (days - self.shift).astype("M8[D]").astype("M8[M]").astype(np.int64)

    def day(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the days of the dates of these numbers."""
        return numbers.astype("M8[M]").astype("M8[D]").astype(np.int64) + self.shift

    def describe(self) -> str:
        """Say which dates these are."""
        return f"day {self.shift + 1} of a month" if self.shift >= 0 else "the last day of a month"


@dataclass(frozen=True)
class Weekdays:
    """Some days of each week.

    Parameters
    ----------
    weekdays : tuple of int
        Those days, 0 for Monday, in their order.
    """

    weekdays: tuple[int, ...]

    def number(self, days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the last date that is not after each of these days since 1970."""
        weeks, weekday = np.divmod(days + MONDAY, 7)
        return weeks * len(self.weekdays) + np.searchsorted(self.weekdays, weekday, "right") - 1

    def day(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the days of the dates of these numbers."""
        weeks, places = np.divmod(numbers, len(self.weekdays))
        return 7 * weeks + np.array(self.weekdays, dtype=np.int64)[places] - MONDAY

    def describe(self) -> str:
        """Say which dates these are."""
        return ", ".join(WEEKDAYS[weekday] for weekday in self.weekdays)


Calendar = Months | Weekdays


@dataclass(frozen=True)
class CalendarGrid:
    """Midnights of the dates of a calendar, as ticks; a grid as those of `grids.py`.

    Parameters
    ----------
    calendar : Months or Weekdays
    places : IntegerGrid
        The numbers that dates have.
    per_day : int
        Ticks in a day.
    """

    calendar: Calendar
    places: IntegerGrid
    per_day: int

    @property
    def low(self) -> int:
        return self._ticks(self.places.low)

    @property
    def high(self) -> int:
        return self._ticks(self.places.high)

    @property
    def unit_step(self) -> float:
        """The step as a share of the range."""
        return self.places.unit_step

    def to_unit(self, values: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the place of each value between low (0) and high (1)."""
        with np.errstate(invalid="ignore"):  # a missing value may be NaN
            whole, rest = np.divmod(values, self.per_day)
            days = whole.clip(-FAR_DAYS, FAR_DAYS).astype(np.int64)
        before = self.calendar.number(days)
        start, end = self.calendar.day(before), self.calendar.day(before + 1)
        return self.places.to_unit(before + (days - start + rest / self.per_day) / (end - start))

    def from_unit(self, unit: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the values nearest to these places."""
        return self.calendar.day(self.places.from_unit(unit)) * self.per_day

    def inside(
        self, low: int | float | Fraction, high: int | float | Fraction
    ) -> tuple[int, int] | None:
        """Return the smallest and the largest value in [low, high], None if there is none."""
        low, high = max(low, self.low), min(high, self.high)
        if low > high:
            return None
        # exactly: the last nanosecond of a month is a float of the next
        after, last = self._number(-(-low // self.per_day) - 1), self._number(high // self.per_day)
        found = self.places.inside(after + 1, last)
        return None if found is None else (self._ticks(found[0]), self._ticks(found[1]))

    def cells(self, first: int, last: int) -> NDArray[np.float64]:
        """Return the places from and to which values are nearest to first ... last."""
        return self.places.cells(
            self._number(first // self.per_day), self._number(last // self.per_day)
        )

    def describe(self) -> str:
        """Say which values there are."""
        return self.calendar.describe()

    def _number(self, day: int | float | Fraction) -> int:
        return int(self.calendar.number(np.array([int(day)], dtype=np.int64))[0])

    def _ticks(self, number: int) -> int:
        return int(self.calendar.day(np.array([number], dtype=np.int64))[0]) * self.per_day


def find_date_grid(values: NDArray[np.int64], unit: str | None) -> Grid | CalendarGrid:
    """Return the range and the grid of (present) numbers, or ticks of a unit.

    Durations are ticks as well: days from 1970 on are as good a scale for them.
    """
    grid = find_grid(values)
    per_day = 0 if unit is None else NANOSECONDS["D"] // NANOSECONDS[unit]
    if not per_day or not isinstance(grid, IntegerGrid) or not _are_days(grid, per_day):
        return grid
    days = np.unique(values // per_day)
    calendar = find_calendar(days)
    if calendar is None:
        return grid
    return CalendarGrid(calendar, find_integer_grid(calendar.number(days)), per_day)


def _are_days(grid: IntegerGrid, per_day: int) -> bool:
    """Tell whether all values are midnights that a calendar reaches."""
    is_far = max(-grid.low, grid.high) // per_day >= FAR_DAYS
    return not (is_far or grid.low % per_day or grid.step % per_day)


def find_calendar(days: NDArray[np.int64]) -> Calendar | None:
    """Return the calendar of these different, increasing days, None if that may be chance."""
    candidates: list[tuple[Calendar, float]] = [*_months(days), *_weekdays(days)]
    for calendar, chance in candidates:
        is_on = np.array_equal(calendar.day(calendar.number(days)), days)
        if is_on and chance <= MAX_CHANCE:
            return calendar
    return None


def _months(days: NDArray[np.int64]) -> list[tuple[Months, float]]:
    """Return what days of months all may be, and with what chance they are that."""
    first = days[:1]
    shift = int((first - Months(0).day(Months(0).number(first)))[0])
    chance = DAYS_OF_A_MONTH ** (1 - len(days))  # that the others are the same
    return [(Months(k), chance) for k in (shift, -1) if k <= LAST_SHIFT]


def _weekdays(days: NDArray[np.int64]) -> list[tuple[Weekdays, float]]:
    """Return the weekdays that occur, unless one hardly does, and with what chance no more do.

    It is that of drawing so many different days between the first and the last one, for all choices
    of so many weekdays. Days of a single weekday are at equal distances without a calendar.
    """
    found, counts = np.unique((days + MONDAY) % 7, return_counts=True)
    if len(found) == 1 or counts.min() < LEAST_SHARE * counts.mean():
        return []
    calendar = Weekdays(tuple(found.tolist()))
    first, last = calendar.number(days[[0, -1]])
    drawn = np.arange(len(days))
    chances = (last - first + 1 - drawn) / (days[-1] - days[0] + 1 - drawn)
    return [(calendar, comb(7, len(found)) * float(chances.prod()))]
