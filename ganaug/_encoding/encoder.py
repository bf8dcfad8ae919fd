"""Encoder: what turns columns into encoded rows and back, whatever the rows are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.columns import Column
from ganaug._encoding.conditions import NO_CONDITIONS, TableConditions
from ganaug._encoding.layout import EncodedTable, TableLayout
from ganaug._encoding.rows import Rows


class Encoder(Protocol):
    """What a sampler asks of a `TableEncoder` or an `ImageEncoder`.

    Attributes
    ----------
    names_ : list
        The names of the columns.
    layout_ : TableLayout
        The slices of an encoded row.
    """

    names_: list[Hashable]

    @property
    def layout_(self) -> TableLayout: ...

    def fit(self, columns: Sequence[Column], classes: NDArray[np.int64]) -> Encoder:
        """Learn from the columns of the training rows, and the class code of each row."""

    def check_form(self, rows: Rows) -> None:
        """Refuse images where rows of a table were fitted, and the other way round."""

    def empty_columns(self) -> list[Column]:
        """Return columns as those of `fit`, without rows: of their names, levels and units."""

    def transform(self, columns: Sequence[Column]) -> EncodedTable:
        """Encode columns."""

    def inverse_transform(
        self,
        rows: NDArray[np.float32],
        class_code: int | None = None,
        conditions: TableConditions = NO_CONDITIONS,
    ) -> list[Column]:
        """Decode expanded rows of shape (n_rows, layout_.width) to valid columns.

        Of new rows of a class, which were generated to meet conditions.
        """

    def unseen(self, columns: Sequence[Column]) -> NDArray[np.bool_]:
        """Return which values are of a kind that `fit` has not seen: (n_rows, n_columns)."""

    def conditions(
        self, where: Mapping[Any, Any], zone_of: Callable[[int], tzinfo | None]
    ) -> TableConditions:
        """Return conditions on columns as ones on encoded rows."""

    def widest_numbers(self) -> list[tuple[Hashable, Any, Any, float]]:
        """Return columns that may have made a training diverge."""
