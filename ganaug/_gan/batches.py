"""Encoded rows on the device, and seeded, class-balanced batches of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._encoding.layout import EncodedTable, TableLayout
from ganaug._gan.runtime import DTYPE, in_double
from ganaug._gan.states import State

# Index tensors are drawn for so many batches at once: a draw costs as much as a small layer.
BATCHES_PER_DRAW = 64
NEIGHBOUR_CHUNK = 1024
# Rows of different weights have so many turns, at places that multiples of the golden ratio spread.
WEIGHED_TURNS = 4096
GOLDEN_RATIO = (5**0.5 - 1) / 2
# Share of the pairs in which the generator sees its anchor.
ANCHORED_SHARE = 0.5


class DeviceTable:
    """Compact rows on the device, sorted by class and expanded a batch at a time.

    What looks at the rows of a class, and weighs them itself if need be, takes all of them
    (`rows_of`) or a random choice (`some_of`). What is to meet rows as often as they weigh draws
    them at random (`rows_at`), or takes them in an order that is always the same (`by_weight`,
    `some_by_weight`, `in_turn`).

    Parameters
    ----------
    layout : TableLayout
    table : EncodedTable
        Rows in the order of their class codes.
    class_counts : ndarray of shape (n_classes,)
        How many rows each class has; class c holds rows ``starts[c]`` to ``starts[c + 1]``.
    weights : ndarray of shape (n_rows,) or None
        How much a row counts in comparison to others of its class.

    Attributes
    ----------
    effective_counts : ndarray of shape (n_classes,)
        How many rows of one weight each class is worth.
    level_points : list of Tensor of shape (n_levels, size)
        The points of the levels of each vector slot.
    """

    def __init__(
        self,
        layout: TableLayout,
        table: EncodedTable,
        class_counts: NDArray[np.int64],
        device: torch.device,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.layout = layout
        self.device = device
        self.effective_counts = effective_counts(class_counts, weights)
        self.counts = torch.from_numpy(class_counts).to(device)
        self.starts = torch.from_numpy(np.concatenate([[0], np.cumsum(class_counts)])).to(device)
        self.weights = None if weights is None else torch.from_numpy(weights).to(device, DTYPE)
        self._cumulative = None if self.weights is None else self._cumulate(self.weights)
        self._numbers = torch.from_numpy(table.numbers).to(device, DTYPE)
        n_vectors = len(layout.vectors)
        self._vector_codes = torch.from_numpy(table.codes[:, :n_vectors]).to(device, torch.long)
        self.level_points = [torch.from_numpy(slot.vectors).to(device) for slot in layout.vectors]
        self._hot = self._hot_positions(table.codes[:, n_vectors:]).to(device)

    def _cumulate(self, weights: Tensor) -> Tensor:
        """Return cumulative weights in which each class weighs 1, so that single floats do."""
        counts = self.counts.tolist()
        shares = [part / part.sum() for part in in_double(weights).split(counts)]
        return torch.cat(shares).cumsum(dim=0).to(self.device, DTYPE)

    def _hot_positions(self, codes: NDArray[np.int32]) -> Tensor:
        """Return where the ones are; an unknown level is all zeros, so it points past the end."""
        offsets = np.array([part.start for part in self.layout.head_slices], dtype=np.int64)
        positions = np.where(codes < 0, self.layout.one_hot_width, codes + offsets)
        return torch.from_numpy(positions)

    def __len__(self) -> int:
        return len(self._numbers)

    def expand(self, rows: Tensor) -> Tensor:
        """Return the rows (n,) in full, of shape (n, width).

        `index_select` takes half the time of brackets, here and wherever else each step gathers.
        """
        parts = [self._numbers.index_select(0, rows)]
        for k, vectors in enumerate(self.level_points):
            codes = self._vector_codes[:, k].index_select(0, rows)
            known = (codes >= 0).unsqueeze(1)
            parts.append(vectors.index_select(0, codes.clamp(min=0)) * known)
        one_hot = torch.zeros(
            len(rows), self.layout.one_hot_width + 1, dtype=DTYPE, device=self.device
        )
        parts.append(one_hot.scatter_(1, self._hot.index_select(0, rows), 1.0)[:, :-1])
        return torch.cat(parts, dim=1)

    def in_full_chunks(
        self, function: Callable[[Tensor], Tensor], rows: Tensor, chunk_rows: int
    ) -> Tensor:
        """Return what `function` makes of rows (n,) in full, of shape (n, ...).

        It is given `chunk_rows` at a time, filled up with zeros: layers round differently for other
        numbers of rows, and no row's result may depend on how many there are beside it.
        """
        results = []
        for part in rows.split(chunk_rows):
            rows_in_full = self.expand(part)
            chunk = filled_up(rows_in_full, chunk_rows, rows_in_full.shape[1])
            results.append(function(chunk)[: len(part)])
        return torch.cat(results)

    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean of rows (n,) in full, by their weights: (width,)."""
        if self.weights is None:
            return self.expand(rows).mean(dim=0)
        weights = self.weights[rows] / self.weights[rows].sum()
        return weights @ self.expand(rows)

    def number(self, position: int) -> tuple[Tensor, Tensor]:
        """Return a number of all rows and the rows' weights, (n_rows,) each.

        A row in which the number is missing or piled up has no weight.
        """
        values = self._numbers[:, position]
        weights = torch.ones_like(values) if self.weights is None else self.weights
        for head, slot in enumerate(self.layout.heads):
            if slot.number == position:
                weights = weights * (self._hot[:, head] == self.layout.head_slices[head].start)
        return values, weights

    def level_counts(self, vector: int, class_code: int, *, weighted: bool = False) -> Tensor:
        """Return how many rows of a class have each level of a vector slot, or what they weigh."""
        start, stop = self.starts[class_code : class_code + 2].tolist()
        codes = self._vector_codes[start:stop, vector]
        present = codes >= 0
        weights = None
        if weighted and self.weights is not None:
            weights = self.weights[start:stop][present]
        n_levels = len(self.level_points[vector])
        return torch.bincount(codes[present], weights, minlength=n_levels).to(DTYPE)

    def meetings(self, vector: int, head: int) -> Tensor:
        """Return in how many rows levels of a vector slot and of a head meet, (n_levels, size)."""
        n_levels, part = len(self.level_points[vector]), self.layout.head_slices[head]
        size = part.stop - part.start
        codes, hot = self._vector_codes[:, vector], self._hot[:, head] - part.start
        return _meetings(codes, n_levels, hot, size)

    def vectors_meeting(self, first: int, second: int) -> Tensor:
        """Return in how many rows levels of two vector slots meet, (n_first, n_second)."""
        sizes = [len(self.level_points[vector]) for vector in (first, second)]
        codes = self._vector_codes[:, first], self._vector_codes[:, second]
        return _meetings(codes[0], sizes[0], codes[1], sizes[1])

    def class_means(self, values: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted mean of values (n_rows,) in each class, 0 where nothing weighs."""
        counts = self.counts.tolist()
        sums = [part.sum() for part in (values * weights).split(counts)]
        wholes = [part.sum() for part in weights.split(counts)]
        return torch.stack(sums) / torch.stack(wholes).clamp(min=torch.finfo(DTYPE).tiny)

    def rows_of(self, class_code: int) -> Tensor:
        """Return all rows of a class, once each."""
        start, count = int(self.starts[class_code]), int(self.counts[class_code])
        return torch.arange(start, start + count, device=self.device)

    def some_of(self, class_code: int, at_most: int, random: torch.Generator) -> Tensor:
        """Return the rows of a class, or a random choice of `at_most`, whatever they weigh."""
        rows = self.rows_of(class_code)
        if len(rows) <= at_most:
            return rows
        chosen = torch.randperm(len(rows), generator=random, device=self.device)[:at_most]
        return rows[chosen.sort().values]

    def rows_at(self, classes: Tensor, places: Tensor) -> Tensor:
        """Return a row of each class, at a place in [0, 1) among its rows, as wide as they weigh.

        Shapes: classes (...), places (...) -> (...).
        """
        starts, counts = self.starts[classes], self.counts[classes]
        if self._cumulative is None:
            return starts + (places * counts).long()
        rows = torch.searchsorted(self._cumulative, classes + places, right=True)
        return torch.minimum(torch.maximum(rows, starts), starts + counts - 1)

    def by_weight(self, rows: Tensor) -> Tensor:
        """Return rows (n,) again and again, as often as they weigh; as they are if all weigh alike.

        The first of them are spread over the rows as evenly as all.
        """
        if self.weights is None or self._weigh_alike(rows):
            return rows
        weights = in_double(self.weights[rows])
        turns = torch.arange(max(WEIGHED_TURNS, 4 * len(rows)), dtype=weights.dtype)
        places = (turns.to(weights.device) * GOLDEN_RATIO).remainder(1.0)
        cumulative = weights.cumsum(dim=0) / weights.sum()
        return rows[torch.searchsorted(cumulative, places, right=True).clamp(max=len(rows) - 1)]

    def some_by_weight(self, class_code: int, at_most: int, random: torch.Generator) -> Tensor:
        """Return `at_most` rows of a class `by_weight`, or `some_of` it if all weigh alike."""
        rows = self.rows_of(class_code)
        if self._weigh_alike(rows):
            return self.some_of(class_code, at_most, random)
        return self.by_weight(rows)[:at_most]

    def in_turn(self, class_code: int, turns: Tensor) -> Tensor:
        """Return the rows of a class whose turn it is, (n,): all `by_weight`, then all again."""
        rows = self.by_weight(self.rows_of(class_code))
        return rows[turns % len(rows)]

    def _weigh_alike(self, rows: Tensor) -> bool:
        return self.weights is None or bool((self.weights[rows] == self.weights[rows[0]]).all())


def _meetings(first: Tensor, n_first: int, second: Tensor, n_second: int) -> Tensor:
    """Return how often codes (n_rows,) meet, (n_first, n_second); what is none is missing."""
    both = (first >= 0) & (second >= 0) & (second < n_second)
    pairs = first[both] * n_second + second[both]
    return torch.bincount(pairs, minlength=n_first * n_second).view(n_first, n_second)


def effective_counts(
    class_counts: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> NDArray[np.number]:
    """Return how many rows of one weight each class is worth (Kish 1965, "Survey Sampling")."""
    if weights is None:
        return class_counts
    of_classes = np.split(weights, np.cumsum(class_counts)[:-1])
    shares = [part / part.sum() for part in of_classes]
    return np.array([1 / (share @ share) for share in shares])


class Batch(NamedTuple):
    """What one step sees: for each pair an anchor (or zeros), its target and their class."""

    anchor: Tensor  # (batch, width)
    anchored: Tensor  # (batch, 1)
    target: Tensor  # (batch, width)
    classes: Tensor  # (batch,)

    def free(self) -> Batch:
        """Return the pairs whose anchor was dropped; they come last."""
        n_anchored = int(len(self.classes) * ANCHORED_SHARE)
        return Batch(*(part[n_anchored:] for part in self))


@dataclass(frozen=True)
class BatchConfig:
    batch_size: int
    n_neighbors: int


class ClassBalancedBatches:
    """Draws batches in which all classes are equally likely.

    An anchored pair is a row and one of its nearest neighbours in the class; in the others the
    anchor is dropped and the target is the row itself.

    Parameters
    ----------
    table : DeviceTable
        Rows are drawn by their weights.

    Attributes
    ----------
    neighbours : Tensor of shape (n_rows, k)
        The rows nearest to each in its class.
    """

    def __init__(
        self,
        table: DeviceTable,
        config: BatchConfig,
        random: torch.Generator,
    ) -> None:
        self._table = table
        self._config = config
        self._random = random
        self.neighbours = nearest_in_class(table, config.n_neighbors)
        self._n_anchored = int(config.batch_size * ANCHORED_SHARE)
        self._anchored = torch.zeros(config.batch_size, 1, dtype=DTYPE, device=table.device)
        self._anchored[: self._n_anchored] = 1.0
        self._drawn = 0
        # of the batch that is next: written to in place, so that a recorded step finds it there
        self._indices = torch.zeros(3, config.batch_size, dtype=torch.long, device=table.device)
        self._state_before_draw = random.get_state()

    def state_dict(self) -> State:
        """Return all that further batches depend on, besides the table."""
        return {"drawn": torch.tensor(self._drawn), "random": self._state_before_draw}

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was called."""
        self._drawn = int(state["drawn"])
        self._random.set_state(state["random"])
        if self._drawn:
            self._draw_indices()

    def advance(self) -> None:
        """Move on to the next batch."""
        if self._drawn % BATCHES_PER_DRAW == 0:
            self._draw_indices()
        self._indices.copy_(self._coming[:, self._drawn % BATCHES_PER_DRAW])
        self._drawn += 1

    def current(self) -> Batch:
        """Return the batch that `advance` moved on to: all of this happens on the device."""
        classes, rows, targets = self._indices
        in_full, target = self._table.expand(torch.cat([rows, targets])).chunk(2)
        return Batch(in_full * self._anchored, self._anchored, target, classes.clone())

    def _draw_indices(self) -> None:
        shape = (BATCHES_PER_DRAW, self._config.batch_size)
        table, device = self._table, self._table.device
        self._state_before_draw = self._random.get_state()
        classes = torch.randint(len(table.counts), shape, generator=self._random, device=device)
        uniform = torch.rand(shape, generator=self._random, dtype=DTYPE, device=device)
        rows = table.rows_at(classes, uniform)
        pick = torch.randint(self.neighbours.shape[1], shape, generator=self._random, device=device)
        targets = rows.clone()
        anchored = slice(0, self._n_anchored)
        targets[:, anchored] = self.neighbours[rows[:, anchored], pick[:, anchored]]
        self._coming = torch.stack([classes, rows, targets])


def nearest_in_class(table: DeviceTable, n_neighbors: int) -> Tensor:
    """Return for each row the rows nearest to it in its class, of shape (n_rows, k).

    k is `n_neighbors`, or less where no class has so many. A class of fewer rows repeats its
    neighbours; a row alone in its class is its own.
    """
    n_neighbors = min(n_neighbors, max(int(table.counts.max()) - 1, 1))
    out = torch.empty(len(table), n_neighbors, dtype=torch.long, device=table.device)
    for start, count in zip(table.starts.tolist(), table.counts.tolist(), strict=False):
        rows = table.expand(torch.arange(start, start + count, device=table.device))
        k = min(n_neighbors, count - 1)
        for chunk in torch.arange(count, device=table.device).split(NEIGHBOUR_CHUNK):
            if k == 0:
                nearest = chunk[:, None]
            else:
                distance = torch.cdist(rows[chunk], rows)
                distance[torch.arange(len(chunk), device=table.device), chunk] = torch.inf
                nearest = distance.topk(k, largest=False).indices
            repeated = torch.arange(n_neighbors, device=table.device) % nearest.shape[1]
            out[start + chunk] = start + nearest[:, repeated]
    return out


def filled_up(values: Tensor, *shape: int) -> Tensor:
    """Return values in the first places of zeros; torch's own padding refuses empty ones in 2.6."""
    full = values.new_zeros(shape)
    full[tuple(map(slice, values.shape))] = values
    return full
