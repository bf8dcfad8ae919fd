"""The file of results: rows are only ever appended, and a killed run can be resumed."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cells import COLUMNS, KEY_COLUMNS, SETTING_COLUMNS, Row

Key = tuple[str, ...]


class Results:
    """Rows of results in a CSV file.

    Parameters
    ----------
    path : Path
        The file; its folder is made when it is written.
    settings : dict
        Values of `SETTING_COLUMNS` of this run. A file that was made with others is refused.
    """

    def __init__(self, path: Path, settings: dict[str, int]) -> None:
        self.path = path
        self.settings = settings

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
        return {key_of(row) for row in rows}

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows in a single write, which is what makes an interruption harmless."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self.path, flags, 0o644)
        try:
            is_new = os.fstat(descriptor).st_size == 0
            os.write(descriptor, _as_text(rows, header=is_new).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, samplers: Iterable[str]) -> None:
        """Remove the rows of some samplers, so that they run again."""
        unwanted = set(samplers)
        if not unwanted or not self.path.exists():
            return
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["sampler"] not in unwanted]
        self._replace(_as_text(rows, header=True))

    def _check(self, text: str, rows: list[dict[str, str]]) -> None:
        if text and text.splitlines()[0] != ",".join(COLUMNS):
            raise ValueError(f"{self.path} has other columns than this version; choose another")
        for name in SETTING_COLUMNS:
            others = {row[name] for row in rows} - {str(self.settings[name])}
            if others:
                raise ValueError(
                    f"{self.path} was made with {name}={others.pop()}, this run has "
                    f"{name}={self.settings[name]}; choose another file with --out"
                )

    def _replace(self, text: str) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.path)


def key_of(row: Row) -> Key:
    """Return what identifies a row."""
    return tuple(str(row[name]) for name in KEY_COLUMNS)


def _as_text(rows: Sequence[Row], *, header: bool) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([_plain(row.get(name, "")) for name in COLUMNS] for row in rows)
    return buffer.getvalue()


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    return str(value)
