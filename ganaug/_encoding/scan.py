"""A table larger than memory, read once: what a fit needs of it, as a small table.

The small table holds, for each class, a random choice of its rows, and besides them the rows that
say what occurs at all: the smallest and the largest value of each number, the first row of each
level, the first missing value. Which rows are chosen follows from the seed and the number of each
row alone, so the result depends neither on row groups nor on files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._checks import check_distinct
from ganaug._encoding.chosen_rows import Landmarks, Reservoir, bytes_of_rows, fixed_bytes
from ganaug.exceptions import DataError

# What is read at a time.
BATCH_ROWS = 32_768
BATCH_BYTES = 2**24
BUFFER_BYTES = 2**18


@dataclass(frozen=True)
class Extract:
    """The small table.

    Parameters
    ----------
    X : pyarrow.Table of shape (n_rows, n_features)
    y : pyarrow.ChunkedArray of shape (n_rows,)
    weights : ndarray of shape (n_rows,)
        1 for a row chosen at random, 0 for one that is there for a value of it.
    counts : dict
        Class label -> how many rows the whole table has.
    """

    X: Any
    y: Any
    weights: NDArray[np.float64]
    counts: dict[Hashable, int]


def is_dataset(X: Any) -> bool:
    """Tell whether a table is a `pyarrow.dataset.Dataset`, or is read in parts as it is."""
    return hasattr(type(X), "get_fragments")


def check_dataset_request(target: Any, sample_weight: Any) -> None:
    """Refuse what can't go with a dataset."""
    if not isinstance(target, str):
        raise DataError(
            "X is a dataset, so y must be the name of its column with the labels, got "
            f"{type(target).__name__}."
        )
    if sample_weight is not None:
        raise DataError("sample_weight can't go with a dataset; leave it out.")


def refuse_dataset(X: Any) -> None:
    """Refuse to return a dataset with rows added."""
    if is_dataset(X):
        raise DataError(
            "fit_resample returns all rows, and a dataset may be larger than memory; use fit and "
            "sample_batches, or `ganaug resample`."
        )


def extract(dataset: Any, target: Any, seed: int) -> Extract:
    """Read a dataset once, in memory that does not grow with its rows.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    target : str
        Name of the column with the labels.
    seed : int

    Raises
    ------
    DataError
        If the target is no column, files differ in their columns, a file can't be read, there are
        no rows, labels are missing, or a number is infinite.
    """
    check_dataset(dataset, target)
    reservoir = Reservoir(seed)
    plain = _plain_schema(dataset.schema)
    landmarks = Landmarks(plain, target)
    start = 0
    for rows in batches(dataset):
        batch = rows.cast(plain)
        codes = reservoir.codes_of(batch[target], start)
        n_bytes = bytes_of_rows(batch)
        reservoir.offer(batch, codes, n_bytes, start)
        landmarks.offer(batch, n_bytes, start)
        start += len(batch)
    if start == 0:
        raise DataError(_that_no_rows_are_in(dataset))
    return _joined(reservoir, landmarks, target, dataset.schema)


def check_dataset(dataset: Any, target: Any) -> None:
    """Refuse a dataset without the target, without features, or whose files differ.

    So is one of a type that arrow does not compare, or that is filtered.
    """
    names = dataset.schema.names
    first = _first_file(dataset)
    check_distinct(names, first)
    if target not in names:
        raise DataError(
            f"{first} has no target column {target!r}; its columns are {', '.join(names)}."
        )
    if len(names) < 2:
        raise DataError(
            f"{first} has no column besides the target {target!r}; features are needed."
        )
    for column in dataset.schema:
        _check_type(column)
    expected = None
    for fragment in _fragments(dataset):
        schema = _explained(fragment, lambda fragment=fragment: fragment.physical_schema)
        expected = expected or schema
        _compare_schemas(_path(fragment), schema, expected)


def _check_type(column: Any) -> None:
    import pyarrow as pa

    if pa.types.is_nested(column.type) or str(column.type).endswith("_view"):
        raise DataError(
            f"column {column.name!r} has the type {column.type}; expected numbers, strings, "
            "booleans, dates or other categories. Cast it, for example string_view to string, or "
            "leave it out."
        )


def _fragments(dataset: Any) -> list[Any]:
    try:
        return list(dataset.get_fragments())
    except ValueError as error:
        raise DataError(
            f"the dataset can't be read file by file: {error} Write the rows that are wanted to "
            "a file, or pass dataset.to_table() if they fit into memory."
        ) from error


def _compare_schemas(path: str, schema: Any, expected: Any) -> None:
    for column in expected:
        if column.name not in schema.names:
            raise DataError(f"{path} has no column {column.name!r}, which the first file has.")
        kind = schema.field(column.name).type
        if kind != column.type:
            raise DataError(
                f"column {column.name!r} is {kind} in {path}, but {column.type} in the first file; "
                "convert it."
            )
    for name in schema.names:
        if name not in expected.names:
            raise DataError(f"{path} has a column {name!r}, which the first file lacks.")


def batches(dataset: Any) -> Iterator[Any]:
    """Give a dataset's rows in their order, as tables of at most 32,768 rows."""
    import pyarrow as pa

    for fragment in _fragments(dataset):
        read = _read_parquet if hasattr(fragment, "row_groups") else _read_any
        reader = read(fragment, dataset.schema)
        while (batch := _explained(fragment, lambda reader=reader: next(reader, None))) is not None:
            if len(batch):
                yield pa.Table.from_batches([batch]).cast(dataset.schema)


def _read_parquet(fragment: Any, schema: Any) -> Iterator[Any]:
    """Give record batches of a Parquet file, with a small buffer for each column.

    A dataset's own scanner holds several row groups, read and decoded, at the same time.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow.dataset import get_partition_keys

    keys = get_partition_keys(fragment.partition_expression)  # columns that folders are named for
    buffer_size = min(BUFFER_BYTES, BATCH_BYTES // len(schema))
    file = pq.ParquetFile(fragment.open(), buffer_size=buffer_size, pre_buffer=False)
    n_rows = _batch_rows(schema, _stored_bytes(file.metadata))
    for batch in file.iter_batches(n_rows, columns=schema.names, use_threads=False):
        for name in set(schema.names) - set(batch.schema.names):
            values = pa.array([keys.get(name)] * len(batch), schema.field(name).type)
            batch = batch.append_column(name, values)
        yield batch.select(schema.names)


def _read_any(fragment: Any, schema: Any) -> Iterator[Any]:
    yield from fragment.to_batches(
        schema=schema,
        batch_size=_batch_rows(schema),
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    )


def _batch_rows(schema: Any, row_bytes: int = 0) -> int:
    n_bytes = max(fixed_bytes(_plain_schema(schema)), row_bytes)
    return int(np.clip(BATCH_BYTES // n_bytes, 1, BATCH_ROWS))


def _stored_bytes(metadata: Any) -> int:
    """Return how many bytes a row takes in a Parquet file before compression, on average."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return sum(group.total_byte_size for group in groups) // max(metadata.num_rows, 1)


def _plain_schema(schema: Any) -> Any:
    """Return a schema with other types for those that arrow has few functions for."""
    import pyarrow as pa

    return pa.schema([column.with_type(_plain_type(column.type)) for column in schema])


def _plain_type(kind: Any) -> Any:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _plain_type(kind.storage_type)
    if pa.types.is_decimal(kind) and kind.bit_width < 128:
        return pa.decimal128(kind.precision, kind.scale)
    return kind


def _explained(fragment: Any, read: Any) -> Any:
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise
        raise DataError(f"{_path(fragment)} can't be read: {error}") from error


def _first_file(dataset: Any) -> str:
    """Return the name of the file from which a dataset has its columns."""
    return next(iter(getattr(dataset, "files", [])), "the dataset")


def _that_no_rows_are_in(dataset: Any) -> str:
    files = list(getattr(dataset, "files", []))
    if len(files) < 2:
        return f"{_first_file(dataset)} has no rows."
    return f"the {len(files)} files of {os.path.commonpath(files)} have no rows."


def _path(fragment: Any) -> str:
    return str(getattr(fragment, "path", "a part of the dataset"))


def _joined(reservoir: Reservoir, landmarks: Landmarks, target: str, schema: Any) -> Extract:
    """Return chosen rows and landmarks in the order of the whole table, in its own types."""
    import pyarrow as pa

    (table, rows), (others, numbers) = reservoir.rows(), landmarks.rows()
    is_other = ~np.isin(numbers, rows)
    others, numbers = others.filter(is_other), np.concatenate([rows, numbers[is_other]])
    order = np.argsort(numbers)
    parts = [table.unify_dictionaries(), others]
    whole = pa.concat_tables(parts).unify_dictionaries().combine_chunks().take(order).cast(schema)
    weights = (np.arange(len(numbers)) < len(rows)).astype(np.float64)[order]
    counts = {label: reservoir.counts[code] for label, code in reservoir.labels.items()}
    return Extract(whole.drop_columns([target]), whole[target], weights, counts)
