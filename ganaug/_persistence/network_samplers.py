"""`GANSampler` of images, or with networks of the caller, as data, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganaug._encoding.encoder import Encoder
from ganaug._encoding.images import MAX_CHANNELS, MAX_SIDE, MIN_SIDE, ImageEncoder, ImageForm
from ganaug._encoding.layout import ImageLayout, TableLayout
from ganaug._encoding.table import TableEncoder
from ganaug._gan.convolutional import ImageDiscriminator, ImageGenerator
from ganaug._gan.network_gan import NetworkGAN, NetworkGANState
from ganaug._persistence import checks, table_checks
from ganaug._persistence.containers import ArrayState, FrameState, LabelState, PandasState
from ganaug._persistence.estimators import EncoderState, Format
from ganaug._persistence.samplers import SamplerParts, restored_gan
from ganaug._scoring import ScoreScale
from ganaug.sampler import GANSampler


@dataclass(frozen=True)
class ImageEncoderState:
    """An `ImageEncoder`."""

    names: tuple[Any, ...]
    form: ImageForm
    low: float
    high: float
    is_whole: bool
    is_integer: NDArray[np.bool_]

    @classmethod
    def of(cls, encoder: ImageEncoder) -> ImageEncoderState:
        return cls(
            tuple(encoder.names_),
            encoder.form,
            encoder.low_,
            encoder.high_,
            encoder.is_whole_,
            encoder.is_integer_,
        )

    def check(self, feature_names: tuple[str, ...] | None) -> None:
        """Refuse images of no size, and pixels without a range."""
        form, n = self.form, len(self.names)
        sides = (form.height, form.width)
        checks.require(all(MIN_SIDE <= side <= MAX_SIDE for side in sides), "images have no size")
        checks.require(1 <= form.channels <= MAX_CHANNELS, "images have no channels")
        checks.require(form.channels * form.height * form.width == n, "pixels have no column")
        checks.require(self.is_integer.shape == (n,), "pixels have no type")
        checks.require(feature_names in (None, self.names), "columns have two names")
        finite = bool(np.isfinite([self.low, self.high]).all())
        checks.require(finite and self.low < self.high, "pixels have no range")

    def build(self) -> ImageEncoder:
        encoder = ImageEncoder(self.form)
        encoder.names_ = list(self.names)
        encoder.low_, encoder.high_ = self.low, self.high
        encoder.is_whole_, encoder.is_integer_ = self.is_whole, self.is_integer
        return encoder


@dataclass(frozen=True)
class TableEncoderState:
    """A `TableEncoder` with its layout."""

    encoder: EncoderState
    layout: TableLayout

    def check(self, feature_names: tuple[str, ...] | None) -> None:
        """Refuse what contradicts itself."""
        table_checks.check_encoder(self.encoder, self.layout, feature_names)
        table_checks.check_scales(self.encoder)

    def build(self) -> TableEncoder:
        return self.encoder.build(self.layout, adaptive=False)


@dataclass(frozen=True)
class NetworkSamplerState:
    """A fitted `GANSampler` whose GAN is a `NetworkGAN`."""

    parameters: dict[str, Any]
    feature_names: tuple[str, ...] | None
    classes: NDArray[Any]
    rows_to_add: tuple[tuple[int, ...], ...]  # class code, number of rows
    encoder: ImageEncoderState | TableEncoderState
    gan: NetworkGANState
    rows: ArrayState | PandasState | FrameState
    labels: LabelState
    score_scale: ScoreScale
    synthetic_mask: NDArray[np.bool_] | None

    @classmethod
    def of(cls, sampler: GANSampler) -> NetworkSamplerState:
        return cls(
            **SamplerParts.of(sampler).as_fields(),
            encoder=_encoder_state(sampler.encoder_),
            gan=sampler._gan.state(),
        )

    def check(self, max_bytes: int) -> None:
        """Refuse what contradicts itself."""
        SamplerParts.within(self).check()
        self.encoder.check(self.feature_names)
        encoder = self.encoder.build()
        checks.check_history(self.gan.history)
        checks.check_network_gan(self.gan, encoder.layout_, len(self.classes))
        if isinstance(self.encoder, TableEncoderState):
            checks.check_levels(map(len, self.rows.levels), self.encoder.encoder.level_counts())
        if self.parameters.get("generator") is None:
            self._check_convolutional(encoder.layout_)

    def _check_convolutional(self, layout: TableLayout) -> None:
        """Refuse weights of other shapes than the convolutional networks have, unbuilt."""
        is_image = isinstance(layout, ImageLayout)
        checks.require(is_image, "a table has networks for images")
        assert isinstance(layout, ImageLayout)  # narrows the type
        n_classes = len(self.classes)
        with torch.device("meta"):
            generator = ImageGenerator(layout, n_classes, self.gan.networks.latent_dim)
            discriminator = ImageDiscriminator(layout, n_classes)
        for network, weights in (
            (generator, self.gan.generator),
            (discriminator, self.gan.discriminator),
        ):
            expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
            found = {name: value.shape for name, value in weights.items()}
            checks.require(expected == found, "weights do not fit the networks")

    def build(self, device: Any) -> GANSampler:
        """Return the sampler; `device` replaces the parameter if it is not None."""
        encoder, parts = self.encoder.build(), SamplerParts.within(self)
        sampler = parts.sampler(device)
        gan = restored_gan(sampler, encoder.layout_, self.gan, sampler._own_networks())
        return parts.fitted(sampler, encoder, gan, self.gan.seed)


def _encoder_state(encoder: Encoder) -> ImageEncoderState | TableEncoderState:
    if isinstance(encoder, ImageEncoder):
        return ImageEncoderState.of(encoder)
    assert isinstance(encoder, TableEncoder)  # narrows the type
    return TableEncoderState(EncoderState.of(encoder), encoder.layout_)


NETWORK_SAMPLER = Format(
    "ganaug network sampler",
    1,
    NetworkSamplerState,
    lambda fitted: isinstance(getattr(fitted, "_gan", None), NetworkGAN),
)
