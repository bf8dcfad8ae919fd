"""The index of a pandas table that new rows are added to."""

from __future__ import annotations

from typing import Any

import numpy as np


def extended_index(index: Any, n_new: int) -> Any:
    """Return the index of all rows: the old labels, then new ones of the same type."""
    import pandas as pd

    if isinstance(index, pd.MultiIndex):  # `append` would change the types of its levels
        levels: Any = index.levels
        codes: Any = [np.append(codes, np.full(n_new, -1)) for codes in index.codes]
        return pd.MultiIndex(levels, codes, names=index.names)
    whole = index.append(_new_labels(index, n_new))
    # pandas would infer another dtype of objects
    return whole.astype(object) if index.dtype == object else whole


def _new_labels(index: Any, n_new: int) -> Any:
    """Return labels for new rows.

    Numbers count on; a label of another kind (a date, a name) says who a row is, and a synthetic
    row is nobody, so its label is missing.
    """
    import pandas as pd

    if isinstance(index, pd.RangeIndex):
        stop = index.stop + n_new * index.step
        return pd.RangeIndex(index.stop, stop, index.step, name=index.name)
    if isinstance(index.dtype, np.dtype) and index.dtype.kind in "iu" and len(index):
        return _next_numbers(index, n_new)
    return _missing_labels(index, n_new)


def first_free(lowest: int, highest: int, n_new: int, limits: Any) -> int | None:
    """Return where new numbers begin that lie together, within the limits of their type.

    After the highest one or, if they don't fit there, before the lowest; None if nowhere.
    """
    if highest + n_new <= limits.max:
        return highest + 1
    return lowest - n_new if lowest - n_new >= limits.min else None


def _next_numbers(index: Any, n_new: int) -> Any:
    import pandas as pd

    start = first_free(int(index.min()), int(index.max()), n_new, np.iinfo(index.dtype))
    if start is None:
        return pd.Index([None] * n_new, dtype=object, name=index.name)
    return pd.Index(np.arange(n_new).astype(index.dtype) + index.dtype.type(start), name=index.name)


def _missing_labels(index: Any, n_new: int) -> Any:
    import pandas as pd

    nobody = [None] * n_new
    if isinstance(index, pd.IntervalIndex) or pd.api.types.is_bool_dtype(index.dtype):
        return pd.Index(nobody, dtype=object, name=index.name)
    return pd.Index(nobody, dtype=index.dtype, name=index.name)
