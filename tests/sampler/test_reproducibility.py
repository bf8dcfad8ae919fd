"""The result depends on the seed and the data, and nothing outside is touched."""

import random
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from tests.quick import quick_sampler


def test_same_seed_same_bits(customers):
    first, second = (quick_sampler(n_steps=30).fit_resample(*customers)[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    other = quick_sampler(n_steps=30, random_state=1).fit_resample(*customers)[0]
    assert not first.equals(other)


@pytest.mark.parametrize("seed", [np.random.RandomState(3), None])
def test_seeds_of_other_kinds(numbers, seed):
    sampler = quick_sampler(random_state=seed)
    first, second = (sampler.fit_resample(*numbers)[0] for _ in range(2))
    assert not np.array_equal(first, second)


def test_fit_and_fit_resample_train_the_same(numbers):
    fitted, resampled = quick_sampler().fit(*numbers), quick_sampler()
    resampled.fit_resample(*numbers)
    np.testing.assert_array_equal(fitted.sample(5)[0], resampled.sample(5)[0])


def test_nothing_outside_is_touched(customers):
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    threads, filters = torch.get_num_threads(), list(warnings.filters)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    torch.set_num_threads(2)
    try:
        sampler = quick_sampler().fit(*customers)
        sampler.fit_resample(*customers)
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
    expected = quick_sampler().fit_resample(*numbers)[0]
    torch.set_default_dtype(torch.float64)
    try:
        actual = quick_sampler().fit_resample(*numbers)[0]
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_does_not_depend_on_the_callers_gradient_mode(numbers, mode):
    with mode():
        made = quick_sampler().fit_resample(*numbers)[0]
    np.testing.assert_array_equal(made, quick_sampler().fit_resample(*numbers)[0])
