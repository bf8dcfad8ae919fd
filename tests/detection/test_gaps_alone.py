"""A gap that one row alone has is, without that row, a value missing where none was."""

import numpy as np
import pandas as pd
import pytest

from ganaug import _validation as validation
from ganaug._detection.features import FeatureMap
from tests.detector.quick import quick

N = 200
ROW = 3


def columns_of(values):
    X = pd.DataFrame({"value": values})
    return validation.read_columns(validation.check_rows(X), None, X)


def squared_distances(points, point):
    return np.square(points - point).sum(axis=1)


@pytest.mark.parametrize(
    "kind",
    [
        lambda random: random.normal(size=N),
        lambda random: np.full(N, 7.0),
        lambda random: random.integers(0, 9, N).astype("datetime64[D]"),
        lambda random: random.choice(list("abc"), N),
        lambda random: random.integers(0, 60, N).astype(str),
    ],
    ids=["numbers", "one number", "dates", "levels", "many levels"],
)
def test_it_is_as_far_from_others_as_where_it_is_left_out(kind):
    values = pd.Series(kind(np.random.default_rng(0)))
    values[ROW] = None
    others = np.delete(np.arange(N), ROW)
    columns, of_others = columns_of(values), columns_of(values[others])
    fitted, without = FeatureMap.fit(columns), FeatureMap.fit(of_others)
    (found,) = fitted.points_left_out(columns, np.arange(N), np.array([ROW]))
    (expected,) = without.transform([column.take(np.array([ROW])) for column in columns])
    np.testing.assert_allclose(
        squared_distances(fitted.transform(columns)[others], found),
        squared_distances(without.transform(of_others), expected),
        rtol=1e-3,
    )


def test_gaps_of_two_rows_know_of_each_other():
    values = pd.Series(np.random.default_rng(0).normal(size=N))
    values[[ROW, 9]] = None
    columns = columns_of(values)
    fitted = FeatureMap.fit(columns)
    found = fitted.points_left_out(columns, np.arange(N), np.array([ROW, 9]))
    np.testing.assert_allclose(found, fitted.transform(columns)[[ROW, 9]], atol=1e-6)


def test_p_values_are_valid_where_new_rows_have_gaps_of_their_own():
    found, flagged = [], []
    for seed in range(8):
        random = np.random.default_rng(seed)
        plane = random.normal(size=(2, 40))
        X = random.normal(size=(700, 2)) @ plane + 0.05 * random.normal(size=(700, 40))
        X[random.random(X.shape) < 0.003] = np.nan
        detector = quick(random_state=seed).fit(X[:200])
        found.append(detector.p_value(X[200:]))
        flagged.append((detector.predict(X[200:]) == -1).mean())
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 0.015
    assert np.mean(flagged) <= 0.065
