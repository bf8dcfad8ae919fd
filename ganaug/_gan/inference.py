"""Rows of a class from a trained generator (draw, make valid, accept), and logits of any rows."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._encoding.layout import EncodedTable, TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.networks import Discriminator, Generator
from ganaug._gan.runtime import DTYPE
from ganaug._gan.training import draw_noise

CHUNK_ROWS = 4096
DISTANCE_ROWS = 1024
MAX_REFERENCE_ROWS = 4000
# A class of few rows is stretched a little beyond what was seen of it: n rows fill less than the
# space that they were drawn from.
STRETCH = 0.5
STRETCH_ROWS = 50


@dataclass(frozen=True)
class SamplingConfig:
    """How rows are drawn and accepted.

    Parameters
    ----------
    anchored_share : float
        Share of the rows that start from a real one.
    n_tries : int
        How often a row is drawn before the best try is taken.
    n_neighbors : int
        A row is accepted if so many nearest rows of its own class are nearer, on average, than
        those of the others.
    """

    anchored_share: float
    n_tries: int = 3
    n_neighbors: int = 3


class RowSampler:
    """Draws rows of one class.

    Parameters
    ----------
    generator : Generator
    table : DeviceTable
        The real rows: anchors, and what accepted rows are compared with.
    class_code : int
    config : SamplingConfig
    random : torch.Generator
    """

    def __init__(
        self,
        generator: Generator,
        table: DeviceTable,
        class_code: int,
        config: SamplingConfig,
        random: torch.Generator,
    ) -> None:
        self._generator = generator
        self._table = table
        self._class_code = class_code
        self._config = config
        self._random = random
        self._validity = Validity(table.layout, generator, table.device)
        anchors = table.class_rows(class_code, len(table), random)
        shuffled = torch.randperm(len(anchors), generator=random, device=table.device)
        self._anchors = anchors[shuffled]
        self._stretch = 1 + STRETCH * min(1.0, STRETCH_ROWS / len(self._anchors))

    def chunks(self, n_rows: int) -> Iterator[Tensor]:
        """Give `n_rows` accepted rows in chunks of shape (at most 4096, width)."""
        acceptance = Acceptance(
            self._table, self._class_code, self._config.n_neighbors, self._random
        )
        for start in range(0, n_rows, CHUNK_ROWS):
            n = min(CHUNK_ROWS, n_rows - start)
            yield self._accepted(n, start, acceptance)

    def _accepted(self, n: int, start: int, acceptance: Acceptance) -> Tensor:
        anchor, anchored = self._draw_anchors(n, start)
        rows = self._draw(anchor, anchored)
        margins = acceptance.margins(rows)
        for _ in range(self._config.n_tries - 1):
            refused = torch.nonzero(margins < 0).flatten()
            if not len(refused):
                break
            again = self._draw(anchor[refused], anchored[refused])
            again_margins = acceptance.margins(again)
            better = again_margins > margins[refused]
            rows[refused[better]] = again[better]
            margins[refused[better]] = again_margins[better]
        return rows

    def _draw_anchors(self, n: int, start: int) -> tuple[Tensor, Tensor]:
        """Return anchors, all rows in turn, zeroed where the row is to be free."""
        place = torch.arange(start, start + n, device=self._table.device)
        # spread the anchored rows evenly: floor(i * share) steps up at each of them
        share = self._config.anchored_share
        turn = torch.floor(place.double() * share + 1e-9)
        anchored = (torch.floor((place + 1).double() * share + 1e-9) > turn).to(DTYPE)[:, None]
        anchors = self._anchors[turn.long() % len(self._anchors)]
        return self._table.expand(anchors) * anchored, anchored

    def _draw(self, anchor: Tensor, anchored: Tensor) -> Tensor:
        latent, gumbel = draw_noise(self._generator, len(anchor), self._random)
        classes = torch.full((len(anchor),), self._class_code, device=anchor.device)
        rows = self._generator(anchor, anchored, latent, gumbel, classes)
        width = self._generator.continuous_width
        moved = rows[:, :width] - anchor[:, :width]
        stretch = 1 + (self._stretch - 1) * anchored
        rows[:, :width] = anchor[:, :width] + stretch * moved
        return self._validity(rows)


class Validity:
    """Moves rows to the nearest valid ones: within the range, on the grid, true to their state."""

    def __init__(self, layout: TableLayout, generator: Generator, device: torch.device) -> None:
        self._gate = generator.gate
        self._n = len(layout.numbers)
        self._one_hot = layout.one_hot
        self._continuous = layout.continuous
        bounds = [(slot.low, slot.high, slot.step) for slot in layout.numbers]
        self._low, self._high, self._step = (
            torch.tensor(bounds, dtype=DTYPE).reshape(-1, 3).to(device).T
        )

    def __call__(self, rows: Tensor) -> Tensor:
        numbers = rows[:, : self._n].clamp(self._low, self._high)
        steps = torch.round((numbers - self._low) / self._step.clamp(min=1e-30))
        on_grid = torch.where(self._step > 0, self._low + steps * self._step, numbers)
        rows = torch.cat([on_grid, rows[:, self._n :]], dim=1)
        rows[:, self._continuous] = self._gate(rows[:, self._continuous], rows[:, self._one_hot])
        return rows


class Acceptance:
    """Says how clearly a row lies among its own class: the rule of the k nearest real rows."""

    def __init__(
        self, table: DeviceTable, class_code: int, n_neighbors: int, random: torch.Generator
    ) -> None:
        others = [code for code in range(len(table.counts)) if code != class_code]
        share = max(MAX_REFERENCE_ROWS // max(len(others), 1), n_neighbors)
        self._own = table.expand(table.class_rows(class_code, MAX_REFERENCE_ROWS, random))
        self._others = table.expand(
            torch.cat([table.class_rows(code, share, random) for code in others])
        )
        self._k = min(n_neighbors, len(self._own), len(self._others))

    def margins(self, rows: Tensor) -> Tensor:
        """Return how much farther other classes are than the own one, of shape (n_rows,)."""
        return torch.cat([self._margin(chunk) for chunk in rows.split(DISTANCE_ROWS)])

    def _margin(self, rows: Tensor) -> Tensor:
        own, others = (
            torch.cdist(rows, real).topk(self._k, largest=False, sorted=False).values.mean(dim=1)
            for real in (self._own, self._others)
        )
        return others - own


def density_logits(
    discriminator: Discriminator, layout: TableLayout, rows: EncodedTable, device: torch.device
) -> NDArray[np.float64]:
    """Return the density logit of each row for each class, of shape (n_rows, n_classes).

    In double precision, so that a row's logit does not depend on the rows beside it.
    """
    precise = deepcopy(discriminator).double()
    table = DeviceTable(layout, rows, np.array([len(rows)]), device)
    chunks = torch.arange(len(rows), device=device).split(CHUNK_ROWS)
    logits = torch.cat(
        [precise.density_logits_of_all_classes(table.expand(chunk).double()) for chunk in chunks]
    )
    return logits.cpu().numpy()
