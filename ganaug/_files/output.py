"""Output files: refused early when they can't be written, and never left half written."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganaug._files.reading import SUFFIXES, check_suffix
from ganaug._replacing import replaced, temporary_beside
from ganaug.exceptions import DataError

__all__ = ["check_output", "csv_file", "replacing"]


def check_output(path: Path, force: bool, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Refuse a path that can't be written, before any work is done.

    Parameters
    ----------
    path : Path
        The file to write later.
    force : bool
        Whether an existing file may be replaced.
    suffixes : sequence of str, default=those of tables
        With what its name may end.

    Raises
    ------
    DataError
        If its name ends with something else, the file exists and `force` is false, or its folder
        can't be written to.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it.")
    check_suffix(path, suffixes)
    _refuse_existing(path, force)
    if not path.parent.is_dir():
        raise DataError(f"{path} can't be written: there is no folder {path.parent}.")
    probe = temporary_beside(path)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror}.") from error


@contextmanager
def replacing(path: Path, force: bool) -> Iterator[Path]:
    """Give a name in the folder of `path` to write to; rename it to `path` at the end.

    An error or an interruption on the way leaves `path` as it was and nothing beside it.

    Parameters
    ----------
    path : Path
        The file to write or replace.
    force : bool
        Whether a file that appeared in the meantime may be replaced.

    Yields
    ------
    Path
        The temporary name.
    """
    with replaced(path) as temporary:
        yield temporary
        _refuse_existing(path, force)


@contextmanager
def csv_file(path: Path, compressed: bool) -> Iterator[Any]:
    """Open a CSV file to write bytes to, as gzip if `compressed`."""
    with open(path, "wb") as raw:
        if not compressed:
            yield raw
            return
        # neither time nor name in the header: the same table gives the same file
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            yield file


def _refuse_existing(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise DataError(f"{path} exists already; choose another name, or replace it with --force.")
