"""An ensemble of discriminators that see a row and how it relates to the rows around it.

Each member tells real rows from rows moved by difference noise (`ganaug._gan.negatives`) of one
scale. What it is told about a row's neighbourhood is measured without the row itself, and for a
moved row without the row that it was moved from: so a real row and a moved one are both strangers
to the reference rows, as a new row will be.

The members come in two halves, and neither half is trained on the rows of the other: for a training
row the half that has not seen it has an unbiased opinion. Rows that are left out together because
they are equal are of one half, as it would have seen a copy otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._detection.reference import CHUNK_ROWS
from ganaug._gan.batches import filled_up
from ganaug._gan.networks import activate, first_bound
from ganaug._gan.optimizer import FusedAdam
from ganaug._gan.runtime import DTYPE

SCALES = (1.0, 4.0)
N_SCALES = 4
N_HALVES = 2
# Halves are those of kinds if each has this share of the rows: one of none can't be trained.
SMALLEST_HALF = 0.25
FINAL_LEARNING_RATE = 0.1
BETAS = (0.5, 0.99)


@dataclass(frozen=True)
class EnsembleConfig:
    """Size and training of the ensemble."""

    hidden_layer_sizes: tuple[int, ...]
    n_steps: int
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Ensemble:
    """Small networks of the same shape, evaluated together.

    Members are ordered by half, then by scale of their noise.

    Parameters
    ----------
    weights : tuple of Tensor of shape (n_members, n_in, n_out)
        One for each layer.
    biases : tuple of Tensor of shape (n_members, 1, n_out)
    low, high : Tensor of shape (n_features,)
        The range of the training rows, real and moved; no network is asked beyond it.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    low: Tensor
    high: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Return the mean logit of each half for each row: (n_rows, n_halves)."""
        parts = []
        for part in features.split(CHUNK_ROWS):  # chunks of one shape, as in `reference`
            chunk = filled_up(part.clamp(self.low, self.high), CHUNK_ROWS, features.shape[1])
            logits = forward(self.weights, self.biases, chunk.expand(len(self.weights[0]), -1, -1))
            parts.append(logits.view(N_HALVES, N_SCALES, -1).mean(dim=1).T[: len(part)])
        return torch.cat(parts)


def forward(weights: tuple[Tensor, ...], biases: tuple[Tensor, ...], x: Tensor) -> Tensor:
    """Return the logits of (n_members, n_rows, n_features): (n_members, n_rows)."""
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if layer:
            x = activate(x)
        x = torch.baddbmm(bias, x, weight)
    return x[:, :, 0]


def halves_of(n_rows: int, kinds: NDArray[np.int64] | None) -> Tensor:
    """Return which half of the members is trained on each row; rows come in random order.

    Rows of one kind are of one half, unless one of the halves would have hardly any.

    Parameters
    ----------
    n_rows : int
    kinds : ndarray of shape (n_rows,) or None
        Numbers that equal rows share; None if each row is one of its own.
    """
    by_row = np.arange(n_rows) % N_HALVES
    if kinds is None:
        return torch.from_numpy(by_row)
    by_kind = np.unique(kinds, return_inverse=True)[1] % N_HALVES
    smallest = np.bincount(by_kind, minlength=N_HALVES).min()
    return torch.from_numpy(by_kind if smallest >= SMALLEST_HALF * n_rows else by_row)


def train_ensemble(
    real: Tensor,
    moved: Tensor,
    origins: Tensor,
    halves: Tensor,
    config: EnsembleConfig,
    random: torch.Generator,
) -> Ensemble:
    """Train all members at once.

    Parameters
    ----------
    real : Tensor of shape (n_rows, n_features)
    moved : Tensor of shape (n_scales, n_moved, n_features)
    origins : Tensor of shape (n_scales, n_moved)
    halves : Tensor of shape (n_rows,)
        Which half of the members each real row is for.
    config : EnsembleConfig
    random : torch.Generator
    """
    weights, biases = _new_networks(real.shape[1], config, random)
    parameters = [*weights, *biases]
    optimizer = FusedAdam(parameters, config.learning_rate, betas=BETAS)
    batches = _Batches(real, moved, origins, halves, config.batch_size, random)
    for step in range(config.n_steps):
        decay = 1 - (1 - FINAL_LEARNING_RATE) * step / config.n_steps
        optimizer.learning_rate = config.learning_rate * decay
        logits = forward(weights, biases, batches.draw())
        true, false = logits.split(config.batch_size, dim=1)
        softplus = torch.nn.functional.softplus
        optimizer.minimise((softplus(-true) + softplus(false)).mean(dim=1).sum())
    everything = torch.cat([real, moved.flatten(0, 1)])
    return Ensemble(
        tuple(weight.detach() for weight in weights),
        tuple(bias.detach() for bias in biases),
        everything.amin(dim=0),
        everything.amax(dim=0),
    )


class _Batches:
    """Draws a batch for each member: real rows of its half, then moved ones of its scale."""

    def __init__(
        self,
        real: Tensor,
        moved: Tensor,
        origins: Tensor,
        halves: Tensor,
        size: int,
        random: torch.Generator,
    ) -> None:
        self._size, self._random = size, random
        n_real, n_moved = len(real), moved.shape[1]
        self._rows = torch.cat([real, moved.flatten(0, 1)])
        self._real = [torch.nonzero(halves == half).flatten() for half in range(N_HALVES)]
        halves_of_moved = halves[origins]
        self._moved = [
            torch.nonzero(halves_of_moved[scale] == half).flatten() + n_real + scale * n_moved
            for half in range(N_HALVES)
            for scale in range(N_SCALES)
        ]

    def draw(self) -> Tensor:
        """Return rows of shape (n_members, 2 * size, n_features)."""
        real = [self._choose(self._real[k // N_SCALES]) for k in range(N_HALVES * N_SCALES)]
        moved = [self._choose(places) for places in self._moved]
        return self._rows[torch.cat([torch.stack(real), torch.stack(moved)], dim=1)]

    def _choose(self, places: Tensor) -> Tensor:
        return places[torch.randint(len(places), (self._size,), generator=self._random)]


def _new_networks(
    n_features: int, config: EnsembleConfig, random: torch.Generator
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return first weights and biases."""
    n_members = N_HALVES * N_SCALES
    weights, biases = [], []
    for n_in, n_out in pairwise((n_features, *config.hidden_layer_sizes, 1)):
        bound = first_bound(n_in)
        weight = torch.empty(n_members, n_in, n_out, dtype=DTYPE).uniform_(
            -bound, bound, generator=random
        )
        weights.append(weight.requires_grad_())
        biases.append(torch.zeros(n_members, 1, n_out, dtype=DTYPE, requires_grad=True))
    return tuple(weights), tuple(biases)
