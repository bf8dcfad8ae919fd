"""The tables of the benchmark: loading them, and cutting them into folds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

N_FOLDS = 5
FALLBACK = "bank_marketing"
TINY_MINORITY, SMALL_MINORITY, SMALL_TABLE = 50, 150, 2000


@dataclass(frozen=True)
class Fold:
    """Rows of a table with their labels; all that a sampler gets to see.

    Attributes
    ----------
    X : pandas.DataFrame of shape (n_rows, n_features)
        Numbers, and categories as columns of dtype "category".
    y : ndarray of shape (n_rows,), dtype int64
        0 is the majority class, the last one the smallest.
    categorical : tuple of str
        Names of the categorical columns.
    """

    X: pd.DataFrame
    y: NDArray[np.int64]
    categorical: tuple[str, ...]

    def take(self, rows: NDArray[np.int64]) -> Fold:
        """Return some of the rows."""
        return replace(self, X=self.X.iloc[rows].reset_index(drop=True), y=self.y[rows])


@dataclass(frozen=True)
class Dataset(Fold):
    """A whole table: a name and the family of its source beside the rows."""

    name: str = ""
    family: str = ""

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.y.max()) + 1


def stable_seed(*parts: Any) -> int:
    """Return a seed that follows from `parts` alone, not from the order of the run.

    Examples
    --------
    >>> stable_seed("flare_F", 0, 1) == stable_seed("flare_F", 0, 1)
    True
    """
    text = "|".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4]) % (2**31 - 1)


def dataset_names(folder: Path | None) -> list[str]:
    """Return the names of the imbalanced tables in `folder`, those with few rows first.

    Parameters
    ----------
    folder : Path or None
        A folder with a MANIFEST.json; None stands for the table that ships with ganaug.
    """
    if folder is None:
        return [FALLBACK]
    entries = sorted(_manifest(folder), key=lambda entry: entry["n_rows"] * entry["n_features"])
    return [entry["name"] for entry in entries]


@lru_cache(maxsize=2)
def load_dataset(folder: Path | None, name: str, max_rows: int | None = None) -> Dataset:
    """Load one table, cut to a stratified part of `max_rows` rows if it has more.

    Parameters
    ----------
    folder : Path or None
        A folder with a MANIFEST.json; None stands for the table that ships with ganaug.
    name : str
        Name of the table.
    max_rows : int or None, default=None
        Largest number of rows; the part is the same in each call.
    """
    dataset = _load_shipped() if folder is None else _load_parquet(folder, name)
    n_rows = len(dataset.y)
    if max_rows is None or n_rows <= max_rows:
        return dataset
    rows, _ = train_test_split(
        np.arange(n_rows), train_size=max_rows, stratify=dataset.y, random_state=stable_seed(name)
    )
    part = dataset.take(np.sort(rows))
    return replace(dataset, X=part.X, y=part.y)


def split(
    dataset: Dataset, seed: int, fold: int, n_folds: int = N_FOLDS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the training and the test rows of one of the stratified folds."""
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=stable_seed(dataset.name, seed))
    return list(folds.split(np.zeros(len(dataset.y)), dataset.y))[fold]


def n_seeds(dataset: Dataset) -> int:
    """Return how often the 5 folds are drawn: more often where the noise is larger."""
    minority = int(np.bincount(dataset.y).min())
    if minority < TINY_MINORITY:
        return 3
    return 2 if minority < SMALL_MINORITY or len(dataset.y) <= SMALL_TABLE else 1


def source_family(source: str) -> str:
    """Return where a table comes from: its repository, with KEEL's tables told apart.

    Examples
    --------
    >>> source_family("gykovacs/mldb:mldb/data/classification/ecoli4/ecoli4.dat")
    'KEEL'
    >>> source_family("Minqi824/ADBench:adbench/datasets/Classical/10_cover.npz")
    'Minqi824/ADBench'
    """
    repository, _, path = source.partition(":")
    is_keel = repository == "gykovacs/mldb" and path.split(" ")[0].endswith(".dat")
    return "KEEL" if is_keel else repository


def _manifest(folder: Path) -> list[dict[str, Any]]:
    entries = json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))
    return [entry for entry in entries if entry["kind"] == "imbalance"]


def _load_parquet(folder: Path, name: str) -> Dataset:
    entries = {entry["name"]: entry for entry in _manifest(folder)}
    if name not in entries:
        raise ValueError(f"no table {name!r} in {folder}; it has {', '.join(sorted(entries))}")
    frame = pd.read_parquet(folder / entries[name]["file"])
    y = frame.pop("target").to_numpy("int64")
    return _dataset(frame, y, name, source_family(entries[name]["source"]))


def _load_shipped() -> Dataset:
    from ganaug.datasets import load_bank_marketing

    X, labels = load_bank_marketing()
    order = labels.value_counts().index
    y = order.get_indexer(pd.Index(labels)).astype("int64")
    return _dataset(X.reset_index(drop=True), y, FALLBACK, "ganaug")


def _dataset(frame: pd.DataFrame, y: NDArray[np.int64], name: str, family: str) -> Dataset:
    numeric = set(frame.select_dtypes("number").columns)
    categorical = tuple(column for column in frame.columns if column not in numeric)
    frame = frame.astype({column: "category" for column in categorical})
    return Dataset(frame, y, categorical, name, family)
