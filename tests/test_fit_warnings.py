"""What a fit says about its data."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ganaug.exceptions import DataWarning
from tests.quick import quick_sampler

N = 80
Y = np.repeat(["no", "yes"], [60, 20])


def table(column, n_rows=N):
    """Return a table with a column beside one of numbers."""
    return pd.DataFrame({"pay": np.arange(n_rows) % 17 * 1.5, "name": column})


RNG = np.random.default_rng(0)
NAMES = [f"customer {k}" for k in range(N)]


@pytest.mark.parametrize(
    ("X", "parameters"),
    [
        (table(NAMES), {}),
        (table(pd.Categorical(NAMES)), {}),
        (pl.DataFrame({"pay": np.arange(N) % 17, "name": NAMES}), {}),
        (table([*NAMES[:76], None, None, "customer 0", "customer 0"]), {}),
        (table(np.arange(N)), {"categorical_features": ["name"]}),
    ],
    ids=["strings", "categories", "polars", "nearly all", "named"],
)
def test_identifiers_are_named(X, parameters):
    with pytest.warns(DataWarning, match=r"column 'name' holds \d\d different") as caught:
        quick_sampler(**parameters).fit(X, Y)
    assert [warning.category for warning in caught].count(DataWarning) == 1


@pytest.mark.parametrize(
    "column",
    [
        RNG.permutation(2 * N)[:N] + 1000,
        np.arange(N, dtype=np.uint64) + 2**63,
        np.arange(N, dtype=float),
        pd.array([None, None, *range(N - 2)], dtype="Int64"),
        pl.Series(range(N)),
    ],
    ids=["dense", "uint64", "floats", "missing", "polars"],
)
def test_keys_that_are_numbers_are_named(column):
    with pytest.warns(DataWarning, match=r"column 'name' holds \d\d different whole") as caught:
        quick_sampler().fit(table(column), Y)
    assert [warning.category for warning in caught].count(DataWarning) == 1


def test_pixels_are_no_keys():
    images = np.arange(N * 64).reshape(N, 8, 8) // 64
    with warnings.catch_warnings(action="error", category=DataWarning):
        quick_sampler().fit(images, Y)


@pytest.mark.parametrize(
    "column",
    [
        RNG.permutation(10_000)[:N],
        RNG.integers(0, 500, N),
        np.arange(N) * 0.5,
        [*range(N - 1), 5],
        [f"street {k % 60}" for k in range(N)],
        pd.date_range("2024", periods=N),
    ],
    ids=["wide numbers", "numbers", "halves", "one repeats", "some repeat", "dates"],
)
def test_other_columns_are_not_taken_for_identifiers(column):
    with warnings.catch_warnings(action="error", category=DataWarning):
        quick_sampler().fit(table(column), Y)


@pytest.mark.parametrize("column", [NAMES[:40], np.arange(40)], ids=["strings", "numbers"])
def test_few_different_values_may_be_chance(column):
    with warnings.catch_warnings(action="error", category=DataWarning):
        quick_sampler().fit(table(column, 40), Y[40:])


def test_levels_that_no_row_has_do_not_count():
    column = pd.Categorical([f"customer {k % 5}" for k in range(N)], categories=NAMES)
    with warnings.catch_warnings(action="error", category=DataWarning):
        quick_sampler().fit(table(column), Y)
