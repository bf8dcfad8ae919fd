import pickle
import random
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.datasets import make_classification, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import NearestNeighbors

from ganaug import GANSampler
from ganaug._gan.model import TableGAN
from ganaug.exceptions import DataError, TrainingError


def quick(**parameters) -> GANSampler:
    defaults = {
        "n_steps": 8, "batch_size": 32, "hidden_layer_sizes": (16,), "random_state": 0,
    }  # fmt: skip
    return GANSampler(**{**defaults, **parameters})


@pytest.fixture
def numbers():
    return make_classification(n_samples=150, n_features=6, weights=[0.8], random_state=0)


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    n = 120
    X = pd.DataFrame(
        {
            "amount": rng.lognormal(2, 1, n).round(2),
            "visits": rng.poisson(2, n),
            "plan": rng.choice(["free", "paid"], n),
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
        },
    )
    return X, pd.Series(np.repeat(["stay", "leave", "complain"], [80, 30, 10]), name="outcome")


# --- how many rows ----------------------------------------------------------------------------

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
def test_strategies(mixed, strategy, expected):
    X, y = mixed
    sampler = quick(sampling_strategy=strategy)
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
    _, y_resampled = quick(sampling_strategy=ratio).fit_resample(X, y)
    assert len(y_resampled) - 139 == added


def test_rows_and_labels_of_a_balanced_table_come_back_as_they_are(mixed):
    X, y = mixed[0][:100], np.tile(["a", "b"], 50)
    sampler = quick()
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X_resampled, X)
    assert y_resampled.tolist() == y.tolist()
    assert not sampler.synthetic_mask_.any()
    assert Counter(sampler.sample(10)[1].tolist()) == {"a": 5, "b": 5}


def test_a_minority_of_two_rows(mixed):
    X, y = mixed
    y = np.r_[["rare"] * 2, ["common"] * 118]
    X_resampled, y_resampled = quick().fit_resample(X, y)
    assert Counter(y_resampled.tolist()) == {"rare": 118, "common": 118}
    made = X_resampled[120:]
    assert set(made["plan"]) <= set(X["plan"][:2])


def test_one_column_and_many_columns():
    rng = np.random.default_rng(0)
    for n_columns in (1, 300):
        X, y = rng.normal(size=(60, n_columns)), np.repeat([0, 1], [50, 10])
        assert quick().fit_resample(X, y)[0].shape == (100, n_columns)


def test_a_column_of_thousands_of_levels():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"town": [f"town {k}" for k in rng.zipf(1.2, 6000) % 3000], "x": rng.random(6000)}
    )
    y = np.repeat([0, 1], [5500, 500])
    sampler = quick()
    X_resampled, _ = sampler.fit_resample(X, y)
    assert X["town"].nunique() > 1000
    assert set(X_resampled["town"]) == set(X["town"])
    assert sampler.encoder_.layout_.width < 20


# --- labels -----------------------------------------------------------------------------------

CODES = np.repeat([0, 1, 2], [60, 30, 10])
LABELS = {
    "int": CODES,
    "int8": CODES.astype(np.int8),
    "float": CODES.astype(float),
    "bool": CODES > 0,
    "str": np.array(["a", "b", "c"])[CODES],
    "object": np.array(["a", "b", "c"], dtype=object)[CODES],
    "list": np.array(["a", "b", "c"])[CODES].tolist(),
    "column": CODES[:, None],
    "one-hot": np.eye(3, dtype=int)[CODES],
    "pandas": pd.Series(CODES, name="y"),
    "pandas category": pd.Series(pd.Categorical.from_codes(CODES, list("xyz"), ordered=True)),
    "pandas nullable": pd.Series(CODES, dtype="Int64"),
    "pandas nullable bool": pd.Series(CODES > 0, dtype="boolean"),
    "pandas arrow": pd.Series(CODES, dtype="int32[pyarrow]"),
    "pandas frame": pd.DataFrame({"y": CODES}),
    "pandas one-hot": pd.DataFrame(np.eye(3, dtype=int)[CODES], columns=list("abc")),
    "polars": pl.Series("y", CODES),
    "polars categorical": pl.Series("y", np.array(["a", "b", "c"])[CODES], dtype=pl.Categorical),
    "polars frame": pl.DataFrame({"y": CODES}),
    "arrow": pa.array(CODES),
    "arrow chunked": pa.chunked_array([CODES]),
}


@pytest.mark.parametrize("kind", list(LABELS))
def test_labels_come_back_in_their_own_kind(kind):
    y = LABELS[kind]
    X = np.random.default_rng(0).normal(size=(100, 3))
    sampler = quick()
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert isinstance(y_resampled, (type(y), pa.Array))
    for attribute in ("dtype", "dtypes", "schema", "type", "name"):
        before, after = (getattr(labels, attribute, None) for labels in (y, y_resampled))
        assert np.all(before == after)
    shape = np.asarray(y_resampled).shape
    assert shape == (len(X_resampled), *np.asarray(y).shape[1:])
    np.testing.assert_array_equal(np.asarray(y_resampled)[:100], np.asarray(y))
    rows = np.asarray(y_resampled).reshape(len(X_resampled), -1).tolist()
    assert len(set(Counter(map(tuple, rows)).values())) == 1


# --- containers beyond what test_promises draws -----------------------------------------------


@pytest.mark.parametrize(
    ("index", "kind"),
    [
        (pd.RangeIndex(120), pd.RangeIndex),
        (pd.RangeIndex(10, 250, 2, name="k"), pd.RangeIndex),
        (pd.Index(np.arange(120)[::-1], name="id"), pd.Index),
        (pd.Index([f"row {k}" for k in range(120)]), pd.Index),
        (pd.date_range("2024-01-01", periods=120, tz="UTC"), pd.DatetimeIndex),
        (pd.MultiIndex.from_product([range(12), list("abcdefghij")]), pd.MultiIndex),
    ],
    ids=["range", "range with step", "int", "str", "dates", "multi"],
)
def test_index_keeps_its_kind_and_old_labels(mixed, index, kind):
    X, y = mixed[0].set_axis(index), mixed[1].set_axis(index)
    X_resampled, y_resampled = quick().fit_resample(X, y)
    assert type(X_resampled.index) is kind
    assert X_resampled.index.names == index.names
    assert X_resampled.index[:120].equals(index)
    assert X_resampled.index.equals(y_resampled.index)
    pd.testing.assert_frame_equal(X_resampled[:120], X, check_freq=False)
    if kind is pd.RangeIndex or index.dtype == np.int64:
        assert X_resampled.index.is_unique


def test_numeric_columns_can_be_named_as_categories(mixed):
    X = pd.DataFrame({"code": [10, 20, 70] * 40, "x": np.linspace(0, 1, 120)})
    for chosen in (["code"], [0], [True, False], lambda X: ["code"]):
        sampler = quick(categorical_features=chosen).fit(X, mixed[1])
        assert sampler.encoder_.layout_.heads[0].size == 3
        assert set(sampler.sample(50)[0]["code"]) == {10, 20, 70}
    assert not quick().fit(X, mixed[1]).encoder_.layout_.heads


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
    sampler = quick(categorical_features=features).fit(X, np.arange(60) % 2)
    assert sampler.encoder_.is_categorical == chosen


def test_the_callers_table_is_not_changed(mixed):
    X, y = mixed
    before = X.copy(deep=True)
    quick().fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)


# --- sample -----------------------------------------------------------------------------------


def test_sample_returns_rows_like_those_fitted(mixed):
    X, y = mixed
    sampler = quick().fit(X, y)
    rows, labels = sampler.sample(12)
    assert (rows.dtypes == X.dtypes).all()
    assert list(rows.columns) == list(X.columns)
    assert labels.name == "outcome"
    assert labels.index.equals(rows.index)
    assert Counter(labels) == {"leave": 5, "complain": 7}


@pytest.mark.parametrize(
    ("n_samples", "y", "expected"),
    [
        (3, "stay", ["stay"] * 3),
        ({"stay": 1, "leave": 2}, None, ["stay", "leave", "leave"]),
        ({"leave": 1, "complain": 0, "stay": 1}, None, ["leave", "stay"]),
        (3, ["leave", "stay", "leave"], ["leave", "stay", "leave"]),
        (2, [["leave"], ["stay"]], ["leave", "stay"]),
        (0, None, []),
        (0, "stay", []),
    ],
)
def test_sample_requests(mixed, n_samples, y, expected):
    rows, labels = quick().fit(*mixed).sample(n_samples, y)
    assert labels.tolist() == expected
    assert len(rows) == len(expected)
    assert (rows.dtypes == mixed[0].dtypes).all()


@pytest.mark.parametrize(
    ("n_samples", "y", "message"),
    [
        (-1, None, "whole number of rows, 0 or more, got -1"),
        (2.5, None, "got 2.5"),
        (True, None, "got True"),
        (3, "maybe", "class 'maybe' is not in y; its classes are 'complain', 'leave', 'stay'"),
        ({"maybe": 1}, None, "class 'maybe' is not in y"),
        (3, ["stay"], "y has 1 labels, but n_samples is 3"),
        (2, [[0, 1], [1, 0]], r"one label for each row, got an array of shape \(2, 2\)"),
        ({"stay": 1}, "stay", "y must be None"),
    ],
)
def test_bad_sample_requests(mixed, n_samples, y, message):
    sampler = quick().fit(*mixed)
    with pytest.raises(DataError, match=message):
        sampler.sample(n_samples, y)


def test_no_text_says_what_rows_are_for(numbers):
    sampler = quick().fit(*numbers)
    with pytest.raises(DataError, match="for_training must be True or False, got 'no'"):
        sampler.sample(3, for_training="no")


def test_sampled_labels_follow_their_rows():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 40])
    X = np.c_[100.0 * y + rng.normal(size=120), rng.normal(size=120)]
    wanted = rng.integers(0, 2, 50)
    rows, labels = quick(anchored_share=1.0).fit(X, y).sample(50, wanted)
    np.testing.assert_array_equal(labels, wanted)
    np.testing.assert_array_equal(rows[:, 0] > 50, wanted == 1)


def test_a_sample_is_neither_the_resampled_rows_nor_another_seeds(numbers):
    sampler = quick()
    resampled = sampler.fit_resample(*numbers)[0][sampler.synthetic_mask_]
    first, again, other = sampler.sample(5), sampler.sample(5), sampler.sample(5, random_state=1)
    np.testing.assert_array_equal(first[0], again[0])
    assert not set(map(tuple, first[0])) & set(map(tuple, resampled))
    assert not set(map(tuple, first[0])) & set(map(tuple, other[0]))


@pytest.mark.parametrize("n", [0, 1, 100, 300, 1000])
def test_a_larger_sample_begins_with_a_smaller_one(mixed, n):
    sampler = quick().fit(*mixed)
    larger = sampler.sample(1000, y="leave")[0]
    pd.testing.assert_frame_equal(sampler.sample(n, y="leave")[0], larger[:n], check_exact=True)


@pytest.mark.parametrize("request_", [{"leave": 700, "stay": 0, "complain": 3}, 50])
def test_batches_are_the_rows_of_a_sample(mixed, request_):
    sampler = quick().fit(*mixed)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    batches = []
    for batch in sampler.sample_batches(request_, batch_rows=300):
        assert torch.get_num_threads() == 2
        batches.append(batch)
    torch.set_num_threads(threads)
    rows, labels = (pd.concat(part, ignore_index=True) for part in zip(*batches, strict=True))
    whole = sampler.sample(request_)
    pd.testing.assert_frame_equal(rows, whole[0], check_exact=True)
    pd.testing.assert_series_equal(labels, whole[1])
    assert max(len(batch[0]) for batch in batches) <= 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": -1}, "got -1"),
        ({"n_samples": 3, "y": ["stay"] * 3}, "y must be one label here"),
        ({"n_samples": 3, "batch_rows": 0}, "batch_rows must be a whole number of rows"),
        ({"n_samples": 3, "for_training": "no"}, "for_training must be True or False, got 'no'"),
    ],
)
def test_bad_requests_of_batches_are_refused_at_once(mixed, arguments, message):
    sampler = quick().fit(*mixed)
    with pytest.raises(DataError, match=message):
        sampler.sample_batches(**arguments)


# --- the seed, and nothing else ---------------------------------------------------------------


def test_same_seed_same_bits(mixed):
    first, second = (quick(n_steps=30).fit_resample(*mixed)[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    other = quick(n_steps=30, random_state=1).fit_resample(*mixed)[0]
    assert not first.equals(other)


@pytest.mark.parametrize("seed", [np.random.RandomState(3), None])
def test_seeds_of_other_kinds(numbers, seed):
    sampler = quick(random_state=seed)
    first, second = (sampler.fit_resample(*numbers)[0] for _ in range(2))
    assert not np.array_equal(first, second)


def test_fit_and_fit_resample_train_the_same(numbers):
    fitted, resampled = quick().fit(*numbers), quick()
    resampled.fit_resample(*numbers)
    np.testing.assert_array_equal(fitted.sample(5)[0], resampled.sample(5)[0])


def test_nothing_outside_is_touched(mixed):
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    threads, filters = torch.get_num_threads(), list(warnings.filters)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    torch.set_num_threads(2)
    try:
        sampler = quick().fit(*mixed)
        sampler.fit_resample(*mixed)
        sampler.sample(3)
        assert torch.get_num_threads() == 2
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert after == before
    assert warnings.filters == filters
    assert torch.is_grad_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_default_dtype_of_the_caller_does_not_matter(numbers):
    expected = quick().fit_resample(*numbers)[0]
    torch.set_default_dtype(torch.float64)
    try:
        actual = quick().fit_resample(*numbers)[0]
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(actual, expected)


# --- training ---------------------------------------------------------------------------------


def test_history(numbers):
    sampler = quick(n_steps=120).fit(*numbers)
    history = sampler.history_
    assert all(isinstance(values, np.ndarray) for values in history.values())
    assert history["generator_loss"].shape == history["discriminator_loss"].shape == (120,)
    assert history["check_step"].tolist() == [50, 100, 120]
    best = history["quality"].argmin()
    assert history["best_step"] == history["check_step"][best]


def test_auto_stops_by_itself(numbers):
    history = quick(n_steps="auto", hidden_layer_sizes=(64, 64)).fit(*numbers).history_
    n_steps = len(history["generator_loss"])
    assert 100 < n_steps <= 1000
    assert history["quality"].min() < 0.3 * history["quality"][0]


def test_generated_rows_are_like_their_class():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 60])
    X = rng.normal(size=(360, 2)) + np.where(y[:, None] == 1, [4.0, -4.0], [0.0, 0.0])
    X[:, 1] += 0.8 * X[:, 0]
    sampler = GANSampler(random_state=0).fit(X, y)
    for label in (0, 1):
        made = sampler.sample(500, label)[0]
        real = X[y == label]
        np.testing.assert_allclose(made.mean(axis=0), real.mean(axis=0), atol=0.4)
        np.testing.assert_allclose(np.cov(made.T), np.cov(real.T), atol=0.4)


def test_rows_for_training_keep_further_from_other_classes():
    X, y = make_moons(600, noise=0.3, random_state=0)
    rows = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:60]]
    classes = [NearestNeighbors(n_neighbors=3).fit(X[rows][y[rows] == code]) for code in (0, 1)]
    sampler = GANSampler(n_steps=150, random_state=0).fit(X[rows], y[rows])

    def share_among_others(for_training):
        made, _ = sampler.sample(400, y=1, for_training=for_training)
        others, own = (near.kneighbors(made)[0].mean(axis=1) for near in classes)
        return (others < own).mean()

    assert share_among_others(for_training=True) < 0.7 * share_among_others(for_training=False)


def test_rows_for_training_are_those_of_fit_resample_in_kind():
    X, y = make_moons(300, noise=0.3, random_state=0)
    rows = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:40]]
    sampler = GANSampler(n_steps=100, random_state=0)
    X_resampled, _ = sampler.fit_resample(X[rows], y[rows])
    added = X_resampled[sampler.synthetic_mask_]
    drawn, _ = sampler.sample(len(added), y=1, for_training=True)
    assert not np.array_equal(added, drawn)
    np.testing.assert_allclose(added.mean(axis=0), drawn.mean(axis=0), atol=0.15)
    (batch, _), *_ = sampler.sample_batches(len(added), y=1, for_training=True)
    np.testing.assert_array_equal(batch, drawn)


def test_weights_move_the_generated_rows():
    rng = np.random.default_rng(0)
    X = np.r_[
        rng.normal(size=(100, 1)), rng.normal(size=(40, 1)) * 0.1 + np.tile([[0], [5]], (20, 1))
    ]
    y = np.repeat([0, 1], [100, 40])
    weights = np.r_[np.ones(100), np.tile([1e-6, 1.0], 20)]
    sampler = GANSampler(anchored_share=0.0, n_steps=300, random_state=0)
    made = sampler.fit(X, y, sample_weight=weights).sample(300, 1)[0]
    unweighted = sampler.fit(X, y).sample(300, 1)[0]
    assert (made > 2.5).mean() > (unweighted > 2.5).mean() + 0.2


def test_a_fit_that_fails_leaves_the_sampler_as_it_was(mixed, numbers, monkeypatch):
    sampler = quick().fit(*mixed)
    rows, _ = sampler.sample(5)

    def interrupt(self, classes):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TableGAN, "calibrate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sampler.fit_resample(*numbers)
    with pytest.raises(DataError):
        sampler.fit(mixed[0], mixed[1].where(mixed[1] != "stay"))
    assert sampler.n_features_in_ == 4
    assert sampler.sampling_strategy_ == {"leave": 50, "complain": 70}
    pd.testing.assert_frame_equal(sampler.sample(5)[0], rows)


def test_fit_forgets_which_rows_of_another_table_were_synthetic(mixed):
    sampler = quick()
    sampler.fit_resample(*mixed)
    assert not hasattr(sampler.fit(*mixed), "synthetic_mask_")


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_does_not_depend_on_the_callers_gradient_mode(numbers, mode):
    with mode():
        made = quick().fit_resample(*numbers)[0]
    np.testing.assert_array_equal(made, quick().fit_resample(*numbers)[0])


def test_a_row_that_alone_has_weight_is_never_left_out():
    X = np.linspace(0, 1, 6000)[:, None]
    y = np.repeat([0, 1], [5900, 100])
    weights = np.r_[np.zeros(5899), 1.0, np.ones(100)]
    sampler = quick(n_steps=50).fit(X, y, sample_weight=weights)
    assert np.isfinite(sampler.history_["generator_loss"]).all()
    np.testing.assert_allclose(sampler.sample(20, 0)[0], X[5899, 0], atol=0.3)


def test_one_sampler_can_be_fitted_again_on_another_table(mixed, numbers):
    sampler = quick().fit(*mixed)
    sampler.fit(*numbers)
    assert not hasattr(sampler, "feature_names_in_")
    np.testing.assert_array_equal(sampler.sample(5)[0], quick().fit(*numbers).sample(5)[0])


# --- in the hands of scikit-learn -------------------------------------------------------------


def test_clone_and_parameters(numbers):
    sampler = quick(n_neighbors=3).fit(*numbers)
    copy = clone(sampler)
    assert not hasattr(copy, "generator_")
    assert {**copy.get_params(), "random_state": 0} == sampler.get_params()
    assert copy.set_params(latent_dim=5).latent_dim == 5


def test_pickle(mixed):
    sampler = quick().fit(*mixed)
    restored = pickle.loads(pickle.dumps(sampler))
    pd.testing.assert_frame_equal(sampler.sample(9)[0], restored.sample(9)[0])


def test_pipeline_cross_validate(numbers):
    pipeline = make_pipeline(quick(), LogisticRegression())
    scores = cross_validate(pipeline, *numbers, cv=3, n_jobs=2, error_score="raise")
    assert len(scores["test_score"]) == 3


def test_grid_search_over_its_parameters(numbers):
    pipeline = make_pipeline(quick(), LogisticRegression())
    grid = {"gansampler__anchored_share": [0.0, 1.0], "gansampler__sampling_strategy": [0.8, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(*numbers)
    assert search.best_params_["gansampler__anchored_share"] in (0.0, 1.0)


def test_jobs_do_not_change_the_result(numbers):
    scores = [
        cross_validate(
            make_pipeline(quick(n_steps=30), LogisticRegression()),
            *numbers, cv=3, n_jobs=n_jobs, scoring="neg_log_loss",
        )["test_score"].tolist()
        for n_jobs in (1, 2)
    ]  # fmt: skip
    assert scores[0] == scores[1]


def test_weights_are_routed_through_a_pipeline(numbers):
    from sklearn import config_context

    X, y = numbers
    weights = np.random.default_rng(0).random(len(y))
    with config_context(enable_metadata_routing=True):
        sampler = quick(n_steps=30).set_fit_resample_request(sample_weight=True)
        sampler.set_fit_request(sample_weight=False)
        classifier = LogisticRegression().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(sampler, classifier)
        routed = pipeline.fit(X, y, sample_weight=weights)[-1].coef_.copy()
        assert not np.allclose(routed, pipeline.fit(X, y)[-1].coef_)


def test_html(mixed):
    assert "GANSampler" in quick()._repr_html_()
    assert "fitted" in quick().fit(*mixed)._repr_html_()


def test_feature_names(mixed, numbers):
    assert quick().fit(*mixed).get_feature_names_out().tolist() == list(mixed[0].columns)
    assert quick().fit(mixed[0], mixed[1]).n_features_in_ == 4
    assert not hasattr(quick().fit(*numbers), "feature_names_in_")


def test_feature_names_of_polars_and_arrow(mixed):
    frame = pl.from_pandas(mixed[0])
    for X in (frame, frame.to_arrow()):
        assert quick().fit(X, mixed[1]).feature_names_in_.tolist() == list(mixed[0].columns)


# --- progress ---------------------------------------------------------------------------------


def test_silent_by_default(numbers, capfd):
    quick().fit(*numbers)
    assert capfd.readouterr() == ("", "")


def test_verbose_shows_a_bar(numbers, capfd):
    quick(verbose=1).fit(*numbers)
    assert "GANSampler" in capfd.readouterr().err


def test_progress_bar_of_scikit_learn(numbers, capfd):
    callback = pytest.importorskip("sklearn.callback")
    quick(n_steps=120).set_callbacks(callback.ProgressBar()).fit_resample(*numbers)
    assert "GANSampler" in capfd.readouterr().out


class Recorder:
    """A callback that counts checks and asks to stop after some of them."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.seen = []

    def setup(self, estimator, context):
        self.seen.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(f"{context.task_name} begins")

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        self.seen.append(f"{context.task_name} ends")
        if context.task_name == "check":
            losses = {"generator_loss", "discriminator_loss"}
            assert set(metadata) == {"step", "quality"} | losses
        return self.seen.count("check ends") == self.stop_after

    def teardown(self, estimator, context):
        self.seen.append("teardown")


def test_callbacks_see_every_check(numbers):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    quick(n_steps=120).set_callbacks(recorder).fit(*numbers)
    assert recorder.seen[:2] == ["setup", "fit begins"]
    assert recorder.seen[-2:] == ["fit ends", "teardown"]
    assert recorder.seen.count("check ends") == 3


def test_a_callback_can_stop_training(numbers):
    pytest.importorskip("sklearn.callback")
    sampler = quick(n_steps=500).set_callbacks(Recorder(stop_after=2)).fit(*numbers)
    assert len(sampler.history_["generator_loss"]) == 100
    assert sampler.sample(3)[0].shape == (3, 6)


def test_a_training_that_diverges_names_the_widest_columns():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"narrow": rng.uniform(size=300), "wide": rng.normal(size=300) ** 3})
    y = np.repeat([0, 1], [250, 50])
    sampler = quick(gradient_penalty=1e39)  # infinite in single precision
    with pytest.raises(TrainingError, match=r"diverged.*widest columns are 'wide' \(.*'narrow'"):
        sampler.fit(X, y)
    assert not hasattr(sampler, "generator_")


def test_a_collapsed_generator_is_said_to_be_one(numbers, monkeypatch):
    def collapse(gan, classes):
        with torch.no_grad():
            gan.generator.last.bias.fill_(100.0)  # all rows to the corners

    quick().fit(*numbers)
    monkeypatch.setattr(TableGAN, "calibrate", collapse)
    with pytest.warns(ConvergenceWarning, match=r"collapsed.*of 1 \(\d%\)"):
        quick().fit(*numbers)


@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": 0.9, "n_steps": 50},
        {"learning_rate": 0.2, "anchored_share": 0.0, "n_steps": 50},
        {"n_steps": 1, "anchored_share": 0.0},
    ],
    ids=str,
)
def test_what_is_worse_than_repeated_rows_is_said(parameters):
    X, y = make_classification(
        n_samples=600, n_features=8, weights=[0.9], n_clusters_per_class=2, random_state=1
    )
    with pytest.warns(ConvergenceWarning, match="repeating rows would serve better"):
        GANSampler(random_state=0, **parameters).fit(X, y)
