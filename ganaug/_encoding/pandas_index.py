"""The index of a pandas table that new rows are added to."""

from __future__ import annotations

from typing import Any

import numpy as np


def extended_index(index: Any, n_new: int) -> Any:
    """Return the index of all rows, old and new, with different labels for all of them.

    Numbers count on. A label of another kind (a date, a name) says who a row is, and a synthetic
    row is nobody: then all rows are numbered from 0 on, as imbalanced-learn does.
    """
    import pandas as pd

    n_rows = len(index) + n_new
    if isinstance(index, pd.RangeIndex):
        stop = index.start + n_rows * index.step
        return pd.RangeIndex(index.start, stop, index.step, name=index.name)
    if not _counts_on(index, n_new):
        return pd.RangeIndex(n_rows)
    kind = _number_type(index)
    new = kind.type(index.max()) + np.arange(1, n_new + 1).astype(kind)
    return index.append(pd.Index(new, dtype=index.dtype, name=index.name))


def _counts_on(index: Any, n_new: int) -> bool:
    """Tell whether labels are different integers with room for so many more above."""
    import pandas as pd

    if not pd.api.types.is_integer_dtype(index.dtype) or index.hasnans or not index.is_unique:
        return False
    return int(index.max()) + n_new <= int(np.iinfo(_number_type(index)).max)


def _number_type(index: Any) -> np.dtype[Any]:
    kind: np.dtype[Any] = getattr(index.dtype, "numpy_dtype", index.dtype)  # of pandas' own types
    return kind
