"""What training watches, to know when to stop and which generator to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._gan.batches import DeviceTable
from ganaug._gan.networks import Generator, NetworkConfig
from ganaug._gan.noise import gumbel_noise
from ganaug._gan.quality import LEAST_SPREAD, energy_distance, spread, varies
from ganaug._gan.runtime import DTYPE

QUALITY_ROWS = 512
QUALITY_CLASSES = 16


def watched(classes: Sequence[int]) -> list[int]:
    """Return the classes whose rows are compared: not all of very many."""
    return list(classes)[:QUALITY_CLASSES]


def distance_by_chance(counts: NDArray[Any]) -> float:
    """Return about how far two samples of the same rows would be from each other.

    Parameters
    ----------
    counts : ndarray of shape (n_watched_classes,)
        How many real rows there are of each class that is compared, or as many as they count for.
    """
    share = QUALITY_ROWS // len(counts)
    return float((1 / np.minimum(counts, share) + 1 / share).mean())


def least_spreads(table: DeviceTable, real: Sequence[Tensor]) -> list[float]:
    """Return what the spread of the real rows of each class counts for at least.

    Next to nothing where they vary. A class whose rows are all the same has no width to measure
    by, and is measured by that of the table: by its own it would be infinitely far from all but
    perfect rows, and decide alone which generator is kept.

    Parameters
    ----------
    table : DeviceTable
    real : sequence of Tensor of shape (n_rows, width)
        One for each class that is compared.
    """
    are_varied = [varies(rows) for rows in real]
    if all(are_varied):
        return [LEAST_SPREAD] * len(real)
    of_table = max(spread(_rows_of_all_classes(table)), LEAST_SPREAD)
    return [LEAST_SPREAD if is_varied else of_table for is_varied in are_varied]


def _rows_of_all_classes(table: DeviceTable) -> Tensor:
    """Return rows of all classes, equally many of each that has enough, evenly from first to last.

    None are drawn: a draw would change all that come after it.
    """
    share = max(QUALITY_ROWS // len(table.counts), 1)
    chosen = []
    for code in range(len(table.counts)):
        rows = table.by_weight(table.rows_of(code)).sort().values
        n_rows = min(len(rows), share)
        chosen.append(rows[torch.arange(n_rows, device=table.device) * len(rows) // n_rows])
    return table.expand(torch.cat(chosen))


class QualityMonitor:
    """Compares free rows (without anchors) of a generator with real rows, always the same ones.

    Real rows come as often as they weigh, as in the batches: a generator is not to be kept for rows
    that it hardly was to learn.
    Rows beside an anchor would look good from the first step on, since they start as its copies.

    Attributes
    ----------
    by_chance : float
        About what a perfect generator would be measured at.
    """

    def __init__(
        self,
        table: DeviceTable,
        classes: Sequence[int],
        networks: NetworkConfig,
        random: torch.Generator,
    ) -> None:
        classes = watched(classes)
        self.by_chance = distance_by_chance(table.effective_counts[classes])
        share = QUALITY_ROWS // len(classes)
        self._real = [table.expand(table.some_by_weight(code, share, random)) for code in classes]
        self._least_spreads = least_spreads(table, self._real)
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
            energy_distance(generated, real, least)
            for generated, real, least in zip(
                rows.split(self._share), self._real, self._least_spreads, strict=True
            )
        ]
        return float(torch.stack(distances).mean())
