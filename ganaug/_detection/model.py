"""DetectionModel: reference rows, discriminators and tails, put together to one number a row.

The number is the logarithm of a ratio: how much farther a row is from the training table than its
typical row is. It grows with how anomalous the row is; the sign is turned in `ganaug._scoring`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._detection.discriminators import EnsembleConfig
from ganaug._detection.opinion import (
    Opinion,
    OpinionTrainer,
    features_of,
    interquartile_range,
    n_different,
    neighbours_of,
    trust_after,
)
from ganaug._detection.reference import (
    BLOCK_ROWS,
    CHUNK_ROWS,
    N_NEIGHBORS,
    NO_ROW,
    ReferenceRows,
    Relation,
)
from ganaug._detection.seen import Kinds, SeenRows
from ganaug._detection.tails import Tails
from ganaug._encoding.layout import TableLayout
from ganaug._gan.runtime import DTYPE, limited_threads, undisturbed

MAX_CALIBRATION_ROWS = 4096
# Fewer rows than these beyond the reference rows don't make a calibration set.
MIN_HELD_OUT_ROWS = 1000
MAX_SCORED_ROWS = 20_000
MIN_ROWS_TO_TRAIN = 20
# Blocks overrule neighbours where they say more than this, as logarithm.
BLOCK_SHIFT = math.log(0.9)
SHARPNESS = 8.0
# Where most rows have the same tails, small differences are not blown up.
SMALLEST_TAIL_SPREAD = 0.1
# Blocks that should hold none of a known share of anomalies: more than lie above `BLOCK_QUANTILE`.
FREE_BLOCKS = 0.3


class Mode(IntEnum):
    """How a row is judged."""

    NOVELTY = 0  # by everything: neighbours, discriminators, blocks, tails
    OUTLIER = 1  # a training row, by blocks alone: its neighbours may be its accomplices
    # a new row, by blocks: training rows gave the fit their levels and pulled its spreads
    STRANGER = 2


@dataclass(frozen=True)
class ModelConfig:
    """Everything that is decided before the fit.

    Parameters
    ----------
    max_reference_rows : int
    discriminator_weight, tail_weight : float
    ensemble : EnsembleConfig
    contamination : float or None
        Share of anomalies in the training table, if it is known.
    all_are_new : bool
        Whether rows that equal training rows are judged as new ones, too.
    """

    max_reference_rows: int
    discriminator_weight: float
    tail_weight: float
    ensemble: EnsembleConfig
    contamination: float | None = None
    all_are_new: bool = False

    @property
    def max_block_rows(self) -> int:
        """Rows of a block: few enough that most blocks hold no anomaly, were they all alike."""
        if self.contamination is None:
            return BLOCK_ROWS
        share = max(self.contamination, sys.float_info.min)  # less makes blocks infinitely long
        # the quantile that is looked at has to be among blocks that hold none
        longest = math.log(FREE_BLOCKS) / math.log1p(-share)
        return min(BLOCK_ROWS, max(2, math.floor(longest)))


@dataclass(frozen=True)
class TailScale:
    """How tails are put on the scale of the neighbours.

    Parameters
    ----------
    centre : float
        Median of the training rows' tails.
    factor : float
    """

    centre: float
    factor: float

    @classmethod
    def fit(cls, tails: Tensor, neighbours: NDArray[np.float64], weight: float) -> TailScale:
        """Measure tails and neighbours of the training rows."""
        spread = max(interquartile_range(tails.numpy()), SMALLEST_TAIL_SPREAD)
        return cls(float(tails.median()), weight * interquartile_range(neighbours) / spread)

    def __call__(self, tails: Tensor) -> Tensor:
        """Return what tails add to how anomalous rows are."""
        return self.factor * (tails - self.centre)


@dataclass(frozen=True)
class DetectionModel:
    """What was fitted.

    Parameters
    ----------
    reference : ReferenceRows
    seen : SeenRows
    typical : Tensor of shape (5,)
        Medians of the reference rows' relations.
    is_typical : Tensor of shape (n_reference,), dtype bool
        Which reference rows are no farther than the median, by neighbours and by blocks.
    opinion : Opinion or None
        None without discriminators.
    tail_scale : TailScale or None
        None without tails.
    """

    reference: ReferenceRows
    seen: SeenRows
    typical: Tensor
    is_typical: Tensor
    opinion: Opinion | None
    tail_scale: TailScale | None

    @cached_property
    def tails(self) -> Tails:
        """The tails of the reference rows."""
        return Tails.build(self.reference.points)

    def modes(self, points: NDArray[np.float32], of_new: Mode) -> NDArray[np.int64]:
        """Return the mode of each row: training rows may be outliers, others are of one mode."""
        is_seen, _ = self.seen(points)
        return np.where(is_seen, Mode.OUTLIER, of_new)

    def raw_scores(
        self, points: NDArray[np.float32], modes: NDArray[np.int64] | Mode
    ) -> NDArray[np.float64]:
        """Return how anomalous rows are, each in its mode or all in one: (n_rows,)."""
        arms = self.arms(points)
        return np.where(modes == Mode.NOVELTY, arms.novelty(), arms.blocks)

    @undisturbed()
    @torch.inference_mode()
    def arms(self, points: NDArray[np.float32]) -> Arms:
        """Return what is known about each row."""
        _, own = self.seen(points)
        with limited_threads(1):
            relations = self.reference.relations(points, own) - self.typical
            features = features_of(points[:, : self.reference.width], relations)
            said = (
                torch.zeros(len(points), dtype=DTYPE)
                if self.opinion is None
                else self.opinion(features)
            )
            tails = torch.zeros(len(points), dtype=DTYPE)
            if self.tail_scale is not None:
                tails = self.tail_scale(self.tails(points, own != NO_ROW))
        return Arms.of(relations, said, tails)

    @undisturbed()
    @torch.inference_mode()
    def typical_rows_near(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return for each row the nearest typical row of the training table, same shape."""
        width = self.reference.width
        rows = self.reference.points[self.is_typical]
        nearest = np.zeros_like(points)
        with limited_threads(1):
            for start in range(0, len(points), CHUNK_ROWS):
                part = slice(start, start + CHUNK_ROWS)
                distances = torch.cdist(torch.from_numpy(points[part, :width]), rows)
                nearest[part, :width] = rows[distances.argmin(dim=1)].numpy()
        return nearest


@dataclass(frozen=True)
class Arms:
    """What is known about each row, as logarithms of ratios: arrays of shape (n_rows,).

    In double precision and by numpy, whose results don't depend on the place in the array.
    """

    neighbours: NDArray[np.float64]
    discriminators: NDArray[np.float64]
    blocks: NDArray[np.float64]
    tails: NDArray[np.float64]

    @classmethod
    def of(cls, relations: Tensor, said: Tensor, tails: Tensor) -> Arms:
        parts = (said.double().numpy(), relations[:, Relation.BLOCKS].double().numpy())
        return cls(neighbours_of(relations), *parts, tails.double().numpy())

    def novelty(self) -> NDArray[np.float64]:
        """Return tails plus the smooth maximum of neighbours with discriminators, and of blocks."""
        near = self.neighbours + self.discriminators
        far = self.blocks + BLOCK_SHIFT
        nearness: NDArray[np.float64] = np.logaddexp(SHARPNESS * near, SHARPNESS * far) / SHARPNESS
        return nearness + self.tails


def are_typical(relations: Tensor) -> NDArray[np.bool_]:
    """Return which rows are no farther than half of them are: from neighbours and from blocks.

    Rows of a tight cluster of anomalies have the nearest neighbours of all; blocks know better.
    """
    far = np.maximum(neighbours_of(relations), relations[:, Relation.BLOCKS].double().numpy())
    is_typical: NDArray[np.bool_] = far <= np.median(far)
    return is_typical


@dataclass(frozen=True)
class Calibration:
    """Raw scores of training rows: what is usual in each mode.

    Parameters
    ----------
    novelty : ndarray of shape (n_calibration,)
        Of rows that were kept out of everything that scores them.
    outlier : ndarray of shape (n_scored,)
    stranger : ndarray of shape (n_calibration,)
        Of the rows of `novelty`.
    """

    novelty: NDArray[np.float64]
    outlier: NDArray[np.float64]
    stranger: NDArray[np.float64]

    @property
    def by_mode(self) -> tuple[NDArray[np.float64], ...]:
        """The scores of each `Mode`."""
        return self.novelty, self.outlier, self.stranger


@undisturbed()
def fit_model(
    points: NDArray[np.float32],
    kinds: Kinds,
    points_left_out: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    layout: TableLayout,
    config: ModelConfig,
    seed: int,
) -> tuple[DetectionModel, Calibration]:
    """Fit a model and calibrate it.

    Parameters
    ----------
    points : ndarray of shape (n_rows, layout.width + n_columns)
    kinds : Kinds
        Which of these rows are equal.
    points_left_out : callable
        Numbers of rows -> these points as they would be if each was left out of training.
    layout : TableLayout
    config : ModelConfig
    seed : int
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(points))
    chosen, rest = np.split(order, [config.max_reference_rows])
    reference = ReferenceRows.build(points[chosen, : layout.width], random, config.max_block_rows)
    as_strangers = points_left_out(chosen)
    in_place = as_strangers.copy()  # the same with numbers as they are
    in_place[:, : len(layout.numbers)] = points[chosen, : len(layout.numbers)]
    # what pulls the spread of a column is there without a row that others equal, too
    as_strangers = np.where(kinds.size[chosen, None] > 1, in_place, as_strangers)
    # a new row equals none of the table, so rows that stand for new ones are none of theirs
    alike = None if config.all_are_new else kinds.left_out_together(chosen, N_NEIGHBORS)
    relations = reference.relations(as_strangers, np.arange(len(chosen)), alike)
    typical = relations.median(dim=0).values
    relations = relations - typical
    near = neighbours_of(relations)
    opinion, said = None, torch.zeros(len(chosen), dtype=DTYPE)
    if config.discriminator_weight and n_different(chosen, alike) >= MIN_ROWS_TO_TRAIN:
        with limited_threads(1):
            trainer = OpinionTrainer(
                as_strangers,
                alike,
                layout,
                reference,
                typical,
                config.discriminator_weight,
                config.ensemble,
                seed,
            )
            opinion, said = trainer.train(relations)
    tail_scale, tails = None, torch.zeros(len(chosen), dtype=DTYPE)
    if config.tail_weight:
        # tails are places among the others, whatever the spread
        tail_scale, tails = fit_tails(reference, in_place, near, config.tail_weight)
    model = DetectionModel(
        reference=reference,
        seen=SeenRows.build(points, chosen),
        typical=typical,
        is_typical=torch.from_numpy(are_typical(relations)),
        opinion=opinion,
        tail_scale=tail_scale,
    )
    held_out = rest if config.all_are_new else kinds.like_new_rows(rest, chosen)
    if len(held_out) >= MIN_HELD_OUT_ROWS:
        arms = model.arms(points_left_out(held_out[:MAX_CALIBRATION_ROWS]))
        is_usual = np.ones(len(arms.blocks), dtype=bool)
    else:
        arms = Arms.of(relations, said, tails)
        usual = chosen if config.all_are_new else kinds.like_new_rows(chosen)
        is_usual = np.isin(chosen, usual)
    suspects = points[order[:MAX_SCORED_ROWS]]
    outlier = model.raw_scores(suspects, Mode.OUTLIER)
    return model, Calibration(arms.novelty()[is_usual], outlier, arms.blocks[is_usual])


def fit_tails(
    reference: ReferenceRows,
    points: NDArray[np.float32],
    neighbours: NDArray[np.float64],
    weight: float,
) -> tuple[TailScale, Tensor]:
    """Return how tails are scaled, and what they add to each of the reference rows (`points`)."""
    tails = Tails.build(reference.points)(points, np.ones(len(points), dtype=bool))
    # columns by themselves are known from few rows, their joint law from many
    scale = TailScale.fit(tails, neighbours, weight * (1 - trust_after(len(points))))
    return scale, scale(tails)
