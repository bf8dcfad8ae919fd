"""Tables with anomalies: loading them, and what detectors are trained and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.data import FALLBACK, Fold, dataset_names, load_dataset, stable_seed

PROTOCOLS = ("semi", "unsupervised")
TABLE_PREFIX = "table:"
MAX_TEST_NORMAL = 5000
MAX_TEST_ANOMALIES = 2500


@dataclass(frozen=True)
class Trial:
    """What a detector is trained on, and what it is tested on.

    Attributes
    ----------
    train : Fold
        Its labels are not shown to detectors.
    test : Fold
        1 for an anomaly, 0 for a normal row.
    is_same : bool
        Whether the test rows are the training rows.
    """

    train: Fold
    test: Fold
    is_same: bool


def anomaly_names(folder: Path | None) -> list[str]:
    """Return the names of the ADBench files in a folder, or in its folder "anomaly"; small first.

    Parameters
    ----------
    folder : Path or None
        None stands for the table that ships with ganaug.
    """
    if folder is None:
        return [TABLE_PREFIX + FALLBACK]
    files = _files(folder)
    return sorted(files, key=lambda name: files[name].stat().st_size)


def table_names(folder: Path | None) -> list[str]:
    """Return the names of the imbalanced tables: their largest class is normal."""
    return [TABLE_PREFIX + name for name in dataset_names(folder)]


@lru_cache(maxsize=2)
def load_anomalies(folder: Path | None, name: str) -> Fold:
    """Load a table with labels: 1 for an anomaly, 0 for a normal row."""
    if name.startswith(TABLE_PREFIX):
        table = load_dataset(folder, name.removeprefix(TABLE_PREFIX), None)
        return Fold(table.X, (table.y > 0).astype(np.int64), table.categorical)
    files = {} if folder is None else _files(folder)
    if name not in files:
        raise ValueError(f"no file {name}.npz in {folder}; it has {', '.join(files)}")
    with np.load(files[name]) as arrays:
        X, y = arrays["X"].astype(np.float64), arrays["y"]
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    return Fold(frame, y.astype(np.int64).ravel(), ())


def make_trial(fold: Fold, name: str, protocol: str, seed: int, max_rows: int) -> Trial:
    """Cut a table for one protocol.

    "semi": half of the normal rows for training, the other half and all anomalies for testing.
    "unsupervised": all rows for both, labels unused.

    Parameters
    ----------
    fold : Fold
    name : str
        Name of the table; the cut follows from it and the seed.
    protocol : str
    seed : int
    max_rows : int
        A random choice of at most so many training rows (0: all).
    """
    random = np.random.default_rng(stable_seed(name, protocol, seed))
    order = random.permutation(len(fold.y))
    if protocol == "unsupervised":
        rows = order[: max_rows or None]
        same = fold.take(rows)
        return Trial(same, same, is_same=True)
    normal, anomalous = order[fold.y[order] == 0], order[fold.y[order] == 1]
    half = len(normal) // 2
    tested = [normal[half:][:MAX_TEST_NORMAL], anomalous[:MAX_TEST_ANOMALIES]]
    return Trial(
        fold.take(normal[:half][: max_rows or None]),
        fold.take(np.concatenate(tested)),
        is_same=False,
    )


def precision_at_n(y: NDArray[np.int64], anomaly: NDArray[np.float64]) -> float:
    """Return the share of anomalies among as many rows as there are, the most anomalous ones.

    Examples
    --------
    >>> precision_at_n(np.array([0, 1, 1]), np.array([0.5, 0.4, 0.9]))
    0.5
    """
    n = int(y.sum())
    return float(y[np.argsort(-anomaly, kind="stable")[:n]].mean())


def _files(folder: Path) -> dict[str, Path]:
    inner = folder / "anomaly"
    files = sorted((inner if inner.is_dir() else folder).glob("*.npz"))
    if not files:
        raise ValueError(f"no .npz files in {folder} or {inner}")
    return {path.stem: path for path in files}
