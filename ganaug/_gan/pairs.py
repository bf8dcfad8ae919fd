"""What the two players of a `NetworkGAN` see: rows, beside an anchor or alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ganaug._gan.augmentation import Views
from ganaug._gan.batches import DeviceTable
from ganaug._gan.runtime import DTYPE
from ganaug._gan.states import Drawing, State, nested, part_of


class Pairs(NamedTuple):
    """A batch: for each row its anchor, of no width where rows stand alone, and their class."""

    anchor: Tensor  # (batch, width or 0)
    target: Tensor  # (batch, width)
    classes: Tensor  # (batch,)


class RowSource(Protocol):
    """Where batches and, for rows to be generated, anchors come from."""

    def draw(self) -> Pairs:
        """Return the next batch."""

    def anchors(self, class_code: int, turns: Tensor, random: torch.Generator) -> Tensor:
        """Return the anchors whose turn it is in a class, of shape (n, width or 0)."""

    def state_dict(self) -> State:
        """Return all that further batches depend on, besides the rows."""

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was called."""


class ClassRows(Drawing):
    """Rows of a table by class, all classes equally often.

    Parameters
    ----------
    table : DeviceTable
        Rows are drawn by their weights.
    batch_size : int
    random : torch.Generator
    of_each_class : bool
        Whether a batch has `batch_size` rows of each class, one class after the other.
    """

    def __init__(
        self,
        table: DeviceTable,
        batch_size: int,
        random: torch.Generator,
        *,
        of_each_class: bool = False,
    ) -> None:
        super().__init__(random)
        self.table = table
        self._batch_size = batch_size
        self._of_each_class = of_each_class
        weights = torch.ones(len(table)) if table.weights is None else table.weights
        self._weights = weights.to(table.device, DTYPE)

    def classes(self) -> Tensor:
        """Return the classes of a batch, (batch,)."""
        n, device = len(self.table.counts), self.table.device
        if self._of_each_class:
            return torch.arange(n, device=device).repeat_interleave(self._batch_size)
        return torch.randint(n, (self._batch_size,), generator=self.random, device=device)

    def rows(self, classes: Tensor) -> Tensor:
        """Return the number of a random row of each class, (batch,).

        By weight, as `DeviceTable.rows_at` does it, which would draw others for the same seed.
        """
        out = torch.empty_like(classes)
        for code in classes.unique().tolist():
            places, rows = (classes == code).nonzero().flatten(), self.table.rows_of(code)
            chosen = torch.multinomial(
                self._weights[rows], len(places), replacement=True, generator=self.random
            )
            out[places] = rows[chosen]
        return out


class SingleRows:
    """Rows that stand alone."""

    def __init__(self, rows: ClassRows) -> None:
        self._rows = rows

    def draw(self) -> Pairs:
        """Return the next batch."""
        classes = self._rows.classes()
        target = self._rows.table.expand(self._rows.rows(classes))
        return Pairs(target[:, :0], target, classes)

    def anchors(self, class_code: int, turns: Tensor, random: torch.Generator) -> Tensor:
        """Return no anchors, of shape (n, 0)."""
        return torch.empty(len(turns), 0, dtype=DTYPE, device=turns.device)

    def state_dict(self) -> State:
        """Return all that further batches depend on."""
        return self._rows.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was called."""
        self._rows.load_state_dict(state)


class ViewPairs:
    """Views of two images of the same class."""

    def __init__(self, rows: ClassRows, views: Views) -> None:
        self._rows = rows
        self._views = views

    def draw(self) -> Pairs:
        """Return the next batch."""
        classes, table = self._rows.classes(), self._rows.table
        anchor, target = (
            self._views(table.expand(self._rows.rows(classes))) for _ in ("anchor", "target")
        )
        return Pairs(anchor, target, classes)

    def anchors(self, class_code: int, turns: Tensor, random: torch.Generator) -> Tensor:
        """Return views of the images whose turn it is, (n, width)."""
        table = self._rows.table
        return Views(self._views.shape, random)(table.expand(table.in_turn(class_code, turns)))

    def state_dict(self) -> State:
        """Return all that further batches depend on."""
        return {
            **nested("rows", self._rows.state_dict()),
            **nested("views", self._views.state_dict()),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was called."""
        self._rows.load_state_dict(part_of(state, "rows"))
        self._views.load_state_dict(part_of(state, "views"))


def stratified(source: RowSource, classes: Sequence[int], n_rows: int) -> Pairs:
    """Return pairs of these classes only, about equally many of each, from a source's batches."""
    share = -(-n_rows // len(classes))
    found: dict[int, list[Pairs]] = {code: [] for code in classes}
    while any(sum(len(p.classes) for p in parts) < share for parts in found.values()):
        batch = source.draw()
        for code, parts in found.items():
            parts.append(Pairs(*(part[batch.classes == code] for part in batch)))
    whole = [
        Pairs(*(torch.cat(part)[:share] for part in zip(*p, strict=True))) for p in found.values()
    ]
    return Pairs(*(torch.cat(part) for part in zip(*whole, strict=True)))
