"""Scores of predicted probabilities; for more than two classes macro averages over them.

Everywhere `y` has shape (n_rows,) with the labels 0 to n_classes - 1, and `proba` the shape
(n_rows, n_classes). With two classes, 1 is the minority and the positive class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

RANKING_METRICS = ("roc_auc", "average_precision")
DECISION_METRICS = ("balanced_accuracy", "f1", "g_mean")
MAIN_METRICS = RANKING_METRICS + DECISION_METRICS
TUNED_METRICS = ("f1", "balanced_accuracy")
LOSSES = ("log_loss", "brier")
ALL_METRICS = (
    *MAIN_METRICS,
    *(f"{name}_tuned" for name in TUNED_METRICS),
    *LOSSES,
    *(f"{name}_corrected" for name in LOSSES),
)
SMALLEST_PROBABILITY = 1e-6
PRIOR_EXPONENTS = np.linspace(-1.0, 2.0, 61)


def main_scores(y: Labels, proba: Floats) -> dict[str, float]:
    """Return the five main metrics; a row is given its most probable class."""
    return ranking_scores(y, proba) | decision_scores(y, proba.argmax(axis=1), proba.shape[1])


def ranking_scores(y: Labels, proba: Floats) -> dict[str, float]:
    """Return ROC AUC and average precision (of each class against the rest, averaged)."""
    classes = [1] if proba.shape[1] == 2 else range(proba.shape[1])
    auc = [roc_auc_score(y == code, proba[:, code]) for code in classes]
    precision = [average_precision_score(y == code, proba[:, code]) for code in classes]
    return {"roc_auc": float(np.mean(auc)), "average_precision": float(np.mean(precision))}


def decision_scores(y: Labels, predicted: Labels, n_classes: int) -> dict[str, float]:
    """Return balanced accuracy, F1 and the geometric mean of the recalls."""
    recalls = recall_per_class(y, predicted, n_classes)
    average = "binary" if n_classes == 2 else "macro"
    return {
        "balanced_accuracy": float(recalls.mean()),
        "f1": float(f1_score(y, predicted, average=average, zero_division=0.0)),
        "g_mean": float(np.prod(recalls) ** (1 / n_classes)),
    }


def recall_per_class(y: Labels, predicted: Labels, n_classes: int) -> Floats:
    """Return the share of each class that was found, of shape (n_classes,)."""
    hits = np.bincount(y[y == predicted], minlength=n_classes)
    return hits / np.bincount(y, minlength=n_classes)


def loss_scores(y: Labels, proba: Floats) -> dict[str, float]:
    """Return log loss (probabilities clipped to 1e-6) and Brier score (halved: 0 to 1)."""
    own = proba[np.arange(len(y)), y]
    log_loss = -np.log(np.clip(own, SMALLEST_PROBABILITY, 1.0)).mean()
    brier = np.square(proba - np.eye(proba.shape[1])[y]).sum(axis=1).mean() / 2
    return {"log_loss": float(log_loss), "brier": float(brier)}


def correct_prior(proba: Floats, trained_on: Floats, true: Floats) -> Floats:
    """Undo the shift of the class priors that resampling has brought about.

    Saerens et al. (2002), for two classes Elkan (2001): each probability is multiplied by the
    ratio of the true prior of its class to the one in training, and rows are normalised again.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
    trained_on : ndarray of shape (n_classes,)
        Shares of the classes among the rows the classifier was trained on.
    true : ndarray of shape (n_classes,)
        Shares of the classes in the training fold as it came.

    Examples
    --------
    >>> correct_prior(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), np.array([0.9, 0.1]))
    array([[0.9, 0.1]])
    """
    ratio = np.divide(true, trained_on, out=np.ones_like(true), where=trained_on > 0)
    weighted = proba * ratio
    total = weighted.sum(axis=1, keepdims=True)
    return np.divide(weighted, total, out=proba.astype(float), where=total > 0)


def tune_decision(y: Labels, proba: Floats, metric: str) -> Floats:
    """Find the decision rule that would have been best on rows with known labels.

    A rule is one weight for each class: `decide` takes the class with the largest product of
    weight and probability. With two classes that is every possible threshold. With more, the
    weights are powers of the priors, priors ** -t; only t is tuned.

    Parameters
    ----------
    y, proba : ndarrays
        Labels, and the probabilities of a model that has not seen these rows.
    metric : {"f1", "balanced_accuracy"}

    Returns
    -------
    ndarray of shape (n_classes,)
        The weights.
    """
    n_classes = proba.shape[1]
    if n_classes == 2:
        threshold = _best_threshold(y, proba[:, 1], metric)
        return np.array([threshold, 1 - threshold])
    priors = np.bincount(y, minlength=n_classes) / len(y)
    rules = [priors**-exponent for exponent in PRIOR_EXPONENTS]
    scores = [decision_scores(y, decide(proba, rule), n_classes)[metric] for rule in rules]
    return rules[_middle_of_best(np.array(scores))]


def decide(proba: Floats, weights: Floats) -> Labels:
    """Return the class with the largest product of weight and probability."""
    return (proba * weights).argmax(axis=1)


def _best_threshold(y: Labels, score: Floats, metric: str) -> float:
    """Return the middle of two neighbouring scores between which to cut."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_ties = np.flatnonzero(np.append(np.diff(ranked) < 0, True))
    hits = np.cumsum(y[order] == 1)[last_of_ties]
    false = last_of_ties + 1 - hits
    n_positive, n_negative = int(hits[-1]), int(false[-1])
    if metric == "f1":
        values = 2 * hits / (hits + false + n_positive)
    else:
        values = (hits / n_positive + 1 - false / n_negative) / 2
    best = last_of_ties[_middle_of_best(values)]
    following = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float(ranked[best] + following) / 2


def _middle_of_best(values: Floats) -> int:
    best = np.flatnonzero(values >= values.max() - 1e-12)
    return int(best[len(best) // 2])
