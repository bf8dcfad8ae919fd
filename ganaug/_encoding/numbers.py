"""Numbers: from places on a grid (`grids.py`) to a standardised scale, and values that pile up.

Places are standardised linearly or, where tails are heavy, by quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ganaug._encoding.grids import WILD_REACH, thinned

# A standardised column with a larger fourth moment is dominated by a few far values (a normal
# one has 3, an exponential one 9): a network would see little else.
HEAVY_TAIL_KURTOSIS = 20.0
N_QUANTILES = 257
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
    unit = thinned(unit, keep=(0.0, 1.0))
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
    values = thinned(values)
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
