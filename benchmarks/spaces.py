"""A training fold as numbers, for samplers that know nothing else, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.data import Fold

Floats = NDArray[np.float64]
NumericSampler = Callable[[Floats, NDArray[np.int64], "NumericSpace"], tuple[Any, Any]]


@dataclass(frozen=True)
class NumericSpace:
    """The encoding that was fitted on one training fold.

    Numbers come first: imputed with the median and standardised. Then each categorical column,
    as one code or as one-hot columns, with a level of its own for missing values. Coming back,
    the nearest code or the largest column wins, so that categories are always valid.

    Attributes
    ----------
    numeric : tuple of str
        Names of the numeric columns.
    levels : dict
        Name of a categorical column -> its levels in this fold (NaN among them if some miss).
    scaling : Pipeline
        Imputer and scaler of the numbers.
    one_hot : bool
        Whether categories are one-hot columns, or else codes.
    """

    fold: Fold
    numeric: tuple[str, ...]
    levels: dict[str, pd.Index]
    scaling: Pipeline
    one_hot: bool

    @classmethod
    def fit(cls, fold: Fold, *, one_hot: bool) -> NumericSpace:
        """Fit the encoding on a training fold."""
        numeric = tuple(name for name in fold.X.columns if name not in fold.categorical)
        scaling = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
        )
        if numeric:
            scaling.fit(fold.X[list(numeric)].to_numpy(float))
        levels = {name: pd.Index(fold.X[name].astype(object).unique()) for name in fold.categorical}
        return cls(fold, numeric, levels, scaling, one_hot)

    @property
    def categorical_columns(self) -> list[int]:
        """Positions of the codes."""
        return list(range(len(self.numeric), len(self.numeric) + len(self.levels)))

    def encode(self, X: pd.DataFrame) -> Floats:
        """Return rows as numbers, of shape (n_rows, n_encoded); an unknown level is -1 or zeros."""
        blocks = []
        if self.numeric:
            blocks.append(self.scaling.transform(X[list(self.numeric)].to_numpy(float)))
        for name, levels in self.levels.items():
            codes = levels.get_indexer(pd.Index(X[name].astype(object)))
            one_hot = np.eye(len(levels) + 1)[:, :-1]  # its last row is that of the code -1
            blocks.append(one_hot[codes] if self.one_hot else codes[:, None])
        return np.hstack(blocks).astype(float)

    def decode(self, encoded: Floats) -> pd.DataFrame:
        """Return encoded rows as rows of the table."""
        columns: dict[str, Any] = {}
        n_numeric = len(self.numeric)
        if n_numeric:
            numbers = self.scaling[-1].inverse_transform(encoded[:, :n_numeric])
            columns = dict(zip(self.numeric, numbers.T, strict=True))
        for name, codes in zip(self.levels, self._codes(encoded[:, n_numeric:]), strict=True):
            values = pd.Series(self.levels[name].take(codes))
            columns[name] = values.astype(self.fold.X[name].dtype)
        return pd.DataFrame(columns)[list(self.fold.X.columns)]

    def _codes(self, encoded: Floats) -> list[NDArray[np.int64]]:
        sizes = [len(levels) for levels in self.levels.values()]
        if self.one_hot:
            edges = np.cumsum([0, *sizes])
            return [encoded[:, start:stop].argmax(axis=1) for start, stop in pairwise(edges)]
        return [
            np.clip(np.rint(column), 0, size - 1).astype(int)
            for column, size in zip(encoded.T, sizes, strict=True)
        ]


def resample_encoded(
    fold: Fold, sampler: NumericSampler, *, one_hot: bool = True
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Resample a fold in its numeric space.

    Rows that the sampler hands back as they were, in front, are the raw rows of the fold.

    Parameters
    ----------
    fold : Fold
        The training fold.
    sampler : callable
        Takes encoded rows, labels and the space, and returns more of both.
    one_hot : bool, default=True
        Whether categories are one-hot columns, or else codes.
    """
    space = NumericSpace.fit(fold, one_hot=one_hot)
    encoded = space.encode(fold.X)
    found, found_labels = sampler(encoded, fold.y, space)
    more, labels = np.asarray(found, dtype=float), np.asarray(found_labels).astype(np.int64)
    n_rows = len(fold.y)
    if np.array_equal(more, encoded):  # what some samplers do where they can't make any
        return fold.X, labels
    if len(more) >= n_rows and np.array_equal(more[:n_rows], encoded):
        synthetic = space.decode(more[n_rows:])
        return pd.concat([fold.X, synthetic], ignore_index=True), labels
    return space.decode(more), labels
