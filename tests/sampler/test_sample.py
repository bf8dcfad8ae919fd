"""`sample` and `sample_batches`: which rows are asked for, and which come."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_moons
from sklearn.neighbors import NearestNeighbors

from ganaug import GANSampler
from ganaug.exceptions import DataError
from tests.quick import quick_sampler


def test_sample_returns_rows_like_those_fitted(customers):
    X, y = customers
    sampler = quick_sampler().fit(X, y)
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
def test_sample_requests(customers, n_samples, y, expected):
    rows, labels = quick_sampler().fit(*customers).sample(n_samples, y)
    assert labels.tolist() == expected
    assert len(rows) == len(expected)
    assert (rows.dtypes == customers[0].dtypes).all()


@pytest.mark.parametrize(
    ("n_samples", "y", "message"),
    [
        (-1, None, "whole number of rows, 0 or more, got -1"),
        (2.5, None, "got 2.5"),
        (True, None, "got True"),
        (3, "maybe", "there is no class 'maybe'; there are 'complain', 'leave', 'stay'"),
        (3, {"stay": 3}, "there is no class {'stay': 3}; there are 'complain'"),
        ({"maybe": 1}, None, "there is no class 'maybe'"),
        (
            3,
            ["stay"],
            "y has 1 labels, but n_samples is 3; expected one for each row. Pass n_samples=1",
        ),
        (2, [[0, 1], [1, 0]], r"one label for each row, got an array of shape \(2, 2\)"),
        ({"stay": 1}, "stay", "y must be None"),
    ],
)
def test_bad_sample_requests(customers, n_samples, y, message):
    sampler = quick_sampler().fit(*customers)
    with pytest.raises(DataError, match=message):
        sampler.sample(n_samples, y)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "now"])
def test_what_is_no_seed_is_refused(numbers, seed):
    sampler = quick_sampler().fit(*numbers)
    for draw in (sampler.sample, sampler.sample_batches):
        with pytest.raises(DataError, match=f"random_state must be a whole number.* got {seed!r}"):
            draw(3, random_state=seed)


def test_no_text_says_what_rows_are_for(numbers):
    sampler = quick_sampler().fit(*numbers)
    with pytest.raises(DataError, match="for_training must be True or False, got 'no'"):
        sampler.sample(3, for_training="no")


def test_sampled_labels_follow_their_rows():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 40])
    X = np.c_[100.0 * y + rng.normal(size=120), rng.normal(size=120)]
    wanted = rng.integers(0, 2, 50)
    rows, labels = quick_sampler(anchored_share=1.0).fit(X, y).sample(50, wanted)
    np.testing.assert_array_equal(labels, wanted)
    np.testing.assert_array_equal(rows[:, 0] > 50, wanted == 1)


def test_a_sample_is_neither_the_resampled_rows_nor_another_seeds(numbers):
    sampler = quick_sampler()
    resampled = sampler.fit_resample(*numbers)[0][sampler.synthetic_mask_]
    first, again, other = sampler.sample(5), sampler.sample(5), sampler.sample(5, random_state=1)
    np.testing.assert_array_equal(first[0], again[0])
    assert not set(map(tuple, first[0])) & set(map(tuple, resampled))
    assert not set(map(tuple, first[0])) & set(map(tuple, other[0]))


@pytest.mark.parametrize("n", [0, 1, 100, 300, 1000])
def test_a_larger_sample_begins_with_a_smaller_one(customers, n):
    sampler = quick_sampler().fit(*customers)
    larger = sampler.sample(1000, y="leave")[0]
    pd.testing.assert_frame_equal(sampler.sample(n, y="leave")[0], larger[:n], check_exact=True)


@pytest.mark.parametrize("request_", [{"leave": 700, "stay": 0, "complain": 3}, 50])
def test_batches_are_the_rows_of_a_sample(customers, request_):
    sampler = quick_sampler().fit(*customers)
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
def test_bad_requests_of_batches_are_refused_at_once(customers, arguments, message):
    sampler = quick_sampler().fit(*customers)
    with pytest.raises(DataError, match=message):
        sampler.sample_batches(**arguments)


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
    X, y = make_moons(1200, noise=0.3, random_state=0)  # means of few rows differ by chance
    rows = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:40]]
    sampler = GANSampler(n_steps=100, random_state=0)
    X_resampled, _ = sampler.fit_resample(X[rows], y[rows])
    added = X_resampled[sampler.synthetic_mask_]
    drawn, _ = sampler.sample(len(added), y=1, for_training=True)
    assert not np.array_equal(added, drawn)
    np.testing.assert_allclose(added.mean(axis=0), drawn.mean(axis=0), atol=0.15)
    (batch, _), *_ = sampler.sample_batches(len(added), y=1, for_training=True)
    np.testing.assert_array_equal(batch, drawn)


def test_no_class_gets_levels_that_it_does_not_have():
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 60])  # nothing is to be added to the first
    X = pd.DataFrame(
        {
            "level": np.where(
                y == 0, random.choice(["a", "b"], 360), random.choice(["b", "c"], 360)
            ),
            "number": np.where(
                (y == 1) & (random.random(360) < 0.5), np.nan, random.normal(size=360)
            ),
        }
    )
    sampler = quick_sampler(n_steps=20).fit(X, y)
    for where in (None, {"level": ["b", "c"]}):
        made = sampler.sample(3000, y=0, where=where)[0]
        assert set(made["level"]) <= {"a", "b"}
        assert made["number"].notna().all()
