"""CsvDataset: a CSV file that is read in parts, as `pyarrow.dataset.Dataset` is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganaug._files.csv_columns import ColumnDetector, CsvColumn, LabelColumn, TextColumn
from ganaug._files.reading import CsvHeader, not_utf8
from ganaug._optional import optional_import
from ganaug.exceptions import DataError

__all__ = ["CsvDataset", "detect_columns"]

# The longest row is not longer than that.
BLOCK_BYTES = 2**22


class CsvDataset:
    """The typed columns of a CSV file; both the dataset and its one fragment.

    pyarrow's own dataset of CSV files reads other numbers and other missing values than what is
    read of small files, by other rules for each type; here `CsvColumn` reads both.

    Parameters
    ----------
    path : Path
    header : CsvHeader
    columns : dict
        Column name -> how its cells are read.
    """

    def __init__(self, path: Path, header: CsvHeader, columns: Mapping[str, CsvColumn]) -> None:
        import pyarrow as pa

        self.path = path
        self.files = [str(path)]
        self.schema = pa.schema({name: column.kind for name, column in columns.items()})
        self.physical_schema = self.schema
        self._header = header
        self._columns = columns

    def get_fragments(self) -> list[CsvDataset]:
        """Return the parts that are read one after the other."""
        return [self]

    def to_batches(self, *, batch_size: int, **_: Any) -> Iterator[Any]:
        """Give the rows in their order, as record batches of at most so many rows."""
        import pyarrow as pa

        for cells in _text_batches(self.path, self._header):
            values = [column.read(cells[name]) for name, column in self._columns.items()]
            batch = pa.RecordBatch.from_arrays(values, schema=self.schema)
            for start in range(0, len(batch), batch_size):
                yield batch.slice(start, batch_size)


def detect_columns(
    path: Path, header: CsvHeader, target: str, categorical: Sequence[str]
) -> dict[str, CsvColumn]:
    """Read a CSV file once, and return how the cells of each column are read."""
    detectors = {name: ColumnDetector() for name in header.names if name not in categorical}
    n_rows = 0
    for cells in _text_batches(path, header):
        n_rows += len(cells)
        for name, detector in detectors.items():
            detector.see(cells[name])
    if n_rows == 0:
        raise DataError(f"{path} has a header and no rows.")
    columns: dict[str, CsvColumn] = {name: TextColumn() for name in header.names}
    columns |= {name: detector.column() for name, detector in detectors.items()}
    columns[target] = LabelColumn(columns[target])
    return columns


def _text_batches(path: Path, header: CsvHeader) -> Iterator[Any]:
    """Give every cell as text, exactly as written."""
    csv = optional_import("pyarrow.csv", extra="io")
    import pyarrow as pa

    with _explaining(path):
        reader = csv.open_csv(
            path,
            # on one thread rows are counted, and errors say which
            csv.ReadOptions(
                column_names=header.names,
                skip_rows_after_names=1,
                block_size=BLOCK_BYTES,
                use_threads=False,
            ),
            csv.ParseOptions(delimiter=header.separator, newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(header.names, pa.string())),
        )
        yield from reader


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise not_utf8(path) from error
        raise DataError(f"{path} isn't a regular table: {error}") from error
