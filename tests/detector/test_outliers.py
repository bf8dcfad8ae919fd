"""What is anomalous, and what is more so."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ganaug import GANOutlierDetector
from tests.detector.quick import quick, random_table


@pytest.mark.parametrize("seed", range(20))
def test_planted_outliers_score_extreme(seed):
    X, planted = random_table(seed)
    rng = np.random.default_rng(seed)
    kept_out = rng.random(len(X)) < 0.3
    rows = np.r_[X[kept_out], planted]
    is_planted = np.arange(len(rows)) >= kept_out.sum()
    detector = quick().fit(X[~kept_out])
    assert roc_auc_score(is_planted, detector.anomaly_score(rows)) > 0.95
    assert roc_auc_score(is_planted, -detector.score_samples(rows)) > 0.95
    assert roc_auc_score(is_planted, -detector.decision_function(rows)) > 0.95
    assert roc_auc_score(is_planted, -detector.p_value(rows)) > 0.9
    assert (detector.predict(planted) == -1).mean() > 0.9
    # and where they were in the training table
    everything = np.r_[X, planted]
    is_planted = np.arange(len(everything)) >= len(X)
    detector = quick(contamination=0.1).fit(everything)
    assert roc_auc_score(is_planted, detector.anomaly_score(everything)) > 0.95
    assert roc_auc_score(is_planted, -detector.p_value(everything)) > 0.95


def test_a_cluster_of_anomalies_can_not_vouch_for_itself():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(500, 4)), rng.normal(size=(15, 4)) * 0.05 + 5]
    is_planted = np.arange(515) >= 500
    assert roc_auc_score(is_planted, quick().fit(X).anomaly_score(X)) > 0.99


@pytest.mark.parametrize("share", [0.06, 0.1, 0.3])
def test_a_large_cluster_is_found_by_those_who_say_how_large(share):
    rng = np.random.default_rng(0)
    n = round(share * 600)
    X = np.r_[rng.normal(size=(600 - n, 5)), rng.normal(size=(n, 5)) * 0.3 + 4]
    is_planted = np.arange(600) >= 600 - n
    detector = quick(contamination=share).fit(X)
    assert roc_auc_score(is_planted, detector.anomaly_score(X)) > 0.95
    assert (detector.predict(X)[is_planted] == -1).mean() > 0.9


def test_equal_anomalies_can_not_vouch_for_one_another():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(500, 3)), np.full((30, 3), 9.0)]
    assert (quick(contamination=0.06).fit(X).predict(X)[500:] == -1).all()


def test_novelty_says_how_new_rows_are_judged():
    rng = np.random.default_rng(0)
    cluster = rng.normal(size=(45, 4)) * 0.05 + 4
    X = np.r_[rng.normal(size=(500, 4)), cluster[:15]]
    new = np.r_[rng.normal(size=(300, 4)), cluster[15:]]
    is_planted = np.arange(330) >= 300
    suspects = quick(novelty=False).fit(X)
    strangers = quick(novelty=True).fit(X)
    assert roc_auc_score(is_planted, suspects.anomaly_score(new)) > 0.95
    assert not np.array_equal(strangers.score_samples(X), suspects.score_samples(X))
    by_itself = quick().fit(X)
    np.testing.assert_array_equal(by_itself.score_samples(X), suspects.score_samples(X))
    np.testing.assert_array_equal(by_itself.score_samples(new), strangers.score_samples(new))


def test_a_row_large_in_all_columns_is_more_anomalous_with_tails():
    """In directions that rows vary most in, neighbours are far apart, and tails are not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 10)) + 0.7 * rng.normal(size=(120, 1))
    sizes = np.abs(rng.normal(1.6, 0.3, size=(200, 1)))
    new = np.r_[rng.normal(size=(200, 10)) + 0.7 * rng.normal(size=(200, 1)),
                rng.normal(size=(200, 10)) + sizes]  # fmt: skip
    is_planted = np.arange(400) >= 200
    found = {
        weight: roc_auc_score(is_planted, quick(tail_weight=weight).fit(X).anomaly_score(new))
        for weight in (0, 0.2)
    }
    assert found[0.2] > found[0] + 0.01


@pytest.mark.parametrize("contamination", ["auto", 0.05])
def test_rows_of_rare_levels_are_outliers(contamination):
    random = np.random.default_rng(0)
    levels, shares = list("abcde"), [0.4, 0.3, 0.2, 0.09, 0.01]
    X = pd.DataFrame({f"c{j}": random.choice(levels, 1500, p=shares) for j in range(6)})
    for row in range(20):
        X.iloc[row, random.choice(6, 2, replace=False)] = "e"
    detector = GANOutlierDetector(contamination=contamination, n_steps=5, random_state=0).fit(X)
    assert roc_auc_score(np.arange(1500) < 20, -detector.score_samples(X)) > 0.95
    assert np.mean(detector.predict(X[:20]) == -1) > 0.7


def test_combinations_that_training_never_had_are_odd_where_all_rows_have_equals():
    rng = np.random.default_rng(0)
    profiles = rng.integers(0, 4, (30, 6))
    X, new, one, other = (profiles[rng.integers(30, size=n)] for n in (800, 1000, 300, 300))
    mixed = np.where(rng.random((300, 6)) < 0.5, one, other)
    mixed = mixed[~(mixed[:, None] == profiles).all(axis=2).any(axis=1)]
    scores = quick(n_steps=50).fit(X).score_samples(np.r_[new, mixed])
    assert roc_auc_score(np.arange(len(scores)) >= 1000, -scores) > 0.9


def rows_of_few_kinds(seed):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, (12, 4)).astype(float)
    return kinds[rng.integers(0, 12, 300)], kinds


@pytest.mark.parametrize("seed", range(10))
def test_far_rows_are_the_most_unusual_where_few_rows_are_different(seed):
    """Of a dozen kinds of rows a network learns nothing: it may not outvote distances."""
    X, kinds = rows_of_few_kinds(seed)
    detector = GANOutlierDetector(random_state=seed).fit(X)
    far, near = kinds.copy(), kinds + np.array([0.05, 0, 0, 0])
    far[:, 1] += 30
    assert detector.score_samples(far).max() < detector.score_samples(near).min()
    assert (detector.explain(far).contributions.sum(axis=1) > 0).all()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("pay", 40.0),
        ("age", 400),
        ("plan", "stolen"),
        ("since", pd.Timestamp("2044-01-01")),
        ("note", -30.0),
        ("shop", "shop 999"),
        ("land", "DE"),
        ("pay", np.nan),
        ("plan", None),
        ("land", None),
    ],
)
def test_what_was_never_seen_is_anomalous_and_explained(table, detector, column, value):
    changed = table[:40].assign(**{column: value})
    assert (detector.anomaly_score(changed) > 0.5).mean() > 0.9
    explanation = detector.explain(changed)
    first = [columns[0][0] for columns in explanation.top()]
    assert np.mean([name == column for name in first]) > 0.9


def test_wrong_combinations_are_found(table, detector):
    rows = table[table["plan"] == "free"][:50].assign(pay=3.0, note=np.nan)
    right = rows.assign(plan="paid")
    assert np.median(detector.score_samples(rows)) < np.median(detector.score_samples(right))


def test_scores_are_finite_at_the_ends_of_the_number_line(detector, table):
    far = table[:3].assign(pay=[1e300, -1e300, 1e30], age=[2**62, -(2**62), 0])
    scores = detector.score_samples(far)
    assert np.isfinite(scores).all()
    assert (scores < 0).all()


def test_farther_is_more_anomalous(detector, table):
    row = table[:1]
    far = pd.concat([row.assign(pay=10.0**k) for k in range(1, 12)])
    assert (np.diff(detector.score_samples(far)) < 0).all()


@pytest.mark.parametrize("wild", [1e3, -1e6, 1e15, -1e17, float(np.finfo(float).max)])
@pytest.mark.parametrize("n_wild", [1, 24])
@pytest.mark.parametrize("sides", [1, 2])
def test_wild_values_in_training_hide_no_others(wild, n_wild, sides):
    X = np.random.default_rng(0).normal(size=(500, 3))
    X[:n_wild, 0] = wild
    X[: n_wild * (sides - 1) : 2, 0] = -wild
    detector = quick().fit(X)
    assert detector.p_value([[8.0, 0, 0], [-8.0, 0, 0]]).max() < 0.06


@pytest.mark.parametrize("n", [2, 3, 5, 11, 33])
def test_tables_of_few_rows(n):
    X = np.random.default_rng(0).normal(size=(n, 2))
    detector = quick().fit(X)
    assert detector.predict([[1e3, 1e3]]) == -1
    assert np.isfinite(detector.score_samples(X)).all()
    assert np.isfinite(detector.explain(X).contributions).all()


def test_equal_rows_and_empty_columns():
    X = np.zeros((100, 3))
    X[:5, 0] = 1.0
    X[:, 2] = np.nan
    detector = quick(contamination=0.05).fit(X)
    assert detector.score_samples(X[:1]) <= detector.score_samples(X[-1:])
    assert (detector.predict([[9.0, 0.0, np.nan], [0.0, 7.0, np.nan]]) == -1).all()


@pytest.mark.parametrize("name", ["discriminator_weight", "tail_weight"])
def test_the_largest_weights_still_tell_rows_apart(name):
    X = np.random.default_rng(0).normal(size=(60, 2))
    detector = quick(**{name: 1000}).fit(X)
    far = np.full((1, 2), 9.0)
    assert np.isfinite(detector.score_samples(np.r_[X, far])).all()
    assert detector.predict(far) == [-1]


def test_without_discriminators_it_is_the_reference_arm():
    X = np.random.default_rng(0).normal(size=(300, 3))
    alone, together = quick(discriminator_weight=0).fit(X), quick().fit(X)
    new = X + 0.5
    assert not np.array_equal(alone.score_samples(new), together.score_samples(new))
    assert roc_auc_score(np.arange(600) >= 300, alone.anomaly_score(np.r_[new, X + 5])) > 0.95


@pytest.mark.parametrize("seed", range(2))
def test_discriminators_know_where_rows_lie_close_to_each_other(seed):
    """A row beside a dense cluster has nearer neighbours than most rows of a sparse one."""
    random = np.random.default_rng(seed)

    def usual(n):
        dense, sparse = random.normal(size=(2, n, 4))
        return np.vstack([0.05 * dense, 6 + sparse])

    beside = random.normal(size=(100, 4))
    beside *= random.uniform(0.5, 0.9, size=(100, 1)) / np.linalg.norm(beside, axis=1)[:, None]
    X, new = usual(750), np.vstack([usual(200), beside])
    alone, together = (
        roc_auc_score(
            np.arange(500) < 400,
            GANOutlierDetector(**weight, random_state=0).fit(X).score_samples(new),
        )
        for weight in ({"discriminator_weight": 0}, {})
    )
    assert alone < 0.98 < 0.99 < together


def test_contributions_sum_to_the_excess_over_the_baseline(table, detector):
    rows = table[:30].assign(pay=9.0)
    explanation = detector.explain(rows)
    assert explanation.contributions.shape == (30, 7)
    assert explanation.feature_names == tuple(table.columns)
    np.testing.assert_array_equal(explanation.score, detector.score_samples(rows))
    np.testing.assert_allclose(
        explanation.contributions.sum(axis=1), explanation.baseline - explanation.score, rtol=1e-9
    )
    assert np.median(explanation.baseline) > 0  # a typical row is normal


@pytest.mark.parametrize(("n_planted", "width"), [(15, 0.05), (15, 0.0), (10, 0.3)])
def test_a_row_of_a_cluster_is_compared_with_no_accomplice(n_planted, width):
    """Its rows have the nearest neighbours of all, and are none that another is to be like."""
    rng = np.random.default_rng(0)

    def planted(n):
        return np.array([7.0, 0, 0, -7]) + width * rng.uniform(-1, 1, size=(n, 4))

    X = np.r_[rng.normal(size=(500 - n_planted, 4)), planted(n_planted)]
    detector = quick(novelty=False).fit(X)
    for rows in (X[-n_planted:], planted(20)):
        explanation = detector.explain(rows)
        assert (explanation.score < 0).all()
        assert (explanation.baseline > 0).all()
        shares = explanation.contributions
        assert (shares[:, [0, 3]] > 0.5).all()
        assert (np.abs(shares[:, [1, 2]]) < 0.3).all()
