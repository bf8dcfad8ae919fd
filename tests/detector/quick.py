"""Detectors that are fitted in a blink, and tables for them."""

import numpy as np
from sklearn.datasets import make_blobs

from ganaug import GANOutlierDetector


def quick(**parameters):
    """Return a detector that takes few steps."""
    return GANOutlierDetector(**{"n_steps": 50, "random_state": 0, **parameters})


def random_table(seed):
    """Return a table of a random shape, and rows of it moved far off."""
    rng = np.random.default_rng(seed)
    n_features = int(rng.integers(1, 40))
    X, _ = make_blobs(
        n_samples=int(rng.integers(60, 900)),
        n_features=n_features,
        centers=int(rng.integers(1, 5)),
        random_state=seed,
    )
    X = X * 10.0 ** rng.integers(-3, 4, n_features)
    directions = rng.normal(size=(20, n_features))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    planted = X[rng.integers(0, len(X), 20)] + 9 * np.sqrt(n_features) * directions * X.std(axis=0)
    return X, planted
