"""The containers that a table may come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import scipy.sparse as sp

from ganaug._encoding.frames import NarwhalsRows, PandasRows
from ganaug._encoding.rows import ArrayRows, ListRows, Rows, SparseRows
from ganaug.exceptions import DataTypeError


def wrap_rows(X: Any) -> Rows:
    """Return the `Rows` for a table in any supported container.

    Raises
    ------
    DataTypeError
        If the container isn't supported.
    DataError
        If it is not two-dimensional.
    """
    if sp.issparse(X):
        return SparseRows(X)
    if isinstance(X, np.ma.MaskedArray):
        raise DataTypeError(
            "X is a masked array, whose mask would be lost; pass its values with missing ones: "
            "X.astype(float).filled(np.nan)."
        )
    if isinstance(X, np.ndarray):
        return ArrayRows(np.asarray(X))  # a matrix has no columns of one dimension
    if nw.dependencies.is_pandas_dataframe(X):
        return PandasRows(X)
    if nw.dependencies.is_into_dataframe(X):
        return NarwhalsRows(X)
    if hasattr(X, "collect") and hasattr(X, "lazy"):
        raise DataTypeError(
            f"X is a lazy frame ({type(X).__name__}), its rows are not in memory; pass X.collect()."
        )
    if type(X).__module__.startswith("pyarrow") and type(X).__name__ == "RecordBatch":
        raise DataTypeError(
            "X is a RecordBatch of pyarrow, which would come back as an array; pass the table "
            "pa.Table.from_batches([X])."
        )
    if isinstance(X, Sequence) and not isinstance(X, str | bytes):
        return ListRows(X)
    if hasattr(X, "__array__") or hasattr(X, "__array_function__"):
        return ArrayRows(np.asarray(X))
    raise DataTypeError(
        "X must be a pandas, polars or pyarrow table, a numpy array, a scipy sparse matrix or a "
        f"list of rows, got {type(X).__module__}.{type(X).__qualname__}."
    )
