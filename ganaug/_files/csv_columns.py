"""What the text of a CSV column stands for, and how new values of it are written.

A column is taken as numbers or dates only if all of its text reads that way; otherwise it is
text, where every distinct cell is a category and comes back letter for letter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MISSING_TEXT",
    "ColumnDetector",
    "CsvColumn",
    "DateColumn",
    "LabelColumn",
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
# as RE2 reads them
INTEGER = r"^[+-]?(?:0|[1-9][0-9]*)$"
NUMBER = (
    r"^[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf(?:inity)?))$"
)
INT64_MAX = "9223372036854775807"


class CsvColumn(ABC):
    """Reads and writes the cells of one CSV column."""

    @property
    @abstractmethod
    def kind(self) -> Any:
        """The pyarrow type of the values."""

    @abstractmethod
    def read(self, cells: Any) -> Any:
        """Return the values of cells, a pyarrow array of strings; missing ones are null."""

    @abstractmethod
    def format(self, values: pd.Series) -> pd.Series:
        """Return the cells for values."""

    def parse(self, text: pd.Series) -> pd.Series:
        """Return the values of cells; missing ones as the dtype has them."""
        import pandas as pd
        import pyarrow as pa

        values = self.read(pa.array(text, pa.string()))
        if pa.types.is_integer(self.kind) and values.null_count:
            series = values.to_pandas(types_mapper={self.kind: pd.Int64Dtype()}.get)
        else:
            series = values.to_pandas()
        parsed: pd.Series = series.set_axis(text.index).rename(text.name)
        return parsed


@dataclass(frozen=True)
class TextColumn(CsvColumn):
    """Categories: each cell as it is, the empty one missing."""

    @property
    def kind(self) -> Any:
        import pyarrow as pa

        return pa.string()

    def read(self, cells: Any) -> Any:
        import pyarrow.compute as pc

        return _without(cells, pc.equal(cells, ""))

    def format(self, values: pd.Series) -> pd.Series:
        return values.astype(object).where(values.notna(), "")


@dataclass(frozen=True)
class LabelColumn(TextColumn):
    """Labels: each cell as it is; missing is what is missing among the values that they read as.

    Parameters
    ----------
    values : CsvColumn
    """

    values: CsvColumn

    def read(self, cells: Any) -> Any:
        return _without(cells, self.values.read(cells).is_null())


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

    @property
    def kind(self) -> Any:
        import pyarrow as pa

        return pa.int64() if self.decimals == 0 else pa.float64()

    def read(self, cells: Any) -> Any:
        import pyarrow.compute as pc

        trimmed, missing = _trimmed(cells)
        return pc.cast(pc.ascii_ltrim(_without(trimmed, missing), "+"), self.kind)

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
    """Dates or times, to the second.

    Parameters
    ----------
    pattern : str
        The one format of all cells, as in `datetime.strftime`.
    missing : str
        How a missing value is written.
    """

    pattern: str
    missing: str = ""

    @property
    def kind(self) -> Any:
        import pyarrow as pa

        return pa.timestamp("s")

    def read(self, cells: Any) -> Any:
        import pyarrow.compute as pc

        return pc.strptime(_without(*_trimmed(cells)), self.pattern, "s")

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
    import pyarrow as pa

    detector = ColumnDetector()
    detector.see(pa.array(text, pa.string()))
    return detector.column()


class ColumnDetector:
    """Sees the cells of a column, part by part, and says how all of them read."""

    def __init__(self) -> None:
        self._is_empty = True
        self._missing: Counter[str] = Counter()
        self._are_numbers = True
        self._are_integers = True
        self._fit_int64 = True
        self._decimals: set[int | None] = set()  # None for a number with an exponent
        self._patterns = list(DATE_FORMATS)

    def see(self, cells: Any) -> None:
        """Take note of further cells, a pyarrow array of strings."""
        import pyarrow.compute as pc

        trimmed, missing = _trimmed(cells)
        for count in cells.filter(missing).value_counts().to_pylist():
            self._missing[count["values"]] += count["counts"]
        present = trimmed.filter(pc.invert(missing))
        if not len(present):
            return
        self._is_empty = False
        self._see_numbers(present)
        self._see_dates(present)

    def column(self) -> CsvColumn:
        """Return how all cells read that were seen."""
        # of those as frequent the first by the alphabet
        missing = min(self._missing, key=lambda cell: (-self._missing[cell], cell), default="")
        if self._is_empty:
            return TextColumn()
        if self._are_integers:
            # what no machine integer holds is an identifier
            return NumberColumn(0, missing) if self._fit_int64 else TextColumn()
        if self._are_numbers:
            is_fixed = len(self._decimals) == 1 and not self._decimals & {0, None}
            return NumberColumn(next(iter(self._decimals)) if is_fixed else None, missing)
        # two formats fit where no day passes 12: then which is the month is anybody's guess
        if len(self._patterns) == 1:
            return DateColumn(self._patterns[0], missing)
        return TextColumn()

    def _see_numbers(self, cells: Any) -> None:
        import pyarrow.compute as pc

        if not self._are_numbers:
            return
        if _all_match(cells, INTEGER):
            self._decimals.add(0)
            self._fit_int64 = self._fit_int64 and _fit_int64(pc.ascii_ltrim(cells, "+-"))
            return
        self._are_integers = False
        self._are_numbers = _all_match(cells, NUMBER)
        if self._are_numbers:
            has_exponent = pc.any(pc.match_substring_regex(cells, "[0-9.][eE]")).as_py()
            self._decimals |= {None} if has_exponent else _decimals_of(cells)

    def _see_dates(self, cells: Any) -> None:
        # most formats fail at the first cell
        self._patterns = [pattern for pattern in self._patterns if _reads_as(cells[:1], pattern)]
        if self._patterns:
            distinct = cells.unique()
            self._patterns = [p for p in self._patterns if _reads_as(distinct, p)]


def _trimmed(cells: Any) -> tuple[Any, Any]:
    """Return cells without white space around them, and which mean "missing"."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(cells)
    return trimmed, pc.is_in(trimmed, pa.array(sorted(MISSING_TEXT)))


def _without(cells: Any, mask: Any) -> Any:
    """Return cells, null where `mask` is true."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(mask, pa.scalar(None, pa.string()), cells)


def _all_match(cells: Any, pattern: str) -> bool:
    import pyarrow.compute as pc

    matches: bool = pc.all(pc.match_substring_regex(cells, pattern)).as_py()
    return matches


def _fit_int64(digits: Any) -> bool:
    import pyarrow.compute as pc

    length = pc.binary_length(digits)
    is_longest = pc.equal(length, len(INT64_MAX))
    is_too_large = pc.or_(
        pc.greater(length, len(INT64_MAX)), pc.and_(is_longest, pc.greater(digits, INT64_MAX))
    )
    return not pc.any(is_too_large).as_py()


def _decimals_of(cells: Any) -> set[int | None]:
    """Return how many digits numbers have after the point."""
    import pyarrow.compute as pc

    point = pc.find_substring(cells, ".")
    length = pc.subtract(pc.subtract(pc.binary_length(cells), point), 1)
    return set(pc.if_else(pc.less(point, 0), 0, length).unique().to_pylist())


def _reads_as(cells: Any, pattern: str) -> bool:
    """Tell whether every cell reads by `pattern` and is written back the same."""
    import pyarrow.compute as pc

    times = pc.strptime(cells, pattern, "s", error_is_null=True)
    if times.null_count:
        return False
    same: bool = pc.all(pc.equal(pc.strftime(times, pattern), cells)).as_py()
    return same
