"""Grids: the values that a number may have, and their places between the lowest and the highest.

That place, in [0, 1], is where the scale of a column ends to matter (1e-9 beside 1e12, integers
beyond 2^53, dates in nanoseconds).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A value beyond so many distances of the outer deciles from the median is wild.
WILD_REACH = 8.0
MAX_GRID_DECIMALS = 9
VALUES_SHOWN = 8
# A number with few values, many rows to each, takes no others.
MAX_VALUES = 64
MIN_ROWS_PER_VALUE = 20
SINGLE_PRECISION = float(np.finfo(np.float32).eps)
# Shapes of columns are measured on so many of their values; ranges and grids on all.
MAX_SHAPE_VALUES = 100_000


@dataclass(frozen=True)
class IntegerGrid:
    """The values low, low + step, ..., high; exact for all machine integers."""

    low: int
    high: int
    step: int

    @property
    def unit_step(self) -> float:
        """The step as a share of the range; 0 if there is no range."""
        return self.step / (self.high - self.low) if self.high != self.low else 0.0

    def to_unit(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the place of each value between low (0) and high (1)."""
        if self.high == self.low:
            return np.zeros(len(values))
        if values.dtype.kind == "f":  # rows that were not fitted may come as floats
            return (values - float(self.low)) / float(self.high - self.low)
        offsets = _offsets(values, self.low)
        below = -(~offsets + np.uint64(1)).astype(np.float64)  # what a negative offset wraps to
        return np.where(values < self.low, below, offsets) / float(self.high - self.low)

    def from_unit(self, unit: NDArray[np.float64]) -> NDArray[Any]:
        """Return the values nearest to these places."""
        n_steps = (self.high - self.low) // self.step if self.step else 0
        steps = np.round(np.clip(unit, 0.0, 1.0) * float(n_steps))
        # the float nearest to a large number of steps may lie beyond it
        whole = np.minimum(np.minimum(steps, 2.0**64 - 2048).astype(np.uint64), np.uint64(n_steps))
        dtype = np.int64 if self.high <= np.iinfo(np.int64).max else np.uint64
        # two's complement: adding modulo 2^64 is right for signed and unsigned alike
        return (whole * np.uint64(self.step) + np.uint64(self.low % 2**64)).view(dtype)

    def inside(self, low: float, high: float) -> tuple[int, int] | None:
        """Return the smallest and the largest value in [low, high], None if there is none."""
        if low > self.high or high < self.low:  # infinite ones, too
            return None
        step = max(self.step, 1)
        above = 0 if low <= self.low else -(-(math.ceil(low) - self.low) // step)
        below = self.high if high >= self.high else math.floor(high)
        first, last = self.low + above * step, self.low + (below - self.low) // step * step
        return (first, last) if self.low <= first <= last <= self.high else None

    def cells(self, first: int, last: int) -> NDArray[np.float64]:
        """Return the places from and to which values are nearest to first ... last."""
        return self.to_unit(np.array([first, last])) + _half_cells(self.unit_step)

    def describe(self) -> str:
        """Say which values there are."""
        step = f" in steps of {self.step}" if self.step > 1 else ""
        return f"whole numbers from {self.low} to {self.high}{step}"


@dataclass(frozen=True)
class FloatGrid:
    """Floats from low to high, with a step and so many decimals or, if step is 0, any."""

    low: float
    high: float
    step: float = 0.0
    decimals: int = 0

    @property
    def unit_step(self) -> float:
        """The step as a share of the range; 0 if continuous or if there is no range."""
        return self.step / (self.high - self.low) if self.high != self.low else 0.0

    @property
    def _part(self) -> float:
        """Half of each value is used where the difference of two finite floats is infinite."""
        return 1.0 if np.isfinite(self.high - self.low) else 0.5

    def to_unit(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the place of each value between low (0) and high (1)."""
        if self.high == self.low:
            return np.zeros(len(values))
        part = self._part
        low, high = self.low * part, self.high * part
        with np.errstate(over="ignore"):  # far outside
            unit: NDArray[np.float64] = (values * part - low) / (high - low)
        return unit

    def from_unit(self, unit: NDArray[np.float64]) -> NDArray[Any]:
        """Return the values nearest to these places."""
        unit = np.clip(unit, 0.0, 1.0)
        low, high = self.low * self._part, self.high * self._part
        values = np.clip(low + unit * (high - low), low, high) / self._part
        if self.step:
            steps = np.round(unit * ((self.high - self.low) / self.step))
            values = np.round(self.low + steps * self.step, self.decimals)
        # low + (high - low) may be the float before high
        return np.where(unit == 1.0, self.high, np.clip(values, self.low, self.high))

    def inside(self, low: float, high: float) -> tuple[float, float] | None:
        """Return the smallest and the largest value in [low, high], None if there is none."""
        last_bit = 0.0
        if _are_single(self.low, self.high):
            low, high = _as_single(low), _as_single(high)
            last_bit = SINGLE_PRECISION * max(abs(self.low), abs(self.high))
        first, last = max(float(low), self.low), min(float(high), self.high)
        if self.step > last_bit and first <= last:
            # 0.3 is a whole number of steps of 0.1, but not to the last bit
            slack = max(1e-9, last_bit / self.step)
            above = math.ceil((first - self.low) / self.step - slack)
            below = math.floor((last - self.low) / self.step + slack)
            if above > below:
                return None
            first, last = self._step(above), self._step(below)
        return (first, last) if first <= last else None

    def cells(self, first: float, last: float) -> NDArray[np.float64]:
        """Return the places from and to which values are nearest to first ... last."""
        return self.to_unit(np.array([first, last])) + _half_cells(self.unit_step)

    def _step(self, number: int) -> float:
        value = round(self.low + number * self.step, self.decimals)
        return min(max(value, self.low), self.high)

    def describe(self) -> str:
        """Say which values there are."""
        step = f" in steps of {self.step:g}" if self.step else ""
        return f"values from {self.low:g} to {self.high:g}{step}"


@dataclass(frozen=True)
class ValueGrid:
    """A few values, each of them common: grades, rates that change once a month, dice."""

    values: NDArray[Any]

    @property
    def low(self) -> Any:
        return self.values[0].item()

    @property
    def high(self) -> Any:
        return self.values[-1].item()

    @property
    def unit_step(self) -> float:
        """The step as a share of the range; 0 if the values are not at equal distances."""
        steps = np.diff(self.to_unit(self.values))
        return float(steps[0]) if len(steps) and np.allclose(steps, steps[0]) else 0.0

    def to_unit(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the place of each value between low (0) and high (1)."""
        return self.range().to_unit(values)

    def from_unit(self, unit: NDArray[np.float64]) -> NDArray[Any]:
        """Return the values nearest to these places."""
        places = self.to_unit(self.values)
        nearest: NDArray[Any] = self.values[np.searchsorted((places[1:] + places[:-1]) / 2, unit)]
        return nearest

    def inside(self, low: float, high: float) -> tuple[Any, Any] | None:
        """Return the smallest and the largest value in [low, high], None if there is none."""
        if self.values.dtype.kind == "f" and _are_single(*self.values):
            low, high = _as_single(low), _as_single(high)
        found = self.values[(self.values >= low) & (self.values <= high)]
        return (found[0].item(), found[-1].item()) if len(found) else None

    def cells(self, first: Any, last: Any) -> NDArray[np.float64]:
        """Return the places from and to which values are nearest to first ... last."""
        places = self.to_unit(self.values)
        ends = np.r_[0.0, (places[1:] + places[:-1]) / 2, 1.0]
        low, high = np.searchsorted(self.values, [first, last])
        return ends[[low, high + 1]]

    def describe(self) -> str:
        """Say which values there are."""
        shown = ", ".join(f"{value:g}" for value in self.values[:VALUES_SHOWN])
        return f"only the values {shown}{', ...' if len(self.values) > VALUES_SHOWN else ''}"

    def range(self) -> IntegerGrid | FloatGrid:
        """Return the grid of all values between the lowest and the highest."""
        if self.values.dtype.kind in "iu":
            return IntegerGrid(self.low, self.high, 1)
        return FloatGrid(self.low, self.high)


def _half_cells(step: float) -> NDArray[np.float64]:
    """Return how far the cells of two values reach out, down and up."""
    return np.array([-step / 2, step / 2])


Grid = IntegerGrid | FloatGrid | ValueGrid


def _are_single(*values: float) -> bool:
    """Tell whether the column may have been float32, in which 0.1 is another number."""
    return all(_as_single(value) == value for value in values)


def _as_single(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def find_grid(values: NDArray[Any]) -> Grid:
    """Return the range and the grid of the (present) values of a number."""
    most = min(MAX_VALUES, len(values) // MIN_ROWS_PER_VALUE)
    if len(np.unique(thinned(values))) <= most:
        distinct = np.unique(values)
        if len(distinct) <= most:
            return ValueGrid(distinct)
    if values.dtype.kind in "iu":
        return find_integer_grid(values)
    lowest, highest = float(values.min()), float(values.max())
    decimals = _decimals(values)
    if decimals is None:
        return FloatGrid(lowest, highest)
    scaled = np.round(values * 10.0**decimals).astype(np.int64)
    step = int(np.gcd.reduce(scaled - scaled.min()))
    return FloatGrid(lowest, highest, step / 10.0**decimals, decimals)


def find_integer_grid(values: NDArray[Any]) -> IntegerGrid:
    """Return the range and the step of whole numbers."""
    low = int(values.min())
    return IntegerGrid(low, int(values.max()), int(np.gcd.reduce(_offsets(values, low))))


def find_usual_grid(values: NDArray[Any]) -> Grid:
    """Return the grid of a number, without wild values if they would take the others' digits.

    Places between -1e17 and 1e17 tell no values apart that are nearer than 16.
    """
    grid = find_grid(values)
    low, middle, high = (
        float(value) for value in np.quantile(thinned(values), [0.1, 0.5, 0.9], method="nearest")
    )
    with np.errstate(over="ignore"):
        spread = np.float64(high) - low
        if not spread or _digit_of_places(grid) <= SINGLE_PRECISION * spread:
            return grid
        reach = WILD_REACH * float(spread)
    whole = grid.range() if isinstance(grid, ValueGrid) else grid
    lowest, highest = max(whole.low, middle - reach), min(whole.high, middle + reach)
    if isinstance(whole, IntegerGrid):
        return replace(whole, low=int(lowest), high=int(highest))
    return replace(whole, low=lowest, high=highest)


def _digit_of_places(grid: Grid) -> float:
    """Return the difference of two values that neighbouring floats in [0.5, 1) stand for."""
    return 2.0 * float(np.spacing(grid.high / 2 - grid.low / 2))


def _offsets(values: NDArray[Any], low: int) -> NDArray[np.uint64]:
    """Return values - low, exactly and modulo 2^64, for any machine integers."""
    return values.view(np.uint64) - np.uint64(low % 2**64)


def _decimals(values: NDArray[np.float64]) -> int | None:
    """Return with how many decimals all values can be written, None if with too many."""
    with np.errstate(over="ignore"):
        single = bool(np.all(values == values.astype(np.float32)))
    for decimals in range(MAX_GRID_DECIMALS + 1):
        if np.abs(values).max() * 10.0**decimals >= 2.0**53:
            return None
        if all(_is_rounded(part, decimals, single) for part in (values[:1000], values)):
            return decimals
    return None


def _is_rounded(values: NDArray[np.float64], decimals: int, single: bool) -> bool:
    rounded = np.round(values, decimals)
    if single:  # the column may have been float32: 0.1 is another number there
        rounded = rounded.astype(np.float32).astype(np.float64)
    return bool(np.array_equal(rounded, values))


def thinned(values: NDArray[Any], keep: tuple[float, ...] = ()) -> NDArray[Any]:
    """Return all values or, of very many, a random choice and those to `keep`."""
    if len(values) <= MAX_SHAPE_VALUES:
        return values
    # a stream of its own with a fixed seed: the same column always has the same shape
    chosen = values[np.random.default_rng(0).integers(len(values), size=MAX_SHAPE_VALUES)]
    return np.append(chosen, np.array(keep, dtype=values.dtype))
