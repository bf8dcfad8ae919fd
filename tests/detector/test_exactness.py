"""The same row has the same score: alone, in any container, on any number of threads."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ganaug import GANOutlierDetector
from ganaug._detection.model import DetectionModel
from ganaug.exceptions import DataError
from tests.detector.quick import quick, random_table


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(57620)  # 10 rows: each has 9 neighbours
def test_a_row_is_scored_alone_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    n, width = int(rng.integers(2, 400)), int(rng.integers(1, 50))
    X = rng.normal(size=(n, width))
    detector = quick(n_steps=3).fit(X)
    rows = np.r_[rng.normal(size=(int(rng.integers(2, 600)), width)), X[:20]]
    scores = detector.score_samples(rows)
    assert scores.dtype == np.float64
    order = rng.permutation(len(rows))
    np.testing.assert_array_equal(detector.score_samples(rows[order]), scores[order])
    k = int(rng.integers(len(rows)))
    np.testing.assert_array_equal(detector.score_samples(rows[k : k + 1]), scores[k : k + 1])


def test_fit_and_scores_do_not_depend_on_how_many_threads_there_are():
    X, new = np.random.default_rng(0).normal(size=(2, 1500, 4))

    def scores(n_threads):
        torch.set_num_threads(n_threads)
        try:
            return quick().fit(X).score_samples(new)
        finally:
            torch.set_num_threads(1)

    np.testing.assert_array_equal(scores(1), scores(3))


def test_two_fits_agree_bit_for_bit_and_leave_no_trace(table, detector):
    state = np.random.get_state()[1].copy()
    again = GANOutlierDetector(random_state=0).fit(table)
    np.testing.assert_array_equal(again.score_samples(table), detector.score_samples(table))
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_scores_do_not_depend_on_the_container(table, detector):
    expected = detector.score_samples(table)
    for rows in (pl.from_pandas(table), pl.from_pandas(table).to_arrow()):
        np.testing.assert_allclose(detector.score_samples(rows), expected, rtol=1e-5)
    X = np.random.default_rng(0).normal(size=(100, 3))
    sparse = quick(n_steps=5).fit(sp.csr_array(X))
    np.testing.assert_array_equal(
        sparse.score_samples(sp.csr_array(X)), quick(n_steps=5).fit(X).score_samples(X)
    )


def test_categories_that_are_numbers_are_the_same_in_all_types_of_numbers():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"code": rng.integers(0, 5, 300), "size": rng.normal(size=300)})
    score = quick(categorical_features=["code"]).fit(table).score_samples
    expected = score(table)
    for kind in (float, "int8", "Float64", object):
        np.testing.assert_array_equal(score(table.astype({"code": kind})), expected)
    np.testing.assert_array_equal(score(table.astype(float)[:1]), expected[:1])
    with_gap = table.assign(code=table["code"].where(table.index > 0))  # now floats
    np.testing.assert_array_equal(score(with_gap)[1:], expected[1:])
    by_gap = quick(categorical_features=["code"]).fit(with_gap)
    np.testing.assert_array_equal(
        by_gap.score_samples(table)[1:], by_gap.score_samples(with_gap)[1:]
    )
    with pytest.raises(DataError, match="'code' was numbers in fit, but holds booleans now"):
        by_gap.score_samples(table[:50].assign(code=True))


@pytest.mark.parametrize("empty", [None, np.nan])
def test_a_column_without_a_value_changes_nothing(empty):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    with_empty = X.assign(empty=pd.Series([empty] * 60, dtype=object))
    scores = quick().fit(with_empty).score_samples(with_empty)
    assert np.array_equal(scores, quick().fit(X).score_samples(X))


def test_default_dtype_of_the_caller_does_not_matter():
    X, _ = random_table(3)
    expected = quick().fit(X)
    torch.set_default_dtype(torch.float64)
    try:
        detector = quick().fit(X)
        scores, p_values = detector.score_samples(X), detector.p_value(X)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(scores, expected.score_samples(X))
    np.testing.assert_array_equal(p_values, expected.p_value(X))


def test_rows_are_scored_some_at_a_time(monkeypatch):
    detector = quick(max_reference_rows=50).fit(np.random.default_rng(0).normal(size=(200, 2)))
    seen, arms = [], DetectionModel.arms
    monkeypatch.setattr(
        DetectionModel, "arms", lambda self, points: seen.append(len(points)) or arms(self, points)
    )
    assert len(detector.score_samples(np.zeros((60_000, 2)))) == 60_000
    assert sum(seen) == 60_000
    assert max(seen) <= 20_000
