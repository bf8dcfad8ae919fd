"""Threshold: raw scores to normality, and the normality below which rows are outliers.

New rows and training rows are judged by different things (`Mode`), so each have a scale of their
own, on which 5% of them are below 0. The threshold is one for all: a `contamination` is a share of
the training rows and says where it is, and then the scales of new rows are moved, so that as many
of them are flagged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganaug._detection.model import (
    MAX_SCORED_ROWS,
    Calibration,
    DetectionModel,
    Mode,
    ModelConfig,
)
from ganaug._detection.seen import Kinds
from ganaug._scoring import ScoreScale, to_normality


@dataclass(frozen=True)
class Threshold:
    """How raw scores are measured, and where outliers begin.

    Parameters
    ----------
    scale : ScoreScale
        Of each `Mode`.
    offset : float
        The normality below which rows are outliers.
    """

    scale: ScoreScale
    offset: float


def find_threshold(
    points: NDArray[np.float32],
    kinds: Kinds,
    model: DetectionModel,
    calibration: Calibration,
    config: ModelConfig,
) -> Threshold:
    """Measure what is usual, and find where outliers begin.

    Parameters
    ----------
    points : ndarray of shape (n_rows, n_coordinates)
        The training rows.
    kinds : Kinds
        Which of them are equal.
    model : DetectionModel
    calibration : Calibration
    config : ModelConfig
    """
    scale = _scale_of(calibration)
    offset = _offset(points, model, calibration, scale, config)
    share = _share_of_new_rows(offset, points, kinds, model, scale, config)
    if share is not None:
        for mode in (Mode.NOVELTY, Mode.STRANGER):
            excess = float(np.quantile(_usual(mode, calibration, scale), share)) - offset
            scale = scale.lowered(mode, excess)
    return Threshold(scale, offset)


def normality_of(
    points: NDArray[np.float32],
    modes: NDArray[np.int64] | Mode,
    model: DetectionModel,
    scale: ScoreScale,
) -> NDArray[np.float64]:
    """Return how normal rows are, each in its mode or all in one: (n_rows,)."""
    logits = to_normality(model.raw_scores(points, modes))
    return scale.normality(logits[:, None])[np.arange(len(points)), modes]


def _scale_of(calibration: Calibration) -> ScoreScale:
    """Return the scale on which 5% of the rows that are usual in a mode are below 0."""
    novelty, outlier, stranger = map(to_normality, calibration.by_mode)
    modes = np.repeat([Mode.NOVELTY, Mode.OUTLIER], [len(novelty), len(outlier)])
    both = ScoreScale.fit(np.concatenate([novelty, outlier]), modes, 2, count_ties=False)
    # the rows of `novelty` once more: the spreads of the others don't lean on them twice
    again = ScoreScale.fit(stranger, np.zeros(len(stranger), np.int64), 1, count_ties=False)
    return both.followed_by(again)


def _usual(mode: Mode, calibration: Calibration, scale: ScoreScale) -> NDArray[np.float64]:
    """Return how normal the rows are that a mode was calibrated with."""
    logits = to_normality(calibration.by_mode[mode])
    return scale.normality(logits[:, None])[:, mode]


def _offset(
    points: NDArray[np.float32],
    model: DetectionModel,
    calibration: Calibration,
    scale: ScoreScale,
    config: ModelConfig,
) -> float:
    """Return the normality that the asked share of training rows is below, as they'll be scored."""
    if config.contamination is None:
        return 0.0  # the scale puts 5% below it
    if config.all_are_new:
        # not those of the calibration: there each row is scored as if it was not in the table
        some = np.random.default_rng(0).permutation(len(points))[:MAX_SCORED_ROWS]
        scores = normality_of(points[some], Mode.NOVELTY, model, scale)
    else:
        scores = _usual(Mode.OUTLIER, calibration, scale)
    return float(np.quantile(scores, config.contamination))


def _share_of_new_rows(
    offset: float,
    points: NDArray[np.float32],
    kinds: Kinds,
    model: DetectionModel,
    scale: ScoreScale,
    config: ModelConfig,
) -> float | None:
    """Return which share of new rows is to be below the offset, or None where they stay in place.

    Where rows are equal by chance, new rows that equal none of the table come as often as training
    rows that equal no other (Good 1953, "The population frequencies of species"): the same share of
    both is to be flagged.
    """
    if config.all_are_new:
        return None  # the offset is that of new rows
    if kinds.by_chance:
        single = points[kinds.single()[:MAX_SCORED_ROWS]]
        return _share_below(offset, normality_of(single, Mode.OUTLIER, model, scale))
    return config.contamination  # None: at 0 both scales have the same share below already


def _share_below(offset: float, normality: NDArray[np.float64]) -> float:
    """Return which share of rows is flagged, all if there is no row."""
    return float(np.mean(normality < offset)) if len(normality) else 1.0
