"""The noise that the generator turns into rows."""

from __future__ import annotations

import torch
from torch import Tensor

from ganaug._gan.networks import Generator
from ganaug._gan.runtime import DTYPE

SMALLEST_UNIFORM = 1e-30


def draw_noise(
    generator: Generator, shape: tuple[int, ...], random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return latent noise (*shape, latent_dim) and Gumbel noise (*shape, one_hot_width)."""
    of_latent = (*shape, generator.latent_dim)
    latent = torch.randn(of_latent, generator=random, dtype=DTYPE, device=random.device)
    return latent, gumbel_noise((*shape, generator.level_bias.shape[1]), random)


def gumbel_noise(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Return noise that makes the arg max of logits a draw from their softmax.

    By two logarithms of a uniform number: torch's own exponential numbers take five times longer.
    """
    uniform = torch.rand(shape, generator=random, dtype=DTYPE, device=random.device)
    return uniform.clamp_(min=SMALLEST_UNIFORM).log_().neg_().log_().neg_()
