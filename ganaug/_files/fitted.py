"""FittedColumn: what a saved model expects of a column of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from numbers import Real
from typing import Any

__all__ = ["FittedColumn", "by_text"]

WHOLE_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:\.0)?")


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
        present = (None if value != value else value for value in values)  # NaN is missing
        return [
            None if value is None else known[str(value)] if str(value) in known else read(value)
            for value in present
        ]

    def is_foreign(self, values: Sequence[Any]) -> bool:
        """Tell whether there are values, as `as_levels` gives them, and none is a level."""
        return bool(values) and set(values).isdisjoint(self.levels or ())


def _reader_of(levels: Sequence[Any]) -> Callable[[Any], Any]:
    """Return what makes a level of a value that is none of these."""
    for kind, read in READERS.items():
        if levels and all(isinstance(v, kind) and not isinstance(v, bool) for v in levels):
            return read
    return lambda value: value


def _text(value: Any) -> Any:
    is_text = isinstance(value, Real | date) and not isinstance(value, bool)
    return str(value) if is_text else value


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

    3 is 3.0 where another cell is empty, a day the time at which it begins, and true is TRUE. They
    may be text, as the levels of CSV files are; but 007 is an identifier, and true beside other
    words is a word.
    """
    are_truths = sorted(str(level).lower() for level in levels) == ["false", "true"]
    others = {text: level for level in levels for text in _other_texts(level, are_truths)}
    return others | {str(level): level for level in levels}


def _other_texts(level: Any, is_truth: bool) -> list[str]:
    text = str(level)
    if is_truth or isinstance(level, bool):
        return [text.lower(), text.capitalize(), text.upper()]
    digits = f"{level:.0f}" if isinstance(level, float) and level.is_integer() else text
    if whole := WHOLE_NUMBER.fullmatch(digits):
        return [whole[1], f"{whole[1]}.0"]
    moment = _moment(level)
    if moment is None:
        return []
    day = [str(moment.date())] if moment.time() == time.min else []
    return [str(moment), moment.isoformat(), *day]


def _moment(level: Any) -> datetime | None:
    if isinstance(level, str):
        level = _date(level)
    if isinstance(level, datetime):
        return level
    return datetime.combine(level, time.min) if isinstance(level, date) else None
