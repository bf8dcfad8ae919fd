"""Samplers that are fitted in a blink, and what they have to stand."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from ganaug import GANSampler


def quick_sampler(**parameters) -> GANSampler:
    """Return a small sampler that takes few steps."""
    small = {"n_steps": 8, "batch_size": 32, "hidden_layer_sizes": (16,), "random_state": 0}
    return GANSampler(**{**small, **parameters})


def assert_threads_do_as_one(fit):
    """Check that fits in threads, by seed, make what they make alone, and leave torch as it was."""
    seeds = [0, 1, 0, 1, 2, 0, 0, 2]
    alone = {seed: fit(seed) for seed in set(seeds)}
    before = torch.get_rng_state(), torch.get_num_threads()
    with ThreadPoolExecutor(4) as threads:
        for seed, made in zip(seeds, threads.map(fit, seeds), strict=True):
            np.testing.assert_array_equal(made, alone[seed])
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == torch.get_num_threads()
