"""Opinion: what the discriminators say, put on the scale of the neighbours."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._detection.discriminators import (
    N_SCALES,
    SCALES,
    Ensemble,
    EnsembleConfig,
    halves_of,
    train_ensemble,
)
from ganaug._detection.reference import LOCAL, ReferenceRows, Relation
from ganaug._encoding.layout import TableLayout
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.runtime import random_generator

MOVED_ROWS = 3000
# The discriminators have half their full say when they were trained on so many rows.
ROWS_FOR_HALF_TRUST = 500
SMALLEST_SPREAD = 1e-6
RELATION_UNIT = 0.5


@dataclass(frozen=True)
class Opinion:
    """What the discriminators say, on the scale of the neighbours.

    Parameters
    ----------
    ensemble : Ensemble
    centre : float
        Median of the training rows' logits.
    scale : float
        What one unit of logit weighs.
    """

    ensemble: Ensemble
    centre: float
    scale: float

    def __call__(self, features: Tensor) -> Tensor:
        """Return how anomalous rows are."""
        return self.scale * (self.centre - self.ensemble.logits(features).mean(dim=1))


class OpinionTrainer:
    """Trains discriminators on the reference rows, and weighs what they say.

    Parameters
    ----------
    points : ndarray of shape (n_reference, layout.width + n_columns)
        The reference rows, each as if it was left out of training.
    kinds : ndarray of shape (n_reference,) or None
        As in `ReferenceRows.relations`.
    layout : TableLayout
    reference : ReferenceRows
    typical : Tensor of shape (5,)
    weight : float
        The say of discriminators that have many rows to learn from.
    config : EnsembleConfig
    seed : int
    """

    def __init__(
        self,
        points: NDArray[np.float32],
        kinds: NDArray[np.int64] | None,
        layout: TableLayout,
        reference: ReferenceRows,
        typical: Tensor,
        weight: float,
        config: EnsembleConfig,
        seed: int,
    ) -> None:
        self._points = points
        self._kinds = kinds
        self._layout = layout
        self._reference = reference
        self._typical = typical
        self._weight = weight
        self._config = config
        self._random = random_generator(seed, device=torch.device("cpu"))

    @torch.inference_mode(False)
    @torch.enable_grad()
    def train(self, relations: Tensor) -> tuple[Opinion, Tensor]:
        """Return the opinion, and what it is on each training row by those who don't know it.

        `relations` (n_reference, 5) are those of the training rows.
        """
        real = features_of(self._points[:, : self._layout.width], relations)
        parts = [self._moved(float(scale)) for scale in np.geomspace(*SCALES, N_SCALES)]
        moved, origins = (torch.stack(part) for part in zip(*parts, strict=True))
        halves = halves_of(len(real), self._kinds)
        ensemble = train_ensemble(real, moved, origins, halves, self._config, self._random)
        logits = ensemble.logits(real)
        impartial = logits.gather(1, (1 - halves)[:, None]).flatten()
        spread = interquartile_range(neighbours_of(relations))
        trust = trust_after(n_different(real, self._kinds))
        of_logits = max(interquartile_range(impartial.numpy()), SMALLEST_SPREAD)
        scale = self._weight * trust * spread / of_logits
        centre = float(impartial.median())
        return Opinion(ensemble, centre, scale), scale * (centre - impartial)

    def _moved(self, scale: float) -> tuple[Tensor, Tensor]:
        """Return the features of rows moved by noise of one scale, and where they come from."""
        points = torch.from_numpy(self._points)
        n_moved = MOVED_ROWS
        origins = torch.randint(len(points), (n_moved,), generator=self._random)
        noise = DifferenceNoise(self._layout, self._random, (scale, scale))
        moved = points[origins]
        width = self._layout.width
        moved[:, :width] = noise(moved[:, :width], points[:, :width])
        relations = self._reference.relations(moved.numpy(), origins.numpy(), self._kinds)
        return features_of(moved[:, :width].numpy(), relations - self._typical), origins


def n_different(rows: Sized, kinds: NDArray[np.int64] | None) -> int:
    """Return how many rows there are to learn from: of those of one kind one is as good as all."""
    return len(rows) if kinds is None else len(np.unique(kinds))


def trust_after(n_rows: int) -> float:
    """Return how much is to be believed of what was learned from so many rows, from 0 to 1."""
    return n_rows / (n_rows + ROWS_FOR_HALF_TRUST)


def interquartile_range(values: NDArray[Any]) -> float:
    """Return the distance between the quartiles."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)


def neighbours_of(relations: Tensor) -> NDArray[np.float64]:
    """Return how far rows are from what their neighbours can reproduce."""
    found = relations.double().numpy()
    near: NDArray[np.float64] = (found[:, Relation.MEAN] + found[:, Relation.RECONSTRUCTION]) / 2
    return near


def features_of(points: NDArray[np.float32], relations: Tensor) -> Tensor:
    """Return what discriminators see: the row and its relations to its neighbours."""
    return torch.cat([torch.from_numpy(points), relations[:, LOCAL] / RELATION_UNIT], dim=1)
