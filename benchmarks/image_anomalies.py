"""Is a digit that was never seen an anomaly? ``python -m benchmarks.image_anomalies --help``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

from benchmarks.command import RESULTS, names, new_parser
from benchmarks.images import Images, Labels, read_digits
from benchmarks.markdown import section
from benchmarks.ranking import wilcoxon_p
from benchmarks.store import Results
from ganaug import GANSampler
from ganaug._scoring import ScoreScale

OVERVIEW = """\
Each digit in turn is left out of the training images; all test images are scored, and the digit's
own are the anomalies. The discriminator of GANSampler, which is told the labels of the other nine,
beside detectors of pixels, which are not.

example:
  python -m benchmarks.image_anomalies --data ../shared/data
"""

COLUMNS = ("digit", "group", "detector", "auroc", "seconds")
KEY_COLUMNS = ("digit", "group")
OURS = "ganaug"
N_NEIGHBORS = 5

# Training images, their labels and test images -> scores by name, higher = more anomalous.
Scores = dict[str, NDArray[np.float64]]
Detector = Callable[[Images, Labels, Images], Scores]


def ganaug(X: Images, y: Labels, test_X: Images) -> Scores:
    """Score by a sampler with its defaults, and by its density logit, which is not its score."""
    sampler = GANSampler(random_state=0).fit(X, y)
    codes = np.searchsorted(sampler.classes_, y)
    logits, test_logits = (density_logits(sampler, images) for images in (X, test_X))
    scale = ScoreScale.fit(logits[np.arange(len(codes)), codes], codes, len(sampler.classes_))
    by_logit = -scale.normality(test_logits).max(axis=1)
    return {OURS: sampler.anomaly_score(test_X), "ganaug's density logit": by_logit}


@torch.no_grad()
def density_logits(sampler: GANSampler, images: Images) -> NDArray[np.float64]:
    """Return a logit of each image for each class, (n, n_classes)."""
    discriminator = sampler.discriminator_
    rows = torch.from_numpy(pixels(images) * 2 - 1)
    parts = [
        discriminator.density.of_all_classes(discriminator.features(part))
        for part in rows.split(1000)
    ]
    return np.asarray(torch.cat(parts), dtype=np.float64)


def knn(X: Images, y: Labels, test_X: Images) -> Scores:
    """Score by the mean distance to the nearest training images."""
    index = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(pixels(X))
    distances = index.kneighbors(pixels(test_X))[0]
    return {f"kNN ({N_NEIGHBORS})": distances.mean(axis=1)}


def outlier_detectors(X: Images, y: Labels, test_X: Images) -> Scores:
    """Score by scikit-learn's isolation forest and one-class support vector machine."""
    forest, machine = IsolationForest(random_state=0), OneClassSVM()
    models = {"IsolationForest": forest, "OneClassSVM": machine}
    return {
        name: np.asarray(-model.fit(pixels(X)).score_samples(pixels(test_X)))
        for name, model in models.items()
    }


def pixels(images: Images) -> NDArray[np.float32]:
    """Return rows of pixels from 0 to 1."""
    return np.asarray(images.reshape(len(images), -1) / 255, dtype=np.float32)


DETECTORS: dict[str, Detector] = {
    "kNN": knn,
    "scikit-learn": outlier_detectors,
    OURS: ganaug,
}


def report(path: Path) -> str:
    """Return the areas by detector and digit as Markdown."""
    table = pd.read_csv(path)
    wide = table.pivot(index="digit", columns="detector", values="auroc")
    seconds = table.groupby("detector")["seconds"].mean()
    order = wide.mean().sort_values(ascending=False).index
    header = ["detector", "mean", *map(str, wide.index), "p", "s"]
    rows = [
        [
            name,
            f"{wide[name].mean():.3f}",
            *(f"{value:.3f}" for value in wide[name]),
            p_value(wide, name),
            f"{seconds[name]:.1f}",
        ]
        for name in order
    ]
    title = "AUROC of the digit that was left out"
    note = (
        "p is Wilcoxon's, of the digits' differences from ganaug. Seconds are of the processor, "
        "for fit and scores of those that ran together."
    )
    command = f"`python -m benchmarks.image_anomalies`, {path.name}."
    return "\n".join(["# Unseen digits", "", command, "", section(title, header, rows, note)])


def p_value(areas: pd.DataFrame, detector: str) -> str:
    """Return Wilcoxon's p of a detector's areas and ganaug's, "" without these."""
    if detector == OURS or OURS not in areas:
        return ""
    return f"{wilcoxon_p(areas[OURS] - areas[detector]):.3f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = new_parser("image_anomalies", OVERVIEW)
    parser.add_argument("--data", type=Path, required=True, help="with images/mnist_small.npz")
    parser.add_argument("--digits", default="0123456789", help="which are left out in turn")
    parser.add_argument("--detectors", type=names, default=list(DETECTORS), help="separated by ;")
    parser.add_argument("--again", type=names, default=[], help="groups to forget first")
    parser.add_argument("--out", type=Path, default=RESULTS / "image-anomalies.csv")
    args = parser.parse_args(argv)
    results = Results(args.out, {}, COLUMNS, KEY_COLUMNS)
    results.forget(args.again, "group")
    done = results.open()
    X, y, test_X, test_y = read_digits(args.data)
    for digit in map(int, args.digits):
        known = y != digit
        for name in args.detectors:
            if (str(digit), name) in done:
                continue
            start = time.process_time()
            scores = DETECTORS[name](X[known], y[known], test_X)
            seconds = time.process_time() - start
            areas = {d: float(roc_auc_score(test_y == digit, s)) for d, s in scores.items()}
            shared = {"digit": digit, "group": name, "seconds": seconds}
            results.append([{**shared, "detector": d, "auroc": area} for d, area in areas.items()])
            print(f"digit {digit}, {seconds:.0f} s: {areas}", flush=True)
    args.out.with_suffix(".md").write_text(report(args.out))
    print(report(args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
