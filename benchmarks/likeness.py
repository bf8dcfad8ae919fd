"""How much generated rows are like real rows of the class that nobody was trained on.

`Comparison` holds three sets of rows of one class: those the sampler learned from, those it has
never seen (*held out*), and those it made. Each measure is a method; for most of them the training
rows themselves, put in the place of the made ones, show how well the best sampler could do.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks.data import Fold
from benchmarks.spaces import NumericSpace

Floats = NDArray[np.float64]

MEASURES = (
    "forest_accuracy",
    "logistic_accuracy",
    "precision",
    "recall",
    "density",
    "coverage",
    "quality",
    "correlation_error",
    "rate_error",
    "invalid",
    "new_pairs",
    "new_pairs_real",
    "distance",
    "distance_real",
    "copies",
    "copies_real",
)
# Few held-out rows are compared with several draws of as many made ones.
DRAWN_ROWS, MAX_DRAWS, MAX_TESTED_ROWS = 300, 6, 500
MAX_MADE_ROWS = 2000
TEST_FOLDS = 5
N_TREES = 100
PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5
SAME = 1e-5
QUALITY_COLUMNS = 50


@dataclass(frozen=True)
class Comparison:
    """Rows of one class: learned from, held out, and made.

    Attributes
    ----------
    table : Fold
        All real rows of the table (training and held out, all classes): the scale of distances.
    train, held_out, made : DataFrame
        Rows of one class, with the columns of the table.
    seed : int
    """

    table: Fold
    train: pd.DataFrame
    held_out: pd.DataFrame
    made: pd.DataFrame
    seed: int

    def measures(self) -> dict[str, float]:
        """Return all measures by the names `MEASURES`."""
        return {
            **self.two_sample_tests(),
            **self.manifolds(),
            "quality": self.quality(),
            "correlation_error": self.correlation_error(),
            "rate_error": self.rate_error(),
            "invalid": self.invalid(),
            "new_pairs": self._new_pairs(self.made),
            "new_pairs_real": self._new_pairs(self.held_out),
            **self.closeness(),
        }

    # --- against as many held-out rows ----------------------------------------------------------

    def two_sample_tests(self) -> dict[str, float]:
        """Return how often classifiers tell made from held-out rows; 0.5 is perfect.

        Classifier two-sample tests (Lopez-Paz and Oquab, 2017), cross-validated in 5 folds with
        equal numbers of both: a random forest, and logistic regression, which sees means only.
        """
        models = (
            RandomForestClassifier(N_TREES, random_state=self.seed),
            LogisticRegression(max_iter=1000),
        )
        accuracies = [
            [_accuracy(model, real, made, self.seed) for model in models]
            for real, made in self._equal_draws()
        ]
        forest, logistic = np.mean(accuracies, axis=0)
        return {"forest_accuracy": float(forest), "logistic_accuracy": float(logistic)}

    def manifolds(self) -> dict[str, float]:
        """Return precision and recall, density and coverage.

        Precision and recall (Kynkaanniemi et al., 2019): the share of made rows within the
        distance of a held-out row to its 3rd neighbour among them, and the other way round.
        Density and coverage (Naeem et al., 2020), with the 5th neighbour: in how many of these
        balls a made row lies, compared with what is expected; the share of balls with a made row.
        """
        found = [
            {
                **precision_recall(real, made, PRECISION_NEIGHBOURS),
                **density_coverage(real, made, DENSITY_NEIGHBOURS),
            }
            for real, made in self._equal_draws()
        ]
        return {name: float(np.mean([one[name] for one in found])) for name in found[0]}

    def _equal_draws(self) -> Iterator[tuple[Floats, Floats]]:
        """Give held-out and made rows, equally many."""
        random = np.random.default_rng(self.seed)
        n = min(len(self.held_out), len(self.made), MAX_TESTED_ROWS)
        for _ in range(min(MAX_DRAWS, -(-DRAWN_ROWS // n))):
            real, made = (
                rows[random.choice(len(rows), n, replace=False)]
                for rows in (self._encoded_held_out, self._encoded_made)
            )
            yield real, made

    # --- column by column -----------------------------------------------------------------------

    def quality(self) -> float:
        """Return the quality score of sdmetrics, 0 to 1; NaN without sdmetrics, or if wide."""
        wide = self.made.shape[1] > QUALITY_COLUMNS  # it looks at each pair of columns
        if wide or importlib.util.find_spec("sdmetrics") is None:
            return float("nan")
        reports = importlib.import_module("sdmetrics.reports.single_table")
        kinds = {
            str(name): {"sdtype": "categorical" if name in self.table.categorical else "numerical"}
            for name in self.made.columns
        }
        report = reports.QualityReport()
        real, made = (self._plain(rows) for rows in (self.held_out, self.made))
        report.generate(real, made, {"columns": kinds}, verbose=False)
        return float(report.get_score())

    def correlation_error(self) -> float:
        """Return the mean absolute difference of correlations; categories count one-hot."""
        real, made = self._encoded_held_out, self._encoded_made
        varying = real.std(axis=0) > SAME
        if varying.sum() < 2:
            return float("nan")
        difference = np.abs(_correlations(real[:, varying]) - _correlations(made[:, varying]))
        return float(difference[np.triu_indices(len(difference), 1)].mean())

    def rate_error(self) -> float:
        """Return the total variation distance between rates of levels, over categories."""
        distances = [
            _rates(self.held_out[name]).sub(_rates(self.made[name]), fill_value=0).abs().sum() / 2
            for name in self.table.categorical
        ]
        return float(np.mean(distances)) if distances else float("nan")

    def invalid(self) -> float:
        """Return the share of made rows that the table rules out.

        They have a level that no row has, a number outside of the range of its column, or one
        that isn't whole where all others are.
        """
        wrong = np.zeros(len(self.made), dtype=bool)
        for name in self.made.columns:
            real, made = self.table.X[name], self.made[name]
            if name in self.table.categorical:
                wrong |= ~_text(made).isin(set(_text(real))).to_numpy()
                continue
            present = real.dropna().to_numpy(float)
            values = made.to_numpy(float)
            slack = 1e-6 * (1 + np.abs(values))
            wrong |= (values < present.min() - slack) | (values > present.max() + slack)
            if np.all(present == np.rint(present)):
                wrong |= np.abs(values - np.rint(values)) > slack
        return float(wrong.mean())

    def _new_pairs(self, rows: pd.DataFrame) -> float:
        """Return the share of rows with two levels that no training row of the class combines."""
        new = np.zeros(len(rows), dtype=bool)
        for pair in combinations(self.table.categorical, 2):
            known, found = (
                _text(part[pair[0]]) + "|" + _text(part[pair[1]]) for part in (self.train, rows)
            )
            new |= ~found.isin(set(known)).to_numpy()
        return float(new.mean()) if len(self.table.categorical) > 1 else float("nan")

    # --- privacy --------------------------------------------------------------------------------

    def closeness(self) -> dict[str, float]:
        """Return how near rows are to the nearest training row, and how many equal it.

        Medians of the distances, in standardised numbers and one-hot levels, of made rows and of
        held-out rows; the share of each that equals a training row in every column.
        """
        nearest = cdist(self._encoded_made[:MAX_MADE_ROWS], self._encoded_train).min(axis=1)
        nearest_real = cdist(self._encoded_held_out, self._encoded_train).min(axis=1)
        return {
            "distance": float(np.median(nearest)),
            "distance_real": float(np.median(nearest_real)),
            "copies": float((nearest < SAME).mean()),
            "copies_real": float((nearest_real < SAME).mean()),
        }

    # --- rows as numbers ------------------------------------------------------------------------

    @cached_property
    def _space(self) -> NumericSpace:
        return NumericSpace.fit(self.table, one_hot=True)

    @cached_property
    def _encoded_train(self) -> Floats:
        return self._space.encode(self.train)

    @cached_property
    def _encoded_held_out(self) -> Floats:
        return self._space.encode(self.held_out)

    @cached_property
    def _encoded_made(self) -> Floats:
        return self._space.encode(self.made)

    def _plain(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return categories as text, as sdmetrics wants them."""
        texts = {name: _text(rows[name]) for name in self.table.categorical}
        return rows.assign(**texts).rename(columns=str)


def precision_recall(real: Floats, made: Floats, k: int) -> dict[str, float]:
    """Return precision and recall (Kynkaanniemi et al., 2019)."""
    between = cdist(real, made)
    precision = (between <= _radii(real, k)[:, None]).any(axis=0).mean()
    recall = (between <= _radii(made, k)).any(axis=1).mean()
    return {"precision": float(precision), "recall": float(recall)}


def density_coverage(real: Floats, made: Floats, k: int) -> dict[str, float]:
    """Return density and coverage (Naeem et al., 2020)."""
    k = min(k, len(real) - 1)
    inside = cdist(real, made) <= _radii(real, k)[:, None]
    density = inside.sum(axis=0).mean() / k
    return {"density": float(density), "coverage": float(inside.any(axis=1).mean())}


def _radii(rows: Floats, k: int) -> Floats:
    """Return the distance of each row to its k-th neighbour, of shape (n_rows,)."""
    distances = np.sort(cdist(rows, rows), axis=1)
    radii: Floats = distances[:, min(k, len(rows) - 1)]
    return radii


def _accuracy(model: Any, real: Floats, made: Floats, seed: int) -> float:
    rows = np.vstack([real, made])
    is_made = np.repeat([0, 1], [len(real), len(made)])
    folds = StratifiedKFold(min(TEST_FOLDS, len(real)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted = cross_val_predict(model, rows, is_made, cv=folds)
    return float((predicted == is_made).mean())


def _correlations(rows: Floats) -> Floats:
    """Return correlations, 0 where a column does not vary."""
    spread = rows.std(axis=0)
    standard = (rows - rows.mean(axis=0)) / np.where(spread > SAME, spread, np.inf)
    return standard.T @ standard / len(rows)


def _rates(levels: pd.Series) -> pd.Series:
    return _text(levels).value_counts(normalize=True)


def _text(levels: pd.Series) -> pd.Series:
    """Return levels as text, "nan" where they miss."""
    return levels.astype(object).where(levels.notna(), "nan").astype(str)
