"""How far generated rows are from real ones: the figure that training watches."""

from __future__ import annotations

import torch
from torch import Tensor


def energy_distance(generated: Tensor, real: Tensor) -> Tensor:
    """Return the energy distance of two samples as a share of the spread of the real one.

    0 if they are the same rows, about 1 if they are as far from each other as they are wide; see
    Szekely & Rizzo (2013), "Energy statistics".

    Parameters
    ----------
    generated : Tensor of shape (n, width)
    real : Tensor of shape (m, width)
    """
    within_real = torch.cdist(real, real).mean()
    within_generated = torch.cdist(generated, generated).mean()
    between = torch.cdist(generated, real).mean()
    return (2 * between - within_generated - within_real) / within_real.clamp(min=1e-6)
