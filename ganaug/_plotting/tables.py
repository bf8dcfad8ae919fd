"""Tables as they are drawn: plain columns, the most telling of them, and their main plane."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.feature_selection import mutual_info_classif

from ganaug._encoding.columns import Column
from ganaug._encoding.containers import wrap_rows

__all__ = ["Values", "frequent", "most_informative", "project", "read_values", "some_rows"]

MAX_RANKING_ROWS = 1000  # of each class
MAX_LEVELS = 10  # of a category, in the projection
MICROSECONDS_PER_SECOND = 1e6
MICROSECONDS_PER_DAY = 86_400 * MICROSECONDS_PER_SECOND


@dataclass(frozen=True)
class Values:
    """One column as it is drawn.

    `values` is an array of shape (n_rows,): numbers with NaN for missing ones (dates are days,
    durations seconds), or the text of categories.
    """

    values: NDArray[Any]
    is_date: bool = False
    is_duration: bool = False

    @property
    def is_category(self) -> bool:
        return bool(self.values.dtype == object)


def read_values(X: Any) -> dict[Hashable, Values]:
    """Read a table of shape (n_rows, n_columns) from any container."""
    rows = wrap_rows(X)
    columns = [rows.column(position) for position in range(len(rows.names))]
    read = {column.name: Values(_drawn(column)) for column in columns}
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        for name, dtype in frame.schema.items():
            if dtype in (nw.Date, nw.Datetime):
                read[name] = Values(_days(frame[name]), is_date=True)
            elif dtype == nw.Duration:
                read[name] = Values(_seconds(frame[name]), is_duration=True)
    return read


def _drawn(column: Column) -> NDArray[Any]:
    if column.levels is None:
        return np.where(column.missing, np.nan, column.values.astype(np.float64))
    text = np.array([*map(str, column.levels), "missing"], dtype=object)
    return text[np.where(column.missing, len(column.levels), column.values)]


def _days(series: nw.Series[Any]) -> NDArray[np.float64]:
    """Return dates as matplotlib counts them: days since 1970."""
    ticks = series.dt.timestamp("us").cast(nw.Float64).to_numpy()
    days: NDArray[np.float64] = ticks / MICROSECONDS_PER_DAY
    return days


def _seconds(series: nw.Series[Any]) -> NDArray[np.float64]:
    ticks = series.dt.total_microseconds().cast(nw.Float64).to_numpy()
    seconds: NDArray[np.float64] = ticks / MICROSECONDS_PER_SECOND
    return seconds


def most_informative(
    columns: Mapping[Hashable, Values], codes: NDArray[np.int64], n_columns: int
) -> list[Hashable]:
    """Return up to `n_columns` columns that say most about the class, half of them numeric.

    Where no class has two rows, nothing is known about any, and these are the first ones.
    """
    if len(np.unique(codes)) == len(codes):
        return list(columns)[:n_columns]
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [
            rng.permutation(np.flatnonzero(codes == code))[:MAX_RANKING_ROWS]
            for code in np.unique(codes)
        ]
    )
    names = list(columns)
    matrix = np.column_stack([_codes(columns[name].values[rows]) for name in names])
    discrete = np.array([columns[name].is_category for name in names])
    information = mutual_info_classif(
        matrix, codes[rows], discrete_features=discrete, random_state=0
    )
    best = np.argsort(-information, kind="stable")
    numeric, category = best[~discrete[best]], best[discrete[best]]
    n_numeric = max(n_columns // 2, n_columns - len(category))
    n_category = n_columns - min(n_numeric, len(numeric))
    return [names[j] for j in (*numeric[:n_numeric], *category[:n_category])]


def _codes(values: NDArray[Any]) -> NDArray[Any]:
    """Return finite numbers for a column: category codes, or numbers with gaps filled."""
    if values.dtype == object:
        return np.unique(values, return_inverse=True)[1]
    return _fill(values, values)


def _fill(values: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    present = reference[~np.isnan(reference)]
    return np.where(np.isnan(values), np.median(present) if len(present) else 0.0, values)


def project(
    real: Mapping[Hashable, Values], synthetic: Mapping[Hashable, Values]
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    """Return both tables in the real rows' principal plane, and the variance it explains."""
    pairs = [_standardise(real[name].values, synthetic[name].values) for name in real]
    matrices = [np.column_stack(parts) for parts in zip(*pairs, strict=True)]
    # two empty directions, so that a table of one column has a plane as well
    first, second = (np.pad(matrix, [(0, 0), (0, 2)]) for matrix in matrices)
    if len(first) < 2 or not first.std(axis=0).any():
        return (first[:, -2:], second[:, -2:]), np.zeros(2)
    pca = PCA(2, random_state=0).fit(first)
    return (pca.transform(first), pca.transform(second)), pca.explained_variance_ratio_


def _standardise(real: NDArray[Any], synthetic: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return comparable coordinates of a column in both tables, (n_rows, n_coordinates) each."""
    if object in (real.dtype, synthetic.dtype):
        real, synthetic = real.astype(str), synthetic.astype(str)
        levels = frequent(real, MAX_LEVELS)
        return [(values[:, None] == levels).astype(float) for values in (real, synthetic)]
    center, spread = _fill(real, real).mean(), _fill(real, real).std()
    # far values would otherwise be all that the first component sees
    return [
        np.clip((_fill(values, real) - center) / (spread or 1.0), -4, 4)[:, None]
        for values in (real, synthetic)
    ]


def frequent(values: NDArray[Any], n_levels: int) -> NDArray[Any]:
    """Return the `n_levels` most frequent values, most frequent first."""
    levels, counts = np.unique(values, return_counts=True)
    return levels[np.argsort(-counts, kind="stable")][:n_levels]


def some_rows(n: int, n_wanted: int) -> NDArray[np.int64]:
    """Return the positions of `n_wanted` of `n` rows, or of all."""
    return np.sort(np.random.default_rng(0).permutation(n)[:n_wanted])
