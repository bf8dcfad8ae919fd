"""What the text of a CSV column stands for, and how new values of it are written.

A column is taken as numbers or dates only if all of its text reads that way; otherwise it is
text, where every distinct cell is a category and comes back letter for letter.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MISSING_TEXT",
    "CsvColumn",
    "DateColumn",
    "NumberColumn",
    "TextColumn",
    "detect_column",
]

# In a column of numbers or dates these mean "missing"; in text only the empty cell does,
# because "NA" may be Namibia and "None" a level.
MISSING_TEXT = frozenset(
    ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "<NA>", "#N/A"]
)
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
)
INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)")
NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.I)
INT64_MAX = 2**63 - 1


class CsvColumn(ABC):
    """Reads and writes the cells of one CSV column."""

    @abstractmethod
    def parse(self, text: pd.Series) -> pd.Series:
        """Return the values of cells; missing ones as the dtype has them."""

    @abstractmethod
    def format(self, values: pd.Series) -> pd.Series:
        """Return the cells for values."""


@dataclass(frozen=True)
class TextColumn(CsvColumn):
    """Categories: each cell as it is, the empty one missing."""

    def parse(self, text: pd.Series) -> pd.Series:
        return text.mask(text == "")

    def format(self, values: pd.Series) -> pd.Series:
        return values.astype(object).where(values.notna(), "")


@dataclass(frozen=True)
class NumberColumn(CsvColumn):
    """Numbers.

    Parameters
    ----------
    decimals : int or None
        Digits after the point; 0 for integers, None if they vary.
    missing : str
        How a missing value is written.
    """

    decimals: int | None
    missing: str = ""

    def parse(self, text: pd.Series) -> pd.Series:
        import pandas as pd

        missing = text.str.strip().isin(MISSING_TEXT)
        if self.decimals != 0:
            return pd.to_numeric(text.mask(missing)).astype("float64")
        whole = text.mask(missing, "0").astype("int64")
        return whole.astype("Int64").mask(missing) if missing.any() else whole

    def format(self, values: pd.Series) -> pd.Series:
        import pandas as pd

        cells = [self.missing if pd.isna(value) else self._write(value) for value in values]
        return pd.Series(cells, index=values.index, dtype=object)

    def _write(self, value: float) -> str:
        if self.decimals == 0:
            return str(int(value))
        if self.decimals is None:
            return repr(float(value)).removesuffix(".0")
        return f"{value:.{self.decimals}f}"


@dataclass(frozen=True)
class DateColumn(CsvColumn):
    """Dates or times.

    Parameters
    ----------
    pattern : str
        The one format of all cells, as in `datetime.strftime`.
    missing : str
        How a missing value is written.
    """

    pattern: str
    missing: str = ""

    def parse(self, text: pd.Series) -> pd.Series:
        import pandas as pd

        return pd.to_datetime(text.mask(text.str.strip().isin(MISSING_TEXT)), format=self.pattern)

    def format(self, values: pd.Series) -> pd.Series:
        return values.dt.strftime(self.pattern).astype(object).where(values.notna(), self.missing)


def detect_column(text: pd.Series) -> CsvColumn:
    """Return how a column reads.

    Parameters
    ----------
    text : pandas.Series of shape (n_rows,)
        The cells as written.

    Returns
    -------
    CsvColumn
    """
    cells = [str(cell).strip() for cell in text.unique()]
    present = [cell for cell in cells if cell not in MISSING_TEXT]
    absent = text[text.str.strip().isin(MISSING_TEXT)]
    missing = str(absent.mode()[0]) if len(absent) else ""
    if not present:
        return TextColumn()
    if all(NUMBER.fullmatch(cell) for cell in present):
        return _number_column(present, missing)
    patterns = [pattern for pattern in DATE_FORMATS if _all_match(present, pattern)]
    # two formats fit where no day passes 12: then which is the month is anybody's guess
    return DateColumn(patterns[0], missing) if len(patterns) == 1 else TextColumn()


def _number_column(cells: list[str], missing: str) -> CsvColumn:
    if all(INTEGER.fullmatch(cell) for cell in cells):
        widest = max(abs(int(cell)) for cell in cells)
        # what no machine integer holds is an identifier
        return NumberColumn(0, missing) if widest <= INT64_MAX else TextColumn()
    lengths = {len(cell.partition(".")[2]) for cell in cells}
    fixed = len(lengths) == 1 and 0 not in lengths and not any("e" in c.lower() for c in cells)
    return NumberColumn(lengths.pop() if fixed else None, missing)


def _all_match(cells: list[str], pattern: str) -> bool:
    """Tell whether every cell reads by `pattern` and is written back the same."""
    try:
        return all(datetime.strptime(cell, pattern).strftime(pattern) == cell for cell in cells)
    except ValueError:
        return False
