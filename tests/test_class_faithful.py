"""Generated rows belong to their class: classifiers trained on rows never seen say so.

A table is cut in two halves. The sampler learns from one, kNN and a random forest from the other;
they must find generated rows in their class as often as they do the real rows of the first half.
"""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganaug import GANSampler

TOLERANCE = 0.02
N_GENERATED = 1500  # of each class: with 300 chance alone is as large as the tolerance
CLASSIFIERS = {
    "knn": KNeighborsClassifier(),
    "forest": RandomForestClassifier(100, random_state=0),
}


def of_counts(X, y, counts):
    """Return so many rows of some classes."""
    rows = np.concatenate([np.flatnonzero(y == code)[:n] for code, n in counts.items()])
    return X[rows], y[rows]


TABLES: dict[str, Callable] = {
    "breast cancer": lambda: of_counts(
        *datasets.load_breast_cancer(return_X_y=True), {1: 357, 0: 100}
    ),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "digits": lambda: of_counts(*datasets.load_digits(return_X_y=True), {3: 180, 5: 90, 8: 60}),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "moons": lambda: of_counts(
        *datasets.make_moons(800, noise=0.25, random_state=0), {0: 400, 1: 100}
    ),
    "overlapping": lambda: datasets.make_classification(
        1200, 10, n_informative=5, weights=[0.85], class_sep=0.8, random_state=0
    ),
}


def mean_recall(model, X, y):
    predicted = model.predict(X)
    return np.mean([np.mean(predicted[y == code] == code) for code in np.unique(y)])


@pytest.mark.parametrize("name", TABLES)
def test_classifiers_find_generated_rows_in_their_class(name):
    X, y = TABLES[name]()
    real, generated = {}, {}
    for a, b in StratifiedKFold(2, shuffle=True, random_state=0).split(X, y):
        sampler = GANSampler(random_state=0).fit(X[a], y[a])
        X_new, y_new = sampler.sample(dict.fromkeys(np.unique(y).tolist(), N_GENERATED))
        for kind, classifier in CLASSIFIERS.items():
            model = make_pipeline(StandardScaler(), classifier).fit(X[b], y[b])
            real.setdefault(kind, []).append(mean_recall(model, X[a], y[a]))
            generated.setdefault(kind, []).append(mean_recall(model, X_new, y_new))
    for kind in CLASSIFIERS:
        assert np.mean(generated[kind]) >= np.mean(real[kind]) - TOLERANCE, kind
