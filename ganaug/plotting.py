"""Pictures of synthetic rows and of the training, in scikit-learn's Display convention."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganaug import _validation as validation
from ganaug._checks import check_whole_number
from ganaug._encoding.containers import wrap_rows
from ganaug._encoding.images import ImageEncoder
from ganaug._encoding.target import read_target, take_rows
from ganaug._optional import optional_import
from ganaug._plotting.images import as_pictures, draw_grid, label_lines
from ganaug._plotting.panels import (
    MAX_TITLE,
    REAL,
    SYNTHETIC,
    make_grid,
    plain_names,
    plot_column,
    tidy,
)
from ganaug._plotting.samplers import check_sampler
from ganaug._plotting.tables import Values, most_informative, project, read_values, some_rows
from ganaug._plotting.training import ImageRecorder, TrainingDisplay
from ganaug.exceptions import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ImageRecorder", "SyntheticDataDisplay", "TrainingDisplay", "plot_samples"]

PANELS_PER_ROW = 4
MAX_COLUMNS = 2 * PANELS_PER_ROW
MAX_CENTRED = 20  # letters of a title that fit over a panel, however narrow
MAX_POINTS = 1500  # in a scatter plot; more only hide one another


class SyntheticDataDisplay:
    """Real and synthetic rows of one class, side by side.

    The upper panels show both in the plane of the first two principal components of the real
    rows, the others compare single columns: histograms of numbers, bars of categories.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create one.

    Parameters
    ----------
    real : array-like of shape (n_real, n_features)
        Rows of the table, of one class.
    synthetic : array-like of shape (n_synthetic, n_features)
        Generated rows with the same columns.
    label : object, default=None
        The class, for the title.
    columns : column name or sequence of them, default=None
        The columns to compare, by default the first eight. The columns of an array are called
        by their position.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : ndarray of shape (2 + n_columns,)
        The panels: the plane of the real rows, that of the synthetic rows, the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.plotting import SyntheticDataDisplay
    >>> real, synthetic = np.random.default_rng(0).normal(size=(2, 50, 3))
    >>> display = SyntheticDataDisplay.from_predictions(real, synthetic)
    >>> display.axes_.shape
    (5,)
    """

    figure_: Figure
    axes_: NDArray[Any]

    def __init__(
        self,
        real: Any,
        synthetic: Any,
        *,
        label: Any = None,
        columns: Hashable | Sequence[Hashable] = None,
    ) -> None:
        self.real = real
        self.synthetic = synthetic
        self.label = label
        self.columns = columns

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        label: Any = None,
        n_samples: int | None = None,
        columns: Hashable | Sequence[Hashable] = None,
        ax: Axes | None = None,
    ) -> SyntheticDataDisplay:
        """Draw rows from a fitted sampler and plot them beside the real ones.

        Parameters
        ----------
        estimator : GANSampler
            A fitted sampler.
        X : array-like of shape (n_samples, n_features)
            The real rows, of all classes.
        y : array-like of shape (n_samples,)
            Their labels.
        label : object, default=None
            The class to show, by default the rarest one.
        n_samples : int, default=None
            How many rows to draw, by default as many as there are real ones.
        columns : column name or sequence of them, default=None
            The columns to compare. By default those that say most about the class, as measured
            by mutual information: up to eight, half of them numeric if there are so many.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the panels take, by default a new figure. Labels are kept apart if
            their figure has ``layout="constrained"``.

        Returns
        -------
        SyntheticDataDisplay
            The display, plotted.

        Raises
        ------
        DataError
            If the estimator is no `GANSampler`, `X` has no rows, or `X`, `y` and `label` don't go
            together.
        """
        check_sampler(cls.__name__, estimator, "generator_")
        rows = wrap_rows(X)
        validation.check_lengths(y, rows)
        if not rows.n_rows:
            raise DataError("X has no rows; expected at least one of the class to show.")
        target = read_target(y)
        counts = np.bincount(target.codes)
        label = target.classes[counts.argmin()] if label is None else label
        shown = np.flatnonzero(target.labels == label)
        if not len(shown):
            known = ", ".join(map(str, target.classes))
            raise DataError(f"label {label!r} isn't in y; its classes are {known}.")
        if columns is None:
            columns = most_informative(read_values(X), target.codes, MAX_COLUMNS)
        n_samples = len(shown) if n_samples is None else n_samples
        synthetic, _ = estimator.sample(n_samples, y=label)
        return cls(take_rows(X, shown), synthetic, label=label, columns=columns).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X_real: Any,
        X_synthetic: Any,
        *,
        label: Any = None,
        columns: Hashable | Sequence[Hashable] = None,
        ax: Axes | None = None,
    ) -> SyntheticDataDisplay:
        """Plot real and synthetic rows that are at hand.

        Parameters
        ----------
        X_real : array-like of shape (n_real, n_features)
            Real rows of one class.
        X_synthetic : array-like of shape (n_synthetic, n_features)
            Synthetic rows of that class.
        label : object, default=None
            The class, for the title.
        columns : column name or sequence of them, default=None
            The columns to compare, by default the first eight.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the panels take, by default a new figure. Labels are kept apart if
            their figure has ``layout="constrained"``.

        Returns
        -------
        SyntheticDataDisplay
            The display, plotted.
        """
        return cls(X_real, X_synthetic, label=label, columns=columns).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> SyntheticDataDisplay:
        """Plot the rows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the panels take, by default a new figure. Labels are kept apart if
            their figure has ``layout="constrained"``.

        Returns
        -------
        SyntheticDataDisplay
            The display itself.
        """
        real, synthetic = read_values(self.real), read_values(self.synthetic)
        names = self._names(real, synthetic)
        n_rows = -(-len(names) // PANELS_PER_ROW)
        title = "Real and synthetic rows"
        if self.label is not None:
            title += f" of class {plain_names([self.label], MAX_TITLE)[0]}"
        self.figure_, grid = make_grid(
            ax,
            (n_rows + 1, 2 * PANELS_PER_ROW),
            size=(12.5, 4.2 + 2.5 * n_rows),
            height_ratios=[1.6, *[1.0] * n_rows],
            title=title,
        )
        planes = self._plot_planes(grid, real, synthetic)
        panels = [
            self.figure_.add_subplot(grid[1 + k // PANELS_PER_ROW, _two(k % PANELS_PER_ROW)])
            for k in range(len(names))
        ]
        written = [name if isinstance(name, str) else f"column {name}" for name in names]
        titles = plain_names(written, MAX_TITLE)
        for name, title, panel in zip(names, titles, panels, strict=True):
            plot_column(panel, title, real[name], synthetic[name])
        for panel in panels[PANELS_PER_ROW - 1 :: PANELS_PER_ROW]:
            # long levels narrow the panels, and nothing is right of these but the figure's edge
            if max(map(len, panel.get_title().splitlines())) > MAX_CENTRED:
                panel.title.set(x=1, horizontalalignment="right")
        drawn = [panel for panel in panels if panel.get_legend_handles_labels()[0]]
        for panel in drawn[:1]:  # the colours are the same in all
            panel.legend(fontsize=8, framealpha=0.85, edgecolor="none")
        self.axes_ = np.array([*planes, *panels])
        return self

    def _names(
        self, real: Mapping[Hashable, Values], synthetic: Mapping[Hashable, Values]
    ) -> list[Hashable]:
        """Return the columns to compare: numbers first, then categories."""
        if list(real) != list(synthetic):
            raise DataError(
                f"real and synthetic rows must have the same columns, got {list(real)} and "
                f"{list(synthetic)}."
            )
        for kind, table in (("real", real), ("synthetic", synthetic)):
            if not all(len(column.values) for column in table.values()):
                raise DataError(f"there are no {kind} rows; expected at least one.")
        chosen = list(real)[:MAX_COLUMNS] if self.columns is None else _as_list(self.columns)
        for name in chosen:
            if name not in real:
                raise DataError(f"there is no column {name!r}; the columns are {list(real)}.")
        return sorted(chosen, key=lambda name: real[name].is_category)

    def _plot_planes(
        self,
        grid: Any,
        real: Mapping[Hashable, Values],
        synthetic: Mapping[Hashable, Values],
    ) -> list[Axes]:
        """Plot both tables in the plane of the real rows' principal components."""
        points, shares = project(real, synthetic)
        axes: list[Axes] = []
        halves = (slice(None, PANELS_PER_ROW), slice(PANELS_PER_ROW, None))
        for half, rows, kind, color in zip(
            halves, points, ("real", "synthetic"), (REAL, SYNTHETIC), strict=True
        ):
            first = axes[0] if axes else None
            panel = self.figure_.add_subplot(grid[0, half], sharex=first, sharey=first)
            shown = rows[some_rows(len(rows), MAX_POINTS)]
            note = f", {len(shown):,} shown" if len(shown) < len(rows) else ""
            panel.scatter(shown[:, 0], shown[:, 1], s=10, color=color, alpha=0.45, linewidths=0)
            panel.set_title(f"{len(rows):,} {kind} rows{note}", color=color, fontsize=11)
            panel.set_xlabel(f"1st principal component ({shares[0]:.0%} of the variance)")
            panel.set_ylabel(f"2nd ({shares[1]:.0%})")
            tidy(panel)
            axes.append(panel)
        return axes


def plot_samples(
    estimator: Any,
    *,
    n_per_class: int = 10,
    random_state: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw images of a fitted sampler, a line for each class.

    Parameters
    ----------
    estimator : GANSampler
        A sampler that was fitted on images.
    n_per_class : int, default=10
        How many images to draw of each class.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw, as in `GANSampler.sample`.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on, by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    DataError
        If the estimator is no `GANSampler` or was fitted on a table, or `n_per_class` is no number
        of images.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ganaug import GANSampler
    >>> from ganaug.plotting import plot_samples
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> sampler = GANSampler(image_shape=(8, 8), n_steps=10, random_state=0).fit(X, y)
    >>> plot_samples(sampler, n_per_class=4).get_title()
    'Generated images'
    """
    check_sampler("plot_samples", estimator, "encoder_")
    n_per_class = check_whole_number("n_per_class", n_per_class, "images")
    encoder = estimator.encoder_
    if not isinstance(encoder, ImageEncoder):
        raise DataError(
            "plot_samples draws images, and this sampler was fitted on a table; use "
            "SyntheticDataDisplay.from_estimator, or fit with image_shape=."
        )
    if ax is None:
        plt = optional_import("matplotlib.pyplot", extra="plot")
        n_classes = len(estimator.classes_)
        size = (0.7 * n_per_class + 1, 0.7 * n_classes + 0.6)
        _, ax = plt.subplots(figsize=size, layout="constrained")
    labels = estimator.classes_.tolist()
    rows, _ = estimator.sample(dict.fromkeys(labels, n_per_class), random_state=random_state)
    pictures = as_pictures(rows, encoder.form, encoder.low_, encoder.high_)
    draw_grid(ax, pictures, n_per_class)
    label_lines(ax, encoder.form.height, plain_names(labels, MAX_TITLE))
    ax.set_title("Generated images", fontsize=11)
    return ax


def _as_list(columns: Any) -> list[Hashable]:
    """Return the names of columns; one name is a list of one."""
    is_one = isinstance(columns, str) or not isinstance(columns, Iterable)
    return [columns] if is_one else list(columns)


def _two(k: int) -> slice:
    return slice(2 * k, 2 * k + 2)
