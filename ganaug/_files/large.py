"""Files larger than memory: read in parts, and copied part by part with new rows after them."""

from __future__ import annotations

import csv
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ganaug._encoding.scan import batches, check_dataset
from ganaug._files.csv_dataset import CsvDataset, detect_columns
from ganaug._files.output import replacing
from ganaug._files.reading import (
    check_columns,
    check_table_path,
    explaining_arrow,
    explaining_csv,
    is_csv,
    is_gzip,
    is_parquet,
    read_header,
)
from ganaug._files.row_labels import RowLabels, stored_index
from ganaug._files.streams import write_parquet
from ganaug._optional import optional_import
from ganaug.exceptions import DataError

__all__ = ["LargeTable", "check_large_output", "is_large", "open_large"]

# Files up to this size, before compression, are read as a whole.
LARGE_BYTES = 2**28


class LargeTable(ABC):
    """A labelled table that stays in its file or files.

    Attributes
    ----------
    dataset : pyarrow.dataset.Dataset
        The features and the target.
    names : list of str
        The columns of the files.
    """

    dataset: Any
    names: list[str]

    def __init__(self, target: str) -> None:
        self.target = target

    def class_named(self, name: str) -> Any:
        """Return the label that reads `name`."""
        import pyarrow as pa

        kind = self.dataset.schema.field(self.target).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        try:
            return pa.scalar(name).cast(kind).as_py()
        except pa.ArrowInvalid as error:
            raise DataError(
                f"there is no class {name!r} in column {self.target!r}, which is {kind}."
            ) from error

    @abstractmethod
    def write(
        self, path: Path, new: Iterable[tuple[Any, Any]], *, mark: str | None, force: bool
    ) -> int:
        """Write the rows of the files, then new ones; return how many are new.

        Parameters
        ----------
        path : Path
            The file to write; its suffix says how.
        new : iterable of (X, y)
            New rows and their labels, as pyarrow tables and arrays.
        mark : str or None
            Name of a further boolean column that is true in new rows; None for CSV files.
        force : bool
            Whether an existing file may be replaced.
        """


class LargeParquet(LargeTable):
    """A Parquet file or a folder of them."""

    def __init__(self, path: Path, target: str, categorical: Sequence[str]) -> None:
        super().__init__(target)
        dataset = optional_import("pyarrow.dataset", extra="io")
        if path.is_dir():
            _refuse_csv_files(path)
        with explaining_arrow(path):
            self._whole = dataset.dataset(path, format="parquet", partitioning="hive")
        if not self._whole.files:
            raise DataError(f"{path} has no Parquet files in it.")
        self.names = list(self._whole.schema.names)
        check_dataset(self._whole, target)
        check_columns(path, self.names, target, categorical)
        schema = self._whole.schema
        self._index = stored_index(schema, target)
        kept = [column for column in schema if column.name not in self._index]
        self.dataset = self._whole.replace_schema(
            optional_import("pyarrow", extra="io").schema(kept)
        )

    def write(
        self, path: Path, new: Iterable[tuple[Any, Any]], *, mark: str | None, force: bool
    ) -> int:
        n_new = 0
        labels = {name: RowLabels(self._whole.schema.field(name).type) for name in self._index}

        def originals() -> Iterator[Any]:
            for table in batches(self._whole):
                for name, counter in labels.items():
                    counter.see(table[name])
                yield _marked(table, mark, is_new=False)

        def synthetic() -> Iterator[Any]:
            nonlocal n_new
            for X, y in new:
                n_new += len(y)
                table = X.append_column(self.target, y)
                for name, counter in labels.items():
                    table = table.append_column(name, counter.next(len(y)))
                table = table.select(self._whole.schema.names).cast(self._whole.schema)
                yield _marked(table, mark, is_new=True)

        rows = chain(originals(), synthetic())
        write_parquet(path, rows, force, compression=_compression(self._whole))
        return n_new


class LargeCsv(LargeTable):
    """A CSV file; its text is copied as it is."""

    def __init__(self, path: Path, target: str, categorical: Sequence[str]) -> None:
        super().__init__(target)
        optional_import("pandas", extra="io")
        self._path = path
        with explaining_csv(path):
            self._header = read_header(path)
        self.names = self._header.names
        check_columns(path, self.names, target, categorical)
        self._columns = detect_columns(path, self._header, target, categorical)
        self.dataset = CsvDataset(path, self._header, self._columns)

    def write(
        self, path: Path, new: Iterable[tuple[Any, Any]], *, mark: str | None, force: bool
    ) -> int:
        n_new, header = 0, self._header
        with replacing(path, force) as temporary:
            shutil.copyfile(self._path, temporary)
            with open(temporary, "r+b") as raw:
                raw.seek(-1, 2)
                ends = raw.read(1) in b"\r\n"
            with open(temporary, "a", encoding="utf-8", newline="") as file:
                if not ends:
                    file.write(header.newline)
                writer = csv.writer(file, delimiter=header.separator, lineterminator=header.newline)
                for X, y in new:
                    n_new += len(y)
                    writer.writerows(zip(*self._cells(X, y), strict=True))
        return n_new

    def _cells(self, X: Any, y: Any) -> Iterator[Any]:
        table = X.append_column(self.target, y)
        frame = table.to_pandas(integer_object_nulls=True)  # floats would round large integers
        return (column.format(frame[name]) for name, column in self._columns.items())


def _refuse_csv_files(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if is_csv(path):
            raise DataError(
                f"{folder} holds {path.name}, and folders are read if all their files are Parquet; "
                "join the CSV files into one, or convert them."
            )


def is_large(path: Path) -> bool:
    """Tell whether a table is read in parts: a folder, or a large file that is not gzipped."""
    if path.is_dir():
        return True
    if is_parquet(path):
        return _bytes_before_compression(path) > LARGE_BYTES
    return is_csv(path) and not is_gzip(path) and path.stat().st_size > LARGE_BYTES


def _bytes_before_compression(path: Path) -> int:
    parquet = optional_import("pyarrow.parquet", extra="io")
    with explaining_arrow(path):
        metadata = parquet.read_metadata(path)
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return sum(group.total_byte_size for group in groups)


def _compression(dataset: Any) -> str:
    """Return how the first column of the first row group is compressed."""
    for fragment in dataset.get_fragments():
        if fragment.metadata.num_rows:
            codec: str = fragment.metadata.row_group(0).column(0).compression
            return "none" if codec == "UNCOMPRESSED" else codec.lower()
    return "none"  # there are no rows


def check_large_output(path: Path, output: Path, mark: str | None) -> None:
    """Refuse what a table that is read in parts can't be written as, before it is read.

    Parameters
    ----------
    path : Path
        The table.
    output : Path
        The file to write.
    mark : str or None
        Name of a further column.

    Raises
    ------
    DataError
    """
    if path.is_dir() or is_parquet(path):
        if not is_parquet(output):
            raise DataError(f"{output} must end with .parquet: the input is Parquet, and large.")
        return
    if not output.name.lower().endswith(".csv"):
        raise DataError(f"{output} must end with .csv: the input is CSV, and large.")
    if mark is not None:
        raise DataError(
            f"{path} is large and copied as it is, so there can be no column {mark!r}; leave "
            "--mark-synthetic out."
        )


def open_large(path: Path, target: str, categorical: Sequence[str] = ()) -> LargeTable:
    """Open a labelled table; of a CSV file, find out what its columns are.

    Parameters
    ----------
    path : Path
        A Parquet or CSV file, or a folder of Parquet files.
    target : str
        Name of the column with the labels.
    categorical : sequence of str
        Columns that are categories even if they hold numbers.

    Raises
    ------
    DataError
        If it can't be read as a table, a column doesn't exist, or files differ in their columns.
    """
    if not path.is_dir():
        check_table_path(path)
    if path.is_dir() or is_parquet(path):
        return LargeParquet(path, target, categorical)
    return LargeCsv(path, target, categorical)


def _marked(table: Any, mark: str | None, is_new: bool) -> Any:
    import numpy as np
    import pyarrow as pa

    if mark is None:
        return table
    return table.append_column(mark, pa.array(np.full(len(table), is_new)))
