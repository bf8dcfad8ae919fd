"""Detectors that are fitted in a blink, and tables for them."""

import numpy as np
from sklearn.datasets import make_blobs

from ganaug import GANOutlierDetector
from tests.tables import moved_far


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
    planted = moved_far(X, rng, 20, 9)
    return X, planted
