"""Generator and discriminator for images.

As for tables, a generated image starts from a real one of its class, the *anchor*. The generator
moves it: it bends the anchor by a smooth field and an affine map (Jaderberg et al. 2015, "Spatial
transformer networks") and adds what bending can't do, a residual image. The discriminator sees the
image beside its anchor. How images of a class differ is thus learned on all classes, and a class of
few images gets it for free (Antoniou et al. 2017, "Data augmentation generative adversarial
networks").

Sizes follow the image: it is halved until neither side is longer than 8, the first time by folding
2 x 2 pixels into channels (space to depth; Shi et al. 2016, "Real-time single image and video
super-resolution using an efficient sub-pixel convolutional neural network", unfold them). Residual
blocks are those of He et al. (2016); the decoder enlarges by nearest neighbours before it
convolves, which makes no checkerboards (Odena et al. 2016, "Deconvolution and checkerboard
artifacts"); noise and class scale and shift channels (Perez et al. 2018, "FiLM: visual reasoning
with a general conditioning layer"). The generator is given a vector of the class beside the noise
(Mirza & Osindero 2014, "Conditional generative adversarial nets"); the discriminator's logits are
projections of its features (Miyato & Koyama 2018, "cGANs with projection discriminator"). First
weights are torch's own, from its global state, which whoever builds the networks has set aside.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganaug._encoding.layout import ImageLayout
from ganaug._gan.augmentation import resample
from ganaug._gan.networks import ClassReadout, activate
from ganaug._gan.runtime import DTYPE

SMALLEST_SIDE = 8
GENERATOR_CHANNELS = 32
DISCRIMINATOR_CHANNELS = (32, 48, 64)
FINE_CHANNELS = 16
STYLE_SIZE = 64
CLASS_SIZE = 16
# A new generator hardly moves its anchor, as that of a table.
INITIAL_SCALE = 0.1
INITIAL_RESIDUAL = 0.3
FIELD_SCALE = 0.25
# Outside of the range of pixels a little slope is left to come back by.
OUTER_SLOPE = 0.1
SMALLEST_CHANGE = 0.1
# Layers of single precision, whatever the caller's default is.
Convolution = partial(nn.Conv2d, dtype=DTYPE)
Dense = partial(nn.Linear, dtype=DTYPE)
Embedding = partial(nn.Embedding, dtype=DTYPE)


class ImageGenerator(nn.Module):
    """Images near a real one, from noise and a class.

    Shapes: anchor (batch, width), latent (batch, latent_dim), classes (batch,) -> images
    (batch, width), encoded.
    """

    def __init__(self, layout: ImageLayout, n_classes: int, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.shape = layout.shape
        size, n = GENERATOR_CHANNELS, n_halvings(layout)
        self.fold = Fold(layout)
        self.style = Dense(latent_dim + CLASS_SIZE, STYLE_SIZE)
        self.classes = Embedding(n_classes, CLASS_SIZE)
        self.first = Convolution(self.fold.channels, size, 3, padding=1)
        self.down = nn.ModuleList(Convolution(size, size, 4, 2, 1) for _ in range(n - 1))
        self.middle = nn.ModuleList(ResidualBlock(size, STYLE_SIZE) for _ in range(2))
        self.affine = Dense(STYLE_SIZE + size, 6)
        self.field = Convolution(size, 2, 3, padding=1)
        self.up = nn.ModuleList(ResidualBlock(size, STYLE_SIZE) for _ in range(n - 1))
        self.fine = Convolution(size, FINE_CHANNELS, 3, padding=1)
        self.last = Convolution(FINE_CHANNELS + self.shape[0], self.shape[0], 3, padding=1)
        with torch.no_grad():
            self.classes.weight.zero_()  # at first all classes are alike
            for layer in (self.affine, self.field, self.last):
                layer.weight.mul_(INITIAL_SCALE)
                nn.init.zeros_(cast(Tensor, layer.bias))

    def noise(self, n: int, random: torch.Generator) -> Tensor:
        """Return the noise for n images, (n, latent_dim)."""
        shape = (n, self.latent_dim)
        return torch.randn(shape, generator=random, dtype=DTYPE, device=random.device)

    def forward(self, anchor: Tensor, latent: Tensor, classes: Tensor) -> Tensor:
        images = anchor.view(-1, *self.shape)
        style = activate(self.style(torch.cat([latent, self.classes(classes)], dim=1)))
        out = self.first(self.fold(images))
        for layer in self.down:
            out = layer(activate(out))
        for block in self.middle:
            out = block(out, style)
        moved = self._bend(images, out, style)
        for block in self.up:
            out = block(functional.interpolate(out, scale_factor=2.0, mode="nearest"), style)
        out = self.fine(functional.interpolate(activate(out), scale_factor=2.0, mode="nearest"))
        out = out[:, :, : self.shape[1], : self.shape[2]]
        moved = moved + Shrink.apply(self.last(torch.cat([activate(out), moved], dim=1)))
        inside = moved.clamp(-1, 1)
        return (inside + OUTER_SLOPE * (moved - inside)).flatten(1)

    def _bend(self, images: Tensor, features: Tensor, style: Tensor) -> Tensor:
        """Return the images with each pixel taken from near its place."""
        summary = torch.cat([style, features.mean(dim=(2, 3))], dim=1)
        affine = self.affine(summary).view(-1, 2, 3)
        field = functional.interpolate(
            FIELD_SCALE * self.field(activate(features)),
            size=self.shape[1:],
            mode="bicubic",
            align_corners=True,
        )
        identity = torch.eye(2, 3, dtype=images.dtype, device=images.device)
        grid = functional.affine_grid(affine + identity, list(images.shape), align_corners=False)
        return resample(images, grid + field.permute(0, 2, 3, 1))


class ImageDiscriminator(nn.Module):
    """Two logits for an image of a class, read from the same features, as for a table.

    The adversarial logit (`forward`) sees the image beside its anchor, the density logit alone.

    Shapes: anchor (batch, width), images (batch, width), classes (batch,) -> logits (batch,).
    """

    def __init__(self, layout: ImageLayout, n_classes: int) -> None:
        super().__init__()
        self.shape = layout.shape
        self.n_classes = n_classes
        first, second, third = DISCRIMINATOR_CHANNELS
        n = n_halvings(layout)
        self.fold = Fold(layout)
        self.first = Convolution(2 * self.fold.channels, first, 3, padding=1)
        sizes = [first, *[second] * (n - 1)]
        self.down = nn.ModuleList(Convolution(a, b, 4, 2, 1) for a, b in pairwise(sizes))
        self.middle = ResidualBlock(sizes[-1])
        self.small = Convolution(sizes[-1], third, 3, 2, 1)
        self.end = ResidualBlock(third)
        height, width = (-(-(side >> (n - 1)) // 2) for side in (self.fold.height, self.fold.width))
        n_features = third * height * width
        self.adversarial = ClassReadout(n_features, n_classes, torch.default_generator)
        self.density = ClassReadout(n_features, n_classes, torch.default_generator)
        with torch.no_grad():  # features are many, and logits of tens make a bad start
            for readout in (self.adversarial, self.density):
                readout.common.weight.mul_(INITIAL_SCALE)

    def forward(self, anchor: Tensor, images: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.adversarial(self._features(anchor, images), classes)
        return logits

    def density_logits(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return the density logits of images (batch, width): (batch,)."""
        logits: Tensor = self.density(self.features(images), classes)
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Return the last features of images (batch, width) alone: (batch, n_features)."""
        return self._features(torch.zeros_like(images), images)

    def _features(self, anchor: Tensor, images: Tensor) -> Tensor:
        """Return the last features of pairs, flat: where something is counts."""
        pair = [self.fold(part.view(-1, *self.shape)) for part in (images, anchor)]
        out = self.first(torch.cat(pair, dim=1))
        for layer in self.down:
            out = layer(activate(out))
        out = self.small(activate(self.middle(out)))
        return activate(self.end(out)).flatten(1)


class Fold(nn.Module):
    """Blocks of 2 x 2 pixels as channels, of images padded so that they can be halved.

    Shape: (batch, c, h, w) -> (batch, channels, height, width).
    """

    def __init__(self, layout: ImageLayout) -> None:
        super().__init__()
        channels, height, width = layout.shape
        step = 2 ** n_halvings(layout)
        self.padding = (0, -width % step, 0, -height % step)
        self.channels = 4 * channels
        self.height, self.width = (height + self.padding[3]) // 2, (width + self.padding[1]) // 2

    def forward(self, images: Tensor) -> Tensor:
        if any(self.padding):
            images = functional.pad(images, self.padding, mode="replicate")
        return functional.pixel_unshuffle(images, 2)


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity; a style scales and shifts what lies between them.

    Shapes: (batch, channels, h, w), style (batch, style_size) -> (batch, channels, h, w).
    """

    def __init__(self, channels: int, style_size: int = 0) -> None:
        super().__init__()
        self.first = Convolution(channels, channels, 3, padding=1)
        self.second = Convolution(channels, channels, 3, padding=1)
        self.style = Dense(style_size, 2 * channels) if style_size else None
        with torch.no_grad():
            self.second.weight.mul_(INITIAL_RESIDUAL)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        out = self.first(activate(x))
        if self.style is not None and style is not None:
            scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
            out = out * (1 + scale) + shift
        return x + self.second(activate(out))


class Shrink(torch.autograd.Function):
    """Nothing where a change is small, else the change less that much; backward as it is.

    Soft thresholds (Donoho 1995, "De-noising by soft-thresholding") that a straight-through
    gradient passes as if they were not there (Bengio et al. 2013, "Estimating or propagating
    gradients through stochastic neurons for conditional computation"). A plain background stays
    exactly as plain: classifiers see one that is nearly so, people don't.
    """

    @staticmethod
    def forward(ctx: Any, change: Tensor) -> Tensor:
        return functional.softshrink(change, SMALLEST_CHANGE)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope


def n_halvings(layout: ImageLayout) -> int:
    """Return how often images are halved until no side is longer than 8 (at least once)."""
    n, side = 1, -(-max(layout.shape[1:]) // 2)
    while side > SMALLEST_SIDE:
        n, side = n + 1, -(-side // 2)
    return n
