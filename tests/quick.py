"""Samplers that are fitted in a blink."""

from ganaug import GANSampler


def quick_sampler(**parameters) -> GANSampler:
    """Return a small sampler that takes few steps."""
    small = {"n_steps": 8, "batch_size": 32, "hidden_layer_sizes": (16,), "random_state": 0}
    return GANSampler(**{**small, **parameters})
