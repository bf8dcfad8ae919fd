"""Tables that samplers are fitted on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification


@pytest.fixture
def numbers():
    """Return 150 rows of 6 numbers, and two classes: about 80% are of the first."""
    return make_classification(n_samples=150, n_features=6, weights=[0.8], random_state=0)


@pytest.fixture
def customers():
    """Return a mixed table without missing values, and three classes: 80, 30 and 10 rows."""
    rng = np.random.default_rng(0)
    n = 120
    X = pd.DataFrame(
        {
            "amount": rng.lognormal(2, 1, n).round(2),
            "visits": rng.poisson(2, n),
            "plan": rng.choice(["free", "paid"], n),
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
        },
    )
    return X, pd.Series(np.repeat(["stay", "leave", "complain"], [80, 30, 10]), name="outcome")
