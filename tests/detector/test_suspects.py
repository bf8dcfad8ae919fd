"""With `novelty=False` new rows are judged by blocks, too, on a scale of rows left out."""

import numpy as np
import pandas as pd
import pytest

from tests.detector.quick import quick


def rows_of_levels(random, n):
    return pd.DataFrame({"k": random.integers(0, 600, n).astype(str), "a": random.normal(size=n)})


def rows_with_names(random, n):
    return pd.DataFrame({"name": random.random(n).astype(str), "a": random.normal(size=n)})


def normal_rows(random, n):
    return pd.DataFrame(random.normal(size=(n, 4)) @ np.triu(np.ones((4, 4))), columns=list("abcd"))


@pytest.mark.parametrize("rows", [rows_of_levels, rows_with_names, normal_rows])
@pytest.mark.parametrize(("n", "n_tables"), [(10, 20), (60, 8), (400, 4), (4200, 2)])
def test_p_values_of_new_rows_are_valid_whatever_levels_they_bring(rows, n, n_tables):
    found = []
    for seed in range(n_tables):
        random = np.random.default_rng(seed)
        detector = quick(n_steps=5, novelty=False).fit(rows(random, n))
        found.append(detector.p_value(rows(random, 300)))
        far = rows(random, 10).assign(a=19.0)
        assert detector.p_value(far).max() <= max(0.06, 2 / (n + 1))
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 0.03


@pytest.mark.parametrize("rows", [rows_of_levels, rows_with_names, normal_rows])
@pytest.mark.parametrize("contamination", ["auto", 0.1])
@pytest.mark.parametrize("n", [60, 400, 4200])
def test_as_many_new_rows_are_flagged_as_was_asked_for(rows, contamination, n):
    shares = []
    for seed in range(8 if n < 400 else 2):
        random = np.random.default_rng(seed)
        detector = quick(n_steps=5, novelty=False, contamination=contamination)
        detector.fit(rows(random, n))
        shares.append(np.mean(detector.predict(rows(random, 500)) == -1))
        assert (detector.predict(rows(random, 10).assign(a=19.0)) == -1).all()
    asked = 0.05 if contamination == "auto" else contamination
    assert np.mean(shares) == pytest.approx(asked, abs=0.04)


def test_p_values_of_training_rows_are_their_ranks_among_each_other():
    X = rows_of_levels(np.random.default_rng(0), 300)
    detector = quick(n_steps=5, novelty=False).fit(X)
    p_values = detector.p_value(X)
    np.testing.assert_array_equal(p_values, quick(n_steps=5).fit(X).p_value(X))
    raw = detector._calibration.outlier
    assert sorted(p_values) == pytest.approx(
        sorted((1 + (raw[:, None] >= np.sort(raw)).sum(axis=0)) / (len(X) + 1))
    )


def test_rows_of_a_planted_cluster_have_small_p_values():
    random = np.random.default_rng(0)
    cluster = random.normal(size=(45, 4)) * 0.05 + 4
    X = np.r_[random.normal(size=(500, 4)), cluster[:15]]
    assert quick(novelty=False).fit(X).p_value(cluster[15:]).max() < 0.05
