"""Rows written as they are made, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ganaug._files.output import csv_file, replacing
from ganaug._files.reading import is_gzip, is_parquet
from ganaug.exceptions import DataError

__all__ = ["as_arrow", "write_parquet", "write_tables"]

ROW_GROUP_ROWS = 131_072
# Long texts make a row group before it has so many rows.
ROW_GROUP_BYTES = 2**27


def as_arrow(X: Any, y: Any, target: str | None) -> Any:
    """Return rows and their labels as one pyarrow table.

    Parameters
    ----------
    X : DataFrame, pyarrow.Table, ndarray, sparse matrix or list of shape (n_rows, n_features)
        Images may have more axes; each pixel becomes a column.
    y : array-like of shape (n_rows,) or (n_rows, n_classes)
    target : str or None
        Name of the column with the labels; by default that of y, or "target".
    """
    table = _as_table(X, "x")
    for name, labels in _label_columns(y, target).items():
        if name in table.column_names:
            raise DataError(
                f"the rows have a column {name!r} already; name the labels with --target."
            )
        table = table.append_column(name, labels)
    return table


def _as_table(rows: Any, prefix: str) -> Any:
    """Return rows as a pyarrow table; columns without names get `prefix` and their position."""
    import numpy as np
    import pyarrow as pa

    if hasattr(rows, "iloc"):
        return pa.Table.from_pandas(rows, preserve_index=False)
    if isinstance(rows, pa.Table):
        return rows
    if hasattr(rows, "to_arrow"):
        return rows.to_arrow()
    dense = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    dense = dense.reshape(len(dense), -1)
    return pa.table({f"{prefix}{j}": dense[:, j] for j in range(dense.shape[1])})


def _label_columns(y: Any, target: str | None) -> dict[str, Any]:
    """Return labels by the name of their column; one-hot rows have several."""
    import numpy as np
    import pyarrow as pa

    name = target or str(getattr(y, "name", None) or "target")
    if np.ndim(y) == 1:
        labels = y.to_arrow() if hasattr(y, "to_arrow") else y
        is_arrow = isinstance(labels, pa.Array | pa.ChunkedArray)
        return {name: labels if is_arrow else pa.array(np.asarray(labels))}
    table = _as_table(y, name)
    if table.num_columns == 1:
        own = table.column_names[0] if hasattr(y, "columns") else name
        return {target or own: table[0]}
    return dict(zip(table.column_names, table.columns, strict=True))


def write_tables(path: Path, tables: Iterable[Any], force: bool) -> None:
    """Write pyarrow tables to a Parquet, CSV or gzipped CSV file; its suffix says which.

    Parameters
    ----------
    path : Path
    tables : iterable of pyarrow.Table
    force : bool
        Whether an existing file may be replaced.
    """
    if is_parquet(path):
        write_parquet(path, tables, force)
        return
    import pyarrow.csv

    with replacing(path, force) as temporary, csv_file(temporary, is_gzip(path)) as file:
        for k, table in enumerate(tables):
            options = pyarrow.csv.WriteOptions(include_header=k == 0, quoting_style="needed")
            pyarrow.csv.write_csv(table, file, options)


def write_parquet(
    path: Path, tables: Iterable[Any], force: bool, *, compression: str = "snappy"
) -> None:
    """Write pyarrow tables to a Parquet file, a row group at a time."""
    import pyarrow.parquet

    with replacing(path, force) as temporary:
        writer = None
        try:
            for table in _row_groups(tables):
                if writer is None:
                    writer = pyarrow.parquet.ParquetWriter(
                        temporary, table.schema, compression=compression
                    )
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()


def _row_groups(tables: Iterable[Any]) -> Iterator[Any]:
    """Give rows again, in tables of 131,072, or of fewer that take much memory."""
    import pyarrow as pa

    waiting: list[Any] = []
    for table in tables:
        waiting.append(table)
        while sum(map(len, waiting)) >= ROW_GROUP_ROWS:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, ROW_GROUP_ROWS)
            waiting = [whole.slice(ROW_GROUP_ROWS)]
        if sum(part.nbytes for part in waiting) >= ROW_GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting and len(rest := pa.concat_tables(waiting)):
        yield rest
