"""The file of results: rows are only ever appended, and a killed run can be resumed."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cells import COLUMNS, KEY_COLUMNS, Row

Key = tuple[str, ...]


class Results:
    """Rows of results in a CSV file.

    Parameters
    ----------
    path : Path
        The file; its folder is made when it is written.
    settings : dict
        Columns that have one value in the whole file, and their values in this run. A file that
        was made with others is refused.
    columns, key_columns : tuple of str
        The columns of the file, and those of them that identify a row.
    """

    def __init__(
        self,
        path: Path,
        settings: dict[str, int],
        columns: tuple[str, ...] = COLUMNS,
        key_columns: tuple[str, ...] = KEY_COLUMNS,
    ) -> None:
        self.path = path
        self.settings = settings
        self.columns = columns
        self.key_columns = key_columns

    def open(self) -> set[Key]:
        """Return the keys of the rows that are there, after cutting off a half-written line."""
        if not self.path.exists():
            return set()
        text = self.path.read_text(encoding="utf-8")
        complete = text[: text.rfind("\n") + 1]
        if complete != text:
            self._replace(complete)
        rows = list(csv.DictReader(io.StringIO(complete)))
        self._check(complete, rows)
        return {key_of(row, self.key_columns) for row in rows}

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows in a single write, which is what makes an interruption harmless."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self.path, flags, 0o644)
        try:
            is_new = os.fstat(descriptor).st_size == 0
            os.write(descriptor, self._as_text(rows, header=is_new).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, names: Iterable[str], column: str = "sampler") -> None:
        """Remove the rows of some samplers (or detectors), so that they run again."""
        unwanted = set(names)
        if not unwanted or not self.path.exists():
            return
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row[column] not in unwanted]
        self._replace(self._as_text(rows, header=True))

    def _as_text(self, rows: Sequence[Row], *, header: bool) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        if header:
            writer.writerow(self.columns)
        writer.writerows([_plain(row.get(name, "")) for name in self.columns] for row in rows)
        return buffer.getvalue()

    def _check(self, text: str, rows: list[dict[str, str]]) -> None:
        if text and text.splitlines()[0] != ",".join(self.columns):
            raise ValueError(f"{self.path} has other columns than this version; choose another")
        for name, value in self.settings.items():
            others = {row[name] for row in rows} - {str(value)}
            if others:
                raise ValueError(
                    f"{self.path} was made with {name}={others.pop()}, this run has "
                    f"{name}={value}; choose another file with --out"
                )

    def _replace(self, text: str) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.path)


def key_of(row: Row, key_columns: Sequence[str] = KEY_COLUMNS) -> Key:
    """Return what identifies a row."""
    return tuple(str(row[name]) for name in key_columns)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    return str(value)
