"""TableEncoder: columns to compact encoded rows, and generated rows back to columns."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.codecs import (
    CategoryCodec,
    Codec,
    NumberCodec,
    VectorCodec,
    fit_codec,
)
from ganaug._encoding.columns import Column
from ganaug._encoding.conditions import NO_CONDITIONS, TableConditions, encode_conditions
from ganaug._encoding.dummies import DummyGroup, find_dummies
from ganaug._encoding.encoded_rows import CompactRows, ExpandedRows, LayoutBuilder
from ganaug._encoding.layout import EncodedTable, TableLayout
from ganaug._encoding.levels import Context
from ganaug._encoding.rows import Rows

MAX_CONTEXT_ROWS = 100_000
# What the rows of a class share is looked for in so many of them.
MAX_CLASS_ROWS = 2000


class TableEncoder:
    """Turns the columns of a table into encoded rows and back.

    Parameters
    ----------
    linear : bool, default=False
        Scale all numbers linearly, also those with heavy tails, and give no value that piles up a
        state of its own: distances are kept, also beyond what was seen.
    adaptive : bool, default=True
        Whether the rows of a table say what an encoded row looks like, and not its columns alone:
        what many rows of a class share has a state, dummies are one category, and tails are heavy
        only where they are so within classes.

    Attributes
    ----------
    names_ : list
        The names of the columns.
    layout_ : TableLayout
        The slices of an encoded row.
    groups_ : list of DummyGroup
        Columns that are put together to a category, which is in the place of the first one.
    codecs_ : list
        One codec for each column, after that.
    """

    names_: list[Hashable]
    layout_: TableLayout
    groups_: list[DummyGroup]
    codecs_: list[Codec]

    def __init__(self, *, linear: bool = False, adaptive: bool = True) -> None:
        self.linear = linear
        self.adaptive = adaptive and not linear

    @classmethod
    def from_parts(
        cls,
        names: Sequence[Hashable],
        groups: Sequence[DummyGroup],
        codecs: Sequence[Codec],
        layout: TableLayout,
        **parameters: bool,
    ) -> TableEncoder:
        """Return an encoder that was fitted before, with these parameters."""
        encoder = cls(**parameters)
        encoder.names_, encoder.groups_ = list(names), list(groups)
        encoder.codecs_, encoder.layout_ = list(codecs), layout
        return encoder

    def fit(self, columns: Sequence[Column], classes: NDArray[np.int64]) -> TableEncoder:
        """Learn ranges, grids, scales and levels.

        Parameters
        ----------
        columns : sequence of Column
            The training table.
        classes : ndarray of shape (n_rows,)
            Class code of each row; levels of a column with very many are placed by what they
            say about the class and the other columns.
        """
        self.names_ = [column.name for column in columns]
        self.groups_ = find_dummies(columns) if self.adaptive else []
        columns = self._put_together(columns)
        rows_by_class = _rows_by_class(classes) if self.adaptive else ()
        self.codecs_ = [fit_codec(column, rows_by_class, linear=self.linear) for column in columns]
        rows = _rows_for_context(len(classes))
        known = [column.take(rows) for column in columns]
        context = _context(self.codecs_, known, classes[rows])
        builder = LayoutBuilder()
        for position, (codec, column) in enumerate(zip(self.codecs_, known, strict=True)):
            codec.lay_out(position, column, context, builder)
        self.layout_ = builder.layout()
        return self

    def check_form(self, rows: Rows) -> None:
        """Refuse images."""
        rows.check_flat()

    @property
    def is_categorical(self) -> list[bool]:
        """Which columns were fitted as categories."""
        return [not isinstance(codec, NumberCodec) for codec in self.codecs_]

    def widest_numbers(self) -> list[tuple[Hashable, Any, Any, float]]:
        """Return name, lowest and highest value and the farthest encoded one, of the 3 widest."""
        found = []
        for name, codec in zip(self.names_, self.codecs_, strict=True):
            if isinstance(codec, NumberCodec) and codec.grid and codec.number is not None:
                slot = self.layout_.numbers[codec.number]
                reach = max(abs(slot.low), abs(slot.high))
                found.append((name, codec.grid.low, codec.grid.high, reach))
        return sorted(found, key=lambda entry: -entry[3])[:3]

    def empty_columns(self) -> list[Column]:
        """Return columns as those of `fit`, without rows: of their names, levels and units."""
        return self._take_apart(
            [codec.empty(name) for name, codec in zip(self.names_, self.codecs_, strict=True)]
        )

    def transform(self, columns: Sequence[Column]) -> EncodedTable:
        """Encode columns; categories not seen in `fit` become code -1."""
        out = CompactRows(self.layout_, len(columns[0]))
        for codec, column in zip(self.codecs_, self._put_together(columns), strict=True):
            codec.encode(column, out)
        return out.table()

    def unseen(self, columns: Sequence[Column]) -> NDArray[np.bool_]:
        """Return which values are of a kind that `fit` has not seen: (n_rows, n_columns).

        Compact rows don't show it of all of them: a missing number is the mean of its column.
        """
        columns = self._put_together(columns)
        return np.stack(
            [c.is_unseen(column) for c, column in zip(self.codecs_, columns, strict=True)], axis=1
        )

    def shifts_left_out(
        self,
        columns: Sequence[Column],
        classes: NDArray[np.int64],
        rows: NDArray[np.int64],
        kinds: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return how far the vectors of training rows move, each if its row had no part in them.

        A level of a column of very many lies where the average of its rows does.

        Parameters
        ----------
        columns, classes
            Those of `fit`.
        rows : ndarray of shape (n_rows,)
            Numbers of rows.
        kinds : ndarray of shape (n_train,)
            Numbers that equal rows of the table share: they are left out with the row.

        Returns
        -------
        ndarray of shape (n_rows, width of all vectors)
        """
        placed = _rows_for_context(len(classes))
        times = np.bincount(kinds[placed], minlength=kinds.max() + 1)[kinds[rows]]
        known, some = ([column.take(part) for column in columns] for part in (placed, rows))
        contexts = [
            _context(self.codecs_, part, classes[of_part])
            for part, of_part in ((known, placed), (some, rows))
        ]
        shifts = [
            codec.shifts_left_out((column, contexts[0]), (own, contexts[1]), times)
            for codec, column, own in zip(self.codecs_, known, some, strict=True)
            if isinstance(codec, VectorCodec)
        ]
        return np.hstack(shifts) if shifts else np.zeros((len(rows), 0))

    def conditions(
        self, where: Mapping[Any, Any], zone_of: Callable[[int], tzinfo | None]
    ) -> TableConditions:
        """Return conditions on columns (name -> value, range or levels) as ones on encoded rows.

        `zone_of` tells the time zone of a column of dates by its position.

        Raises
        ------
        DataError
            If a column is unknown, or can never be what is asked for.
        """
        return encode_conditions(where, self.names_, self.codecs_, self.groups_, zone_of)

    def inverse_transform(
        self,
        rows: NDArray[np.float32],
        class_code: int | None = None,
        conditions: TableConditions = NO_CONDITIONS,
    ) -> list[Column]:
        """Decode expanded rows of shape (n_rows, layout_.width) to valid columns.

        Numbers of new rows of a class are as often round as those of its real rows, and meet the
        conditions that the rows were generated to meet.
        """
        expanded = ExpandedRows(self.layout_, rows, class_code, conditions.bounds)
        columns = [
            codec.decode(name, expanded)
            for codec, name in zip(self.codecs_, self.names_, strict=True)
        ]
        return self._take_apart(conditions.keep(columns))

    def _put_together(self, columns: Sequence[Column]) -> Sequence[Column]:
        for group in self.groups_:
            columns = group.put_together(columns)
        return columns

    def _take_apart(self, columns: list[Column]) -> list[Column]:
        for group in self.groups_:
            columns = group.take_apart(columns, self.names_)
        return columns


def _rows_by_class(classes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return rows of each class: all, or a random choice of many."""
    by_class = np.argsort(classes, kind="stable")
    parts = np.split(by_class, np.cumsum(np.bincount(classes))[:-1])
    random = np.random.default_rng(0)  # the same table always has the same layout
    return [
        part if len(part) <= MAX_CLASS_ROWS else random.choice(part, MAX_CLASS_ROWS, replace=False)
        for part in parts
    ]


def _rows_for_context(n_rows: int) -> slice | NDArray[np.int64]:
    """Return the rows from which levels are placed: all, or a random choice of very many."""
    if n_rows <= MAX_CONTEXT_ROWS:
        return slice(None)
    # a stream of its own with a fixed seed: the same table always has the same layout
    return np.random.default_rng(0).integers(n_rows, size=MAX_CONTEXT_ROWS)


def _context(
    codecs: Sequence[Codec], columns: Sequence[Column], classes: NDArray[np.int64]
) -> Context:
    """Return what is known about each row besides columns of many levels."""
    if not any(isinstance(codec, VectorCodec) for codec in codecs):
        return Context([], [])
    numbers = []
    categories = [(classes, int(classes.max()) + 1)]
    for codec, column in zip(codecs, columns, strict=True):
        if isinstance(codec, NumberCodec) and codec.grid is not None:
            numbers.append(np.where(column.missing, 0.0, codec.scaled(column.values)))
        elif isinstance(codec, CategoryCodec):
            categories.append((codec.codes(column).astype(np.int64), codec.n_codes))
    return Context(numbers, categories)
