"""One life of a sampler or a detector, for the fuzz of tables and for the soak.

A table is drawn at random, usable or not. What is usable must keep every promise: kinds, dtypes,
ranges and counts; the same bits again after saving and loading. What is not must be refused by an
error of ganaug's own. A few lives are those of detectors, and of samplers of images.
"""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import ganaug
from ganaug.exceptions import DataError, GanaugError
from tests.tables import (
    KINDS,
    MIXED_CONTAINERS,
    NUMBER_CONTAINERS,
    columns_of,
    draw_column,
    dtypes_of,
    n_rows_of,
)

NUMBER_KINDS = [
    k for k, kind in KINDS.items() if kind.is_number and k not in ("date", "identifier")
]
LABELS: list[list[Any]] = [[0, 1, 2, 3], ["a", "b", "c", "d"], [3.0, 2.0, 1.0, 0.0], [-7, 5, 9, 2]]
SMALL: dict[str, Any] = {"n_steps": 4, "batch_size": 16, "hidden_layer_sizes": (8,)}
# What makes a table unusable; each must be refused.
FLAWS = ["infinity", "one class", "class of one row", "missing label", "short labels", "no rows"]
FLAWED_SHARE = 0.15


class BrokenPromiseError(Exception):
    """Something that ganaug promises did not hold."""


def run_cycle(random: np.random.Generator, folder: Path) -> str:
    """Live through one table; return what it was.

    Raises
    ------
    BrokenPromiseError
        If a promise was broken.
    """
    kinds, name, X, y = draw_table(random)
    flaw = str(random.choice(FLAWS)) if random.random() < FLAWED_SHARE else None
    if flaw is not None:
        X, y = spoil(flaw, X, y)
        check_refusal(flaw, X, y)
        return f"refused: {flaw}"
    sampler = ganaug.GANSampler(**SMALL, random_state=int(random.integers(2**31)))
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    _check_rows(kinds, X, y, X_resampled, y_resampled)
    _check_copies(sampler, X, folder)
    return f"resampled: {name}"


def run_detector_cycle(random: np.random.Generator, folder: Path) -> str:
    """Live through one table with a detector; return what it was.

    Raises
    ------
    BrokenPromiseError
        If a promise was broken.
    """
    _, name, X, _ = draw_table(random)
    detector = ganaug.GANOutlierDetector(n_steps=2, random_state=int(random.integers(2**31)))
    try:
        detector.fit(X)
    except DataError as error:
        _require(len(str(error)) > 20, "the message says nothing")
        return "refused by the detector"
    scores, file = detector.score_samples(X), folder / "model.ganaug"
    _require(bool(np.isfinite(scores).all()), "a score is not finite")
    detector.save(file)
    for copy in (ganaug.load(file), pickle.loads(pickle.dumps(detector))):
        _require(bool((copy.score_samples(X) == scores).all()), "a copy scores otherwise")
    return f"scored: {name}"


def run_image_cycle(random: np.random.Generator, folder: Path) -> str:
    """Live through a few images; return what they were.

    Raises
    ------
    BrokenPromiseError
        If a promise was broken.
    """
    shape = (30, *random.integers(8, 13, 2))
    X, y = random.integers(0, 256, shape, dtype=np.uint8), np.arange(30) % 3 == 0
    sampler = ganaug.GANSampler(n_steps=2, batch_size=8, random_state=int(random.integers(2**31)))
    X_all, _ = sampler.fit_resample(X, y)
    _require(
        X_all.shape == (40, *shape[1:]) and X_all.dtype == X.dtype, "images changed their form"
    )
    _require(bool((X_all[:30] == X).all()), "original images changed")
    file = folder / "model.ganaug"
    sampler.save(file)
    same = np.array_equal(ganaug.load(file).sample(5)[0], sampler.sample(5)[0])
    _require(same, "a copy samples other images")
    return "images"


def draw_table(random: np.random.Generator) -> tuple[list[str], str, Any, Any]:
    """Return the kinds of the columns, the name of the container, X and y."""
    only_numbers = random.random() < 0.3
    containers = NUMBER_CONTAINERS if only_numbers else MIXED_CONTAINERS
    available = NUMBER_KINDS if only_numbers else list(KINDS)
    kinds = [str(kind) for kind in random.choice(available, random.integers(1, 6))]
    counts = random.integers(2, 31, random.integers(2, 5))
    columns = {
        f"{kind} {j}": draw_column(
            kind, random, int(counts.sum()), random.choice([0.0, 0.0, 0.0, 0.2, 0.9, 1.0])
        )
        for j, kind in enumerate(kinds)
    }
    labels = LABELS[random.integers(len(LABELS))][: len(counts)]
    name = str(random.choice(list(containers)))
    return kinds, name, containers[name](columns), random.permutation(np.repeat(labels, counts))


def spoil(flaw: str, X: Any, y: Any) -> tuple[Any, Any]:
    """Return a table with one of `FLAWS`."""
    n = len(y)
    if flaw == "infinity":
        return np.where(np.arange(n) == n // 2, np.inf, np.arange(n))[:, None], y
    if flaw == "one class":
        return X, np.full(n, y[0])
    if flaw == "class of one row":
        return X, np.where(np.arange(n) == 0, "lonely", y.astype(str))
    if flaw == "missing label":
        return X, np.array([None, *y.tolist()[1:]], dtype=object)
    if flaw == "short labels":
        return X, y[:-1]
    return np.empty((0, 3)), y[:0]


def check_refusal(flaw: str, X: Any, y: Any) -> None:
    """Check that a flawed table is refused with a message."""
    try:
        ganaug.GANSampler(**SMALL).fit(X, y)
    except GanaugError as error:
        _require(len(str(error)) > 20, f"{flaw}: the message says nothing")
    else:
        raise BrokenPromiseError(f"{flaw} was not refused")


def _check_rows(kinds: list[str], X: Any, y: Any, X_all: Any, y_all: Any) -> None:
    n = n_rows_of(X)
    _require(type(X_all) is type(X) and dtypes_of(X_all) == dtypes_of(X), "dtypes changed")
    _require(len(set(Counter(y_all.tolist()).values())) == 1, "classes are not balanced")
    _require(bool((y_all[:n] == y).all()), "labels changed")
    for kind, before, after in zip(kinds, columns_of(X), columns_of(X_all), strict=True):
        _require(after[:n] == before, f"{kind}: original rows changed")
        _check_values(kind, before, after[n:])


def _check_values(name: str, real: list[Any], synthetic: list[Any]) -> None:
    kind = KINDS[name]
    present = [value for value in real if value is not None]
    made = [value for value in synthetic if value is not None]
    if len(present) == len(real):
        _require(len(made) == len(synthetic), f"{name}: values are missing")
    if not present:
        _require(not made, f"{name}: values came from nowhere")
    elif kind.is_number:
        _require(all(min(present) <= v <= max(present) for v in made), f"{name}: out of range")
        if all(kind.on_grid(value) for value in present):
            _require(all(kind.on_grid(value) for value in made), f"{name}: off the grid")
    else:
        _require(set(made) <= set(present), f"{name}: a level is unknown")


def _check_copies(sampler: ganaug.GANSampler, X: Any, folder: Path) -> None:
    """Sample and score with the sampler, with what is loaded and with what is unpickled."""
    file = folder / "model.ganaug"
    sampler.save(file)
    copies = [ganaug.load(file), pickle.loads(pickle.dumps(sampler))]
    expected, scores = sampler.sample(9), sampler.score_samples(X)
    _require(bool(np.isfinite(scores).all()), "a score is not finite")
    for copy in copies:
        made = copy.sample(9)
        _require(dtypes_of(made[0]) == dtypes_of(expected[0]), "a copy has other dtypes")
        same = columns_of(made[0]) == columns_of(expected[0])
        _require(same and bool((made[1] == expected[1]).all()), "a copy samples other rows")
        _require(bool((copy.score_samples(X) == scores).all()), "a copy scores otherwise")


def _require(is_true: bool, complaint: str) -> None:
    if not is_true:
        raise BrokenPromiseError(complaint)
