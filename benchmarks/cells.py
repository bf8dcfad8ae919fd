"""One cell of the benchmark: a sampler on one training fold, and every classifier after it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from benchmarks import metrics
from benchmarks.classifiers import Prediction, predict_all
from benchmarks.data import Dataset, Fold, load_dataset, split, stable_seed
from benchmarks.methods import NamedSampler, Resampled
from benchmarks.usage import measured, time_limit

Row = dict[str, Any]
KEY_COLUMNS = ("dataset", "seed", "fold", "sampler", "classifier")
TABLE_COLUMNS = (
    "family",
    "n_rows",
    "n_train",
    "n_minority",
    "n_features",
    "n_categorical",
    "n_classes",
)
COST_COLUMNS = ("seconds", "memory_mb", "classifier_seconds")
SETTING_COLUMNS = ("max_rows", "inner_folds")
COLUMNS = (
    *KEY_COLUMNS,
    "status",
    "error",
    *TABLE_COLUMNS,
    "package",
    "n_resampled",
    *metrics.ALL_METRICS,
    "tuning",
    *COST_COLUMNS,
    *SETTING_COLUMNS,
)
NOT_TUNED = "off"


@dataclass(frozen=True)
class Cell:
    """What is resampled, and with what."""

    dataset: str
    seed: int
    fold: int
    sampler: str


@dataclass(frozen=True)
class Settings:
    """What all cells of a run have in common.

    Attributes
    ----------
    folder : Path or None
        Folder of the tables; None for the one that ships with ganaug.
    max_rows : int or None
        Larger tables are cut to so many rows.
    inner_folds : int
        Folds of the training fold on which decisions are tuned; 0 does not tune.
    seconds : float or None
        A sampler that takes longer has failed.
    """

    folder: Path | None = None
    max_rows: int | None = None
    inner_folds: int = 3
    seconds: float | None = 3600.0


def run_cell(cell: Cell, classifiers: Sequence[str], settings: Settings) -> list[Row]:
    """Resample one training fold, train classifiers on it, and score them on the test fold.

    The test fold is taken off before the sampler is called, and only the classifiers see it.
    Seeds follow from the names of table and classifier, so that neither the order of the run nor
    the other samplers matter; all samplers of a fold share one seed.

    Parameters
    ----------
    cell : Cell
        What to run.
    classifiers : sequence of str
        Names of the classifiers.
    settings : Settings
        What all cells have in common.

    Returns
    -------
    list of dict
        One row for each classifier, with the columns `COLUMNS`.
    """
    dataset = load_dataset(settings.folder, cell.dataset, settings.max_rows)
    train_rows, test_rows = split(dataset, cell.seed, cell.fold)
    train, test = dataset.take(train_rows), dataset.take(test_rows)
    sampler = NamedSampler.parse(cell.sampler)
    base = describe(cell, dataset, train, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm_up(cell.sampler)
        with measured() as usage:
            resampled, error = resample(sampler, train, cell_seed(cell), settings.seconds)
        cost = {"seconds": usage.seconds, "memory_mb": usage.megabytes}
        if resampled is None:
            return [base | cost | failure(name, error) for name in classifiers]
        seed_of = partial(cell_seed, cell)
        found = predict_all(resampled, test.X, dataset.n_classes, classifiers, seed_of)
        n_inner = 0 if sampler.method.slow else settings.inner_folds
        tuned = _tuned_decisions(sampler, train, cell, classifiers, n_inner, settings.seconds)
    made = base | cost | {"n_resampled": len(resampled.y)}
    return [
        made | {"classifier": name} | _scores(prediction, train.y, test.y, tuned[name])
        for name, prediction in found.items()
    ]


def describe(cell: Cell, dataset: Dataset, train: Fold, settings: Settings) -> Row:
    """Return the columns that don't depend on the outcome."""
    return {
        "dataset": cell.dataset,
        "seed": cell.seed,
        "fold": cell.fold,
        "sampler": cell.sampler,
        "family": dataset.family,
        "n_rows": len(dataset.y),
        "n_train": len(train.y),
        "n_minority": int(np.bincount(train.y).min()),
        "n_features": dataset.X.shape[1],
        "n_categorical": len(dataset.categorical),
        "n_classes": dataset.n_classes,
        "package": NamedSampler.parse(cell.sampler).origin(),
        "max_rows": settings.max_rows or 0,
        "inner_folds": settings.inner_folds,
    }


def failure(classifier: str, error: str) -> Row:
    """Return the columns of a row without scores."""
    return {"classifier": classifier, "status": "failed", "error": error}


@cache
def warm_up(name: str) -> None:
    """Run a sampler once on a toy, so that the first measured call doesn't pay for imports."""
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 20])
    X = pd.DataFrame(random.normal(size=(80, 2)) + y[:, None], columns=["a", "b"])
    resample(NamedSampler.parse(name), Fold(X, y, ()), seed=0, seconds=60.0)


def cell_seed(cell: Cell, *purpose: Any) -> int:
    """Return the seed of a cell for some purpose; all samplers of a fold share it."""
    return stable_seed(cell.dataset, cell.seed, cell.fold, *purpose)


def resample(
    sampler: NamedSampler, train: Fold, seed: int, seconds: float | None
) -> tuple[Resampled | None, str]:
    """Return the resampled fold, or the class of the error if it failed."""
    try:
        with time_limit(seconds):
            return sampler(train, seed), ""
    except Exception as error:  # whatever a peer raises, it goes into the results
        return None, type(error).__name__


def _scores(
    prediction: Prediction,
    y_train: NDArray[np.int64],
    y_test: NDArray[np.int64],
    tuned: dict[str, NDArray[np.float64]] | str,
) -> Row:
    """Return the metrics of one classifier on the test fold."""
    proba, trained_on = prediction.proba, prediction.trained_on
    if proba is None or trained_on is None:
        return {"status": "failed", "error": prediction.error}
    n_classes = proba.shape[1]
    prior = np.bincount(y_train, minlength=n_classes) / len(y_train)
    corrected = metrics.loss_scores(y_test, metrics.correct_prior(proba, trained_on, prior))
    scores = metrics.main_scores(y_test, proba) | metrics.loss_scores(y_test, proba)
    scores |= {f"{name}_corrected": value for name, value in corrected.items()}
    for name in metrics.TUNED_METRICS if tuned != NOT_TUNED else ():
        weights = np.ones(n_classes) if isinstance(tuned, str) else tuned[name]
        predicted = metrics.decide(proba, weights)
        scores[f"{name}_tuned"] = metrics.decision_scores(y_test, predicted, n_classes)[name]
    return {
        "status": "ok",
        "error": "",
        "tuning": tuned if isinstance(tuned, str) else "ok",
        "classifier_seconds": prediction.seconds,
        **scores,
    }


def _tuned_decisions(
    sampler: NamedSampler,
    train: Fold,
    cell: Cell,
    classifiers: Sequence[str],
    n_folds: int,
    seconds: float | None,
) -> dict[str, dict[str, NDArray[np.float64]] | str]:
    """Tune the decision of each classifier by cross-validation within the training fold.

    The sampler runs anew on each inner training part, so that no synthetic row stems from a row
    on which a decision is tuned. Where the sampler or the classifier fails on an inner part, the
    class of the error is returned instead, and decisions stay as they were.
    """
    n_folds = min(n_folds, int(np.bincount(train.y).min()))
    if n_folds < 2:
        return dict.fromkeys(classifiers, NOT_TUNED)
    n_classes = int(train.y.max()) + 1
    proba = {name: np.zeros((len(train.y), n_classes)) for name in classifiers}
    errors: dict[str, str] = {}
    inner = StratifiedKFold(n_folds, shuffle=True, random_state=cell_seed(cell, "inner"))
    for number, (part, rest) in enumerate(inner.split(train.X, train.y)):
        seed = cell_seed(cell, "inner", number)
        resampled, error = resample(sampler, train.take(part), seed, seconds)
        if resampled is None:
            return dict.fromkeys(classifiers, error)
        held_out = train.take(rest)
        seed_of = partial(cell_seed, cell, "inner", number)
        found = predict_all(resampled, held_out.X, n_classes, classifiers, seed_of)
        for name, prediction in found.items():
            if prediction.proba is None:
                errors[name] = prediction.error
            else:
                proba[name][rest] = prediction.proba
    return {
        name: errors.get(name)
        or {
            metric: metrics.tune_decision(train.y, proba[name], metric)
            for metric in metrics.TUNED_METRICS
        }
        for name in classifiers
    }
