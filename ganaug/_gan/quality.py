"""How generated rows compare with real ones: what training watches, and what is checked after."""

from __future__ import annotations

import torch
from torch import Tensor

COVERAGE_NEIGHBORS = 5
# Distances between encoded rows that are none: single precision hardly tells such rows apart.
LEAST_SPREAD = 1e-6


def energy_distance(generated: Tensor, real: Tensor, least_spread: float = LEAST_SPREAD) -> Tensor:
    """Return the energy distance of two samples as a share of the spread of the real one.

    0 if they are the same rows, about 1 if they are as far from each other as they are wide; see
    Szekely & Rizzo (2013), "Energy statistics".

    Parameters
    ----------
    generated : Tensor of shape (n, width)
    real : Tensor of shape (m, width)
    least_spread : float
        What the spread counts for at least.
    """
    within_real = torch.cdist(real, real).mean()
    within_generated = torch.cdist(generated, generated).mean()
    between = torch.cdist(generated, real).mean()
    return (2 * between - within_generated - within_real) / within_real.clamp(min=least_spread)


def spread(rows: Tensor) -> float:
    """Return the mean distance between rows (n, width)."""
    return float(torch.cdist(rows, rows).mean())


def varies(rows: Tensor) -> bool:
    """Tell whether rows (n, width) are not all the same.

    By their values: distances come from products of matrices, which round.
    """
    return not torch.allclose(rows, rows[:1], rtol=0, atol=LEAST_SPREAD)


def coverage(generated: Tensor, real: Tensor, weights: Tensor) -> Tensor:
    """Return the share of real rows that have a generated one among their 5 nearest real rows.

    Rows that are repeated as they are cover all, a generator that collapsed next to none; see
    Naeem et al. (2020), "Reliable fidelity and diversity metrics for generative models".

    Parameters
    ----------
    generated : Tensor of shape (n, width)
    real : Tensor of shape (m, width)
    weights : Tensor of shape (m,)
        How much each real row counts.
    """
    # rows that occur more than once would be their own nearest ones
    if real.shape[1]:  # torch can't tell rows without columns apart
        real, which = real.unique(dim=0, return_inverse=True)
        weights = weights.new_zeros(len(real)).index_add_(0, which, weights)
    distance = torch.cdist(real, real).fill_diagonal_(torch.inf)
    k = min(COVERAGE_NEIGHBORS, max(len(real) - 1, 1))
    radius = distance.topk(k, largest=False).values[:, -1:]  # a row alone is near to everything
    covered = (torch.cdist(real, generated) <= radius).any(dim=1)
    return (weights * covered).sum() / weights.sum()
