"""Whether scores find wrong labels: ``python -m benchmarks.mislabelled --help``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.classifiers import predict_all
from benchmarks.data import Dataset, Fold, stable_seed
from benchmarks.halves import halves_of, halves_parser, run_on_halves
from benchmarks.markdown import section
from benchmarks.methods import Resampled
from ganaug import GANSampler

WRONG_SHARE = 0.1
CLASSIFIERS = ("knn", "random_forest")

OVERVIEW = """\
Each table is halved. A sampler, kNN and a random forest learn one half. In the other one a tenth of
the rows of each class get the label of another class, drawn at random. Who finds these rows? ROC
AUC of: `anomaly_score(X, y)`, how unlike its class a row is; how much higher the score of the best
other class is; and 1 less the probability that a classifier gives to the label. Both halves are
learned in turn.

example:
  python -m benchmarks.mislabelled --data ../shared/data
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = halves_parser("mislabelled", OVERVIEW).parse_args(argv)
    return run_on_halves(args, measure, render)


def measure(dataset: Dataset, name: str, half: int) -> Iterator[dict[str, Any]]:
    """Give the ROC AUC of each way to find wrong labels in one half of a table."""
    learned, other = halves_of(dataset, half)
    seed = partial(stable_seed, name, half)
    labels = with_wrong_ones(other.y, np.random.default_rng(seed("labels")))
    is_wrong = labels != other.y
    found = by_classifiers(learned, other.X, labels, dataset.n_classes, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found |= by_sampler(learned, other.X, labels, seed("sampler"))
    aucs = {way: float(roc_auc_score(is_wrong, score)) for way, score in found.items()}
    yield {"dataset": name, "half": half, "n_rows": len(labels), "n_wrong": is_wrong.sum()} | aucs


def with_wrong_ones(y: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return labels of which a tenth of each class, and one row at least, are of another one."""
    classes, labels = np.unique(y), y.copy()
    for code in classes:
        own = np.flatnonzero(y == code)
        chosen = random.choice(own, max(1, round(WRONG_SHARE * len(own))), replace=False)
        labels[chosen] = random.choice(classes[classes != code], len(chosen))
    return labels


def by_sampler(
    learned: Fold, X: pd.DataFrame, labels: NDArray[np.int64], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return what the scores of a sampler say."""
    sampler = GANSampler(random_state=seed).fit(learned.X, learned.y)
    scores = np.stack([sampler.score_samples(X, np.full(len(X), c)) for c in sampler.classes_])
    is_own = sampler.classes_[:, None] == labels
    own = scores.T[is_own.T]
    others = np.where(is_own, -np.inf, scores).max(axis=0)
    return {"unlike its class": -own, "like another": others - own}


def by_classifiers(
    learned: Fold, X: pd.DataFrame, labels: NDArray[np.int64], n_classes: int, seed: Any
) -> dict[str, NDArray[np.float64]]:
    """Return how improbable classifiers find the labels."""
    train = Resampled(learned.X, learned.y)
    found = {}
    for name, prediction in predict_all(train, X, n_classes, CLASSIFIERS, seed).items():
        if prediction.proba is None:
            raise RuntimeError(f"{name} fails: {prediction.error}")
        found[name.replace("_", " ")] = 1.0 - prediction.proba[np.arange(len(labels)), labels]
    return found


def render(results: pd.DataFrame) -> str:
    """Return the Markdown text: the means of the halves of each table."""
    means = results.drop(columns=["half", "n_rows", "n_wrong"]).groupby("dataset").mean()
    rows = [[str(name), *(f"{auc:.3f}" for auc in row)] for name, row in means.iterrows()]
    rows.append(["mean", *(f"{auc:.3f}" for auc in means.mean())])
    title = (
        "# Wrong labels\n\n`python -m benchmarks.mislabelled`: ROC AUC of finding rows whose label "
        "is of another class, a tenth of each class. *Unlike its class* is the sampler's "
        "`anomaly_score(X, y)`, *like another* how much higher `score_samples` of the best other "
        "class is; classifiers say how improbable a label is.\n"
    )
    return "\n".join([title, section("ROC AUC", ["data set", *map(str, means.columns)], rows)])


if __name__ == "__main__":
    sys.exit(main())
