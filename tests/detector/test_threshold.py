"""How many rows are flagged, old and new."""

import numpy as np
import pandas as pd
import pytest

from ganaug import GANOutlierDetector
from tests.detector.quick import quick


@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.37])
@pytest.mark.parametrize("n", [100, 3000])
def test_the_asked_share_is_flagged(n, contamination):
    X = np.random.default_rng(0).normal(size=(n, 3))
    detector = quick(contamination=contamination).fit(X)
    flagged = (detector.predict(X) == -1).mean()
    assert flagged == pytest.approx(contamination, abs=1 / n + 1e-9)
    np.testing.assert_array_equal(detector.fit_predict(X) == -1, detector.decision_function(X) < 0)


@pytest.mark.parametrize("contamination", [0.05, 0.2])
def test_the_asked_share_is_flagged_where_all_columns_are_categories(contamination):
    X = pd.DataFrame(np.random.default_rng(0).integers(3, size=(2000, 6))).astype(str)
    X.columns = list("abcdef")
    detector = GANOutlierDetector(contamination=contamination, n_steps=5, random_state=0)
    share = np.mean(detector.fit_predict(X) == -1)
    # each combination comes about three times, and equal rows are flagged together
    assert contamination - 0.02 <= share <= contamination


@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.4])
def test_the_asked_share_of_new_rows_is_flagged_too(contamination):
    shares = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        detector = quick(contamination=contamination).fit(rng.normal(size=(1500, 5)))
        shares.append((detector.predict(rng.normal(size=(3000, 5))) == -1).mean())
    assert np.mean(shares) == pytest.approx(contamination, abs=0.005 + 0.05 * contamination)


@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.4])
def test_the_asked_share_is_flagged_where_all_rows_are_judged_as_new(contamination):
    X = np.random.default_rng(0).normal(size=(1000, 5))
    detector = quick(contamination=contamination, novelty=True).fit(X)
    assert (detector.predict(X) == -1).mean() == pytest.approx(contamination, abs=0.002)
    threshold = np.quantile(detector.score_samples(X), contamination)
    assert detector.offset_ == pytest.approx(threshold)


def test_auto_flags_one_normal_row_in_twenty_old_or_new():
    rng = np.random.default_rng(0)
    detector = quick().fit(rng.normal(size=(2000, 5)))
    new = rng.normal(size=(4000, 5))
    assert (detector.predict(new) == -1).mean() == pytest.approx(0.05, abs=0.015)
    assert detector.offset_ == 0.0


@pytest.mark.parametrize("contamination", ["auto", 0.05, 0.2])
def test_new_rows_are_flagged_at_the_rate_asked_for_where_rows_are_equal_by_chance(contamination):
    flagged = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shares = rng.dirichlet(np.ones(4), size=7)
        X, new = (np.stack([rng.choice(4, n, p=p) for p in shares], axis=1) for n in (800, 2000))
        detector = quick(n_steps=50, contamination=contamination).fit(X)
        flagged.append((detector.predict(new) == -1).mean())
    asked = 0.05 if contamination == "auto" else contamination
    assert np.mean(flagged) == pytest.approx(asked, abs=0.02)


@pytest.mark.parametrize("contamination", [5e-324, 1e-320])
def test_the_smallest_shares_flag_no_training_row(contamination):
    X = np.random.default_rng(0).normal(size=(60, 2))
    detector = quick(contamination=contamination, n_steps=2).fit(X)
    assert (detector.predict(X) == 1).all()


def test_a_truth_of_numpy_is_one():
    X = np.random.default_rng(0).normal(size=(300, 3))
    ours, theirs = (quick(novelty=true, contamination=0.2).fit(X) for true in (True, np.True_))
    assert ours.offset_ == theirs.offset_
    np.testing.assert_array_equal(ours.score_samples(X), theirs.score_samples(X))
