"""`fit_resample`: how many rows are added, and what the table looks like afterwards."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from tests.quick import quick_sampler

STRATEGIES = [
    ("auto", {"leave": 50, "complain": 70}),
    ("minority", {"complain": 70}),
    ("not minority", {"leave": 50, "stay": 0}),
    ("not majority", {"leave": 50, "complain": 70}),
    ("all", {"leave": 50, "complain": 70, "stay": 0}),
    ({"leave": 33, "complain": 10}, {"leave": 3, "complain": 0}),
    (["leave"], {"leave": 50}),
    (lambda y: {"complain": 2 * int((y == "complain").sum())}, {"complain": 10}),
]


@pytest.mark.parametrize(("strategy", "expected"), STRATEGIES)
def test_strategies(customers, strategy, expected):
    X, y = customers
    sampler = quick_sampler(sampling_strategy=strategy)
    _, y_resampled = sampler.fit_resample(X, y)
    assert sampler.sampling_strategy_ == expected
    added = Counter(y_resampled) - Counter(y)
    assert added == Counter({label: n for label, n in expected.items() if n})


@pytest.mark.parametrize(
    ("ratio", "added"), [(0.5, 11), (1.0, 61), (0.29, 0), (0.01, 0), (0.48, 9)]
)
def test_ratios(ratio, added):
    # 0.29 * 100 is 28.999999999999996; a ratio that is exceeded already adds nothing
    X, y = np.random.default_rng(0).normal(size=(139, 2)), np.repeat([0, 1], [100, 39])
    _, y_resampled = quick_sampler(sampling_strategy=ratio).fit_resample(X, y)
    assert len(y_resampled) - 139 == added


def test_rows_and_labels_of_a_balanced_table_come_back_as_they_are(customers):
    X, y = customers[0][:100], np.tile(["a", "b"], 50)
    sampler = quick_sampler()
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X_resampled, X)
    assert y_resampled.tolist() == y.tolist()
    assert not sampler.synthetic_mask_.any()
    assert Counter(sampler.sample(10)[1].tolist()) == {"a": 5, "b": 5}


def test_a_minority_of_two_rows(customers):
    X, y = customers
    y = np.r_[["rare"] * 2, ["common"] * 118]
    X_resampled, y_resampled = quick_sampler().fit_resample(X, y)
    assert Counter(y_resampled.tolist()) == {"rare": 118, "common": 118}
    made = X_resampled[120:]
    assert set(made["plan"]) <= set(X["plan"][:2])


def test_one_column_and_many_columns():
    rng = np.random.default_rng(0)
    for n_columns in (1, 300):
        X, y = rng.normal(size=(60, n_columns)), np.repeat([0, 1], [50, 10])
        assert quick_sampler().fit_resample(X, y)[0].shape == (100, n_columns)


def test_a_column_of_thousands_of_levels():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"town": [f"town {k}" for k in rng.zipf(1.2, 6000) % 3000], "x": rng.random(6000)}
    )
    y = np.repeat([0, 1], [5500, 500])
    sampler = quick_sampler()
    X_resampled, _ = sampler.fit_resample(X, y)
    assert X["town"].nunique() > 1000
    assert set(X_resampled["town"]) == set(X["town"])
    assert sampler.encoder_.layout_.width < 20


def test_the_callers_table_is_not_changed(customers):
    X, y = customers
    before = X.copy(deep=True)
    quick_sampler().fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)


def test_rows_of_a_list_are_copies():
    X = [[float(k), k % 7] for k in range(40)]
    rows, _ = quick_sampler().fit_resample(X, [0] * 30 + [1] * 10)
    rows[0][0] = 99.0
    assert X[0] == [0.0, 0]


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(120),
        pd.RangeIndex(10, 250, 2, name="k"),
        pd.Index(np.arange(120)[::-1], name="id"),
    ],
    ids=["range", "range with step", "int"],
)
def test_row_labels_that_are_numbers_count_on(customers, index):
    X, y = customers[0].set_axis(index), customers[1].set_axis(index)
    X_resampled, y_resampled = quick_sampler().fit_resample(X, y)
    assert type(X_resampled.index) is type(index)
    assert X_resampled.index.is_unique
    assert X_resampled.index.equals(y_resampled.index)
    pd.testing.assert_frame_equal(X_resampled[:120], X)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([f"row {k}" for k in range(120)], name="who"),
        pd.date_range("2024-01-01", periods=120, tz="UTC"),
        pd.MultiIndex.from_product([range(12), list("abcdefghij")]),
        pd.Index([0, 1] * 60),
    ],
    ids=["str", "dates", "multi", "repeated"],
)
def test_rows_are_numbered_anew_where_their_labels_do_not_count_on(customers, index):
    X, y = customers[0].set_axis(index), customers[1].set_axis(index)
    X_resampled, y_resampled = quick_sampler().fit_resample(X, y)
    n_rows = len(y_resampled)
    for part in (X_resampled, y_resampled):
        pd.testing.assert_index_equal(part.index, pd.RangeIndex(n_rows), exact=True)
    assert X_resampled.join(y_resampled).shape == (n_rows, X.shape[1] + 1)
    pd.testing.assert_frame_equal(X_resampled[:120], X.reset_index(drop=True))
    labels = quick_sampler().fit_resample(customers[0].to_numpy(), y)[1]
    assert labels.index.equals(y_resampled.index)


def test_numeric_columns_can_be_named_as_categories(customers):
    X = pd.DataFrame({"code": [10, 20, 70] * 40, "x": np.linspace(0, 1, 120)})
    for chosen in (["code"], [0], [True, False], lambda X: ["code"]):
        sampler = quick_sampler(categorical_features=chosen).fit(X, customers[1])
        assert sampler.encoder_.layout_.heads[0].size == 3
        assert set(sampler.sample(50)[0]["code"]) == {10, 20, 70}
    assert not quick_sampler().fit(X, customers[1]).encoder_.layout_.heads


@pytest.mark.parametrize(
    ("features", "chosen"),
    [
        ([("a", 1)], [True, False, False]),
        ([("a", 2), 2], [False, True, True]),
        ({("b", 1)}, [False, False, True]),
        (np.array([False, True, False]), [False, True, False]),
        (np.array([0, -1]), [True, False, True]),
        ([], [False, False, False]),
    ],
)
def test_columns_of_several_levels_can_be_named_as_categories(features, chosen):
    names = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    X = pd.DataFrame(np.random.default_rng(0).integers(0, 40, (60, 3)), columns=names)
    sampler = quick_sampler(categorical_features=features).fit(X, np.arange(60) % 2)
    assert sampler.encoder_.is_categorical == chosen
