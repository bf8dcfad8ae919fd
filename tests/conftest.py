"""Settings and tables that all tests share."""

import os

import numpy as np
import pandas as pd
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")  # draw to memory, also where there is a screen


@pytest.fixture
def mixed_table() -> tuple[pd.DataFrame, pd.Series]:
    """Return a small mixed table with missing values: 120 rows, 24 of them "yes"."""
    rng = np.random.default_rng(0)
    n = 120
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "price": np.round(rng.lognormal(3, 1, n), 2),
            "score": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "job": pd.Categorical(rng.choice(["clerk", "farmer", "nurse"], n)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
        }
    )
    y = pd.Series(np.where(np.arange(n) % 5 == 0, "yes", "no"), name="y")
    return X, y
