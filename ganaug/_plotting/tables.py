"""Tables as they are drawn: plain columns, the most telling of them, and their main plane."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import Enum
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.feature_selection import mutual_info_classif

from ganaug._encoding.columns import Column
from ganaug._encoding.containers import wrap_rows
from ganaug._encoding.rows import Rows

__all__ = ["Kind", "Values", "frequent", "most_informative", "project", "read_values", "some_rows"]

MAX_RANKING_ROWS = 1000  # of each class
MAX_LEVELS = 10  # of a category, in the projection


class Kind(Enum):
    """What the numbers of a column stand for."""

    NUMBER = "numbers"
    DATE = "days since 1970, as matplotlib counts them"
    DURATION = "seconds"
    TIME = "shares of a day that are over"


OF_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.DATE: (date, np.datetime64, nw.Date, nw.Datetime),
    Kind.DURATION: (timedelta, np.timedelta64, nw.Duration),
    Kind.TIME: (time, nw.Time),
}
MICROSECONDS = {Kind.DATE: 86_400e6, Kind.DURATION: 1e6, Kind.TIME: 86_400e6}


@dataclass(frozen=True)
class Values:
    """One column as it is drawn.

    `values` is an array of shape (n_rows,): numbers with NaN for missing ones, or the text of
    categories.
    """

    values: NDArray[Any]
    kind: Kind = Kind.NUMBER

    @property
    def is_category(self) -> bool:
        return bool(self.values.dtype == object)


def read_values(X: Any) -> dict[Hashable, Values]:
    """Read a table of shape (n_rows, n_columns) from any container."""
    rows = wrap_rows(X)
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    dtypes: Mapping[Any, Any] = frame.schema if isinstance(frame, nw.DataFrame) else {}
    read: dict[Hashable, Values] = {}
    for position, name in enumerate(rows.names):
        column = rows.column(position)
        if column.levels is not None:
            read[name] = Values(_text(column))
        elif column.unit is None or not len(column):
            read[name] = Values(_gapped(column, column.values.astype(np.float64)))
        else:
            kind = _kind_of(dtypes.get(name), rows, column, position)
            read[name] = Values(_gapped(column, _times(column, kind)), kind)
    return read


def _text(column: Column) -> NDArray[np.object_]:
    levels = column.levels or ()
    text = np.array([*map(str, levels), "missing"], dtype=object)
    return text[np.where(column.missing, len(levels), column.values)]


def _gapped(column: Column, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(column.missing, np.nan, values)


def _kind_of(dtype: Any, rows: Rows, column: Column, position: int) -> Kind:
    """Return what times are: by their type in a frame or, if it says nothing, by one of them."""
    is_said = dtype is not None and dtype.is_temporal()
    found = dtype if is_said else rows.cell(int(np.argmin(column.missing)), position)
    return next(kind for kind, types in OF_TYPES.items() if isinstance(found, types))


def _times(column: Column, kind: Kind) -> NDArray[np.float64]:
    """Return times as numbers of their kind."""
    letter = "M" if kind is Kind.DATE else "m"
    times = column.values.view(f"{letter}8[{column.unit}]").astype(f"{letter}8[us]")
    microseconds = times.astype(np.int64).astype(np.float64)
    return microseconds / MICROSECONDS[kind]


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
    values = values / _size(values)
    return _fill(values, values)


def _size(values: NDArray[np.float64]) -> float:
    """Return what numbers are divided by so that their squares are numbers, too."""
    return float(np.nanmax(np.abs(values), initial=0.0)) or 1.0


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
    size = _size(real)
    with np.errstate(over="ignore"):  # of synthetic values far beyond
        real, synthetic = real / size, synthetic / size
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
