"""Columns of 0 and 1 that together are one category, as `get_dummies` and one-hot encoders make.

As numbers each would be drawn by itself, and rows be of two levels at once or of none. So columns
side by side of which exactly one is 1 in each row are put together to a category before they are
encoded, and taken apart when they have been decoded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.codecs import CategoryCodec, NumberCodec, fit_codec
from ganaug._encoding.columns import MISSING_CODE, Column

# Columns that have nothing to do with one another are taken for dummies in so many tables.
MISTAKEN = 0.001
# Rows that are enough to show of most columns that they hold more than 0 and 1.
FIRST_ROWS = 256
# How files and people write 0 and 1, in lower case.
TEXTS = {
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), 0),
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), 1),
}


@dataclass(frozen=True)
class Dummy:
    """A column of 0 and 1.

    Parameters
    ----------
    position : int
        In the table.
    zero, one : int or float
        What stands for 0 and for 1 in a `Column`: these numbers, or the codes of levels.
    levels : tuple or None
        0 and 1, False and True or what is written for them, in the order of their codes; None if
        the column holds numbers.
    """

    position: int
    zero: Any
    one: Any
    levels: tuple[Any, ...] | None

    @classmethod
    def of(cls, position: int, column: Column) -> Dummy | None:
        """Return what a column is as a dummy, None if it holds anything but 0 and 1."""
        if column.unit is not None or not _is_binary(column):
            return None
        if column.levels is None:
            zero, one = np.array([0, 1], dtype=column.values.dtype).tolist()
            return cls(position, zero, one, None)
        digits = binary_digits(column.levels)
        return cls(position, digits.index(0), digits.index(1), column.levels)

    @cached_property
    def codec(self) -> NumberCodec | CategoryCodec:
        """What the column is by itself."""
        values = np.array([self.zero, self.one])
        column = Column(self.position, values, np.zeros(2, dtype=bool), self.levels)
        codec = fit_codec(column)
        assert isinstance(codec, NumberCodec | CategoryCodec)  # narrows the type
        return codec

    def are(self, value: Any, column: Column) -> NDArray[np.bool_]:
        """Return where a column is `zero` or `one`, as they are here."""
        if isinstance(self.codec, CategoryCodec):
            return self.codec.codes(column) == value
        self.codec.check_kind(column)
        return (column.values == value) & ~column.missing

    def column(self, name: Any, is_one: NDArray[np.bool_]) -> Column:
        """Return the column that is 1 in these rows."""
        values = np.where(is_one, self.one, self.zero)
        return Column(name, values, np.zeros(len(is_one), dtype=bool), self.levels)


@dataclass(frozen=True)
class DummyGroup:
    """Columns of 0 and 1 of which exactly one is 1 in each row of the training table.

    Parameters
    ----------
    dummies : tuple of Dummy
        By position. The category is in the place of the first one, nothing in those of the others;
        its levels are the numbers 0, 1 ... of the dummies.
    """

    dummies: tuple[Dummy, ...]

    @property
    def place(self) -> int:
        """Where the category is."""
        return self.dummies[0].position

    @cached_property
    def levels(self) -> tuple[int, ...]:
        return tuple(range(len(self.dummies)))

    def put_together(self, columns: Sequence[Column]) -> list[Column]:
        """Return columns with the category, of an unknown level where not one dummy is 1."""
        out = list(columns)
        n_rows = len(columns[0])
        codes, n_ones = np.full(n_rows, MISSING_CODE), np.zeros(n_rows, dtype=np.int64)
        is_binary, is_missing = np.ones(n_rows, dtype=bool), np.zeros(n_rows, dtype=bool)
        nothing = np.zeros(n_rows)  # one for all: there may be hundreds of dummies
        for code, dummy in enumerate(self.dummies):
            column = columns[dummy.position]
            is_one = dummy.are(dummy.one, column)
            is_binary &= is_one | dummy.are(dummy.zero, column)
            codes[is_one] = code
            n_ones += is_one
            out[dummy.position] = Column(column.name, nothing, is_missing)
        codes[~is_binary | (n_ones != 1)] = MISSING_CODE
        out[self.place] = Column(columns[self.place].name, codes, is_missing, self.levels)
        return out

    def take_apart(self, columns: Sequence[Column], names: Sequence[Any]) -> list[Column]:
        """Return columns, of these names, with dummies in place of the category."""
        out = list(columns)
        codes = columns[self.place].values
        for code, dummy in enumerate(self.dummies):
            out[dummy.position] = dummy.column(names[dummy.position], codes == code)
        return out


def find_dummies(columns: Sequence[Column]) -> list[DummyGroup]:
    """Return which columns, side by side but for constant ones, are dummies.

    Where rows are few, independent columns may look like that; they are left as they are.
    """
    # a group is chosen among all others by where it begins and where it ends
    least = math.log(len(columns) ** 2 / MISTAKEN)
    found = [
        dummies
        for dummies in _with_one_in_each_row(columns)
        if _surprise([_ones(dummy, columns).mean() for dummy in dummies], len(columns[0])) > least
    ]
    groups: list[DummyGroup] = []
    taken: set[int] = set()
    # a flag before dummies, such as one for weekends before days, may stand for the last of them
    for dummies in sorted(found, key=len, reverse=True):
        positions = {dummy.position for dummy in dummies}
        if taken.isdisjoint(positions):
            groups.append(DummyGroup(tuple(dummies)))
            taken |= positions
    return sorted(groups, key=lambda group: group.place)


def _with_one_in_each_row(columns: Sequence[Column]) -> Iterator[list[Dummy]]:
    """Give all dummies side by side of which exactly one is 1 in each row; some overlap."""
    found: list[Dummy] = []
    n_ones = np.zeros(len(columns[0]), dtype=np.int32)
    for position, column in enumerate(columns):
        if _is_constant(column):  # a level that no training row has
            continue
        dummy = Dummy.of(position, column)
        if dummy is not None:
            found.append(dummy)
            n_ones += _ones(dummy, columns)
        while n_ones.max() > 1:  # the last one meets another, so they begin after that
            n_ones -= _ones(found.pop(0), columns)
        if n_ones.min() == 1:
            yield found.copy()
            n_ones -= _ones(found.pop(0), columns)
        if dummy is None:
            found, n_ones = [], np.zeros_like(n_ones)


def _ones(dummy: Dummy, columns: Sequence[Column]) -> NDArray[np.bool_]:
    return columns[dummy.position].values == dummy.one


def _is_constant(column: Column) -> bool:
    return not column.missing.any() and bool((column.values == column.values[0]).all())


def binary_digits(levels: Sequence[Any]) -> list[int | None]:
    """Return which levels stand for 0 and for 1, None for others.

    Examples
    --------
    >>> binary_digits(["Yes", "No", "maybe", True])
    [1, 0, None, 1]
    """
    return [TEXTS.get(str(level).lower()) for level in levels]


def _is_binary(column: Column) -> bool:
    """Tell whether a column holds 0 and 1, or what stands for them, and nothing else."""
    if column.missing.any():
        return False
    if column.levels is not None:
        return len(column.levels) == 2 and set(binary_digits(column.levels)) == {0, 1}
    first, rest = np.split(column.values, [FIRST_ROWS])
    return all(bool(((part == 0) | (part == 1)).all()) for part in (first, rest))


def _surprise(shares: Sequence[float], n_rows: int) -> float:
    """Return -log(p) of exactly one 1 in each row if columns with these shares were independent."""
    of_ones = np.array(shares)
    no_one = np.log1p(-of_ones).sum()
    return -n_rows * float(no_one + np.log((of_ones / (1 - of_ones)).sum()))
