"""Draw docs/detector.png: what each arm of the detector says."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

from ganaug import GANOutlierDetector

random = np.random.default_rng(0)
moons, _ = make_moons(600, noise=0.08, random_state=0)
cluster = random.normal([2.2, 1.3], 0.04, size=(15, 2))
X = np.r_[moons, cluster]
detector = GANOutlierDetector(random_state=0).fit(X)

x, y = np.meshgrid(np.linspace(-1.9, 2.9, 160), np.linspace(-1.3, 1.9, 120))
grid = np.c_[x.ravel(), y.ravel()]
arms = detector._model.arms(np.concatenate(list(detector._parts(grid))))
panels = {
    "neighbours": arms.neighbours,
    "discriminators": arms.discriminators,
    "blocks": arms.blocks,
}
figure = Figure(figsize=(11, 5.4), layout="constrained")
axes = figure.subplots(2, 3)
for panel, (name, values) in zip(axes[0], panels.items(), strict=True):
    panel.contourf(x, y, values.reshape(x.shape), levels=14, cmap="RdBu_r")
    panel.scatter(*X.T, s=2, color="black")
    panel.set_title(f"{name}: log of a ratio, blue is usual", fontsize=9)

new = GANOutlierDetector(novelty=True, random_state=0).fit(X)
suspects = GANOutlierDetector(novelty=False, random_state=0).fit(X)
for panel, fitted, name in ((axes[1, 0], new, "new rows"), (axes[1, 1], suspects, "training rows")):
    score = fitted.anomaly_score(grid).reshape(x.shape)
    panel.contourf(x, y, score, levels=14, cmap="RdBu_r", vmin=0, vmax=1)
    panel.contour(x, y, score, levels=[0.5], colors="black", linewidths=0.8)
    panel.set_title(f"anomaly_score as of {name}; line at 0.5", fontsize=9)
    panel.scatter(*X.T, s=2, color="black")
flagged = detector.predict(X) == -1
axes[1, 2].scatter(*X.T, s=8, c=np.where(flagged, "#b3261e", "#9aa0a6"))
axes[1, 2].set_title(f"predict(X): {flagged.sum()} of {len(X)} rows flagged", fontsize=9)
for panel in axes.flat:
    panel.set_xticks([])
    panel.set_yticks([])
figure.savefig(Path(__file__).parent / "detector.png", dpi=110)
