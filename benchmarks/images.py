"""Does a sampler help with rare images? ``python -m benchmarks.images --help``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from torch import nn

from benchmarks.command import RESULTS, names, new_parser, numbers, with_defaults
from benchmarks.data import stable_seed
from benchmarks.likeness import density_coverage, precision_recall
from benchmarks.markdown import section
from benchmarks.speed import machine
from benchmarks.store import Results
from ganaug import GANSampler
from ganaug._gan import network_gan
from ganaug._gan.augmentation import Views
from ganaug._gan.network_gan import ImageGAN, NetworkGAN

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

OVERVIEW = """\
Digits of which 3 of 10 classes are cut to few images; every method fills these classes up.

A small convolutional network and a random forest are trained on the result and scored on the test
images. Made images are compared with real ones that were cut away, in the features of a network
that was trained on all real images: Frechet distance, precision and recall, coverage.

examples:
  python -m benchmarks.images --data ../shared/data --rare 20,50 --seeds 1
  python -m benchmarks.images --data ../shared/data --speed
"""

COLUMNS = (
    *("n_rare", "seed", "method", "classifier", "macro_f1", "rare_accuracy", "accuracy"),
    *("frechet", "precision", "recall", "coverage", "sampler_seconds"),
)
KEY_COLUMNS = ("n_rare", "seed", "method", "classifier")
N_CLASSES, N_RARE_CLASSES = 10, 3
CLASSIFIERS = ("cnn", "forest")
TIMED_IMAGES, TIMED_THREADS, TIMED_REPEATS = 5000, (1, 2), 3
CNN_STEPS, CNN_BATCH = 700, 128
COMPARED = 500
MAX_TURN, MAX_SHIFT = 15, 2


@dataclass(frozen=True)
class Task:
    """Training images with rare classes, what was cut away, and test images."""

    X: Images
    y: Labels
    rare: tuple[int, ...]
    cut_images: Images
    cut_labels: Labels
    test_images: Images
    test_labels: Labels


# --- data -----------------------------------------------------------------------------------------


def read_digits(folder: Path) -> tuple[Images, Labels, Images, Labels]:
    """Return training images and their labels, test images and theirs."""
    with np.load(folder / "images" / "mnist_small.npz") as data:
        X, y, test_X, test_y = (data[k] for k in ("X_train", "y_train", "X_test", "y_test"))
    return X, y.astype(np.int64), test_X, test_y.astype(np.int64)


def load_task(folder: Path, n_rare: int, seed: int) -> Task:
    """Cut 3 classes, drawn by the seed, to `n_rare` images."""
    X, y, test_images, test_labels = read_digits(folder)
    random = np.random.default_rng(stable_seed("images", n_rare, seed))
    rare = np.sort(random.choice(N_CLASSES, N_RARE_CLASSES, replace=False))
    kept = np.ones(len(X), dtype=bool)
    for code in rare:
        rows = np.flatnonzero(y == code)
        kept[random.permutation(rows)[n_rare:]] = False
    codes = tuple(rare.tolist())
    return Task(X[kept], y[kept], codes, X[~kept], y[~kept], test_images, test_labels)


# --- methods --------------------------------------------------------------------------------------

Method = Callable[[Task, int], tuple[Images, Labels]]


def nothing(task: Task, seed: int) -> tuple[Images, Labels]:
    """Return the images as they are."""
    return task.X, task.y


def imblearn(name: str) -> Method:
    """Return a sampler of imbalanced-learn, on pixels."""

    def run(task: Task, seed: int) -> tuple[Images, Labels]:
        from imblearn import over_sampling

        flat = task.X.reshape(len(task.X), -1)
        sampler = getattr(over_sampling, name)(random_state=seed)
        X, y = sampler.fit_resample(flat, task.y)
        return X.reshape(-1, *task.X.shape[1:]), y

    return run


def classical(order: Literal[1, 3]) -> Method:
    """Return turns by up to 15 degrees and shifts by up to 2 pixels, interpolated by splines."""

    def run(task: Task, seed: int) -> tuple[Images, Labels]:
        random = np.random.default_rng(seed)

        def make(code: int, n: int) -> Images:
            rows = task.X[task.y == code]
            return np.stack([moved(image, random) for image in rows[random.choice(len(rows), n)]])

        return filled(task, make)

    def moved(image: Images, random: np.random.Generator) -> Images:
        angle = np.deg2rad(random.uniform(-MAX_TURN, MAX_TURN))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = (np.array(image.shape) - 1) / 2
        offset = middle - turn @ middle + random.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
        out = ndimage.affine_transform(image.astype(float), turn, offset, order=order)
        return np.clip(np.rint(out), 0, 255).astype(np.uint8)

    return run


def classic_gan(name: str) -> Method:
    """Return one of the five classics, fitted to the rare classes only."""

    def run(task: Task, seed: int) -> tuple[Images, Labels]:
        from examples.plot_five_classic_gans import CLASSICS

        rows = np.isin(task.y, task.rare)
        n_images = int(rows.sum()) // len(task.rare)
        sampler = CLASSICS[name].sampler(n_images, random_state=seed)
        sampler.fit(task.X[rows], task.y[rows])
        return filled(task, lambda code, n: sampler.sample(n, y=code)[0])

    return run


def ganaug(task: Task, seed: int) -> tuple[Images, Labels]:
    """Return what `fit_resample` returns."""
    X, y = GANSampler(random_state=seed).fit_resample(task.X, task.y)
    return X, y


def redrawn(share: float) -> Method:
    """Return images of which a share is redrawn by the networks, as those of `sample` are."""

    def run(task: Task, seed: int) -> tuple[Images, Labels]:
        with (
            patch.object(ImageGAN, "_draw", NetworkGAN._draw),
            patch.object(network_gan, "VIEW_SHARE", 1 - share),
        ):
            return ganaug(task, seed)

    return run


def plain_views(task: Task, seed: int) -> tuple[Images, Labels]:
    """Return the views that networks start from, which are the same however they are trained."""
    with patch.object(network_gan, "VariedViews", Views):
        X, y = GANSampler(n_steps=1, random_state=seed).fit_resample(task.X, task.y)
    return X, y


def filled(task: Task, make: Callable[[int, int], Images]) -> tuple[Images, Labels]:
    """Return the images, and as many more of each rare class as the largest has."""
    counts = np.bincount(task.y)
    missing = {code: int(counts.max() - counts[code]) for code in task.rare}
    made = [make(code, n) for code, n in missing.items()]
    labels = np.repeat(list(missing), list(missing.values()))
    return np.concatenate([task.X, *made]), np.concatenate([task.y, labels])


METHODS: dict[str, Method] = {
    "none": nothing,
    "RandomOverSampler": imblearn("RandomOverSampler"),
    "SMOTE": imblearn("SMOTE"),
    "shift, rotate (linear)": classical(1),
    "shift, rotate (cubic)": classical(3),
    "ganaug": ganaug,
    "ganaug, plain views": plain_views,
    "ganaug, half redrawn": redrawn(0.5),
    "ganaug, all redrawn": redrawn(1.0),
    "1 DCGAN": classic_gan("1 DCGAN"),
    "2 two convolutions": classic_gan("2 two convolutions"),
    "3 dense, max pooling": classic_gan("3 dense, max pooling"),
    "4 dense, strided": classic_gan("4 dense, strided"),
    "5 dense": classic_gan("5 dense"),
}


# --- classifiers ----------------------------------------------------------------------------------


class SmallCNN:
    """Two convolutions and a dense layer; its features are those of that layer."""

    def __init__(self, X: Images, y: Labels, seed: int, n_steps: int = CNN_STEPS) -> None:
        torch.manual_seed(seed)
        side = X.shape[1] // 4
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * side * side, 64), nn.ReLU()),
        )
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(64, N_CLASSES))
        network = nn.Sequential(self.body, self.head)
        optimizer = torch.optim.Adam(network.parameters(), 2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, n_steps)
        images, labels = self.read(X), torch.from_numpy(y)
        for _ in range(n_steps):
            rows = torch.randint(len(images), (CNN_BATCH,))
            loss = nn.functional.cross_entropy(network(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        network.eval()

    @staticmethod
    def read(X: Images) -> torch.Tensor:
        return torch.from_numpy(X[:, None] / 255).float()

    @torch.no_grad()
    def features(self, X: Images) -> NDArray[np.float64]:
        return np.asarray(self.body(self.read(X)), dtype=np.float64)

    @torch.no_grad()
    def predict(self, X: Images) -> Labels:
        return np.asarray(self.head(self.body(self.read(X))).argmax(dim=1))


class Forest:
    """A random forest on pixels."""

    def __init__(self, X: Images, y: Labels, seed: int) -> None:
        self.model = RandomForestClassifier(100, random_state=seed).fit(X.reshape(len(X), -1), y)

    def predict(self, X: Images) -> Labels:
        return np.asarray(self.model.predict(X.reshape(len(X), -1)))


# --- measures -------------------------------------------------------------------------------------


def likeness(
    task: Task, made: Images, labels: Labels, judge: SmallCNN, seed: int
) -> dict[str, float]:
    """Compare made images with real ones that were cut away, class by class."""
    random = np.random.default_rng(seed)
    found = []
    for code in task.rare:
        sets = [made[labels == code], task.cut_images[task.cut_labels == code]]
        n = min(COMPARED, *map(len, sets))
        ours, real = (judge.features(rows[random.permutation(len(rows))[:n]]) for rows in sets)
        found.append(
            {
                "frechet": frechet_distance(real, ours),
                **precision_recall(real, ours, 3),
                "coverage": density_coverage(real, ours, 5)["coverage"],
            }
        )
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def frechet_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the distance of two normal distributions with these means and covariances.

    Heusel et al. (2017), with other features than theirs: to compare within one run only.
    """
    first, second = np.cov(one.T), np.cov(other.T)
    # the trace of a root is the sum of the roots of the eigenvalues, which are none below 0
    roots = np.sqrt(np.linalg.eigvals(first @ second).real.clip(min=0)).sum()
    means = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    return float(means + np.trace(first + second) - 2 * roots)


def run_cell(task: Task, name: str, seed: int, judge: SmallCNN) -> list[dict[str, Any]]:
    """Return a row of results for each classifier."""
    start = time.perf_counter()
    X, y = METHODS[name](task, seed)
    seconds = time.perf_counter() - start
    n = len(task.X)
    alike = likeness(task, X[n:], y[n:], judge, seed) if len(X) > n else {}
    rows = []
    for classifier in CLASSIFIERS:
        model = SmallCNN(X, y, seed) if classifier == "cnn" else Forest(X, y, seed)
        predicted = model.predict(task.test_images)
        right, is_rare = predicted == task.test_labels, np.isin(task.test_labels, task.rare)
        rows.append(
            {
                "method": name,
                "classifier": classifier,
                "macro_f1": float(f1_score(task.test_labels, predicted, average="macro")),
                "rare_accuracy": float(right[is_rare].mean()),
                "accuracy": float(right.mean()),
                "sampler_seconds": seconds,
                **alike,
            }
        )
    return rows


# --- speed ----------------------------------------------------------------------------------------


def speed_report(folder: Path, sampler: GANSampler) -> str:
    """Return seconds of fits with some numbers of threads, which take turns, as Markdown."""
    X, y, *_ = read_digits(folder)
    X, y = X[:TIMED_IMAGES], y[:TIMED_IMAGES]
    clone(sampler).set_params(n_steps=1).fit(X, y)
    found: dict[int, list[tuple[float, float]]] = {n: [] for n in TIMED_THREADS}
    for _ in range(TIMED_REPEATS):
        for n_threads, seconds in found.items():
            seconds.append(_timed_fit(clone(sampler), X, y, n_threads))
    rows = [
        [n_threads, *(_median(values) for values in zip(*seconds, strict=True))]
        for n_threads, seconds in found.items()
    ]
    note = (
        f"`python -m benchmarks.images --speed`, {date.today()}, on {machine()}, torch "
        f"{torch.__version__}: medians of {TIMED_REPEATS} fits, and from the least to the most. "
        "The default trains on one thread."
    )
    title = f"Seconds of a fit of {len(X):,} images of {X.shape[1]} x {X.shape[2]}"
    return section(title, ["threads", "s", "s of processors"], rows, note)


def _timed_fit(sampler: GANSampler, X: Images, y: Labels, n_threads: int) -> tuple[float, float]:
    """Return the seconds that passed and those of the processors."""
    starts = time.perf_counter(), time.process_time()
    with patch.object(ImageGAN, "_training_threads", lambda gan: n_threads):
        sampler.fit(X, y)
    return time.perf_counter() - starts[0], time.process_time() - starts[1]


def _median(values: Sequence[float]) -> str:
    return f"{np.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


# --- report ---------------------------------------------------------------------------------------


def report(path: Path) -> str:
    """Return the means over seeds as Markdown."""
    table = pd.read_csv(path)
    scores, alike = ("macro_f1", "rare_accuracy"), COLUMNS[7:]
    header = ["method", "seeds", "F1"]
    header += [f"{label} {score}" for label in ("CNN", "forest") for score in ("F1", "rare")]
    header += ["Frechet", "precision", "recall", "coverage", "s"]
    note = "F1: macro-F1, the mean of both classifiers; rare: accuracy on the rare classes."
    parts = [
        "# Rare images",
        "",
        f"`python -m benchmarks.images`, means over {path.name}. {note}",
        "",
    ]
    for n_rare, part in table.groupby("n_rare"):
        rows: list[tuple[float, list[str]]] = []
        for name, own in part.groupby("method"):
            by_classifier = {c: own[own["classifier"] == c] for c in CLASSIFIERS}
            figures = [
                float(by_classifier[c][score].mean()) for c in CLASSIFIERS for score in scores
            ]
            figures.insert(0, float(np.mean([figures[0], figures[2]])))
            others = [float(own[column].mean()) for column in alike]
            texts = [f"{value:.3f}" for value in figures]
            texts += ["" if np.isnan(value) else f"{value:.3g}" for value in others]
            n_seeds = str(own["seed"].nunique())
            rows.append((-figures[0], [str(name), n_seeds, *texts]))
        cells = [cell for _, cell in sorted(rows)]
        parts.append(section(f"{n_rare} images of each rare class", header, cells))
    if "ganaug" in set(table["method"]):
        parts.append(differences(table))
    return "\n".join(parts)


def differences(table: pd.DataFrame) -> str:
    """Return by how much ganaug is ahead of each method on the same seeds, as Markdown."""
    by = ["n_rare", "classifier"]
    both = table.groupby(["n_rare", "seed", "method"], as_index=False)["macro_f1"].mean()
    table = pd.concat([both.assign(classifier="both"), table])
    scores = table.pivot_table("macro_f1", [*by, "seed"], "method")
    rows = []
    for name in scores.columns.drop("ganaug"):
        ahead = 100 * (scores["ganaug"] - scores[name])
        rows.append([name, *(_span(found.dropna()) for _, found in ahead.groupby(by))])
    cells: list[Any] = list(scores.groupby(by).groups)
    header = ["ganaug less", *(f"{n_rare}: {classifier}" for n_rare, classifier in cells)]
    note = (
        "Points of macro-F1, of each classifier and of the mean of both; means over the seeds that "
        "both methods have, and from the least to the most."
    )
    return section("Differences on the same seeds", header, rows, note)


def _span(values: pd.Series[float]) -> str:
    """Return the mean, and between which values it lies if there are several."""
    if len(values) < 2:
        return "".join(f"{value:+.1f}" for value in values)
    return f"{values.mean():+.1f} ({values.min():+.1f} to {values.max():+.1f})"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = new_parser("images", OVERVIEW)
    parser.add_argument("--data", type=Path, required=True, help="with images/mnist_small.npz")
    parser.add_argument("--rare", type=numbers, default=[10, 20, 50, 100], help="images of a class")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", type=names, default=list(METHODS), help="separated by ;")
    parser.add_argument("--again", type=names, default=[], help="methods to forget first")
    parser.add_argument("--out", type=Path, help="images.csv, or images-speed.md, of results/")
    parser.add_argument("--speed", action="store_true", help="only time fits of 5,000 images")
    args = parser.parse_args(argv)
    with_defaults(args, {"out": RESULTS / ("images-speed.md" if args.speed else "images.csv")})
    if args.speed:
        args.out.write_text(speed_report(args.data, GANSampler(random_state=0)))
        print(args.out.read_text())
        return 0
    results = Results(args.out, {}, COLUMNS, KEY_COLUMNS)
    results.forget(args.again, "method")
    done = results.open()
    judge = SmallCNN(*read_digits(args.data)[:2], 0)
    for seed in range(args.seeds):
        for n_rare in args.rare:
            task = load_task(args.data, n_rare, seed)
            for name in args.methods:
                keys = {(str(n_rare), str(seed), name, classifier) for classifier in CLASSIFIERS}
                if keys <= done:
                    continue
                rows = run_cell(task, name, seed, judge)
                results.append([{"n_rare": n_rare, "seed": seed, **row} for row in rows])
                figures = ", ".join(f"{row['classifier']} {row['macro_f1']:.3f}" for row in rows)
                print(f"{n_rare} images, seed {seed}, {name}: {figures}", flush=True)
    args.out.with_suffix(".md").write_text(report(args.out))
    print(report(args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
