"""FeatureMap: columns of a table to points between which distances mean something.

Numbers are standardised, wild values left aside, and softly clipped: beyond 5 standard deviations
they grow with the logarithm, so that one wild value neither hides all others nor loses its rank.
Categories are one-hot, categories with many levels vectors, as in `TableEncoder`. What training has
never seen (a new level, a value missing where none was, another value than the only one) has a
coordinate of its own for each column, which is 0 in all training rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.codecs import CategoryCodec
from ganaug._encoding.columns import MISSING_CODE, Column
from ganaug._encoding.layout import EncodedTable, TableLayout
from ganaug._encoding.table import TableEncoder

CLIP = 5.0
# How far from all training rows an unseen value puts a row, in standard deviations.
UNSEEN_DISTANCE = 3.0
# What is left of a column's variance without one of its values is no less than this share of it.
SMALLEST_VARIANCE = 0.1


@dataclass(frozen=True)
class FeatureMap:
    """Turns the columns of a table into points of shape (n_rows, width + n_columns).

    Parameters
    ----------
    encoder : TableEncoder
        Fitted, with linear scales.
    """

    encoder: TableEncoder

    @classmethod
    def fit(cls, columns: Sequence[Column]) -> FeatureMap:
        """Learn scales and levels."""
        classes = np.zeros(len(columns[0].values), dtype=np.int64)
        return cls(TableEncoder(linear=True).fit(columns, classes))

    @property
    def width(self) -> int:
        """Coordinates of what training has seen; those of the unseen come after them."""
        return self.encoder.layout_.width

    @property
    def column_of(self) -> NDArray[np.int64]:
        """The column of the table that each coordinate belongs to."""
        layout = self.encoder.layout_
        slots = [(slot.column, 1) for slot in layout.numbers]
        slots += [(vector.column, vector.size) for vector in layout.vectors]
        slots += [(head.column, head.size) for head in layout.heads]
        seen = [column for column, size in slots for _ in range(size)]
        return np.array(seen + list(range(len(self.encoder.codecs_))), dtype=np.int64)

    def transform(self, columns: Sequence[Column]) -> NDArray[np.float32]:
        """Return one point for each row."""
        rows = self.encoder.transform(columns)
        return self._points(columns, rows, rows.numbers)

    def points_left_out(
        self, columns: Sequence[Column], kinds: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the points of training rows, each as if it was left out of training.

        Parameters
        ----------
        columns : sequence of Column
            Those that were fitted.
        kinds : ndarray of shape (n_train,)
            Numbers that equal rows share.
        rows : ndarray of shape (n_rows,)
            Numbers of rows.
        """
        some = [as_if_left_out(column).take(rows) for column in columns]
        encoded = self.encoder.transform(some)
        points = self._points(some, encoded, as_new(encoded.numbers, len(columns[0])))
        self._leave_levels(points, encoded, columns, kinds, rows)
        self._forget_gaps(points, columns, rows)
        return points

    def _leave_levels(
        self,
        points: NDArray[np.float32],
        encoded: EncodedTable,
        columns: Sequence[Column],
        kinds: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> None:
        """Move levels of columns with many, in place, to where they lie without the row."""
        layout = self.encoder.layout_
        if not layout.vectors:
            return
        classes = np.zeros(len(kinds), dtype=np.int64)
        shifts = self.encoder.shifts_left_out(columns, classes, rows, kinds)
        is_known = encoded.codes[:, : len(layout.vectors)] != MISSING_CODE
        sizes = [slot.size for slot in layout.vectors]
        vectors = points[:, len(layout.numbers) : layout.continuous_width]
        vectors += np.where(np.repeat(is_known, sizes, axis=1), shifts, 0.0)

    def _forget_gaps(
        self, points: NDArray[np.float32], columns: Sequence[Column], rows: NDArray[np.int64]
    ) -> None:
        """Make a gap that one row alone has, in place, a value missing where none was."""
        column_of = self.column_of
        for number, column in enumerate(columns):
            if column.missing.sum() == 1:
                is_alone = column.missing[rows]
                *seen, unseen = np.flatnonzero(column_of == number)
                points[np.ix_(is_alone, seen)] = 0.0
                points[is_alone, unseen] = UNSEEN_DISTANCE
                if not isinstance(self.encoder.codecs_[number], CategoryCodec):
                    # others have two states, and without this row one, which it has as they do
                    points[is_alone, seen[-2]] = 1.0

    def _points(
        self, columns: Sequence[Column], rows: EncodedTable, numbers: NDArray[np.floating[Any]]
    ) -> NDArray[np.float32]:
        return np.hstack(
            [
                soft_clip(numbers),
                *_expand_codes(self.encoder.layout_, rows),
                UNSEEN_DISTANCE * self.encoder.unseen(columns),
            ],
            dtype=np.float32,
        )


def as_if_left_out(column: Column) -> Column:
    """Return a training column as its values look where each row is left out of training.

    A level that one row alone has is one that training without that row would not have seen.
    """
    if column.levels is None:
        return column
    counts = np.bincount(column.values[~column.missing], minlength=len(column.levels))
    is_alone = np.isin(column.values, np.flatnonzero(counts == 1))
    return replace(column, values=np.where(is_alone, MISSING_CODE, column.values))


def as_new(numbers: NDArray[np.float32], n_train: int) -> NDArray[np.float64]:
    """Return standardised training values, each by the mean and spread of all others.

    A value pulls the mean and the spread towards itself. In tables of few rows and many columns
    that adds up: measured as they are, training rows look much more usual than new ones.
    """
    values = numbers.astype(np.float64)
    n_others = n_train - 1
    mean = -values / n_others
    variance = (n_train - values**2) / n_others - mean**2
    return mean + (values - mean) / np.sqrt(np.maximum(variance, SMALLEST_VARIANCE))


def soft_clip(numbers: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the numbers, those beyond 5 drawn in to 5 + log(1 + excess)."""
    out = numbers + 0.0  # turns -0.0 into 0.0: equal rows must have equal bits
    is_far = np.abs(out) > CLIP
    far = out[is_far].astype(np.float64)
    out[is_far] = np.copysign(CLIP + np.log1p(np.abs(far) - CLIP), far)
    return out


def _expand_codes(layout: TableLayout, rows: EncodedTable) -> list[NDArray[np.float32]]:
    """Return vectors and one-hot heads, a block of coordinates each; unknown levels are zeros."""
    tables = [slot.vectors for slot in layout.vectors]
    tables += [np.eye(slot.size, dtype=np.float32) for slot in layout.heads]
    blocks = []
    for codes, table in zip(rows.codes.T, tables, strict=True):
        with_unknown = np.vstack([table, np.zeros((1, table.shape[1]), dtype=np.float32)])
        blocks.append(with_unknown[codes])
    return blocks
