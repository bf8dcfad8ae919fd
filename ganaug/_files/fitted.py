"""FittedColumn: what a saved model expects of a column of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
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
    """

    name: str
    levels: Sequence[Any] | None
    unit: str | None

    def as_levels(self, values: Sequence[Any]) -> list[Any]:
        """Return values as the levels that read the same; a file may have other types."""
        known = by_text(self.levels or ())
        return [None if value is None else known.get(str(value), value) for value in values]


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
    return f"{level}.0" if type(level) is int else str(level)
