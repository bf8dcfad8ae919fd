"""FittedColumn: what a saved model expects of a column of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["FittedColumn"]


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
        known = {str(level): level for level in self.levels or ()}
        return [None if value is None else known.get(str(value), value) for value in values]
