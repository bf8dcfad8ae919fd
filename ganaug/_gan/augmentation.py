"""Images changed at random: views of one that mean the same, and what both players may not see.

`Views` turns, shifts and stretches an image by little before anything else is done with it: what
people have always done where images are few (Simard et al. 2003, "Best practices for convolutional
neural networks applied to visual document analysis"). `VariedViews` also bends it, as they do, and
by a strength of its own: how much is right depends on what the images show, so some change hardly
and some much (Mueller & Hutter 2021, "TrivialAugment: tuning-free yet state-of-the-art data
augmentation").

`DifferentiableAugmentation` changes real and generated images on their way into the discriminator,
so that it can't learn few images by heart, and lets gradients through, so that the generator need
not make changed ones (Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN
training").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ganaug._gan.runtime import DTYPE
from ganaug._gan.states import Drawing

# Views: at most so many degrees, share of a side, and logarithm of a factor.
MAX_TURN = math.radians(15)
MAX_SHIFT = 1 / 14
MAX_STRETCH = 0.1
# Bends: the standard deviation of a displacement, and how far it reaches, as shares of a side.
BEND_SIZE = 0.03
BEND_REACH = 1 / 7
# Varied views move by this share of all that and more: by less they are images that exist.
LEAST_STRENGTH = 0.1
# In the discriminator.
MAX_TRANSLATION = 1 / 8
CUTOUT_SIDE = 1 / 3
MAX_BRIGHTNESS = 0.1
MAX_CONTRAST = 0.1


class _Transform(Drawing):
    """A random change of images."""

    def _uniform(self, *shape: int) -> Tensor:
        """Return uniform numbers between -1 and 1."""
        random = self.random
        return 2 * torch.rand(shape, generator=random, dtype=DTYPE, device=random.device) - 1


class Views(_Transform):
    """Turns, shifts and stretches each image by little, differently.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width.
    random : torch.Generator
    """

    def __init__(self, shape: tuple[int, int, int], random: torch.Generator) -> None:
        super().__init__(random)
        self.shape = shape

    def __call__(self, images: Tensor) -> Tensor:
        """Return views of images (batch, width)."""
        native = images.view(-1, *self.shape)
        return resample(native, self._grid(len(native))).clamp(-1, 1).flatten(1)

    def _grid(self, n: int) -> Tensor:
        """Return where in an image to read each pixel of a view, (n, height, width, 2)."""
        angle = MAX_TURN * self._uniform(n)
        stretch = torch.exp(MAX_STRETCH * self._uniform(n, 2))
        shift = 2 * MAX_SHIFT * self._uniform(n, 2)
        cos, sin = angle.cos()[:, None] * stretch, angle.sin()[:, None] * stretch
        affine = torch.stack(
            [
                torch.stack([cos[:, 0], -sin[:, 1], shift[:, 0]], dim=1),
                torch.stack([sin[:, 0], cos[:, 1], shift[:, 1]], dim=1),
            ],
            dim=1,
        )
        return functional.affine_grid(affine, [n, *self.shape], align_corners=False)


class VariedViews(Views):
    """Views that are also bent, each by a strength of its own between little and all."""

    def _grid(self, n: int) -> Tensor:
        same = torch.eye(2, 3, dtype=DTYPE, device=self.random.device).expand(n, 2, 3)
        unmoved = functional.affine_grid(same, [n, *self.shape], align_corners=False)
        moves = super()._grid(n) - unmoved + self._bend(n)
        share = (self._uniform(n, 1, 1, 1) + 1) / 2
        strength = LEAST_STRENGTH + (1 - LEAST_STRENGTH) * share
        return unmoved + strength * moves

    def _bend(self, n: int) -> Tensor:
        """Return smooth displacements, (n, height, width, 2): noise, smoothed by a Gaussian."""
        _, height, width = self.shape
        random = self.random
        noise = torch.randn(
            (n, 2, height, width), generator=random, dtype=DTYPE, device=random.device
        )
        smooth = _smoothing(height, random.device) @ noise @ _smoothing(width, random.device).T
        return 2 * BEND_SIZE * smooth.permute(0, 2, 3, 1)


def _smoothing(side: int, device: torch.device) -> Tensor:
    """Return what smooths noise along a side and leaves its variance, (side, side)."""
    place = torch.arange(side, dtype=DTYPE, device=device) / (BEND_REACH * side)
    weights = torch.exp(-(place[:, None] - place).square() / 2)
    return weights / weights.square().sum(dim=1, keepdim=True).sqrt()


def resample(images: Tensor, grid: Tensor) -> Tensor:
    """Return images (batch, c, h, w) read at the points of a grid; beyond the edge lies the edge.

    By cubic interpolation: linear blurs, and what is learned from blurred images fails on sharp
    ones.
    """
    return functional.grid_sample(
        images, grid, mode="bicubic", padding_mode="border", align_corners=False
    )


class DifferentiableAugmentation(_Transform):
    """Translation, cutout and intensity, the same for all images of a pair."""

    def __init__(self, shape: tuple[int, int, int], random: torch.Generator) -> None:
        super().__init__(random)
        self._shape = shape

    def __call__(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Return the parts of pairs, each (batch, width), changed in the same way."""
        n = len(parts[0])
        source = self._translation(n)
        keep = self._kept(n)
        scale = torch.exp(MAX_CONTRAST * self._uniform(n, 1))
        offset = MAX_BRIGHTNESS * self._uniform(n, 1)
        channels = self._shape[0]
        out = []
        for images in parts:
            planes = images.view(n, channels, -1)
            moved = planes.gather(2, source[:, None].expand(-1, channels, -1)) * keep[:, None]
            out.append(moved.flatten(1) * scale + offset)
        return tuple(out)

    def _translation(self, n: int) -> Tensor:
        """Return for each pixel the place it is taken from, (n, height * width)."""
        _, height, width = self._shape
        places = []
        for side in (height, width):
            shift = torch.round(MAX_TRANSLATION * side * self._uniform(n, 1)).long()
            places.append((torch.arange(side, device=shift.device) + shift).clamp(0, side - 1))
        return (places[0][:, :, None] * width + places[1][:, None, :]).flatten(1)

    def _kept(self, n: int) -> Tensor:
        """Return 0 in a box of half of the images, else 1, (n, height * width)."""
        _, height, width = self._shape
        inside = (self._uniform(n, 1, 1) > 0).expand(-1, height, width)
        for axis, side in ((1, height), (2, width)):
            middle = (self._uniform(n, 1) + 1) / 2 * side
            near = (torch.arange(side, dtype=DTYPE, device=middle.device) + 0.5 - middle).abs()
            is_near = near < CUTOUT_SIDE * side / 2
            inside = inside & is_near.unsqueeze(3 - axis)
        return (~inside).to(DTYPE).flatten(1)
