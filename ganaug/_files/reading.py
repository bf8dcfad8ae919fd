"""Files as they are: their format, their cells, and in a sentence what is wrong with them."""

from __future__ import annotations

import csv
import gzip
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganaug._checks import check_distinct
from ganaug._optional import optional_import
from ganaug.exceptions import DataError

if TYPE_CHECKING:
    import pandas as pd

CSV_SUFFIXES = (".csv", ".csv.gz")
SUFFIXES = (*CSV_SUFFIXES, ".parquet")
SEPARATORS = ",;\t|"
# Quotes within a cell that has none at its start stand for themselves.
OPEN_CELL = re.compile(rf'(?<![^{SEPARATORS}])"')
QUOTED_CELL = re.compile(rf'{OPEN_CELL.pattern}(?:[^"]|"")*"(?!")')
ENCODING = "utf-8-sig"  # a byte order mark, as spreadsheets write it, is no part of a name


@dataclass(frozen=True)
class CsvHeader:
    """What the first row of a CSV file says.

    Parameters
    ----------
    names : list of str
        The columns.
    separator : str
        What stands between two cells.
    newline : str
        What ends a line.
    """

    names: list[str]
    separator: str
    newline: str


def is_csv(path: Path) -> bool:
    """Tell CSV files by their names."""
    return path.name.lower().endswith(CSV_SUFFIXES)


def is_parquet(path: Path) -> bool:
    """Tell Parquet files by their names."""
    return path.name.lower().endswith(".parquet")


def is_gzip(path: Path) -> bool:
    """Tell gzipped files by their names."""
    return path.name.lower().endswith(".gz")


def check_columns(
    path: Path, names: Sequence[str], target: str | None, categorical: Sequence[str]
) -> None:
    """Refuse a target or categories that are no columns of a file.

    Raises
    ------
    DataError
    """
    there = ", ".join(names)
    if target is not None and target not in names:
        raise DataError(f"{path} has no target column {target!r}; its columns are {there}.")
    if target is not None and target in categorical:
        raise DataError(f"{target!r} is the target; categorical columns are features.")
    for name in categorical:
        if name not in names:
            raise DataError(f"{path} has no categorical column {name!r}; its columns are {there}.")
    if target is not None and len(names) < 2:
        raise DataError(f"{path} has no column besides the target {target!r}; features are needed.")


def check_input(path: Path) -> None:
    """Refuse a path with nothing there, and a pipe: files are opened more than once.

    Raises
    ------
    OSError
        If there is nothing.
    DataError
        If it is neither a file nor a folder.
    """
    path.stat()  # an error with its name, if it isn't there
    if not (path.is_file() or path.is_dir()):
        raise DataError(
            f"{path} is neither a file nor a folder, but something like a pipe, which can be read "
            "only once; write it to a file first."
        )


def check_table_path(path: Path) -> None:
    """Refuse a folder, and a file name that doesn't say its format.

    Raises
    ------
    DataError
        If it is a folder, or the name ends with none of the known suffixes.
    """
    if path.is_dir():
        raise DataError(
            f"{path} is a folder, which only `ganaug resample` and `ganaug fit` read; sample from "
            "a model that was fitted on it, and score its files one by one."
        )
    check_suffix(path, SUFFIXES)


def check_suffix(path: Path, suffixes: Sequence[str]) -> None:
    """Refuse a file name that ends with none of these suffixes.

    Raises
    ------
    DataError
    """
    if not path.name.lower().endswith(tuple(suffixes)):
        one_of = "one of " if len(suffixes) > 1 else ""
        raise DataError(f"{path} must end with {one_of}{', '.join(suffixes)}.")


def read_csv(path: Path) -> tuple[pd.DataFrame, CsvHeader]:
    """Read every cell as text, exactly as written."""
    import pandas as pd

    with explaining_csv(path):
        header = read_header(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            text = pd.read_csv(
                path, sep=header.separator, names=header.names, header=0, index_col=False,
                dtype=str, na_filter=False, encoding=ENCODING,
                compression="gzip" if is_gzip(path) else None,
                # of one column they are rows with a missing value
                skip_blank_lines=len(header.names) > 1,
            )  # fmt: skip
    if text.empty:
        raise DataError(f"{path} has a header and no rows.")
    return text, header


def read_header(path: Path) -> CsvHeader:
    """Read the first row of a CSV file; the separator is the most frequent one there."""
    opener: Any = gzip.open if is_gzip(path) else open
    with opener(path, "rt", encoding=ENCODING, newline="") as file:
        first, outside = _first_row(file)
    separator = max(SEPARATORS, key=outside.count)
    names = next(csv.reader([first], delimiter=separator), [])
    if not names:
        raise DataError(f"{path} has no header; its first line must name the columns.")
    check_distinct(names, path)
    newline = first[len(first.rstrip("\r\n")) :]
    return CsvHeader(names, separator, newline or "\n")


def _first_row(file: Iterable[str]) -> tuple[str, str]:
    """Return the first row, with line breaks in its cells, and what of it is not in quotes."""
    row = outside = ""
    for line in file:
        row += line
        if line.count('"') % 2 or row == line:  # else what was open still is
            outside = QUOTED_CELL.sub("", row)
        # beyond that limit Python's reader gives up, too
        if not OPEN_CELL.search(outside) or len(row) > csv.field_size_limit():
            break
    return row, outside


@contextmanager
def explaining_csv(path: Path) -> Iterator[None]:
    """Say in one sentence what is wrong with a CSV file."""
    import pandas as pd

    try:
        yield
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} isn't a whole gzip file ({error}).") from error
    except pd.errors.ParserWarning as error:
        raise DataError(f"{path} has rows with more cells than its header has names.") from error
    except (pd.errors.ParserError, csv.Error) as error:
        raise DataError(f"{path} isn't a regular table: {str(error).strip()}.") from error


def not_utf8(path: Path) -> DataError:
    """Return what is said of text in another encoding."""
    return DataError(f"{path} isn't UTF-8 text; save it as UTF-8.")


def read_parquet(path: Path) -> Any:
    """Read a file as a pyarrow table."""
    parquet = optional_import("pyarrow.parquet", extra="io")
    with explaining_arrow(path):
        check_distinct(parquet.read_schema(path).names, path)
        arrow = parquet.read_table(path)
    if not len(arrow):
        raise DataError(f"{path} has no rows.")
    return arrow


@contextmanager
def explaining_arrow(path: Path) -> Iterator[None]:
    """Say which file pyarrow can't read, and why."""
    pa = optional_import("pyarrow", extra="io")
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # it names the file itself
            raise
        raise DataError(f"{path} can't be read: {error}") from error
