"""A mixed table, and a detector that is fitted on it."""

import numpy as np
import pandas as pd
import pytest

from ganaug import GANOutlierDetector


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 600
    plan = rng.choice(["free", "paid"], n)
    return pd.DataFrame(
        {
            "pay": rng.normal(size=n) + 3 * (plan == "paid"),
            "age": rng.integers(20, 60, n),
            "plan": plan,
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
            "note": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "shop": rng.choice([f"shop {k}" for k in range(50)], n),
            "land": "AT",
        }
    )


@pytest.fixture(scope="module")
def detector(table):
    return GANOutlierDetector(random_state=0).fit(table)
