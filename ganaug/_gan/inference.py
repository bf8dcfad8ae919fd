"""Rows of a class from a trained generator (draw, make valid, select), and logits of any rows."""

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
from ganaug._gan.runtime import DTYPE, device_for_doubles
from ganaug._gan.selection import Selection
from ganaug._gan.training import draw_noise

CHUNK_ROWS = 4096
# Candidates for each row that is drawn.
POOL_FACTOR = 4


@dataclass(frozen=True)
class SamplingConfig:
    """How rows are drawn.

    Parameters
    ----------
    anchored_share : float
        Share of the rows that start from a real one.
    """

    anchored_share: float


class RowSampler:
    """Draws rows of one class.

    Parameters
    ----------
    generator : Generator
    table : DeviceTable
        The real rows: anchors, and what candidates are compared with.
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

    def chunks(self, n_rows: int) -> Iterator[Tensor]:
        """Give `n_rows` rows in chunks of shape (at most 4096, width)."""
        selection = Selection(self._table, self._class_code, self._random)
        for start in range(0, n_rows, CHUNK_ROWS):
            n = min(CHUNK_ROWS, n_rows - start)
            candidates, homes = self.candidates(n, start, POOL_FACTOR)
            yield candidates[selection.choose(candidates, homes, n)]

    def candidates(self, n: int, start: int, n_each: int) -> tuple[Tensor, Tensor]:
        """Return `n_each` candidates for each of `n` rows, and the number of their anchors."""
        homes, anchored = self._choose_anchors(n, start)
        homes = homes.repeat(n_each)
        return self._draw(homes, anchored.repeat(n_each, 1)), homes

    def _choose_anchors(self, n: int, start: int) -> tuple[Tensor, Tensor]:
        """Return the number of each row's anchor, all in turn, and whether it is seen (n, 1)."""
        # spread the anchored rows evenly: floor(i * share) steps up at each of them
        place = np.arange(start, start + n + 1)
        turns = np.floor(place * self._config.anchored_share + 1e-9).astype(np.int64)
        turn = torch.from_numpy(turns[:-1]).to(self._table.device)
        anchored = torch.from_numpy(np.diff(turns)).to(self._table.device, DTYPE)[:, None]
        homes = turn % len(self._anchors)
        free = len(self._anchors)  # rows without an anchor share one home
        return torch.where(anchored.flatten() > 0, homes, free), anchored

    def _draw(self, homes: Tensor, anchored: Tensor) -> Tensor:
        rows_of_homes = self._anchors[homes.clamp(max=len(self._anchors) - 1)]
        anchor = self._table.expand(rows_of_homes) * anchored
        latent, gumbel = draw_noise(self._generator, len(anchor), self._random)
        classes = torch.full((len(anchor),), self._class_code, device=anchor.device)
        return self._validity(self._generator(anchor, anchored, latent, gumbel, classes))


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


def density_logits(
    discriminator: Discriminator, layout: TableLayout, rows: EncodedTable, device: torch.device
) -> NDArray[np.float64]:
    """Return the density logit of each row for each class, of shape (n_rows, n_classes).

    In double precision, so that a row's logit does not depend on the rows beside it.
    """
    device = device_for_doubles(device)
    precise = deepcopy(discriminator).to(device).double()
    table = DeviceTable(layout, rows, np.array([len(rows)]), device)
    chunks = torch.arange(len(rows), device=device).split(CHUNK_ROWS)
    logits = torch.cat(
        [precise.density_logits_of_all_classes(table.expand(chunk).double()) for chunk in chunks]
    )
    return logits.cpu().numpy()
