"""The critical-difference diagram of mean ranks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.methods import label_of
from benchmarks.ranking import alike_groups, friedman_p, nemenyi_distance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HIGHLIGHT, PLAIN = "#b3261e", "#333333"
LETTER = 0.08  # inches, about


def draw_ranks(ranks: pd.DataFrame, path: Path) -> None:
    """Draw mean ranks on a line, with bars over samplers that can't be told apart.

    The ruler on top is Nemenyi's critical difference; the bars join samplers whose pairs are all
    alike by Wilcoxon's test with Holm's correction. A single data set has neither.

    Parameters
    ----------
    ranks : DataFrame of shape (n_datasets, n_samplers)
        As returned by `benchmarks.ranking.dataset_ranks`.
    path : Path
        Where to save the picture; its suffix says in which format.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    means = ranks.mean().sort_values(kind="stable")
    groups = alike_groups(ranks) if len(ranks) > 1 else []
    n_left = (len(means) + 1) // 2
    height = 1.5 + 0.28 * n_left + 0.12 * len(groups)
    label = LETTER * (6 + max(len(label_of(str(name))) for name in means.index))
    width = max(8.5, 3.5 + 2 * label)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    low, high = np.floor(means.min()), np.ceil(means.max())
    span = max(high - low, 1.0)
    low = high - span
    axes.set_axis_off()
    margin = span * (0.04 + 1.08 * label / (width - 2 * label))
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(-(height - 1.1), 1.1)

    _draw_scale(axes, low, high)
    if len(ranks) > 1:
        left, right = low - margin + 0.03 * span, high + margin
        _draw_ruler(axes, left, right, nemenyi_distance(len(means), len(ranks)))
    for level, group in enumerate(groups):
        y = -0.16 - 0.12 * level
        ends = means[group[0]] - 0.006 * span, means[group[-1]] + 0.006 * span
        axes.plot(ends, (y, y), color="#555555", linewidth=3, solid_capstyle="round")
    first_label = -0.42 - 0.12 * len(groups)
    for position, (name, rank) in enumerate(means.items()):
        left = position < n_left
        row = position if left else len(means) - 1 - position
        _draw_label(axes, str(name), rank, first_label - 0.28 * row, low, high, left=left)
    axes.text(high + margin - 0.03 * span, 0.82, _note(ranks), ha="right", fontsize=9)
    with mpl.rc_context({"svg.hashsalt": "ranks", "svg.fonttype": "none"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)


def _note(ranks: pd.DataFrame) -> str:
    """Say what the ranks are of and, where there is a test, whether all may be alike."""
    n_sets = "one data set" if len(ranks) == 1 else f"{len(ranks)} data sets"
    p = friedman_p(ranks)
    test = "" if math.isnan(p) else f"Friedman p = {p:.2g}; "
    return f"mean rank, {n_sets} ({test}1 is best)"


def _draw_scale(axes: Axes, low: float, high: float) -> None:
    """Draw the line of ranks."""
    axes.plot((low, high), (0, 0), color="black", linewidth=1)
    step = 1.0 if high - low > 2 else 0.5
    for tick in np.arange(low, high + 1e-9, step):
        axes.plot((tick, tick), (0, 0.08), color="black", linewidth=1)
        axes.text(tick, 0.14, f"{tick:g}", ha="center", va="bottom", fontsize=9)


def _draw_ruler(axes: Axes, left: float, right: float, distance: float) -> None:
    """Draw the critical difference; of one that is wider than the picture only the number."""
    y, end = 0.62, left + distance
    axes.text(left, y + 0.1, f"Nemenyi CD = {distance:.2f}", fontsize=8, va="bottom")
    if end < right:
        axes.plot((left, end), (y, y), color="black", linewidth=1)
        for tick in (left, end):
            axes.plot((tick, tick), (y - 0.05, y + 0.05), color="black", linewidth=1)


def _draw_label(
    axes: Axes, name: str, rank: float, y: float, low: float, high: float, *, left: bool
) -> None:
    span = high - low
    end = low - 0.03 * span if left else high + 0.03 * span
    color = HIGHLIGHT if name.startswith("ganaug") else PLAIN
    axes.plot((rank, rank, end), (0, y, y), color=color, linewidth=0.9)
    text = f"{label_of(name)}  {rank:.2f}" if left else f"{rank:.2f}  {label_of(name)}"
    shift = -0.01 * span if left else 0.01 * span
    axes.text(
        end + shift,
        y,
        text,
        ha="right" if left else "left",
        va="center",
        fontsize=9,
        color=color,
        fontweight="bold" if name == "ganaug" else "normal",
    )
