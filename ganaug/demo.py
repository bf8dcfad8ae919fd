"""The main job on a real table: what sampling does to classifiers, and what the rows look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from imblearn.over_sampling import SMOTENC
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ganaug._files.output import check_output, replacing
from ganaug._optional import optional_import
from ganaug.datasets import load_bank_marketing
from ganaug.plotting import SyntheticDataDisplay
from ganaug.sampler import GANSampler

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare", "format_scores", "run_demo"]

METRICS = ("ROC AUC", "average precision", "balanced accuracy", "F1")
PICTURE_SUFFIXES = (".png", ".svg", ".pdf")

Scores = dict[tuple[str, str], dict[str, float]]


def run_demo(
    output: str | Path = "ganaug_demo.png",
    *,
    random_state: int = 0,
    max_train_rows: int = 10_000,
    n_splits: int = 3,
    n_steps: int | str = "auto",
    force: bool = False,
    progress: bool = True,
) -> str:
    """Balance UCI Bank Marketing, score classifiers on untouched rows and draw new rows.

    Parameters
    ----------
    output : str or Path, default="ganaug_demo.png"
        The picture to write.
    random_state : int, default=0
        Seed of the folds, samplers and classifiers.
    max_train_rows : int, default=10_000
        So many rows of each training fold are used, drawn by class.
    n_splits : int, default=3
        Number of folds.
    n_steps : int or "auto", default="auto"
        Training steps of the GAN.
    force : bool, default=False
        Whether an existing picture is replaced.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    str
        What was measured, as text.
    """
    output = Path(output)
    _check_picture(output, force)
    X, y = load_bank_marketing()
    folds = list(_folds(y, n_splits, max_train_rows, random_state))
    sampler = GANSampler(n_steps=n_steps, random_state=random_state)

    train, _ = folds[0]
    X_train, y_train = X.iloc[train], y.iloc[train]
    shown = clone(sampler).set_params(verbose=int(progress))
    _, y_resampled = shown.fit_resample(X_train, y_train)
    _draw(shown, X_train, y_train, output, force)

    samplers = {
        "none": None,
        "SMOTENC": SMOTENC("auto", random_state=random_state),
        "ganaug": sampler,
    }
    classifiers = _classifiers(random_state)
    scores = compare(X, y == "yes", samplers, classifiers, folds, progress=progress)
    return "\n".join(
        [
            f"UCI Bank Marketing: {len(y):,} rows, {(y == 'yes').mean():.1%} of them 'yes'.",
            f"Training rows: {_counts(y_train)}; after ganaug: {_counts(y_resampled)}.",
            f"Means over {n_splits} stratified test folds, untouched; classes at probability 0.5.",
            "",
            format_scores(scores),
            "",
            f"Real and synthetic rows side by side: {output}",
        ]
    )


def compare(
    X: pd.DataFrame,
    y: pd.Series,
    samplers: Mapping[str, Any],
    classifiers: Mapping[str, Any],
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    *,
    progress: bool = False,
) -> Scores:
    """Score classifiers that were fitted on what samplers return.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_features)
        The table.
    y : pandas.Series of shape (n_samples,), dtype bool
        Which rows are positive.
    samplers : dict of str to sampler or None
        What to fit on; None leaves the rows as they are.
    classifiers : dict of str to classifier
        What to fit.
    folds : sequence of (train, test)
        Positions of the rows to fit and to score on.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    dict of (classifier, sampler) to dict of metric to float
        Means over the folds.
    """
    found: dict[tuple[str, str], list[list[float]]] = {
        key: [] for key in product(classifiers, samplers)
    }
    total = len(folds) * len(samplers) * (1 + len(classifiers))
    # single-threaded: threads that wait for one another on busy cores cost more than they bring
    with tqdm(total=total, unit="fit", disable=not progress) as bar, threadpool_limits(1):
        for (train, test), (sampling, sampler) in product(folds, samplers.items()):
            bar.set_description(sampling)
            X_train, y_train = X.iloc[train], y.iloc[train]
            if sampler is not None:
                X_train, y_train = clone(sampler).fit_resample(X_train, y_train)
            bar.update()
            for name, classifier in classifiers.items():
                bar.set_description(f"{sampling}, {name}")
                model = clone(classifier).fit(X_train, y_train)
                probability = model.predict_proba(X.iloc[test])[:, 1]
                found[name, sampling].append(_score(y.iloc[test], probability))
                bar.update()
    return {
        key: dict(zip(METRICS, np.mean(values, axis=0).tolist(), strict=True))
        for key, values in found.items()
    }


def format_scores(scores: Scores) -> str:
    """Return scores as an aligned table.

    Parameters
    ----------
    scores : dict of (classifier, sampler) to dict of metric to float
        As `compare` returns them.

    Returns
    -------
    str
        One line for each classifier and sampler.

    Examples
    --------
    >>> from ganaug.demo import format_scores
    >>> print(format_scores({("forest", "none"): {"ROC AUC": 0.75, "F1": 0.3}}))
    classifier  sampling  ROC AUC     F1
    forest      none        0.750  0.300
    """
    metrics = list(next(iter(scores.values())))
    rows = [["classifier", "sampling", *metrics]]
    for (classifier, sampling), values in scores.items():
        rows.append([classifier, sampling, *(f"{values[metric]:.3f}" for metric in metrics)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths) for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if j < 2 else cell.rjust(width)
        for j, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _folds(
    y: pd.Series, n_splits: int, max_train_rows: int, random_state: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows to train and to test on; of the former a stratified part at most."""
    folds = StratifiedKFold(n_splits, shuffle=True, random_state=random_state)
    for train, test in folds.split(y, y):
        if len(train) > max_train_rows:
            train, _ = train_test_split(
                train, train_size=max_train_rows, stratify=y.iloc[train], random_state=random_state
            )
        yield train, test


def _classifiers(random_state: int) -> dict[str, Any]:
    categories = make_column_selector(dtype_include="category")
    numbers = make_column_selector(dtype_include="number")
    one_hot = OneHotEncoder(handle_unknown="ignore")
    return {
        "logistic regression": make_pipeline(
            make_column_transformer((one_hot, categories), (StandardScaler(), numbers)),
            LogisticRegression(max_iter=1000),
        ),
        "random forest": make_pipeline(
            make_column_transformer((one_hot, categories), remainder="passthrough"),
            RandomForestClassifier(n_jobs=2, random_state=random_state),
        ),
        "gradient boosting": HistGradientBoostingClassifier(random_state=random_state),
    }


def _score(truth: pd.Series, probability: NDArray[np.float64]) -> list[float]:
    """Return one value for each of `METRICS`."""
    prediction = probability >= 0.5
    return [
        roc_auc_score(truth, probability),
        average_precision_score(truth, probability),
        balanced_accuracy_score(truth, prediction),
        f1_score(truth, prediction),
    ]


def _counts(y: pd.Series) -> str:
    return ", ".join(f"{count:,} '{label}'" for label, count in y.value_counts().items())


def _check_picture(output: Path, force: bool) -> None:
    """Refuse what would fail at the end, before anything is trained."""
    optional_import("matplotlib", extra="plot")
    check_output(output, force, PICTURE_SUFFIXES)


def _draw(sampler: GANSampler, X: pd.DataFrame, y: pd.Series, output: Path, force: bool) -> None:
    figure = SyntheticDataDisplay.from_estimator(sampler, X, y).figure_
    with replacing(output, force) as temporary:
        figure.savefig(temporary, format=output.suffix[1:], dpi=120)
    optional_import("matplotlib.pyplot", extra="plot").close(figure)
