"""Tails: how far out a row is in all of its columns together, on one side.

Distances forget directions: a row that is somewhat large in every column is near rows that are
large in some. Its place among the reference rows, column by column, tells (Li et al. 2022, "ECOD").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._detection.reference import CHUNK_ROWS
from ganaug._gan.runtime import DTYPE

# Values of one cell count as equal; below the lowest and above the highest are two cells more.
N_CELLS = 512
# Sums of whole numbers don't depend on their order.
RESOLUTION = 2**20
SMALLEST_RANGE = 1e-6


@dataclass(frozen=True)
class Tails:
    """Logarithms of tails of each column, looked up in tables.

    Parameters
    ----------
    low, cells_per_unit : Tensor of shape (width,)
    surprises : Tensor of shape (2, 2 * width * (N_CELLS + 2)), dtype int32
        Minus the logarithm of the share of reference rows at most, and at least, as large; for new
        rows, then for rows that are reference rows and don't count themselves.
    """

    low: Tensor
    cells_per_unit: Tensor
    surprises: Tensor

    @classmethod
    def build(cls, rows: Tensor) -> Tails:
        """Learn the tails of rows of shape (n_rows, width)."""
        n, width = rows.shape
        low, high = rows.amin(dim=0), rows.amax(dim=0)
        # a little less than all cells: the highest value is in the last one, not above it
        per_unit = N_CELLS * (1 - 1e-5) / (high - low).clamp(min=SMALLEST_RANGE)
        bare = cls(low, per_unit, torch.empty(0, dtype=DTYPE))
        size = N_CELLS + 2
        counts = torch.bincount(bare._cells(rows).flatten(), minlength=width * size)
        counts = counts.view(width, size)
        at_most = counts.cumsum(dim=1)
        sides = torch.stack([at_most, n - at_most + counts])
        tables = [
            -torch.log(((sides - known).clamp(min=0).to(DTYPE) + 0.5) / (n + 1 - known))
            for known in (0, 1)
        ]
        surprises = torch.stack(tables, dim=1).mul(RESOLUTION).round().int()
        return cls(low, per_unit, surprises.view(2, -1))

    def __call__(self, points: NDArray[np.float32], is_known: NDArray[np.bool_]) -> Tensor:
        """Return the mean over columns, on that side where it is larger, for each row.

        Parameters
        ----------
        points : ndarray of shape (n_rows, at least width)
        is_known : ndarray of shape (n_rows,)
            Which rows are reference rows.
        """
        width = len(self.low)
        rows = torch.from_numpy(points)[:, :width].split(CHUNK_ROWS)
        known = torch.from_numpy(is_known).long().split(CHUNK_ROWS)
        sums = [
            self.surprises[:, self._cells(part) + which[:, None] * (width * (N_CELLS + 2))].sum(2)
            for part, which in zip(rows, known, strict=True)
        ]
        return torch.cat(sums, dim=1).amax(dim=0).double() / (RESOLUTION * width)

    def _cells(self, rows: Tensor) -> Tensor:
        """Return the number of each value's cell, those of later columns after earlier ones."""
        cells = ((rows - self.low) * self.cells_per_unit).floor_().clamp_(-1, N_CELLS).long() + 1
        return cells + torch.arange(len(self.low)) * (N_CELLS + 2)
