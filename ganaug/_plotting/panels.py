"""Panels that compare one column of two tables, and the grid they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganaug._optional import optional_import
from ganaug._plotting.tables import Kind, Values, frequent
from ganaug.exceptions import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.gridspec import GridSpec, GridSpecFromSubplotSpec

__all__ = [
    "MAX_TITLE",
    "MUTED",
    "REAL",
    "SYNTHETIC",
    "make_grid",
    "plain_names",
    "plot_column",
    "tidy",
]

REAL, SYNTHETIC, MUTED = "#2f6690", "#ee6c2b", "#8a8f98"
MAX_BARS = 7
MAX_DISTINCT_NUMBERS = 10  # more are drawn as a histogram
MAX_BINS = 24
MAX_TITLE = 34  # letters over a panel
MAX_LABEL = 18  # letters beside a bar
MAX_LETTERS = 20  # below all bars together
TIME_UNITS = (("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86_400))
# Matplotlib has no dates before year 1 or after 9999, and axes are wider than what they show.
FIRST_YEAR, LAST_YEAR = 500, 9500


def plot_column(ax: Axes, title: str, real: Values, synthetic: Values) -> None:
    """Compare one column of both tables."""
    if real.is_category or synthetic.is_category:
        _plot_bars(ax, real.values.astype(str), synthetic.values.astype(str))
    else:
        gaps = [np.isnan(column.values).mean() for column in (real, synthetic)]
        if real.kind is Kind.DURATION:
            unit, real, synthetic = _in_one_unit(real, synthetic)
            title += f" ({unit})"
        elif real.kind is Kind.DATE and not (_has_dates(real) and _has_dates(synthetic)):
            real, synthetic = _in_years(real), _in_years(synthetic)
            title += " (years)"
        if any(gaps):
            title += f"\n(missing: {gaps[0]:.0%} real, {gaps[1]:.0%} synthetic)"
        _plot_numbers(ax, real, synthetic)
    ax.set_title(title, fontsize=9)
    tidy(ax)


def _in_one_unit(real: Values, synthetic: Values) -> tuple[str, Values, Values]:
    """Return durations in the largest unit that the longest real one has two of, and its name."""
    longest = np.nanmax(np.abs(real.values), initial=0.0)
    fitting = [(name, seconds) for name, seconds in TIME_UNITS if longest >= 2 * seconds]
    unit, seconds = (fitting or TIME_UNITS)[-1]
    return unit, Values(real.values / seconds), Values(synthetic.values / seconds)


def _has_dates(column: Values) -> bool:
    """Tell whether matplotlib can write all dates of a column."""
    years = _in_years(column).values
    return bool((np.isnan(years) | (years >= FIRST_YEAR) & (years <= LAST_YEAR)).all())


def _in_years(column: Values) -> Values:
    """Return the calendar years of dates."""
    missing = np.isnan(column.values)
    days = np.floor(np.where(missing, 0, column.values)).astype("M8[D]")
    return Values(np.where(missing, np.nan, days.astype("M8[Y]").astype(np.float64) + 1970))


def _plot_bars(ax: Axes, real: NDArray[Any], synthetic: NDArray[Any]) -> None:
    """Compare the frequencies of categories; the rarest are one bar."""
    levels = list(frequent(np.concatenate([real, synthetic]), MAX_BARS))
    shares = np.array([[(v == level).mean() for level in levels] for v in (real, synthetic)])
    rest = 1 - shares.sum(axis=1, keepdims=True)
    if rest.max() > 1e-9:
        shares, levels = np.hstack([shares, rest]), [*levels, "(others)"]
    places = np.arange(len(levels))
    ax.barh(places - 0.2, shares[0], height=0.4, color=REAL, label="real")
    ax.barh(places + 0.2, shares[1], height=0.4, color=SYNTHETIC, label="synthetic")
    ax.set_yticks(places, plain_names(levels, MAX_LABEL), fontsize=8)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(_percent)


def _plot_numbers(ax: Axes, real: Values, synthetic: Values) -> None:
    """Compare the distributions of numbers: bars for few values, a histogram for many."""
    first, second = (column.values[~np.isnan(column.values)] for column in (real, synthetic))
    distinct = np.unique(np.concatenate([first, second]))
    if not len(distinct):
        ax.text(0.5, 0.5, "all missing", ha="center", transform=ax.transAxes, color=MUTED)
        ax.set(xticks=[], yticks=[])
        return
    if len(distinct) <= MAX_DISTINCT_NUMBERS and real.kind is not Kind.DATE:
        labels = [_clock(v) if real.kind is Kind.TIME else f"{v:g}" for v in distinct]
        _plot_few_numbers(ax, first, second, distinct, labels)
    else:
        _plot_histograms(ax, first, second, _edges(distinct))
        if real.kind in (Kind.DATE, Kind.TIME):
            _write_times(ax, real.kind)
    ax.yaxis.set_major_formatter(_percent)


def _percent(share: float, _: float) -> str:
    return f"{100 * share:g}%"


def _plot_few_numbers(
    ax: Axes,
    real: NDArray[np.float64],
    synthetic: NDArray[np.float64],
    distinct: NDArray[np.float64],
    labels: list[str],
) -> None:
    places = np.arange(len(distinct))
    first, second = (
        (values[:, None] == distinct).sum(axis=0) / max(1, len(values))
        for values in (real, synthetic)
    )
    ax.bar(places - 0.2, first, width=0.4, color=REAL, label="real")
    ax.bar(places + 0.2, second, width=0.4, color=SYNTHETIC, label="synthetic")
    is_crowded = sum(map(len, labels)) > MAX_LETTERS
    ax.set_xticks(places, labels, rotation=90 if is_crowded else 0)


def _plot_histograms(
    ax: Axes,
    real: NDArray[np.float64],
    synthetic: NDArray[np.float64],
    edges: NDArray[np.float64],
) -> None:
    first, second = (
        np.histogram(values, edges)[0] / max(1, len(values)) for values in (real, synthetic)
    )
    ax.stairs(first, edges, label="real", color=REAL, fill=True, alpha=0.55)
    ax.stairs(second, edges, label="synthetic", color=SYNTHETIC, linewidth=1.6)


def _write_times(ax: Axes, kind: Kind) -> None:
    """Write the dates that the numbers of an axis are, or the times of the day."""
    dates = optional_import("matplotlib.dates", extra="plot")
    locator = dates.AutoDateLocator(minticks=2, maxticks=5)
    ax.xaxis.set_major_locator(locator)
    if kind is Kind.DATE:
        ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        return
    low, high = ax.get_xlim()
    ax.set_xlim(max(low, 0), min(high, 1))
    ax.xaxis.set_major_formatter(lambda share, _: _clock(share))


def _clock(share: float) -> str:
    """Return the time at which this share of a day is over."""
    text = (datetime.min + timedelta(days=share % 1)).time().isoformat()
    return text.rstrip("0") if "." in text else text.removesuffix(":00")


def _edges(distinct: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of a histogram; those of whole numbers lie between them."""
    low, high = distinct[0], distinct[-1]
    if (distinct == np.round(distinct)).all() and high - low < 2**31:
        width = max(1, -(-(high - low + 1) // MAX_BINS))
        n_bins = int(-(-(high - low + 1) // width))
        return np.asarray(low - 0.5 + width * np.arange(n_bins + 1))
    return np.histogram_bin_edges(distinct, MAX_BINS)


def make_grid(
    ax: Axes | None,
    shape: tuple[int, int],
    *,
    size: tuple[float, float],
    title: str,
    height_ratios: Sequence[float] | None = None,
) -> tuple[Any, GridSpec | GridSpecFromSubplotSpec]:
    """Return a figure and a grid in it: a new figure's own, or one in the place of `ax`."""
    if ax is None:
        plt = optional_import("matplotlib.pyplot", extra="plot")
        figure = plt.figure(figsize=size, layout="constrained")
        figure.suptitle(title, fontsize=13)
        return figure, figure.add_gridspec(*shape, height_ratios=height_ratios)
    place = ax.get_subplotspec()
    if place is None:
        raise DataError("ax must be part of a grid, as those of plt.subplots() are.")
    parts = place.subgridspec(2, 1, height_ratios=[1, 30])
    ax.set_axis_off()
    ax.set_subplotspec(parts[0])  # so that the titles of the panels are below its own
    ax.set_title(title)
    return ax.figure, parts[1].subgridspec(*shape, height_ratios=height_ratios)


def plain_names(names: Iterable[object], length: int) -> list[str]:
    """Return names as matplotlib is to write them: of limited length, and never as formulas.

    Longer ones are cut at the end, at the beginning or in the middle: where most can be told apart.
    """
    texts = [str(name) for name in names]
    cuts = [
        [_cut(text, length, n_first) for text in texts] for n_first in (length - 1, 0, length // 2)
    ]
    best = max(cuts, key=lambda cut: len(set(cut)))
    return [text.replace("$", r"\$") for text in best]


def _cut(text: str, length: int, n_first: int) -> str:
    """Return the first and last letters of a text that is too long."""
    n_left_out = len(text) - (length - 1)
    return text if len(text) <= length else f"{text[:n_first]}…{text[n_first + n_left_out :]}"


def tidy(ax: Axes) -> None:
    """Draw what frames the data with less ink."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, color=MUTED)
    ax.xaxis.label.set_fontsize(9)
    ax.yaxis.label.set_fontsize(9)
