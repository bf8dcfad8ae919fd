"""What training watches, to know when to stop and which generator to keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ganaug._gan.batches import DeviceTable
from ganaug._gan.networks import Generator, NetworkConfig
from ganaug._gan.noise import gumbel_noise
from ganaug._gan.quality import energy_distance
from ganaug._gan.runtime import DTYPE

QUALITY_ROWS = 512
QUALITY_CLASSES = 16


def watched(classes: Sequence[int]) -> list[int]:
    """Return the classes whose rows are compared: not all of very many."""
    return list(classes)[:QUALITY_CLASSES]


def distance_by_chance(counts: NDArray[np.int64]) -> float:
    """Return about how far two samples of the same rows would be from each other.

    Parameters
    ----------
    counts : ndarray of shape (n_watched_classes,)
        How many real rows there are of each class that is compared.
    """
    share = QUALITY_ROWS // len(counts)
    return float((1 / np.minimum(counts, share) + 1 / share).mean())


class QualityMonitor:
    """Compares free rows (without anchors) of a generator with real rows, always the same ones.

    Rows beside an anchor would look good from the first step on, since they start as its copies.
    """

    def __init__(
        self,
        table: DeviceTable,
        classes: Sequence[int],
        networks: NetworkConfig,
        random: torch.Generator,
    ) -> None:
        classes = watched(classes)
        share = QUALITY_ROWS // len(classes)
        self._real = [table.expand(table.class_rows(code, share, random)) for code in classes]
        self._classes = torch.tensor(classes, device=table.device).repeat_interleave(share)
        n_rows = len(self._classes)
        self._share = share
        self._anchor = torch.zeros(n_rows, table.layout.width, dtype=DTYPE, device=table.device)
        shape = (n_rows, networks.latent_dim)
        self._latent = torch.randn(shape, generator=random, dtype=DTYPE, device=table.device)
        self._gumbel = gumbel_noise((n_rows, table.layout.one_hot_width), random)

    @torch.inference_mode()
    def measure(self, generator: Generator) -> float:
        """Return the energy distance of generated and real rows, averaged over the classes."""
        rows = generator(
            self._anchor,
            self._anchor[:, :0].new_zeros(len(self._anchor), 1),
            self._latent,
            self._gumbel,
            self._classes,
        )
        distances = [
            energy_distance(generated, real)
            for generated, real in zip(rows.split(self._share), self._real, strict=True)
        ]
        return float(torch.stack(distances).mean())
