"""Is a digit that was never seen an anomaly? ``python -m benchmarks.image_anomalies --help``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

from benchmarks.images import RESULTS, Images, Labels, read_digits
from benchmarks.markdown import section
from benchmarks.store import Results
from ganaug import GANSampler

OVERVIEW = """\
Each digit in turn is left out of the training images; all test images are scored, and the digit's
own are the anomalies. The discriminator of GANSampler, which is told the labels of the other nine,
beside detectors of pixels, which are not.

example:
  python -m benchmarks.image_anomalies --data ../shared/data
"""

COLUMNS = ("digit", "detector", "auroc", "seconds")
KEY_COLUMNS = ("digit", "detector")
N_NEIGHBORS = 5

# Training images, their labels and test images; returns scores, higher = more anomalous.
Detector = Callable[[Images, Labels, Images], NDArray[np.float64]]


def ganaug(X: Images, y: Labels, test_X: Images) -> NDArray[np.float64]:
    """Score by the discriminator of a sampler with its defaults."""
    return GANSampler(random_state=0).fit(X, y).anomaly_score(test_X)


def knn(X: Images, y: Labels, test_X: Images) -> NDArray[np.float64]:
    """Score by the mean distance to the nearest training images."""
    index = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(pixels(X))
    return np.asarray(index.kneighbors(pixels(test_X))[0].mean(axis=1))


def isolation_forest(X: Images, y: Labels, test_X: Images) -> NDArray[np.float64]:
    """Score by scikit-learn's isolation forest."""
    model = IsolationForest(random_state=0).fit(pixels(X))
    return np.asarray(-model.score_samples(pixels(test_X)))


def one_class_svm(X: Images, y: Labels, test_X: Images) -> NDArray[np.float64]:
    """Score by scikit-learn's one-class support vector machine."""
    return np.asarray(-OneClassSVM().fit(pixels(X)).score_samples(pixels(test_X)))


def pixels(images: Images) -> NDArray[np.float32]:
    """Return rows of pixels from 0 to 1."""
    return np.asarray(images.reshape(len(images), -1) / 255, dtype=np.float32)


DETECTORS: dict[str, Detector] = {
    f"kNN ({N_NEIGHBORS})": knn,
    "OneClassSVM": one_class_svm,
    "IsolationForest": isolation_forest,
    "ganaug": ganaug,
}


def report(path: Path) -> str:
    """Return the areas by detector and digit as Markdown."""
    table = pd.read_csv(path)
    wide = table.pivot_table(index="detector", columns="digit", values="auroc")
    seconds = table.groupby("detector")["seconds"].mean()
    order = wide.mean(axis=1).sort_values(ascending=False).index
    header = ["detector", "mean", *map(str, wide.columns), "s"]
    rows = [
        [
            name,
            f"{wide.loc[name].mean():.3f}",
            *(f"{value:.3f}" for value in wide.loc[name]),
            f"{seconds[name]:.1f}",
        ]
        for name in order
    ]
    title = "AUROC of the digit that was left out"
    note = "Seconds are of the processor, for fit and scores."
    command = f"`python -m benchmarks.image_anomalies`, {path.name}."
    return "\n".join(["# Unseen digits", "", command, "", section(title, header, rows, note)])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.image_anomalies",
        description=OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="with images/mnist_small.npz")
    parser.add_argument("--digits", default="0123456789", help="which are left out in turn")
    parser.add_argument("--detectors", default=";".join(DETECTORS), help="separated by ;")
    parser.add_argument("--again", default="", help="detectors whose rows are forgotten first")
    parser.add_argument("--out", type=Path, default=RESULTS / "image-anomalies.csv")
    args = parser.parse_args(argv)
    results = Results(args.out, {}, COLUMNS, KEY_COLUMNS)
    results.forget([name for name in args.again.split(";") if name], "detector")
    done = results.open()
    X, y, test_X, test_y = read_digits(args.data)
    for digit in map(int, args.digits):
        known = y != digit
        for name in args.detectors.split(";"):
            if (str(digit), name) in done:
                continue
            start = time.process_time()
            scores = DETECTORS[name](X[known], y[known], test_X)
            seconds = time.process_time() - start
            auroc = float(roc_auc_score(test_y == digit, scores))
            row = {"digit": digit, "detector": name, "auroc": auroc, "seconds": seconds}
            results.append([row])
            print(f"digit {digit}, {name}: {auroc:.3f}, {seconds:.0f} s", flush=True)
    args.out.with_suffix(".md").write_text(report(args.out))
    print(report(args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
