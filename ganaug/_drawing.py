"""New rows in the caller's own container: from the generator, decoded, labelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.columns import Column, as_slice, assemble, regrouped
from ganaug._encoding.conditions import NO_CONDITIONS, TableConditions
from ganaug._encoding.encoder import Encoder
from ganaug._encoding.fitted_columns import zones_of_dates
from ganaug._encoding.rows import RowBuilder
from ganaug._encoding.target import take_rows
from ganaug._gan.model import GAN, Stream
from ganaug._requests import check_found, check_where


@dataclass(frozen=True)
class Draw:
    """Which rows of a class are drawn: a seed, its purpose, and what the rows must be.

    Those `for_training` are what classifiers learn most from, others those that look most real.
    """

    seed: int
    stream: Stream
    conditions: TableConditions = NO_CONDITIONS
    for_training: bool = False


@dataclass(frozen=True)
class RowDrawer:
    """Draws rows as the table looked that was fitted.

    Parameters
    ----------
    gan : GAN
    encoder : Encoder
    row_builder : RowBuilder
    labels : any container
        One label of each class, in the container of y.
    classes : ndarray of shape (n_classes,)
    """

    gan: GAN
    encoder: Encoder
    row_builder: RowBuilder
    labels: Any
    classes: NDArray[Any]

    def conditions(self, where: Mapping[Any, Any] | None, codes: set[int]) -> TableConditions:
        """Return conditions that all these classes can meet."""
        where = check_where(where)
        if not where:
            return NO_CONDITIONS
        conditions = self.encoder.conditions(where, self._zone_of)
        for code in sorted(codes):
            found = self.gan.find(code, conditions.encoded)
            check_found(found, conditions, self.classes[code])
        return conditions

    def rows(self, codes: NDArray[np.int64], draw: Draw) -> tuple[Any, Any]:
        """Return new rows and their labels, one for each class code."""
        return self.row_builder.build(self.columns(codes, draw)), self.labels_of(codes)

    def batches(
        self, counts: Mapping[int, int], batch_rows: int, draw: Draw
    ) -> Iterator[tuple[Any, Any]]:
        """Give rows and labels, class by class and so many at a time."""
        for code, count in counts.items():
            for columns in regrouped(self._decoded(code, count, draw), batch_rows):
                codes = np.full(len(columns[0]), code)
                yield self.row_builder.build(columns), self.labels_of(codes)

    def columns(self, codes: NDArray[np.int64], draw: Draw) -> list[Column]:
        """Return new rows as columns, one for each class code."""

        def parts() -> Iterator[tuple[NDArray[np.int64] | slice, list[Column]]]:
            for code in np.unique(codes).tolist():
                places, done = np.flatnonzero(codes == code), 0
                for part in self._decoded(code, len(places), draw):
                    yield as_slice(places[done : done + len(part[0])]), part
                    done += len(part[0])

        nothing = self.encoder.inverse_transform(self.gan.no_rows())
        return assemble(nothing, parts(), len(codes))

    def labels_of(self, codes: NDArray[np.int64]) -> Any:
        """Return the label of each class code, in the container of y."""
        return take_rows(self.labels, codes)

    def _zone_of(self, position: int) -> tzinfo | None:
        """Return the time zone of a column of dates, None if it has none."""
        return zones_of_dates(self.encoder, self.row_builder).get(position)

    def _decoded(self, code: int, count: int, draw: Draw) -> Iterator[list[Column]]:
        """Give new rows of a class as columns, some thousand rows at a time."""
        for rows in self.gan.sample(
            code,
            count,
            draw.seed,
            draw.stream,
            draw.conditions.encoded,
            for_training=draw.for_training,
        ):
            yield self.encoder.inverse_transform(rows, code, draw.conditions)
