"""What a detector refuses, and what it says about it."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from ganaug.exceptions import DataError
from tests.detector.quick import quick


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((1, 3)), "1 sample.*a minimum of 2 is required"),
        (np.ones((0, 3)), "0 sample"),
        (np.ones((9, 3)), "every column of X is constant or missing throughout"),
        (np.full((9, 2), np.nan), "every column of X is constant or missing throughout"),
        (np.array([[1.0, 2.0], [np.inf, 1.0], [2.0, 2.0]]), r"column 0 contains infinity .*row 1"),
        (np.ones(5), "Expected 2D array"),
    ],
)
def test_tables_that_can_not_be_used(X, message):
    with pytest.raises(DataError, match=f"(?s){message}"):
        quick().fit(X)


@pytest.mark.parametrize("contamination", [0.0, -0.1, 0.6, "half", None])
def test_contamination_out_of_range(contamination):
    with pytest.raises(InvalidParameterError, match="'contamination' parameter"):
        quick(contamination=contamination).fit(np.eye(5))


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": ()},
        {"n_steps": 0},
        {"novelty": "maybe"},
        {"discriminator_weight": 1e300},
        {"tail_weight": 1e300},
    ],
)
def test_parameters_out_of_range(parameters):
    with pytest.raises(InvalidParameterError, match=next(iter(parameters))):
        quick(**parameters).fit(np.eye(5))


@pytest.mark.parametrize(
    "method",
    ["score_samples", "decision_function", "predict", "anomaly_score", "p_value", "explain"],
)
def test_before_fit(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(quick(), method)(np.eye(5))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        quick().sample(3)


def test_columns_that_differ_from_fit_are_named(table, detector):
    for changed, message in (
        (table.drop(columns="pay"), "missing:\n- pay"),
        (table.assign(extra=1), "unseen at fit time:\n- extra"),
        (table.assign(age="old"), "'age' was numbers in fit, but holds categories now"),
    ):
        with pytest.raises(DataError, match=f"(?s){message}"):
            detector.score_samples(changed)


@pytest.mark.parametrize("as_other", [int, str, lambda flag: dt.datetime(2020, 1, 1 + flag)])
@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_categories_of_another_type_are_refused(as_other, library):
    rng = np.random.default_rng(0)
    flags, sizes = (rng.random(300) < 0.5).tolist(), rng.normal(size=300)
    detector = quick(n_steps=5).fit(library({"flag": flags, "size": sizes}))
    other = library({"flag": [as_other(flag) for flag in flags], "size": sizes})
    with pytest.raises(DataError, match=r"'flag' was booleans in fit, but holds .* now; convert"):
        detector.score_samples(other)
