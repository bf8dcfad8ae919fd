"""Odd tables of every kind, for tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp

Random = np.random.Generator


@dataclass(frozen=True)
class ColumnKind:
    """How to draw a column, and what a value of it must satisfy besides being in range."""

    draw: Callable[[Random, int], list[Any]]
    is_number: bool
    on_grid: Callable[[Any], bool] = lambda value: True


def _dates(random: Random, n: int) -> list[dt.datetime]:
    start = dt.datetime(2020, 1, 1)
    return [start + dt.timedelta(days=int(day)) for day in random.integers(0, 900, n)]


def _is_midnight(value: Any) -> bool:
    stamp = pd.Timestamp(value)
    return stamp == stamp.normalize()


KINDS: dict[str, ColumnKind] = {
    "normal": ColumnKind(lambda r, n: r.normal(size=n).tolist(), True),
    "tiny": ColumnKind(lambda r, n: (r.normal(size=n) * 1e-9).tolist(), True),
    "huge": ColumnKind(lambda r, n: (r.normal(size=n) * 1e12).tolist(), True),
    "heavy": ColumnKind(lambda r, n: np.exp(3 * r.normal(size=n)).tolist(), True),
    "price": ColumnKind(
        lambda r, n: np.round(r.lognormal(3, 1, n), 2).tolist(),
        True,
        lambda value: round(value, 2) == value,
    ),
    "zero_inflated": ColumnKind(
        lambda r, n: np.where(r.random(n) < 0.5, 0.0, r.exponential(size=n)).tolist(), True
    ),
    "count": ColumnKind(
        lambda r, n: r.poisson(3, n).tolist(), True, lambda value: float(value).is_integer()
    ),
    "fives": ColumnKind(
        lambda r, n: [0, 5, *(5 * r.integers(0, 9, n - 2))], True, lambda value: value % 5 == 0
    ),
    "identifier": ColumnKind(
        lambda r, n: (2**60 + r.integers(0, 2**40, n)).tolist(),
        True,
        lambda value: isinstance(value, int | np.integer),
    ),
    "constant": ColumnKind(lambda r, n: [7.5] * n, True),
    "date": ColumnKind(_dates, True, _is_midnight),
    "flag": ColumnKind(lambda r, n: (r.random(n) < 0.3).tolist(), False),
    "colour": ColumnKind(lambda r, n: r.choice(["red", "green", "blue"], n).tolist(), False),
    "town": ColumnKind(lambda r, n: [f"town {k}" for k in r.integers(0, 200, n)], False),
}


def draw_column(kind: str, random: Random, n: int, missing_rate: float) -> list[Any]:
    """Return values of a kind as Python objects; None where missing."""
    values = KINDS[kind].draw(random, n)
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    is_missing = random.random(n) < missing_rate
    return [None if gone else value for value, gone in zip(values, is_missing, strict=True)]


def to_pandas(columns: dict[str, list[Any]]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def to_pandas_nullable(columns: dict[str, list[Any]]) -> pd.DataFrame:
    return pd.DataFrame(columns).convert_dtypes()


def to_pandas_arrow(columns: dict[str, list[Any]]) -> pd.DataFrame:
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


def to_pandas_category(columns: dict[str, list[Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    strings = [name for name, kind in frame.dtypes.items() if pd.api.types.is_string_dtype(kind)]
    return frame.astype(dict.fromkeys(strings, "category"))


def to_polars(columns: dict[str, list[Any]]) -> pl.DataFrame:
    return pl.DataFrame(columns)


def to_polars_categorical(columns: dict[str, list[Any]]) -> pl.DataFrame:
    return pl.DataFrame(columns).with_columns(pl.col(pl.String).cast(pl.Categorical))


def to_arrow(columns: dict[str, list[Any]]) -> pa.Table:
    return pa.table(columns)


def to_numpy_objects(columns: dict[str, list[Any]]) -> np.ndarray:
    out = np.empty((len(next(iter(columns.values()))), len(columns)), dtype=object)
    for j, values in enumerate(columns.values()):
        out[:, j] = values
    return out


def to_lists(columns: dict[str, list[Any]]) -> list[list[Any]]:
    return [list(row) for row in zip(*columns.values(), strict=True)]


MIXED_CONTAINERS: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "pandas": to_pandas,
    "pandas nullable": to_pandas_nullable,
    "pandas arrow": to_pandas_arrow,
    "pandas category": to_pandas_category,
    "polars": to_polars,
    "polars categorical": to_polars_categorical,
    "arrow": to_arrow,
    "numpy objects": to_numpy_objects,
    "lists": to_lists,
}


def to_float_array(columns: dict[str, list[Any]]) -> np.ndarray:
    return np.array([[np.nan if v is None else v for v in c] for c in columns.values()], float).T


NUMBER_CONTAINERS: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "numpy": to_float_array,
    "numpy float32": lambda columns: to_float_array(columns).astype(np.float32),
    "csr": lambda columns: sp.csr_matrix(to_float_array(columns)),
    "csc array": lambda columns: sp.csc_array(to_float_array(columns)),
    "pandas sparse": lambda columns: pd.DataFrame(to_float_array(columns)).astype(
        pd.SparseDtype(float, 0)
    ),
}


def dtypes_of(X: Any) -> Any:
    """Return what must not change about a container: its kind, names and dtypes."""
    if isinstance(X, pd.DataFrame):
        return list(X.dtypes), list(X.columns), type(X.index)
    if isinstance(X, pl.DataFrame):
        return dict(X.schema)
    if isinstance(X, pa.Table):
        return X.schema
    if sp.issparse(X):
        return type(X), X.format, X.dtype
    return (X.dtype,) if isinstance(X, np.ndarray) else (type(X), type(X[0]))


def n_rows_of(X: Any) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)


def columns_of(X: Any) -> list[list[Any]]:
    """Return the values of each column as Python objects; None where missing."""
    if isinstance(X, pd.DataFrame):
        columns = [X.iloc[:, j].tolist() for j in range(X.shape[1])]
    elif isinstance(X, pl.DataFrame):
        columns = [X[name].to_list() for name in X.columns]
    elif isinstance(X, pa.Table):
        columns = [column.to_pylist() for column in X.columns]
    elif sp.issparse(X):
        columns = X.toarray().T.tolist()
    elif isinstance(X, np.ndarray):
        columns = [X[:, j].tolist() for j in range(X.shape[1])]
    else:
        columns = [list(column) for column in zip(*X, strict=True)]
    return [[None if _is_missing(value) else value for value in column] for column in columns]


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


def moved_far(X: Any, random: Random, n: int, distance: float) -> Any:
    """Return `n` rows of numbers, each moved so far off in a direction of its own."""
    directions = random.normal(size=(n, X.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    far = distance * np.sqrt(X.shape[1]) * directions * X.std(axis=0)
    return X[random.integers(0, len(X), n)] + far
