"""`GANOutlierDetector` as data, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganaug._detection.features import FeatureMap
from ganaug._detection.model import Calibration, DetectionModel
from ganaug._encoding.columns import Column
from ganaug._encoding.layout import TableLayout
from ganaug._persistence import checks, table_checks
from ganaug._persistence.containers import ArrayState, FrameState, PandasState, builder_state
from ganaug._persistence.estimators import (
    EncoderState,
    Format,
    names_of,
    parameters_of,
    remember_names,
    with_parameters,
)
from ganaug._persistence.samplers import SamplerState
from ganaug._scoring import ScoreScale
from ganaug.detector import FittedDetector, GANOutlierDetector


@dataclass(frozen=True)
class DetectorState:
    """A fitted `GANOutlierDetector`."""

    parameters: dict[str, Any]
    feature_names: tuple[str, ...] | None
    encoder: EncoderState
    layout: TableLayout
    model: DetectionModel
    calibration: Calibration
    score_scale: ScoreScale
    seed: int
    rows: ArrayState | PandasState | FrameState
    kept_columns: tuple[Column, ...]
    offset: float
    sampler: SamplerState | None

    @classmethod
    def of(cls, detector: GANOutlierDetector) -> DetectorState:
        encoder, sampler = detector._feature_map.encoder, detector._sampler
        return cls(
            parameters=parameters_of(detector),
            feature_names=names_of(detector),
            encoder=EncoderState.of(encoder),
            layout=encoder.layout_,
            model=detector._model,
            calibration=detector._calibration,
            score_scale=detector._score_scale,
            seed=detector._seed,
            rows=builder_state(detector._row_builder),
            kept_columns=tuple(detector._kept_columns),
            offset=detector.offset_,
            sampler=None if sampler is None else SamplerState.of(sampler),
        )

    def check(self, max_bytes: int) -> None:
        """Refuse what contradicts itself."""
        table_checks.check_encoder(self.encoder, self.layout, self.feature_names)
        checks.check_detection(self.model, self.layout, len(self.encoder.names))
        checks.check_levels(map(len, self.rows.levels), self.encoder.level_counts())
        checks.check_columns(self.kept_columns, self.encoder.codecs)
        checks.check_calibration(self.calibration)
        checks.check_scores(self.score_scale, len(self.calibration.by_mode))
        if self.sampler is not None:
            self.sampler.check(max_bytes)

    def build(self, device: Any) -> GANOutlierDetector:
        """Return the detector; `device` is for its sampler."""
        detector = with_parameters(GANOutlierDetector, self.parameters)
        encoder = self.encoder.build(self.layout, linear=True)
        detector._set(
            FittedDetector(
                feature_map=FeatureMap(encoder),
                model=self.model,
                calibration=self.calibration,
                score_scale=self.score_scale,
                offset=self.offset,
                seed=self.seed,
                row_builder=self.rows.build(),
                kept_columns=list(self.kept_columns),
                sampler=None if self.sampler is None else self.sampler.build(device),
            )
        )
        remember_names(detector, self.feature_names, len(self.encoder.names))
        return detector


DETECTOR = Format(
    "ganaug detector", 1, DetectorState, lambda fitted: isinstance(fitted, GANOutlierDetector)
)
