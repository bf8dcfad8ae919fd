"""Optional peers, each brought to the same form: a training fold in, rows and labels out.

Their packages are imported when they are called. Generative models of whole tables know nothing
of over-sampling; here they add to each class what it lacks to the size of the largest.
"""

from __future__ import annotations

import importlib
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.data import Fold
from benchmarks.spaces import NumericSpace, resample_encoded

TARGET = "__target__"
MAX_DRAWS, DRAW_ROWS = 200, 1000
Floats = NDArray[np.float64]
RowsLike = Callable[[Floats, int, list[int]], Floats]


def smote_variant(name: str, fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Run a sampler of smote-variants (one class after the other if there are several)."""
    package = importlib.import_module("smote_variants")
    logging.getLogger("smote_variants").setLevel(logging.ERROR)
    parameters = {"random_state": seed, **keywords}
    if len(np.unique(fold.y)) == 2:
        sampler = getattr(package, name)(**parameters)
    else:
        sampler = package.MulticlassOversampling(oversampler=name, oversampler_params=parameters)
    return resample_encoded(fold, lambda X, y, _: sampler.sample(X, y))


def ctgan(fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Fit CTGAN to the table with its target, and condition on the class.

    The target is the first discrete column, the only one on which CTGAN conditions correctly.
    """
    table = _without_gaps(fold)
    table.insert(0, TARGET, [_class_name(code) for code in fold.y])
    model = _seeded(importlib.import_module("ctgan").CTGAN(**keywords), seed)
    model.fit(table, [TARGET, *fold.categorical])
    return _add_to_table(fold, lambda code, n_rows: _draw_class(model, code, n_rows))


def tvae(fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Fit one TVAE to each class that lacks rows, since it can't be conditioned."""
    package = importlib.import_module("ctgan")
    table = _without_gaps(fold)

    def rows_of(code: int, n_rows: int) -> pd.DataFrame:
        model = _seeded(package.TVAE(**keywords), seed)
        model.fit(table[fold.y == code].reset_index(drop=True), list(fold.categorical))
        return model.sample(n_rows)

    return _add_to_table(fold, rows_of)


def gaussian_copula(fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Fit one Gaussian copula to each class that lacks rows."""
    copulas = importlib.import_module("copulas.multivariate")

    def rows_like(X: Floats, n_rows: int, categorical: list[int]) -> Floats:
        model = copulas.GaussianMultivariate(random_state=seed, **keywords)
        model.fit(pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]))
        return np.asarray(model.sample(n_rows), dtype=float)

    return _class_by_class(fold, rows_like, one_hot=True)


def forest_diffusion(fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Fit one diffusion model made of boosted trees to each class that lacks rows."""
    package = importlib.import_module("ForestDiffusion")

    def rows_like(X: Floats, n_rows: int, categorical: list[int]) -> Floats:
        many = [j for j in categorical if X[:, j].max() > 1]
        two = [j for j in categorical if X[:, j].max() <= 1]
        model = package.ForestDiffusionModel(
            X, cat_indexes=many, bin_indexes=two, seed=seed, **{"n_jobs": 1, **keywords}
        )
        return np.asarray(model.generate(batch_size=n_rows), dtype=float)

    return _class_by_class(fold, rows_like, one_hot=False)


def shortfall(y: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield (class, number of rows it lacks to the largest class), for those that lack any."""
    counts = np.bincount(y)
    for code in np.flatnonzero((counts > 0) & (counts < counts.max())):
        yield int(code), int(counts.max() - counts[code])


def _class_by_class(fold: Fold, rows_like: RowsLike, *, one_hot: bool) -> tuple[Any, Any]:
    """Add rows like those of a class, each class on its own, in the numeric space."""

    def run(X: Floats, y: NDArray[np.int64], space: NumericSpace) -> Any:
        codes = [] if one_hot else space.categorical_columns
        blocks, labels = [X], [y]
        for code, n_rows in shortfall(y):
            blocks.append(_rows_of_varying_columns(X[y == code], n_rows, codes, rows_like))
            labels.append(np.full(n_rows, code))
        return np.vstack(blocks), np.concatenate(labels)

    return resample_encoded(fold, run, one_hot=one_hot)


def _rows_of_varying_columns(
    X: Floats, n_rows: int, codes: list[int], rows_like: RowsLike
) -> Floats:
    """Generate the columns that vary in a class, with codes renumbered from 0 in between."""
    varying = np.flatnonzero(np.ptp(X, axis=0) > 0)
    part = X[:, varying]
    levels = {i: np.unique(part[:, i]) for i, j in enumerate(varying) if j in codes}
    for i, values in levels.items():
        part[:, i] = np.searchsorted(values, part[:, i])
    rows = np.repeat(X[:1], n_rows, axis=0)
    if len(varying):
        made = rows_like(part, n_rows, list(levels))
        for i, values in levels.items():
            made[:, i] = values[np.clip(np.rint(made[:, i]), 0, len(values) - 1).astype(int)]
        rows[:, varying] = made
    return rows


def _add_to_table(fold: Fold, rows_of: Callable[[int, int], pd.DataFrame]) -> tuple[Any, Any]:
    """Add to each class the rows it lacks, in the dtypes of the table's categories."""
    types = {name: fold.X[name].dtype for name in fold.categorical}
    frames, labels = [fold.X], [fold.y]
    for code, n_rows in shortfall(fold.y):
        frames.append(rows_of(code, n_rows)[list(fold.X.columns)].astype(types))
        labels.append(np.full(n_rows, code))
    return pd.concat(frames, ignore_index=True), np.concatenate(labels)


def _draw_class(model: Any, code: int, n_rows: int) -> pd.DataFrame:
    """Draw from CTGAN, under the condition of a class, until that many rows are of the class."""
    found: list[pd.DataFrame] = []
    missing = n_rows
    for _ in range(MAX_DRAWS):
        rows = model.sample(max(missing, DRAW_ROWS), TARGET, _class_name(code))
        found.append(rows[rows[TARGET] == _class_name(code)].head(missing))
        missing -= len(found[-1])
        if not missing:
            return pd.concat(found, ignore_index=True)
    raise RuntimeError(f"class {code}: {n_rows - missing} of {n_rows} rows in {MAX_DRAWS} draws")


def _without_gaps(fold: Fold) -> pd.DataFrame:
    table = fold.X.copy()
    for name in table.columns:
        if name in fold.categorical:
            table[name] = table[name].astype(object).where(table[name].notna(), "missing")
        else:
            table[name] = table[name].fillna(table[name].median())
    return table


def _class_name(code: int) -> str:
    return f"class {code}"


def _seeded(model: Any, seed: int) -> Any:
    """Seed a model of ctgan, and the global states from which it draws beside its own."""
    random.seed(seed)
    np.random.seed(seed)
    importlib.import_module("torch").manual_seed(seed)
    model.set_random_state(seed)
    return model
