"""Pictures of the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganaug._checks import check_whole_number
from ganaug._encoding.images import ImageForm
from ganaug._plotting.images import as_pictures, draw_grid, label_lines
from ganaug._plotting.panels import REAL, SYNTHETIC, make_grid, tidy
from ganaug._plotting.samplers import check_sampler
from ganaug.exceptions import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ImageRecorder", "TrainingDisplay"]

MAX_CHECKS = 8  # in a grid of images


class ImageRecorder:
    """Keeps a few images of each check, to be drawn by `TrainingDisplay`.

    A callback of a `GANSampler` that is fitted on images. Noise and anchors are the same at all
    checks, so that only the training makes a difference. What is kept is no part of a saved file.

    Parameters
    ----------
    n_images : int, default=10
        How many images to keep of each check, in the order of their classes.

    Raises
    ------
    DataError
        If `n_images` is no number of images.

    Attributes
    ----------
    pictures_ : dict of int to ndarray
        Step -> pictures of shape (n_images, height, width), or (n_images, height, width, 3) in
        colour, from 0 to 1: what the generator makes, before views are mixed in.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ganaug import GANSampler
    >>> from ganaug.plotting import ImageRecorder, TrainingDisplay
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> sampler = GANSampler(
    ...     image_shape=(8, 8), n_steps=20, check_interval=10, callback=ImageRecorder(n_images=6)
    ... ).fit(X, y)
    >>> TrainingDisplay.from_estimator(sampler).axes_.shape
    (3,)
    """

    pictures_: dict[int, NDArray[np.float64]]

    def __init__(self, n_images: int = 10) -> None:
        self.n_images = check_whole_number("n_images", n_images, "images")
        self.pictures_ = {}

    def __call__(self, check: Any) -> None:
        """Keep images of a check, and none of later steps: those were another training's.

        Raises
        ------
        DataError
            If the sampler is fitted on a table.
        """
        images = check.samples(self.n_images).cpu().numpy() if hasattr(check, "samples") else None
        if images is None or images.ndim != 4:
            raise DataError(
                "ImageRecorder keeps images, and this sampler is fitted on a table; leave it out "
                "of callback, or fit with image_shape=."
            )
        pictures = as_pictures(images, ImageForm(*images.shape[1:]), -1, 1)
        earlier = {step: kept for step, kept in self.pictures_.items() if step < check.step}
        self.pictures_ = {**earlier, check.step: pictures}


class TrainingDisplay:
    """The course of a training: losses, and the quality that decided when to stop.

    Use :meth:`from_estimator` to create one.

    Parameters
    ----------
    history : dict of str to ndarray
        ``generator_loss`` and ``discriminator_loss`` of shape (n_steps,), ``check_step`` and
        ``quality`` (lower is better) of shape (n_checks,), ``best_step`` of shape ().
    pictures : dict of int to ndarray, default=None
        Step -> generated images, as `ImageRecorder` keeps them.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of shape (2,) or (3,)
        The panels: losses, quality and, where there are any, images: a line for each check.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.plotting import TrainingDisplay
    >>> history = {
    ...     "generator_loss": np.full(100, 0.7),
    ...     "discriminator_loss": np.full(100, 0.7),
    ...     "check_step": np.array([50, 100]),
    ...     "quality": np.array([0.3, 0.2]),
    ...     "best_step": np.array(100),
    ... }
    >>> TrainingDisplay(history).plot().axes_.shape
    (2,)
    """

    figure_: Figure
    axes_: NDArray[Any]

    def __init__(
        self,
        history: Mapping[str, NDArray[Any]],
        pictures: Mapping[int, NDArray[np.float64]] | None = None,
    ) -> None:
        self.history = history
        self.pictures = pictures

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> TrainingDisplay:
        """Plot the training of a fitted sampler.

        Parameters
        ----------
        estimator : GANSampler
            A fitted sampler. If its `callback` is an `ImageRecorder`, its images are drawn, too.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the panels take, by default a new figure. Labels are kept apart if
            their figure has ``layout="constrained"``.

        Returns
        -------
        TrainingDisplay
            The display, plotted.

        Raises
        ------
        DataError
            If the estimator is no `GANSampler`.
        """
        check_sampler(cls.__name__, estimator, "history_")
        recorder = estimator.callback
        pictures = recorder.pictures_ if isinstance(recorder, ImageRecorder) else None
        return cls(estimator.history_, pictures).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> TrainingDisplay:
        """Plot the losses, the quality, and images if there are any.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the panels take, by default a new figure. Labels are kept apart if
            their figure has ``layout="constrained"``.

        Returns
        -------
        TrainingDisplay
            The display itself.
        """
        n_panels = 3 if self.pictures else 2
        size = (5.25 * n_panels, 3.8)
        self.figure_, grid = make_grid(ax, (1, n_panels), size=size, title="Training")
        losses = self.figure_.add_subplot(grid[0, 0])
        quality = self.figure_.add_subplot(grid[0, 1], sharex=losses)
        self._plot_losses(losses)
        self._plot_quality(quality)
        panels = [losses, quality]
        if self.pictures:
            panels.append(self.figure_.add_subplot(grid[0, 2]))
            self._plot_images(panels[2], self.pictures)
        self.axes_ = np.array(panels)
        return self

    def _plot_losses(self, ax: Axes) -> None:
        for key, color in (("discriminator_loss", REAL), ("generator_loss", SYNTHETIC)):
            loss = self.history[key]
            steps = np.arange(1, len(loss) + 1)
            window = max(1, len(loss) // 30)
            middle = slice((window - 1) // 2, len(loss) - window // 2)
            smooth = np.convolve(loss, np.full(window, 1 / window), mode="valid")
            ax.plot(steps, loss, color=color, alpha=0.2, linewidth=0.6)
            marker = "o" if len(loss) == 1 else None  # one point makes no line
            label = key.removesuffix("_loss")
            ax.plot(steps[middle], smooth, color=color, label=label, marker=marker, markersize=3)
        ax.set(xlabel="step", ylabel="loss")
        ax.set_title("Losses, smoothed", fontsize=10)
        ax.legend(frameon=False, fontsize=8)
        tidy(ax)

    def _plot_quality(self, ax: Axes) -> None:
        steps, best = self.history["check_step"], int(self.history["best_step"])
        ax.plot(steps, self.history["quality"], color=REAL, marker="o", markersize=3)
        ax.axvline(best, color=SYNTHETIC, linestyle="--", label=f"kept: step {best}")
        ax.set(xlabel="step", ylabel="distance (lower is better)")
        ax.set_title("Monitored quality", fontsize=10)
        ax.legend(frameon=False, fontsize=8)
        tidy(ax)

    def _plot_images(self, ax: Axes, pictures: Mapping[int, NDArray[np.float64]]) -> None:
        """Draw a line of images for each check, or for some of very many."""
        steps = sorted(pictures)
        shown = np.linspace(0, len(steps) - 1, min(len(steps), MAX_CHECKS)).round().astype(int)
        lines = [pictures[steps[number]] for number in shown]
        draw_grid(ax, np.concatenate(lines), len(lines[0]))
        label_lines(ax, lines[0].shape[1], [f"step {steps[number]}" for number in shown])
        ax.set_title("Generated images", fontsize=10)
        ax.set_xlabel("one noise for all steps", fontsize=8)
