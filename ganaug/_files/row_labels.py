"""The labels of rows that pandas stores in columns of a Parquet file."""

from __future__ import annotations

from typing import Any

__all__ = ["RowLabels", "stored_index"]


def stored_index(schema: Any, target: str | None) -> list[str]:
    """Return the columns in which pandas stored row labels; they are no features."""
    names = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in names if name in schema.names and name != target]


class RowLabels:
    """Labels of new rows: numbers count on, any other label is missing."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._last: int | None = None

    def see(self, labels: Any) -> None:
        """Take note of labels that exist."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_integer(self._kind) and labels.null_count < len(labels):
            largest = pc.max(labels).as_py()
            self._last = largest if self._last is None else max(self._last, largest)

    def next(self, n: int) -> Any:
        """Return labels for so many further rows."""
        import pyarrow as pa

        if self._last is None:
            return pa.nulls(n, self._kind)
        start = self._last + 1
        self._last += n
        return pa.array(range(start, start + n), self._kind)
