"""GANOutlierDetector: the right way up, calibrated, explained, and exact."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, kstwobign
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils._param_validation import InvalidParameterError

from ganaug import GANOutlierDetector, GANSampler
from ganaug._detection.model import MIN_HELD_OUT_ROWS, DetectionModel
from ganaug._detection.tails import Tails
from ganaug.exceptions import DataError, OutOfMemoryError, RepeatedRowsWarning, TrainingError


def quick(**parameters):
    return GANOutlierDetector(**{"n_steps": 50, "random_state": 0, **parameters})


def random_table(seed):
    """Return a table of a random shape, and rows of it moved far off."""
    rng = np.random.default_rng(seed)
    n_features = int(rng.integers(1, 40))
    X, _ = make_blobs(
        n_samples=int(rng.integers(60, 900)),
        n_features=n_features,
        centers=int(rng.integers(1, 5)),
        random_state=seed,
    )
    X = X * 10.0 ** rng.integers(-3, 4, n_features)
    directions = rng.normal(size=(20, n_features))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    planted = X[rng.integers(0, len(X), 20)] + 9 * np.sqrt(n_features) * directions * X.std(axis=0)
    return X, planted


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


def test_tails_of_training_rows_are_those_of_strangers():
    """What a row adds to its own tails is taken out, as if it had been left out of the table."""
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 9, (40, 3)).astype("f4"))
    rows[0], rows[1] = 0.0, 8.0  # the ranges stay when another row is left out
    points, known = rows.numpy(), np.ones(40, dtype=bool)
    inside = Tails.build(rows)(points, known)
    for k in range(2, 40):
        others = torch.cat([rows[:k], rows[k + 1 :]])
        assert inside[k] == Tails.build(others)(points[k : k + 1], ~known[:1])[0]


def test_tails_grow_outwards_and_do_not_depend_on_batch_mates():
    random = np.random.default_rng(0)
    tails = Tails.build(torch.from_numpy(random.normal(size=(300, 5)).astype("f4")))
    steps = np.linspace(0, 6, 50, dtype="f4")[:, None] * np.ones(5, dtype="f4")
    for points in (steps, -steps):
        found = tails(points, np.zeros(50, dtype=bool)).numpy()
        assert (np.diff(found) >= 0).all()
        assert found[-1] == pytest.approx(np.log(602), abs=1e-5)  # half a row of 301
    points = random.normal(size=(700, 5)).astype("f4")
    together = tails(points, np.zeros(700, dtype=bool))
    assert (together[600:] == tails(points[600:], np.zeros(100, dtype=bool))).all()


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


def normal_rows(random):
    """Return a function that draws rows of one distribution."""
    mixing = random.normal(size=(6, 6))
    return lambda n: random.normal(size=(n, 6)) @ mixing


def mixed_rows(random):
    def draw(n):
        z = random.normal(size=n)
        gaps = np.where(random.random(n) < 0.1, np.nan, np.round(np.exp(z), 1))
        kinds = random.choice(list("abcdef"), n, p=[0.5, 0.2, 0.1, 0.1, 0.06, 0.04])
        return pd.DataFrame({"a": z + random.normal(size=n), "b": gaps, "c": kinds})

    return draw


@pytest.mark.parametrize("rows", [normal_rows, mixed_rows])
@pytest.mark.parametrize(("n", "n_tables"), [(60, 16), (400, 16), (4000, 4)])
def test_p_values_of_normal_rows_are_valid_and_uniform(rows, n, n_tables):
    found = []
    for seed in range(n_tables):  # a single calibration set has luck of its own
        draw = rows(np.random.default_rng(seed))
        found.append(GANOutlierDetector(random_state=seed).fit(draw(n)).p_value(draw(600)))
    for level in (0.05, 0.1, 0.2):
        shares = np.mean(np.array(found) <= level, axis=1)
        sampling_error = shares.std(ddof=1) / np.sqrt(n_tables)
        assert shares.mean() <= level + 2 * sampling_error
    assert kstest(np.concatenate(found), "uniform").statistic < 0.07


@pytest.mark.parametrize("rows", [normal_rows, mixed_rows])
def test_p_values_by_rows_held_out_of_training_are_uniform(rows):
    n_new, levels = 2000, []
    for seed in range(8):
        draw = rows(np.random.default_rng(seed))
        detector = quick(n_steps=20, random_state=seed).fit(draw(6000))
        n_held_out = len(detector._calibration.novelty)
        assert n_held_out > MIN_HELD_OUT_ROWS  # no cross-fitting, as in smaller tables
        distance = kstest(detector.p_value(draw(n_new)), "uniform").statistic
        # both the held-out and the new rows are a sample: Smirnov's two-sample test
        levels.append(kstwobign.sf(distance * np.sqrt(n_held_out * n_new / (n_held_out + n_new))))
    assert np.median(levels) > 0.1
    assert min(levels) > 0.001


def rows_of_many_levels(random):
    shares = 1 / np.arange(1, 3001)

    def draw(n):
        shops = random.choice(len(shares), n, p=shares / shares.sum())
        return pd.DataFrame({"shop": shops.astype(str), "a": random.normal(size=n)})

    return draw


def rows_with_names(random):
    """Return a function that draws rows of which each has a level of its own."""
    return lambda n: pd.DataFrame(
        {"name": random.random(n).astype(str), "a": random.normal(size=n)}
    )


@pytest.mark.parametrize("rows", [rows_of_many_levels, rows_with_names])
@pytest.mark.parametrize(("n", "n_tables"), [(60, 8), (400, 4), (4200, 2)])
def test_p_values_are_valid_where_new_rows_have_new_levels(rows, n, n_tables):
    found = []
    for seed in range(n_tables):
        draw = rows(np.random.default_rng(seed))
        detector = quick(n_steps=20).fit(draw(n))
        found.append(detector.p_value(draw(300)))
        assert detector.p_value(draw(10).assign(a=9.0)).max() < 0.05
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 0.03


@pytest.mark.parametrize(
    "repeat",
    [
        lambda X, rng: np.repeat(X, 2, axis=0),
        lambda X, rng: np.repeat(X[:200], 5, axis=0),
        lambda X, rng: X[rng.integers(0, len(X), len(X))],
        lambda X, rng: np.r_[X, X[: len(X) // 3]],
    ],
    ids=["each twice", "each five times", "a bootstrap sample", "a third twice"],
)
@pytest.mark.parametrize("n", [600, 4500])
def test_repeated_training_rows_make_no_new_row_an_outlier(repeat, n):
    flagged, p_values = [], []
    for seed in range(8 if n == 600 else 3):
        rng = np.random.default_rng(seed)
        X, new = rng.normal(size=(n, 4)), rng.normal(size=(1000, 4))
        detector = quick(n_steps=50).fit(repeat(X, rng))
        flagged.append((detector.predict(new) == -1).mean())
        p_values.append(detector.p_value(new))
        assert detector.p_value(np.full((1, 4), 5.0)) < 0.02
    assert np.mean(flagged) == pytest.approx(0.05, abs=0.025)
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(p_values) <= level) == pytest.approx(level, abs=0.03)


def test_p_values_are_valid_where_most_new_rows_equal_old_ones():
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shares = rng.dirichlet(np.full(5, 2.0), size=5)
        answers = [rng.choice(5, 2600, p=share) for share in shares]
        X = np.stack(answers, axis=1).astype(float)
        found.append(quick(n_steps=50).fit(X[:1600]).p_value(X[1600:]))
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 0.005


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


def test_combinations_that_training_never_had_are_odd_where_all_rows_have_equals():
    rng = np.random.default_rng(0)
    profiles = rng.integers(0, 4, (30, 6))
    X, new, one, other = (profiles[rng.integers(30, size=n)] for n in (800, 1000, 300, 300))
    mixed = np.where(rng.random((300, 6)) < 0.5, one, other)
    mixed = mixed[~(mixed[:, None] == profiles).all(axis=2).any(axis=1)]
    scores = quick(n_steps=50).fit(X).score_samples(np.r_[new, mixed])
    assert roc_auc_score(np.arange(len(scores)) >= 1000, -scores) > 0.9


def test_p_values_of_few_rows_are_valid():
    small = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        detector = quick(random_state=seed).fit(rng.normal(size=(10, 2)))
        small.append(detector.p_value(rng.normal(size=(50, 2))))
    found = np.concatenate(small)
    assert found.min() >= 1 / 11
    assert (found <= 0.2).mean() <= 0.25


@pytest.mark.parametrize(("n", "n_columns"), [(20, 100), (30, 30), (60, 300)])
def test_p_values_are_valid_where_columns_outnumber_rows(n, n_columns):
    """Each training row pulls the spread of its columns: as it is, it would look usual."""
    found, flagged = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        detector = quick(random_state=seed).fit(rng.normal(size=(n, n_columns)))
        new = rng.normal(size=(200, n_columns))
        found.append(detector.p_value(new))
        flagged.append((detector.predict(new) == -1).mean())
    for level in (0.1, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 0.02
    assert np.mean(flagged) <= 0.09


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


def test_a_truth_of_numpy_is_one():
    X = np.random.default_rng(0).normal(size=(300, 3))
    ours, theirs = (quick(novelty=true, contamination=0.2).fit(X) for true in (True, np.True_))
    assert ours.offset_ == theirs.offset_
    np.testing.assert_array_equal(ours.score_samples(X), theirs.score_samples(X))


def test_p_values_of_training_rows_are_their_ranks():
    X = np.random.default_rng(0).normal(size=(300, 3))
    detector = quick().fit(X)
    p_values = detector.p_value(X)
    np.testing.assert_array_equal(np.argsort(p_values), np.argsort(detector.score_samples(X)))
    assert p_values.max() == 1.0


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


@pytest.mark.parametrize("as_other", [int, str, lambda flag: dt.datetime(2020, 1, 1 + flag)])
@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_categories_of_another_type_are_refused(as_other, library):
    rng = np.random.default_rng(0)
    flags, sizes = (rng.random(300) < 0.5).tolist(), rng.normal(size=300)
    detector = quick(n_steps=5).fit(library({"flag": flags, "size": sizes}))
    other = library({"flag": [as_other(flag) for flag in flags], "size": sizes})
    with pytest.raises(DataError, match=r"'flag' was booleans in fit, but holds .* now; convert"):
        detector.score_samples(other)


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


def test_wrong_combinations_are_found(table, detector):
    rows = table[table["plan"] == "free"][:50].assign(pay=3.0, note=np.nan)
    right = rows.assign(plan="paid")
    assert np.median(detector.score_samples(rows)) < np.median(detector.score_samples(right))


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


@pytest.mark.parametrize("empty", [None, np.nan])
def test_a_column_without_a_value_changes_nothing(empty):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    with_empty = X.assign(empty=pd.Series([empty] * 60, dtype=object))
    scores = quick().fit(with_empty).score_samples(with_empty)
    assert np.array_equal(scores, quick().fit(X).score_samples(X))


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


def test_sampled_rows_are_valid_rows(table, detector):
    rows = detector.sample(25)
    assert rows.shape == (25, 7)
    assert (rows.dtypes == table.dtypes).all()
    assert set(rows["plan"]) <= {"free", "paid"}
    assert rows["age"].between(20, 60).all()
    pd.testing.assert_frame_equal(detector.sample(25), rows)


def test_a_sample_has_a_seed_of_its_own(detector):
    rows, others = (detector.sample(20, random_state=seed) for seed in (1, 2))
    pd.testing.assert_frame_equal(detector.sample(30, random_state=1)[:20], rows)
    for different in (others, detector.sample(20)):
        assert not rows.equals(different)


def test_samples_are_of_the_cpu_as_all_else(detector, monkeypatch):
    fit, devices = GANSampler.fit, []

    def watched(sampler, *arguments):
        devices.append(sampler.device)
        return fit(sampler, *arguments)

    monkeypatch.setattr(GANSampler, "fit", watched)
    quick(n_steps=1).fit(np.random.default_rng(0).normal(size=(60, 2))).sample(1)
    assert devices == ["cpu"]


@pytest.mark.parametrize("error", [TrainingError, OutOfMemoryError])
def test_what_goes_wrong_in_the_training_of_sample_names_the_sampler(error, monkeypatch):
    def fail(*_):
        raise error("pass a smaller learning_rate.")

    detector = quick(n_steps=1).fit(np.random.default_rng(0).normal(size=(60, 2)))
    monkeypatch.setattr(GANSampler, "fit", fail)
    with pytest.raises(error, match=r"learning_rate\. \(Said of the GANSampler that"):
        detector.sample(1)


@pytest.mark.parametrize("n_samples", [-1, 2.0, "many", True, {True: 3}])
def test_what_can_not_be_sampled_is_refused_before_any_training(n_samples, monkeypatch):
    monkeypatch.setattr(GANSampler, "fit", lambda *_: pytest.fail("training has started"))
    detector = quick(n_steps=1).fit(np.eye(9))
    with pytest.raises(DataError, match="n_samples must be a whole number of rows, 0 or more"):
        detector.sample(n_samples)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        detector.sample(1, random_state="now")


def test_too_few_rows_to_sample_from():
    with pytest.raises(DataError, match="fitted on 4 rows or more; this one was fitted on 3"):
        quick().fit(np.eye(3)).sample(1)


def test_warnings_of_sample_speak_of_the_table():
    rows = pd.DataFrame({"a": list("xxy") * 20, "b": list("uvv") * 20})
    with pytest.warns(RepeatedRowsWarning, match=r"of the less typical half.*\(Said of the GAN"):
        quick(n_steps=1).fit(rows).sample(1)


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


@pytest.mark.parametrize("contamination", [5e-324, 1e-320])
def test_the_smallest_shares_flag_no_training_row(contamination):
    X = np.random.default_rng(0).normal(size=(60, 2))
    detector = quick(contamination=contamination, n_steps=2).fit(X)
    assert (detector.predict(X) == 1).all()


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


@pytest.mark.parametrize("name", ["discriminator_weight", "tail_weight"])
def test_the_largest_weights_still_tell_rows_apart(name):
    X = np.random.default_rng(0).normal(size=(60, 2))
    detector = quick(**{name: 1000}).fit(X)
    far = np.full((1, 2), 9.0)
    assert np.isfinite(detector.score_samples(np.r_[X, far])).all()
    assert detector.predict(far) == [-1]


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
        with pytest.raises(ValueError, match=f"(?s){message}"):
            detector.score_samples(changed)


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


def test_rows_are_scored_some_at_a_time(monkeypatch):
    detector = quick(max_reference_rows=50).fit(np.random.default_rng(0).normal(size=(200, 2)))
    seen, arms = [], DetectionModel.arms
    monkeypatch.setattr(
        DetectionModel, "arms", lambda self, points: seen.append(len(points)) or arms(self, points)
    )
    assert len(detector.score_samples(np.zeros((60_000, 2)))) == 60_000
    assert sum(seen) == 60_000
    assert max(seen) <= 20_000


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
