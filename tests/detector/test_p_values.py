"""p-values of normal rows are valid, and where they can be uniform."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, kstwobign

from ganaug import GANOutlierDetector
from ganaug._detection.model import MIN_HELD_OUT_ROWS
from tests.detector.quick import quick


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


def rows_of_a_shop_and_a_town(random):
    """Return a function that draws rows of which a few are of one shop, and of one town."""
    likes = random.normal(size=300)

    def draw(n):
        shop, town = random.integers(0, 300, n), random.integers(0, 200, n)
        number = random.normal(size=n) + likes[shop]
        kind = random.choice(list("xyz"), n)
        facts = {"shop": shop.astype(str), "town": town.astype(str), "a": number, "kind": kind}
        return pd.DataFrame(facts).assign(b=random.normal(size=n))

    return draw


@pytest.mark.parametrize(
    ("n", "n_copies", "n_reference"), [(1200, 1, 3072), (1200, 2, 3072), (2400, 1, 1000)]
)
def test_p_values_are_valid_where_a_level_has_few_rows(n, n_copies, n_reference):
    """A level lies where its rows do: each row's own pulls it, which that of a new one does not."""
    found = []
    for seed in range(3):
        draw = rows_of_a_shop_and_a_town(np.random.default_rng(seed))
        detector = quick(max_reference_rows=n_reference).fit(pd.concat([draw(n)] * n_copies))
        found.append(detector.p_value(draw(1000)))
    for level in (0.05, 0.1, 0.2):
        share = np.mean(np.array(found) <= level)
        assert 0.5 * level <= share <= 1.15 * level + 0.01


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


def test_p_values_of_training_rows_are_their_ranks():
    X = np.random.default_rng(0).normal(size=(300, 3))
    detector = quick().fit(X)
    p_values = detector.p_value(X)
    np.testing.assert_array_equal(np.argsort(p_values), np.argsort(detector.score_samples(X)))
    assert p_values.max() == 1.0
