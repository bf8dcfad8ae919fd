"""Logits to scores: where public scores get their sign.

A logit is the discriminator's word on how much a row looks like a row of a class; its scale means
nothing by itself. Here it is measured against the training rows of the class: 0 is the score that
5% of them fall below, 1 the distance between their quartiles. Higher is more normal, as everywhere
in scikit-learn: a number that grows with how anomalous a row is comes in by `to_normality`, and
scores go out by `to_anomaly` where the caller asks for anomaly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLD_QUANTILE = 0.05
# The spread of a class of few rows is hardly known: it leans on that of the others.
PRIOR_ROWS = 10
SMALLEST_UNIT = 1e-9
# What a value of a kind that training did not have costs. The discriminator sees something usual in
# its place: so about as much as the most normal training rows are above 0.
UNSEEN_COST = 4.0


@dataclass(frozen=True)
class ScoreScale:
    """Origin and unit of the scores of each class.

    Parameters
    ----------
    origin, unit : ndarray of shape (n_classes,)
    """

    origin: NDArray[np.float64]
    unit: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        logits: NDArray[np.float64],
        classes: NDArray[np.int64],
        n_classes: int,
        *,
        count_ties: bool = True,
    ) -> ScoreScale:
        """Measure the training rows' logits for their own class.

        Without `count_ties` equal logits are one in the unit: of rows that are repeated many times
        the quartiles may lie as far apart as copies from others.
        """
        by_class = [logits[classes == code] for code in range(n_classes)]
        origin = np.array([np.quantile(own, THRESHOLD_QUANTILE) for own in by_class])
        measured = by_class if count_ties else [np.unique(own) for own in by_class]
        low, high = np.array([np.quantile(own, [0.25, 0.75]) for own in measured]).T
        counts = np.bincount(classes, minlength=n_classes)
        spread = high - low
        typical = np.average(spread, weights=counts)
        unit = (counts * spread + PRIOR_ROWS * typical) / (counts + PRIOR_ROWS)
        return cls(origin, np.maximum(unit, SMALLEST_UNIT))

    def followed_by(self, other: ScoreScale) -> ScoreScale:
        """Return the scale of the classes of both."""
        return ScoreScale(np.r_[self.origin, other.origin], np.r_[self.unit, other.unit])

    def lowered(self, code: int, by: float) -> ScoreScale:
        """Return the scale with the scores of one class lowered."""
        origin = self.origin.copy()
        origin[code] += by * self.unit[code]
        return ScoreScale(origin, self.unit)

    def normality(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how normal each row is for each class, of shape (n_rows, n_classes)."""
        normality: NDArray[np.float64] = (logits - self.origin) / self.unit
        return normality


def less_unseen(normality: NDArray[np.float64], unseen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the normality of rows, of shape (n_rows, n_classes), less what is new in them.

    Parameters
    ----------
    normality : ndarray of shape (n_rows, n_classes)
    unseen : ndarray of shape (n_rows, n_columns), dtype bool
        Which values are of a kind that training did not have.
    """
    cost: NDArray[np.float64] = UNSEEN_COST * unseen.sum(axis=1)[:, None]
    return normality - cost


def to_anomaly(normality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores from 0 to 1, higher for more anomalous; 0.5 where normality is 0.

    Algebraic rather than logistic: the farthest rows stay apart instead of meeting at 1.
    """
    anomaly: NDArray[np.float64] = 0.5 - 0.5 * normality / (1 + np.abs(normality))
    return anomaly


def to_normality(anomaly: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a logit for a number that grows with how anomalous a row is."""
    return -anomaly


def conformal_p_values(
    anomaly: NDArray[np.float64], usual: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of rows, itself among the usual ones, that are as anomalous or more.

    Parameters
    ----------
    anomaly : ndarray of shape (n_rows,)
        Higher = more anomalous.
    usual : ndarray of shape (n_calibration,)
        Of rows that are normal.
    """
    n_below = np.searchsorted(np.sort(usual), anomaly, side="left")
    share: NDArray[np.float64] = (1 + len(usual) - n_below) / (len(usual) + 1)
    return share
