"""`GANSampler` as data, and back."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.encoder import Encoder
from ganaug._encoding.layout import TableLayout
from ganaug._encoding.table import TableEncoder
from ganaug._fitting import FittedParts, new_gan
from ganaug._gan.model import GAN, TrainingRows
from ganaug._gan.network_gan import NetworkGANState
from ganaug._gan.own_networks import ModuleFactory
from ganaug._gan.runtime import resolve_device
from ganaug._gan.table_gan import TableGAN, TableGANState
from ganaug._persistence import checks, table_checks
from ganaug._persistence.containers import (
    ArrayState,
    FrameState,
    LabelState,
    PandasState,
    builder_state,
)
from ganaug._persistence.estimators import (
    EncoderState,
    Format,
    config_of,
    names_of,
    parameters_of,
    remember_names,
    with_parameters,
)
from ganaug._scoring import ScoreScale
from ganaug.sampler import GANSampler


@dataclass(frozen=True)
class SamplerParts:
    """What fitted samplers have in common, whatever they sample from.

    The states of samplers list these fields again, between their own: a document has its fields in
    the order of its dataclass, so that order is a part of the format.
    """

    parameters: dict[str, Any]
    feature_names: tuple[str, ...] | None
    classes: NDArray[Any]
    rows_to_add: tuple[tuple[int, ...], ...]  # class code, number of rows
    rows: ArrayState | PandasState | FrameState
    labels: LabelState
    score_scale: ScoreScale
    synthetic_mask: NDArray[np.bool_] | None

    @classmethod
    def of(cls, sampler: GANSampler) -> SamplerParts:
        code_of = {label: code for code, label in enumerate(sampler.classes_.tolist())}
        return cls(
            parameters=parameters_of(sampler),
            feature_names=names_of(sampler),
            classes=sampler.classes_,
            rows_to_add=tuple((code_of[c], n) for c, n in sampler.sampling_strategy_.items()),
            rows=builder_state(sampler._row_builder),
            labels=LabelState.of(sampler._label_prototypes),
            score_scale=sampler._score_scale,
            synthetic_mask=getattr(sampler, "synthetic_mask_", None),
        )

    @classmethod
    def within(cls, state: Any) -> SamplerParts:
        """Return the parts of a larger state that has them all."""
        return cls(**{field.name: getattr(state, field.name) for field in fields(cls)})

    def as_fields(self) -> dict[str, Any]:
        """Return the parts by name, for a larger state."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def check(self) -> None:
        """Refuse what contradicts itself."""
        checks.check_classes(self.classes)
        n_classes = len(self.classes)
        for pair in self.rows_to_add:
            is_class = len(pair) == 2 and 0 <= pair[0] < n_classes
            checks.require(is_class and pair[1] >= 0, "rows to add have no class")
        checks.check_scores(self.score_scale, n_classes)

    def sampler(self, device: Any) -> GANSampler:
        """Return a sampler with the parameters; `device` replaces its own if it is not None."""
        change = {} if device is None else {"device": device}
        sampler: GANSampler = with_parameters(GANSampler, {**self.parameters, **change})
        return sampler

    def fitted(self, sampler: GANSampler, encoder: Encoder, gan: GAN, seed: int) -> GANSampler:
        """Return the sampler, fitted."""
        labels = self.labels.build()
        checks.require(len(labels) == len(self.classes), "classes and labels differ in number")
        classes = self.classes.tolist()
        sampler._set(
            FittedParts(
                classes=self.classes,
                strategy={classes[code]: n for code, n in self.rows_to_add},
                encoder=encoder,
                gan=gan,
                seed=seed,
                row_builder=self.rows.build(),
                label_prototypes=labels,
                score_scale=self.score_scale,
            )
        )
        remember_names(sampler, self.feature_names, len(encoder.names_))
        if self.synthetic_mask is not None:
            sampler.synthetic_mask_ = self.synthetic_mask
        return sampler


def restored_gan(
    sampler: GANSampler,
    layout: TableLayout,
    state: TableGANState | NetworkGANState,
    own_networks: tuple[ModuleFactory, ModuleFactory] | None,
    **of_config: Any,
) -> GAN:
    """Return the GAN of a state; what that has goes before the parameters of its sampler."""
    gan = new_gan(
        TrainingRows(layout, state.rows, state.class_counts, state.weights),
        own_networks,
        replace(config_of(sampler), networks=state.networks, **of_config),
        state.seed,
        resolve_device(sampler.device),
    )
    gan.restore(state)
    return gan


@dataclass(frozen=True)
class SamplerState:
    """A fitted `GANSampler` of a table."""

    parameters: dict[str, Any]
    feature_names: tuple[str, ...] | None
    classes: NDArray[Any]
    rows_to_add: tuple[tuple[int, ...], ...]  # class code, number of rows
    encoder: EncoderState
    gan: TableGANState
    rows: ArrayState | PandasState | FrameState
    labels: LabelState
    score_scale: ScoreScale
    synthetic_mask: NDArray[np.bool_] | None

    @classmethod
    def of(cls, sampler: GANSampler) -> SamplerState:
        assert isinstance(sampler.encoder_, TableEncoder)
        return cls(
            **SamplerParts.of(sampler).as_fields(),
            encoder=EncoderState.of(sampler.encoder_),
            gan=sampler._gan.state(),
        )

    def check(self, max_bytes: int) -> None:
        """Refuse what contradicts itself."""
        SamplerParts.within(self).check()
        table_checks.check_encoder(self.encoder, self.gan.layout, self.feature_names)
        table_checks.check_scales(self.encoder)
        checks.check_gan(self.gan, len(self.classes), max_bytes)
        checks.check_history(self.gan.history)
        checks.check_levels(map(len, self.rows.levels), self.encoder.level_counts())

    def build(self, device: Any) -> GANSampler:
        """Return the sampler; `device` replaces the parameter if it is not None."""
        layout, parts = self.gan.layout, SamplerParts.within(self)
        encoder = self.encoder.build(layout)
        sampler = parts.sampler(device)
        gan = restored_gan(sampler, layout, self.gan, None, sampling=self.gan.sampling)
        return parts.fitted(sampler, encoder, gan, self.gan.seed)


SAMPLER = Format(
    "ganaug sampler",
    1,
    SamplerState,
    lambda fitted: isinstance(getattr(fitted, "_gan", None), TableGAN),
)
