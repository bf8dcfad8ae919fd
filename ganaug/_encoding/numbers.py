"""Numbers: from a column's own values to a standardised scale and back onto its own grid.

Every number first becomes its place t in [0, 1] between the smallest and the largest value seen.
That is where the scale of the column ends to matter (1e-9 beside 1e12, integers beyond 2^53,
dates in nanoseconds). Then t is standardised, linearly or, where tails are heavy, by quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

# A standardised column with a larger fourth moment is dominated by a few far values (a normal
# one has 3, an exponential one 9): a network would see little else.
HEAVY_TAIL_KURTOSIS = 20.0
N_QUANTILES = 257
# A value beyond so many distances of the outer deciles from the median is wild.
WILD_REACH = 8.0
MAX_GRID_DECIMALS = 9
VALUES_SHOWN = 8
# A number with few values, many rows to each, takes no others.
MAX_VALUES = 64
MIN_ROWS_PER_VALUE = 20
# A single value that so many rows share, in a column of many other values, is a state of its own
# (no balance, never called), not a number like the others; Zhao et al. (2021), "CTAB-GAN".
ATOM_SHARE = 0.15
ATOM_MIN_OTHER_VALUES = 20
# So is one that most rows of a class share, however seldom it is in the table, or that as large a
# share of a varied class does, if it is so many times as frequent there as any other.
MIN_ATOM_ROWS = 5
ATOM_PROMINENCE = 3
MAX_CLASS_ATOMS = 10
LARGEST = float(np.finfo(np.float64).max)
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
    if len(np.unique(_thinned(values))) <= most:
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
        float(value) for value in np.quantile(_thinned(values), [0.1, 0.5, 0.9], method="nearest")
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


@dataclass(frozen=True)
class Scale:
    """A strictly increasing, piecewise linear map from places in [0, 1] to standard units.

    Two knots make it the usual standardisation. The first and the last piece go on beyond the range
    seen in training, so that a value far outside is farther than one at the end.
    """

    unit: NDArray[np.float64]
    standard: NDArray[np.float64]

    @property
    def is_linear(self) -> bool:
        return len(self.unit) == 2

    def forward(self, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):  # knots may be as near as floats can be
            slopes = (np.diff(self.standard) / np.diff(self.unit)).clip(max=LARGEST)
            if self.is_linear:
                scaled: NDArray[np.float64] = self.standard[0] + (unit - self.unit[0]) * slopes[0]
                return scaled
            below = np.minimum(unit - self.unit[0], 0.0) * slopes[0]
            above = np.maximum(unit - self.unit[-1], 0.0) * slopes[-1]
            outside: NDArray[np.float64] = below + above
            inside = np.interp(unit, self.unit, self.standard)
        if not np.isfinite(inside).all():  # between two knots whose slope is no number
            knots = np.searchsorted(self.unit, unit, side="right") - 1
            inside = np.where(np.isfinite(inside), inside, self.standard[knots])
        return inside + outside

    def backward(self, standard: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(standard, self.standard, self.unit)

    def backward_from_single(self, standard: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return places from standard units in single precision, where an end may lie inside."""
        with np.errstate(over="ignore"):  # a detector draws in what is too far
            low, high = self.standard[[0, -1]].astype(np.float32)
        unit = np.where(standard <= low, self.unit[0], self.backward(standard.astype(np.float64)))
        return np.where(standard >= high, self.unit[-1], unit)


def find_scale(
    unit: NDArray[np.float64],
    by_class: Sequence[NDArray[np.float64]] = (),
    *,
    linear: bool = False,
) -> Scale:
    """Return the scale for places in [0, 1] that are not all equal, and reach from 0 to 1.

    A `linear` one is that of the column without its wild values: a single one would put all others
    in one place. Others have quantiles for such columns, unless a rare class is all that is far
    away (`by_class` has the places of each): quantiles would close the gap between the classes.
    """
    unit = _thinned(unit, keep=(0.0, 1.0))
    mean, spread = _tamed_moments(unit) if linear else (unit.mean(), unit.std())
    if linear or not (_has_heavy_tails(unit) and _has_heavy_tails(_centred(by_class or [unit]))):
        with np.errstate(over="ignore"):
            ends = (np.array([0.0, 1.0]) - mean) / spread
        return Scale(np.array([0.0, 1.0]), ends.clip(-LARGEST, LARGEST))
    # of few values no more quantiles than there are: the outer ones would share a score
    levels = np.linspace(0.0, 1.0, min(N_QUANTILES, len(unit)))
    knots, first, counts = np.unique(
        np.quantile(unit, levels), return_index=True, return_counts=True
    )
    margin = 0.5 / max(len(unit), 2)
    middle = levels[first] + (counts - 1) * (levels[1] / 2)  # ties share the middle of their ranks
    scores = ndtri(np.clip(middle, margin, 1 - margin))
    return Scale(knots, scores)


def _has_heavy_tails(values: NDArray[np.float64]) -> bool:
    spread = values.std()
    fourth = np.mean(((values - values.mean()) / spread) ** 4) if spread else 0.0
    return bool(fourth > HEAVY_TAIL_KURTOSIS)


def _centred(by_class: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return how far all values are from the mean of their class."""
    return np.concatenate([values - values.mean() for values in by_class if len(values)])


def _tamed_moments(unit: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation, wild values drawn in to where others may be.

    Nothing is wild where the middle of the column is one value.
    """
    low, middle, high = np.quantile(unit, [0.1, 0.5, 0.9])
    reach = WILD_REACH * (high - low)
    if not reach:
        return unit.mean(), unit.std()
    with np.errstate(over="ignore"):  # in units of the reach, whose square may be too small
        drawn_in = ((unit - middle) / reach).clip(-1.0, 1.0)
    return middle + reach * drawn_in.mean(), reach * drawn_in.std()


def find_atoms(values: NDArray[Any], by_class: Sequence[NDArray[Any]] = ()) -> NDArray[Any]:
    """Return the values that hold so large a share of a varied column that they are states.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
    by_class : sequence of ndarray
        Those of each class.
    """
    values = _thinned(values)
    distinct, counts = np.unique(values, return_counts=True)
    often = distinct[counts >= ATOM_SHARE * len(values)]
    smallest_first = sorted(by_class, key=len)
    of_classes = np.concatenate([often[:0], *map(_atoms_of_class, smallest_first)])
    atoms = np.union1d(often, of_classes[:MAX_CLASS_ATOMS])
    return atoms if len(distinct) - len(atoms) >= ATOM_MIN_OTHER_VALUES else distinct[:0]


def _atoms_of_class(values: NDArray[Any]) -> NDArray[Any]:
    """Return the value that most of them are, or those that stand out among many others."""
    distinct, counts = np.unique(values, return_counts=True)
    is_often = counts >= max(ATOM_SHARE * len(values), MIN_ATOM_ROWS)
    if is_often.any() and len(distinct) - is_often.sum() >= ATOM_MIN_OTHER_VALUES:
        is_often &= counts >= ATOM_PROMINENCE * counts[~is_often].max()
        return np.union1d(distinct[is_often], _shared_by_most(values))
    return _shared_by_most(values)


def _shared_by_most(values: NDArray[Any]) -> NDArray[Any]:
    """Return the value that more than half of them are, of shape (1,), or none, of shape (0,)."""
    middle = np.sort(values)[len(values) // 2 :][:1]  # if there is one it is in the middle
    n_shared = np.count_nonzero(values == middle) if len(middle) else 0
    return middle if n_shared >= MIN_ATOM_ROWS and 2 * n_shared > len(values) else middle[:0]


def _thinned(values: NDArray[Any], keep: tuple[float, ...] = ()) -> NDArray[Any]:
    """Return all values or, of very many, a random choice and those to `keep`."""
    if len(values) <= MAX_SHAPE_VALUES:
        return values
    # a stream of its own with a fixed seed: the same column always has the same shape
    chosen = values[np.random.default_rng(0).integers(len(values), size=MAX_SHAPE_VALUES)]
    return np.append(chosen, np.array(keep, dtype=values.dtype))
