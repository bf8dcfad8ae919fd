"""The critical-difference diagram of mean ranks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.methods import label_of
from benchmarks.ranking import alike_groups, friedman_p, nemenyi_distance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HIGHLIGHT, PLAIN = "#b3261e", "#333333"


def draw_ranks(ranks: pd.DataFrame, path: Path) -> None:
    """Draw mean ranks on a line, with bars over samplers that can't be told apart.

    The ruler on top is Nemenyi's critical difference; the bars join samplers whose pairs are all
    alike by Wilcoxon's test with Holm's correction.

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
    groups = alike_groups(ranks)
    n_left = (len(means) + 1) // 2
    height = 1.5 + 0.28 * n_left + 0.12 * len(groups)
    figure = Figure(figsize=(8.5, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    low, high = np.floor(means.min()), np.ceil(means.max())
    span = max(high - low, 1.0)
    low = high - span
    axes.set_axis_off()
    margin = span * (0.2 + 0.014 * max(len(label_of(str(name))) for name in means.index))
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(-(height - 1.1), 1.1)

    left = low - margin + 0.03 * span
    _draw_scale(axes, left, low, high, nemenyi_distance(len(means), len(ranks)))
    for level, group in enumerate(groups):
        y = -0.16 - 0.12 * level
        ends = means[group[0]] - 0.006 * span, means[group[-1]] + 0.006 * span
        axes.plot(ends, (y, y), color="#555555", linewidth=3, solid_capstyle="round")
    first_label = -0.42 - 0.12 * len(groups)
    for position, (name, rank) in enumerate(means.items()):
        left = position < n_left
        row = position if left else len(means) - 1 - position
        _draw_label(axes, str(name), rank, first_label - 0.28 * row, low, high, left=left)
    axes.text(
        high + margin - 0.03 * span,
        0.82,
        f"mean rank, {len(ranks)} data sets (Friedman p = {friedman_p(ranks):.2g}; 1 is best)",
        ha="right",
        fontsize=9,
    )
    with mpl.rc_context({"svg.hashsalt": "ranks", "svg.fonttype": "none"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)


def _draw_scale(axes: Axes, left: float, low: float, high: float, distance: float) -> None:
    """Draw the line of ranks and the ruler of the critical difference above it."""
    axes.plot((low, high), (0, 0), color="black", linewidth=1)
    step = 1.0 if high - low > 2 else 0.5
    for tick in np.arange(low, high + 1e-9, step):
        axes.plot((tick, tick), (0, 0.08), color="black", linewidth=1)
        axes.text(tick, 0.14, f"{tick:g}", ha="center", va="bottom", fontsize=9)
    y, right = 0.62, left + distance
    axes.plot((left, right), (y, y), color="black", linewidth=1)
    for end in (left, right):
        axes.plot((end, end), (y - 0.05, y + 0.05), color="black", linewidth=1)
    axes.text(left, y + 0.1, f"Nemenyi CD = {distance:.2f}", fontsize=8, va="bottom")


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
