"""Draw docs/design.png: the way from real rows to rows that are added."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

from ganaug import GANSampler
from ganaug._gan.inference import RowSampler
from ganaug._gan.selection import Selection, acceptance_weights

GREY, BLACK, RED, BLUE = "#b8bcc2", "black", "#b3261e", "#1f6fb2"
ANCHOR = 7

X, y = make_moons((400, 60), noise=0.2, random_state=3)
sampler = GANSampler(random_state=0)
seen = {}
choose, block = Selection.choose, RowSampler._block


def watched_choose(self, candidates, margins, *others):
    """Note the first candidates, and how they are weighed."""
    seen.setdefault("candidates", candidates)
    seen.setdefault("weights", acceptance_weights(margins, border=self.border))
    return choose(self, candidates, margins, *others)


def watched_block(self, *others):
    """Note who draws."""
    seen.setdefault("rows", self)
    return block(self, *others)


with (
    patch.object(Selection, "choose", watched_choose),
    patch.object(RowSampler, "_block", watched_block),
):
    X_new, y_new = sampler.fit_resample(X, y)


def decoded(rows):
    """Return encoded rows as points of the plane."""
    columns = sampler.encoder_.inverse_transform(rows.numpy())
    return np.column_stack([column.values for column in columns])


rows = seen["rows"]
anchor = decoded(rows._table.expand(rows._anchors[[ANCHOR]]))
own = X[y == 1]
nearest = own[np.argsort(((own - anchor) ** 2).sum(axis=1))[1:6]]
homes = torch.full((250,), ANCHOR)
with torch.inference_mode():
    beside = rows._draw(homes, torch.ones(250, 1), 1, torch.Generator().manual_seed(0))[0]
candidates, weights = decoded(seen["candidates"]), seen["weights"].numpy()

figure = Figure(figsize=(12, 3.3), layout="constrained")
panels = figure.subplots(1, 4, sharex=True, sharey=True)
for panel in panels:
    panel.scatter(*X[y == 0].T, s=4, color=GREY)
    panel.scatter(*own.T, s=6, color=BLACK)
    panel.set_xticks([])
    panel.set_yticks([])
for target in nearest:
    panels[0].plot(*np.array([anchor[0], target]).T, color=RED, linewidth=1)
panels[0].set_title("1. pairs: an anchor and its neighbours", fontsize=9)
panels[1].scatter(*decoded(beside).T, s=3, color=BLUE)
panels[1].set_title("2. what the generator makes beside it", fontsize=9)
for panel in panels[:2]:
    panel.scatter(*anchor.T, s=45, facecolors="none", edgecolors=RED, linewidths=1.5)
is_kept = weights > 0.5
panels[2].scatter(*candidates[~is_kept].T, s=4, color=RED)
panels[2].scatter(*candidates[is_kept].T, s=4, color=BLUE)
panels[2].set_title("3. candidates; red: among the other class", fontsize=9)
panels[3].scatter(*X_new[len(X) :].T, s=4, color=BLUE)
panels[3].set_title(f"4. the {len(X_new) - len(X)} rows that are added", fontsize=9)
figure.savefig(Path(__file__).parent / "design.png", dpi=110)
