"""Which columns make a row anomalous: contributions that sum to its excess over a typical row.

The value of a set of columns is the score of a row that has these columns from the row in question
and all others from the most similar typical row of the training table. Columns are switched one
after the other in random order, and each is credited with what its switch changes; the mean over
orders estimates Shapley values (Strumbelj & Kononenko 2014), and sums to the whole change whatever
the orders are. Each order is also gone through backwards, which cancels most of its luck (Mitchell
et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganaug._checks import check_whole_number

N_ORDERS = 4
# Points that are scored at a time.
CHUNK_POINTS = 16_384

Score = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Explanation:
    """Contributions of columns to anomaly.

    Attributes
    ----------
    contributions : ndarray of shape (n_samples, n_features)
        How much each column adds to the row's anomaly, in units of `score_samples`; the sum of a
        row is ``baseline - score``.
    baseline : ndarray of shape (n_samples,)
        `score_samples` of the typical row that each row is compared with.
    score : ndarray of shape (n_samples,)
        `score_samples` of each row.
    feature_names : tuple
        Names of the columns (positions where there are none).

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import GANOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> explanation = GANOutlierDetector(n_steps=20, random_state=0).fit(X).explain(X[:3])
    >>> bool(np.allclose(
    ...     explanation.contributions.sum(axis=1), explanation.baseline - explanation.score
    ... ))
    True
    """

    contributions: NDArray[np.float64]
    baseline: NDArray[np.float64]
    score: NDArray[np.float64]
    feature_names: tuple[object, ...]

    def top(self, n_features: int = 3) -> list[list[tuple[object, float]]]:
        """Return the columns that contribute most to each row.

        Parameters
        ----------
        n_features : int, default=3
            How many columns; all of them if there are fewer.

        Returns
        -------
        list of list of (name, float)
            For each row the names of columns and their contributions, falling.

        Raises
        ------
        DataError
            If `n_features` is no number of columns.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import Explanation
        >>> shares = np.array([[0.5, 2.0, -0.1]])
        >>> Explanation(shares, np.array([1.5]), np.array([-0.9]), ("age", "pay", "rent")).top(2)
        [[('pay', 2.0), ('age', 0.5)]]
        """
        n_shown = check_whole_number("n_features", n_features, "columns")
        order = np.argsort(-self.contributions, axis=1, kind="stable")[:, :n_shown]
        return [
            [(self.feature_names[j], float(row[j])) for j in places]
            for row, places in zip(self.contributions, order, strict=True)
        ]


class PathExplainer:
    """Attributes differences of scores to columns.

    Parameters
    ----------
    score : callable
        Points of shape (n, n_coordinates) and modes (n,) -> scores (n,).
    column_of : ndarray of shape (n_coordinates,)
        The column that each coordinate belongs to.
    n_columns : int
    seed : int
    """

    def __init__(
        self, score: Score, column_of: NDArray[np.int64], n_columns: int, seed: int
    ) -> None:
        self._score = score
        self._column_of = column_of
        random = np.random.default_rng(seed)
        orders = [random.permutation(n_columns) for _ in range(N_ORDERS)]
        self._orders = np.array([order for o in orders for order in (o, o[::-1])])
        # is_switched[o, s, j]: after s switches of order o, column j is the row's own
        rank = np.argsort(self._orders, axis=1)
        self._is_switched = rank[:, None, :] < np.arange(n_columns + 1)[:, None]

    def contributions(
        self,
        points: NDArray[np.float32],
        baselines: NDArray[np.float32],
        modes: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return score(baseline) - score(point), divided among columns: (n_rows, n_columns)."""
        n_states = self._is_switched.shape[0] * self._is_switched.shape[1]
        step = max(1, CHUNK_POINTS // n_states)
        found = [np.empty((0, self._orders.shape[1]))]
        for start in range(0, len(points), step):
            part = slice(start, start + step)
            found.append(self._of(points[part], baselines[part], modes[part]))
        return np.concatenate(found)

    def _of(
        self, points: NDArray[np.float32], baselines: NDArray[np.float32], modes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        switched = self._is_switched[None, :, :, self._column_of]
        states = np.where(switched, points[:, None, None], baselines[:, None, None])
        shape = states.shape[:3]
        scores = self._score(
            states.reshape(-1, points.shape[1]), np.repeat(modes, shape[1] * shape[2])
        ).reshape(shape)
        credits = np.zeros((shape[0], shape[1], self._orders.shape[1]))
        orders = np.broadcast_to(self._orders, credits.shape)
        np.put_along_axis(credits, orders, -np.diff(scores, axis=2), axis=2)
        return credits.mean(axis=1)
