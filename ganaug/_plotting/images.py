"""A grid of images, and images as matplotlib draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.images import ImageForm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_pictures", "draw_grid", "label_lines"]


def as_pictures(rows: Any, form: ImageForm, low: float, high: float) -> NDArray[np.float64]:
    """Return rows as pictures from 0 to 1, of shape (n, height, width) or (..., 3) in colour."""
    images = np.asarray(rows, dtype=np.float64).reshape(-1, *form.native_shape)
    if not form.channels_last:
        images = np.moveaxis(images, 1, 3)
    images = ((images - low) / (high - low)).clip(0, 1)
    # two channels are no colour; of four the last is how opaque a pixel is
    return images[..., :3] if form.channels >= 3 else images[..., 0]


def draw_grid(ax: Axes, pictures: NDArray[np.float64], n_columns: int, gap: int = 1) -> None:
    """Draw pictures row by row, as one."""
    n_rows = len(pictures) // n_columns
    around = [(0, 0), (gap, 0), (gap, 0)] + [(0, 0)] * (pictures.ndim - 3)
    padded = np.pad(pictures, around, constant_values=1.0)
    lines = padded.reshape(n_rows, n_columns, *padded.shape[1:])
    whole = np.concatenate([np.concatenate(list(line), axis=1) for line in lines], axis=0)
    ax.imshow(whole, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.spines[:].set_visible(False)


def label_lines(ax: Axes, height: int, labels: Sequence[str]) -> None:
    """Write beside each line of a grid of images what it is."""
    ax.set_yticks((np.arange(len(labels)) + 0.5) * (height + 1), labels)
    ax.tick_params(length=0, labelsize=9)
