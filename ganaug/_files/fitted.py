"""FittedColumn: what a saved model expects of a column of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from numbers import Real
from typing import Any

__all__ = ["FittedColumn", "by_text"]


@dataclass(frozen=True)
class FittedColumn:
    """What a fitted model expects of a column.

    Parameters
    ----------
    name : str
    levels : tuple or None
        The categories that it has seen, None if the column holds numbers or dates.
    unit : str or None
        The unit of a column of dates or durations.
    zone : tzinfo or None
        The time zone of a column of dates.
    """

    name: str
    levels: Sequence[Any] | None
    unit: str | None
    zone: tzinfo | None = None

    def as_levels(self, values: Sequence[Any]) -> list[Any]:
        """Return values as the levels that read the same; a file may have other types.

        A new level is of the type of the others, if it reads as one.
        """
        levels = self.levels or ()
        known, read = by_text(levels), _reader_of(levels)
        return [
            None if value is None else known[str(value)] if str(value) in known else read(value)
            for value in values
        ]


def _reader_of(levels: Sequence[Any]) -> Callable[[Any], Any]:
    """Return what makes a level of a value that is none of these."""
    for kind, read in READERS.items():
        if levels and all(isinstance(v, kind) and not isinstance(v, bool) for v in levels):
            return read
    return lambda value: value


def _text(value: Any) -> Any:
    is_number = not isinstance(value, bool) and isinstance(value, Real)
    return str(value) if is_number else value


def _number(value: Any) -> Any:
    for kind in (int, float):
        try:
            return kind(value) if isinstance(value, str) else value
        except ValueError:
            pass  # not of this kind
    return value


def _date(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


# How new levels read where all levels are of one type.
READERS: dict[type, Callable[[Any], Any]] = {str: _text, Real: _number, date: _date}


def by_text(levels: Sequence[Any]) -> dict[str, Any]:
    """Return levels by all that may be written for them.

    3 is 3.0 where another cell is empty, and a day the time at which it begins.
    """
    other_text = {_other_text(level): level for level in levels}
    return other_text | {str(level): level for level in levels}


def _other_text(level: Any) -> str:
    if isinstance(level, float) and level.is_integer():
        return f"{level:.0f}"
    if isinstance(level, datetime) and level.time() == time.min:
        return str(level.date())
    if isinstance(level, bool):
        return str(level).lower()  # as Arrow, polars and JSON write it
    return f"{level}.0" if type(level) is int else str(level)
