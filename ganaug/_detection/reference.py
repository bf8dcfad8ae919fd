"""ReferenceRows: how a row relates to rows of the training table.

Everything here is a distance, and everything is written so that a row's result does not depend, to
the last bit, on the rows beside it: chunks always have the same shape, filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ganaug._gan.batches import filled_up
from ganaug._gan.runtime import DTYPE, in_threads

CHUNK_ROWS = 512
CPU = torch.device("cpu")
N_NEIGHBORS = 10
N_NEAREST = 5
RIDGE = 0.5
BLOCK_ROWS = 32
MIN_BLOCKS = 32
BLOCK_QUANTILE = 0.8
# Where columns have few values, so have quantiles of distances: the mean over all blocks has a
# small say, and tells rows apart that would be equal.
SHARE_OF_MEAN = 0.1
# Values of a row among which its smallest are looked for together.
PART_SIZE = 8
NO_ROW = -1
# Rows start at multiples of so many floats: matrix products round differently where they don't.
ALIGNMENT = 16
# Bits of a double that no number in single precision uses.
LOW_BITS = 2**29 - 1
# What is infinitely far has to be a number, in single precision, to be sorted with its place.
FARTHEST = float(np.finfo(np.float32).max)
# Distances are compared as logarithms; two equal rows are about so far apart.
SMALLEST_DISTANCE = 1e-4


class Relation(IntEnum):
    """What is measured about a row, in the order of the columns of `ReferenceRows.relations`."""

    NEAREST = 0
    FARTHEST = 1
    MEAN = 2
    RECONSTRUCTION = 3
    BLOCKS = 4


# What the discriminator is told about a row's neighbourhood.
LOCAL = slice(Relation.NEAREST, Relation.BLOCKS)


class Neighbours(NamedTuple):
    """Differences to the nearest rows, nearest first, and the squared distance to the blocks."""

    differences: Tensor  # (n, k, width)
    block_square: Tensor  # (n,), over blocks


@dataclass(frozen=True)
class ReferenceRows:
    """Rows of the training table in random order, cut into blocks.

    Parameters
    ----------
    rows : Tensor of shape (n_places, padded_width)
        Filled up with zeros, to a whole number of blocks and an aligned width.
    squares : Tensor of shape (n_places,)
        Squared length of each row; infinite where there is none.
    width : int
        How many coordinates count.
    n_rows : int
    block_rows : int
    more_blocks : Tensor of shape (n_more, block_rows), dtype int64
        Further random blocks, where the table is too small for many.
    """

    rows: Tensor
    squares: Tensor
    width: int
    n_rows: int
    block_rows: int
    more_blocks: Tensor

    @classmethod
    def build(
        cls,
        points: NDArray[np.float32],
        random: np.random.Generator,
        max_block_rows: int = BLOCK_ROWS,
    ) -> ReferenceRows:
        """Cut points, which come in random order, into blocks."""
        n, width = points.shape
        size = min(max_block_rows, max(2, n // 4))
        n_places = -(-n // size) * size
        rows = filled_up(torch.from_numpy(points), n_places, _aligned(width))
        squares = rows.square().sum(dim=1)
        squares[n:] = torch.inf
        n_more = max(0, MIN_BLOCKS - n_places // size)
        more = [random.permutation(n)[:size] for _ in range(n_more)]
        more_blocks = torch.from_numpy(np.array(more, dtype=np.int64).reshape(-1, size))
        return cls(rows, squares, width, n, size, more_blocks)

    @property
    def points(self) -> Tensor:
        """The rows without what fills them up: (n_rows, width)."""
        return self.rows[: self.n_rows, : self.width]

    @cached_property
    def factors(self) -> Tensor:
        """Rows as columns, their squared lengths below them: (padded width + 1, n_places).

        One product gives |row|^2 - 2 row * point, without a pass over all of them to add the first.
        """
        factors = torch.zeros(_aligned(self.width + 1), len(self.rows), dtype=DTYPE)
        factors[: self.width] = self.rows[:, : self.width].T
        factors[self.width] = self.squares
        return factors

    @property
    def n_neighbors(self) -> int:
        """Neighbours that every row has, even one that is left out itself."""
        return min(N_NEIGHBORS, self.n_rows - 1)

    def relations(
        self,
        points: NDArray[np.float32],
        own: NDArray[np.int64],
        kinds: NDArray[np.int64] | None = None,
    ) -> Tensor:
        """Return logarithms of distances, of shape (n_rows, 5), one column for each `Relation`.

        Parameters
        ----------
        points : ndarray of shape (n_rows, width + n_columns)
        own : ndarray of shape (n_rows,)
            The reference row that each row is itself, and is not compared with, or -1.
        kinds : ndarray of shape (n_reference,) or None
            Numbers that equal reference rows share: rows are not compared with any of their own.
        """
        if not len(points):
            return torch.empty(0, len(Relation), dtype=DTYPE)
        of_places = None
        if kinds is not None:
            of_places = torch.full((len(self.rows),), NO_ROW)
            of_places[: self.n_rows] = torch.from_numpy(kinds)

        def of_chunk(chunk: tuple[Tensor, Tensor, Tensor, int]) -> Tensor:
            rows, unseen, own_rows, n = chunk
            return self._relations(rows, unseen, own_rows, of_places)[:n]

        return torch.cat(list(in_threads(of_chunk, self._chunks(points, own), CPU)))

    def _chunks(
        self, points: NDArray[np.float32], own: NDArray[np.int64]
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, int]]:
        """Give full chunks: points, squared distance by unseen values, own row, rows that count."""
        for start in range(0, len(points), CHUNK_ROWS):
            part = points[start : start + CHUNK_ROWS]
            n = len(part)
            rows = torch.from_numpy(part[:, : self.width])
            unseen = torch.from_numpy(np.square(part[:, self.width :]).sum(axis=1))
            own_rows = torch.full((CHUNK_ROWS,), NO_ROW)
            own_rows[:n] = torch.from_numpy(own[start : start + CHUNK_ROWS])
            chunk = filled_up(rows, CHUNK_ROWS, self.rows.shape[1])
            yield chunk, filled_up(unseen, CHUNK_ROWS), own_rows, n

    def _relations(
        self, points: Tensor, unseen: Tensor, own: Tensor, kinds: Tensor | None
    ) -> Tensor:
        differences, block_square = self._neighbours(points, own, kinds)
        squares = differences.square().sum(dim=2)
        mean = _sum(differences[:, :N_NEAREST]) / min(N_NEAREST, self.n_neighbors)
        found = [
            squares.amin(dim=1),
            squares.amax(dim=1),
            mean.square().sum(dim=1),
            _reconstruction(differences, squares),
            block_square,
        ]
        distances = (torch.stack(found, dim=1) + unseen[:, None]).sqrt()
        return distances.clamp(min=SMALLEST_DISTANCE).log()

    def _neighbours(self, points: Tensor, own: Tensor, kinds: Tensor | None) -> Neighbours:
        """Find the nearest rows: they are in those blocks whose nearest rows are nearest."""
        squares = self._relative_squares(points, own, kinds)
        blocks = squares.view(len(points), -1, self.block_rows)
        nearest = blocks.amin(dim=2)
        by_distance = _ascending(nearest)
        k = self.n_neighbors
        chosen = by_distance[:, :k]
        first_block = torch.arange(0, blocks.shape[0] * blocks.shape[1], blocks.shape[1])[:, None]
        inside = _rows_at(blocks.flatten(0, 1), chosen + first_block).flatten(1)
        place = smallest_places(inside, k)
        rows = chosen.gather(1, place // self.block_rows) * self.block_rows
        differences = _rows_at(self.rows, rows + place % self.block_rows).sub_(points[:, None])
        if len(self.more_blocks):
            more = squares[:, self.more_blocks.flatten()].view(len(points), -1, self.block_rows)
            nearest = torch.cat([nearest, more.amin(dim=2)], dim=1)
            by_distance = _ascending(nearest)
        nearest += points.square().sum(dim=1, keepdim=True)
        return Neighbours(differences, self._over_blocks(nearest, by_distance))

    def _over_blocks(self, squares: Tensor, by_distance: Tensor) -> Tensor:
        """Return what squared distances (n, n_blocks) to the nearest row of each block say, (n,).

        Blocks that a row has for itself are infinitely far, and don't count. `by_distance` are the
        blocks in order.
        """
        is_there = squares < torch.inf
        n_blocks = is_there.sum(dim=1)
        squares = squares.clamp(min=SMALLEST_DISTANCE**2)
        rank = (BLOCK_QUANTILE * n_blocks).ceil().long() - 1
        quantile = squares.gather(1, by_distance.gather(1, rank[:, None])).flatten()
        mean = torch.where(is_there, squares, 0.0).sum(dim=1) / n_blocks
        return quantile ** (1 - SHARE_OF_MEAN) * mean**SHARE_OF_MEAN

    def _relative_squares(self, points: Tensor, own: Tensor, kinds: Tensor | None) -> Tensor:
        """Return squared distances to all places, less each point's squared length."""
        left = points.new_zeros(len(points), len(self.factors))
        torch.mul(points[:, : self.width], -2.0, out=left[:, : self.width])
        left[:, self.width] = 1.0
        squares = left @ self.factors
        if len(known := torch.nonzero(own != NO_ROW).flatten()):
            squares[known, own[known]] = torch.inf
            if kinds is not None:
                is_equal = kinds[own[known], None] == kinds
                squares[known] = squares[known].masked_fill_(is_equal, torch.inf)
        return squares


def _aligned(width: int) -> int:
    """Return how many coordinates a row is filled up to."""
    return -(-width // ALIGNMENT) * ALIGNMENT


def _ascending(values: Tensor) -> Tensor:
    """Return the places of the values of each row, smallest first.

    A value in single precision and its place fit into one number in double precision, and numpy
    sorts numbers twice as fast as it finds their order.
    """
    keys = values.double().clamp_(max=FARTHEST)
    keys.view(torch.int64).bitwise_or_(torch.arange(values.shape[1]))
    keys.numpy().sort(axis=1)
    return keys.view(torch.int64) & LOW_BITS


def smallest_places(values: Tensor, k: int) -> Tensor:
    """Return the places of the k smallest values of each row, smallest first and equals in order.

    They are in those parts of the row whose smallest values are smallest: only these are sorted.
    """
    n, width = values.shape
    if width <= k * PART_SIZE or width % PART_SIZE:
        return _ascending(values)[:, :k]
    parts = values.view(n, -1, PART_SIZE)
    chosen = _ascending(parts.amin(dim=2))[:, :k].clone()
    chosen.numpy().sort(axis=1)
    first_part = torch.arange(0, n * parts.shape[1], parts.shape[1])[:, None]
    inside = _rows_at(parts.flatten(0, 1), chosen + first_part).flatten(1)
    place = _ascending(inside)[:, :k]
    return chosen.gather(1, place // PART_SIZE) * PART_SIZE + place % PART_SIZE


def _rows_at(table: Tensor, places: Tensor) -> Tensor:
    """Return rows of a table, (n_rows, width), at places (n, k): (n, k, width)."""
    return table.index_select(0, places.flatten()).view(*places.shape, -1)


def _reconstruction(differences: Tensor, squares: Tensor) -> Tensor:
    """Return the squared residual of each row's best affine combination of its neighbours.

    The weights of locally linear embedding (Roweis & Saul 2000), with a ridge: (G + ridge) w = 1,
    and so |sum w g|^2 = w'Gw = w'1 - ridge w'w.
    """
    is_there = torch.ones(differences.shape[1], 1, dtype=DTYPE)
    if n_missing := N_NEIGHBORS - differences.shape[1]:
        # systems of one size: where few rows are known, they would start at odd places in memory,
        # and solvers round differently there
        differences, is_there = (
            functional.pad(part, (0, 0, 0, n_missing)) for part in (differences, is_there)
        )
    gram = differences @ differences.transpose(1, 2)
    ridge = RIDGE * squares.mean(dim=1) + SMALLEST_DISTANCE**2
    gram.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
    factor, _ = torch.linalg.cholesky_ex(gram)
    weights = torch.cholesky_solve(is_there.expand(len(differences), -1, -1), factor)[:, :, 0]
    total = weights.sum(dim=1)
    residual = (total - ridge * weights.square().sum(dim=1)) / total.square()
    return residual.clamp(min=0.0)


def _sum(parts: Tensor) -> Tensor:
    """Return the sum over the second dimension, (n, k, width) -> (n, width), one by one.

    The order in which `Tensor.sum` adds over it differs from row to row.
    """
    total = parts[:, 0]
    for part in parts.unbind(dim=1)[1:]:
        total = total + part
    return total
