"""Tables from files, and files from tables.

A file is read into the form that the sampler takes, and new rows are turned back into the form
of the file. Nothing that was read is ever converted and converted back: the original rows of a
CSV file stay the text they were, those of a Parquet file keep their Arrow schema.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganaug._files.csv_columns import (
    MISSING_TEXT,
    CsvColumn,
    DateColumn,
    NumberColumn,
    TextColumn,
    detect_column,
)
from ganaug._files.fitted import FittedColumn
from ganaug._files.output import csv_file, replacing
from ganaug._files.reading import (
    CsvHeader,
    check_columns,
    check_table_path,
    is_csv,
    is_gzip,
    read_csv,
    read_parquet,
)
from ganaug._files.row_labels import RowLabels, stored_index
from ganaug._optional import optional_import
from ganaug.exceptions import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CsvTable", "ParquetTable", "Table", "read_table"]


class Table(ABC):
    """A table that was read from a file.

    Parameters
    ----------
    target : str or None
        Name of the column with the labels, if there is one.

    Attributes
    ----------
    X : DataFrame or pyarrow.Table of shape (n_rows, n_features)
        The features as the sampler takes them.
    y : Series of shape (n_rows,), pyarrow.Table of shape (n_rows, 1) or None
        The labels.
    """

    X: Any
    y: Any

    def __init__(self, target: str | None) -> None:
        self.target = target

    @property
    @abstractmethod
    def n_rows(self) -> int:
        """How many rows were read."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """The columns of the file."""

    @property
    @abstractmethod
    def classes(self) -> list[Hashable]:
        """The distinct labels."""

    @property
    @abstractmethod
    def labels(self) -> list[Hashable]:
        """The label of each row."""

    @abstractmethod
    def _column(self, fitted: FittedColumn) -> Any:
        """Return one of the columns as a pandas Series, as a model expects it."""

    def like(self, columns: Sequence[FittedColumn]) -> pd.DataFrame:
        """Return the columns that a model was fitted on, as it expects them.

        Raises
        ------
        DataError
            If one is not there, or can't be read as what it was in fit.
        """
        import pandas as pd

        there = self.names
        if absent := [column.name for column in columns if column.name not in there]:
            raise DataError(
                f"the table has no column {', '.join(map(repr, absent))}, which the model was "
                f"fitted on; its columns are {', '.join(there)}."
            )
        return pd.DataFrame({column.name: self._column(column) for column in columns})

    @abstractmethod
    def write_with(self, path: Path, new: dict[str, Any], *, force: bool) -> None:
        """Write the rows that were read with further columns (name -> values)."""

    @abstractmethod
    def new_rows(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the rows of a resampled table that come after those that were read."""

    @abstractmethod
    def write(
        self, path: Path, X_new: Any, y_new: Any, *, originals: bool, mark: str | None, force: bool
    ) -> None:
        """Write new rows, after the original ones if `originals`.

        Parameters
        ----------
        path : Path
            The file to write; its suffix says how.
        X_new : container of `X`, of shape (n_new, n_features)
            Features of the new rows.
        y_new : container of `y`, of shape (n_new,)
            Their labels.
        originals : bool
            Whether the rows that were read come first.
        mark : str or None
            Name of a further boolean column that is true in new rows.
        force : bool
            Whether an existing file may be replaced.
        """


class CsvTable(Table):
    """A CSV file: its text for the original rows, typed columns for the sampler.

    Parameters
    ----------
    text : pandas.DataFrame of shape (n_rows, n_columns)
        Every cell as it was written.
    target : str
        Name of the column with the labels.
    header : CsvHeader
        What stands between cells and between lines.
    categorical : sequence of str
        Columns that are categories whatever they look like.
    """

    def __init__(
        self,
        text: pd.DataFrame,
        target: str | None,
        header: CsvHeader,
        categorical: Sequence[str] = (),
    ) -> None:
        super().__init__(target)
        import pandas as pd

        self.text = text
        self._header = header
        self.columns: dict[str, CsvColumn] = {
            name: TextColumn() if name in categorical else detect_column(text[name])
            for name in text.columns
        }
        typed = {name: column.parse(text[name]) for name, column in self.columns.items()}
        # a label is what the file says, letter for letter
        self.y = None if target is None else text[target].mask(typed.pop(target).isna())
        self.X = pd.DataFrame(typed)

    @property
    def n_rows(self) -> int:
        return len(self.text)

    @property
    def names(self) -> list[str]:
        return list(self.text.columns)

    @property
    def classes(self) -> list[Hashable]:
        return sorted(self.y.dropna().unique())

    @property
    def labels(self) -> list[Hashable]:
        labels: list[Hashable] = self.y.tolist()
        return labels

    def _column(self, fitted: FittedColumn) -> pd.Series:
        import pandas as pd

        text = self.text[fitted.name]
        if fitted.levels is not None:
            cells = [None if cell == "" else cell for cell in text]
            return pd.Series(fitted.as_levels(cells), dtype=object)
        numbers = NumberColumn(None)
        if text.str.strip().isin(MISSING_TEXT).all():  # reads as anything
            return (
                numbers.parse(text) if fitted.unit is None else pd.to_datetime(numbers.parse(text))
            )
        column = detect_column(text)
        times = column.parse(text)
        if fitted.zone is None or not isinstance(column, DateColumn):
            return times
        return _zoned(times, "UTC" if column.pattern.endswith("Z") else fitted.zone)

    def write_with(self, path: Path, new: dict[str, Any], *, force: bool) -> None:
        frame = self.text if is_csv(path) else self._typed()
        self._write(path, frame.assign(**new), force)

    def new_rows(self, X: Any, y: Any) -> tuple[Any, Any]:
        return X.iloc[self.n_rows :], y.iloc[self.n_rows :]

    def write(
        self, path: Path, X_new: Any, y_new: Any, *, originals: bool, mark: str | None, force: bool
    ) -> None:
        import pandas as pd

        as_text = is_csv(path)
        y_new = y_new.set_axis(X_new.index)  # they belong together by position
        new = self._text_rows(X_new, y_new) if as_text else self._typed_rows(X_new, y_new)
        frame = new
        if originals:
            old = self.text if as_text else self._typed()
            frame = pd.concat([old, new], ignore_index=True)
        if mark is not None:
            frame[mark] = [False] * (len(frame) - len(new)) + [True] * len(new)
        self._write(path, frame, force)

    def _write(self, path: Path, frame: pd.DataFrame, force: bool) -> None:
        with replacing(path, force) as temporary:
            if is_csv(path):
                _write_csv(frame, temporary, is_gzip(path), self._header)
            else:
                frame.to_parquet(temporary, index=False)

    def _text_rows(self, X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
        import pandas as pd

        cells = {
            name: y if name == self.target else column.format(X[name])
            for name, column in self.columns.items()
        }
        return pd.DataFrame(cells)

    def _typed(self) -> pd.DataFrame:
        return self._typed_rows(self.X, self.y)

    def _typed_rows(self, X: pd.DataFrame, y: pd.Series | None) -> pd.DataFrame:
        if self.target is None or y is None:
            return X
        labels = self.columns[self.target].parse(y)
        return X.assign(**{self.target: labels})[list(self.text.columns)]


class ParquetTable(Table):
    """A Parquet file; its rows stay in Arrow, so no type is lost.

    Parameters
    ----------
    arrow : pyarrow.Table of shape (n_rows, n_columns)
        The table as stored.
    target : str
        Name of the column with the labels.
    categorical : sequence of str
        Columns that are categories whatever their type.
    """

    def __init__(self, arrow: Any, target: str | None, categorical: Sequence[str] = ()) -> None:
        super().__init__(target)
        self.arrow = arrow
        self.index = stored_index(arrow.schema, target)
        # as a table, so that the labels keep their name
        self.y = None if target is None else arrow.select([target])
        self.X = arrow.drop_columns([*([] if target is None else [target]), *self.index])
        for name in categorical:
            position = self.X.column_names.index(name)
            self.X = self.X.set_column(position, name, self.X[name].dictionary_encode())

    @property
    def n_rows(self) -> int:
        return len(self.arrow)

    @property
    def names(self) -> list[str]:
        return list(self.arrow.column_names)

    @property
    def classes(self) -> list[Hashable]:
        return sorted(self.arrow[self.target].drop_null().unique().to_pylist())

    @property
    def labels(self) -> list[Hashable]:
        labels: list[Hashable] = self.arrow[self.target].to_pylist()
        return labels

    def _column(self, fitted: FittedColumn) -> pd.Series:
        import pandas as pd

        column = self.arrow[fitted.name]
        if fitted.levels is not None:
            return pd.Series(fitted.as_levels(column.to_pylist()), dtype=object)
        return pd.Series(pd.arrays.ArrowExtensionArray(column))

    def write_with(self, path: Path, new: dict[str, Any], *, force: bool) -> None:
        import pyarrow as pa

        table = self.arrow
        for name, values in new.items():
            table = table.append_column(name, pa.array(values))
        self._write(path, table, force)

    def _write(self, path: Path, table: Any, force: bool) -> None:
        import pyarrow.parquet

        with replacing(path, force) as temporary:
            if is_csv(path):
                _write_csv(_plain_pandas(table), temporary, is_gzip(path))
            else:
                pyarrow.parquet.write_table(table, temporary)

    def new_rows(self, X: Any, y: Any) -> tuple[Any, Any]:
        return X.slice(self.n_rows), y.slice(self.n_rows)

    def write(
        self, path: Path, X_new: Any, y_new: Any, *, originals: bool, mark: str | None, force: bool
    ) -> None:
        import pyarrow as pa

        new = X_new.append_column(self.target, y_new[self.target])
        for name in self.index:
            labels = RowLabels(self.arrow[name].type)
            labels.see(self.arrow[name])
            new = new.append_column(name, labels.next(len(new)))
        new = new.select(self.arrow.column_names).cast(self.arrow.schema)
        table = pa.concat_tables([self.arrow, new]) if originals else new
        if mark is not None:
            flags = [False] * (len(table) - len(new)) + [True] * len(new)
            table = table.append_column(mark, pa.array(flags))
        self._write(path, table, force)


def read_table(path: Path, target: str | None, categorical: Sequence[str] = ()) -> Table:
    """Read a table from a CSV, gzipped CSV or Parquet file.

    Parameters
    ----------
    path : Path
        The file; its suffix says how it is read.
    target : str or None
        Name of the column with the labels, if there is one.
    categorical : sequence of str
        Columns that are categories even if they hold numbers.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file can't be read as a table, or a column doesn't exist.
    """
    check_table_path(path)
    optional_import("pandas", extra="io")
    if is_csv(path):
        text, header = read_csv(path)
        check_columns(path, list(text.columns), target, categorical)
        return CsvTable(text, target, header, categorical)
    arrow = read_parquet(path)
    check_columns(path, arrow.column_names, target, categorical)
    return ParquetTable(arrow, target, categorical)


def _zoned(times: pd.Series, zone: Any) -> pd.Series:
    """Return times of text, which has no zone, as those of the clock of a zone."""
    first = [True] * len(times)  # of an hour that the clock shows twice
    zoned: pd.Series = times.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return zoned


def _plain_pandas(table: Any) -> pd.DataFrame:
    """Return a frame that prints as stored: integers with gaps stay integers."""
    import pandas as pd

    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame


def _write_csv(
    frame: pd.DataFrame, path: Path, compressed: bool, header: CsvHeader | None = None
) -> None:
    separator, newline = (header.separator, header.newline) if header else (",", "\n")
    with csv_file(path, compressed) as file:
        frame.to_csv(file, sep=separator, lineterminator=newline, index=False)
