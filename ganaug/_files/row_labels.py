"""The labels of rows that pandas stores in columns of a Parquet file."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["RowLabels", "stored_index"]


def stored_index(schema: Any, target: str | None) -> list[str]:
    """Return the columns in which pandas stored row labels; they are no features."""
    names = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in names if name in schema.names and name != target]


class RowLabels:
    """Labels of new rows: numbers count on within their type, any other label is missing."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._ends: tuple[int, int] | None = None

    def see(self, labels: Any) -> None:
        """Take note of labels that exist."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_integer(self._kind) and labels.null_count < len(labels):
            ends = pc.min_max(labels).as_py()
            self._reach(ends["min"], ends["max"])

    def next(self, n: int) -> Any:
        """Return labels for so many further rows."""
        import pyarrow as pa

        start = None
        if self._ends is not None:
            start = _first_free(*self._ends, n, np.iinfo(self._kind.to_pandas_dtype()))
        if start is None:
            return pa.nulls(n, self._kind)
        self._reach(start, start + n - 1)
        return pa.array(range(start, start + n), self._kind)

    def _reach(self, low: int, high: int) -> None:
        known = self._ends or (low, high)
        self._ends = min(low, known[0]), max(high, known[1])


def _first_free(lowest: int, highest: int, n_new: int, limits: Any) -> int | None:
    """Return where new numbers begin that lie together, within the limits of their type.

    After the highest one or, if they don't fit there, before the lowest; None if nowhere.
    """
    if highest + n_new <= limits.max:
        return highest + 1
    return lowest - n_new if lowest - n_new >= limits.min else None
