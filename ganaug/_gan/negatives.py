"""Rows that are wrong in ways a generator would not think of.

A discriminator that has only seen its generator's mistakes knows nothing of the rest of space: far
from the data its logit is whatever its last layers extrapolate, and on half of the tables tried it
calls the farthest rows the most real. So it is also shown real rows moved by *difference noise*:
by sums of differences of real rows, which have the covariance of the data, at scales from a third
of it to four times; and with categories swapped for another row's, or erased. Contrasting the data
with noise of many scales is what makes a classifier learn their density (Gutmann & Hyvarinen 2010,
"Noise-contrastive estimation").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganaug._encoding.layout import TableLayout
from ganaug._gan.runtime import DTYPE
from ganaug._gan.states import Drawing

SCALES = (0.3, 4.0)
N_DIFFERENCES = 4
ERASED_SHARE = 0.25


class DifferenceNoise(Drawing):
    """Moves real rows away from where rows are.

    Parameters
    ----------
    layout : TableLayout
    random : torch.Generator
    scales : tuple of float, default=(0.3, 4.0)
        The smallest and the largest scale; logarithms in between are equally likely.

    Attributes
    ----------
    random : torch.Generator
    """

    def __init__(
        self,
        layout: TableLayout,
        random: torch.Generator,
        scales: tuple[float, float] = SCALES,
    ) -> None:
        super().__init__(random)
        self._scales = scales
        self._continuous = layout.continuous
        self._one_hot = layout.one_hot
        sizes = torch.tensor([slot.size for slot in layout.heads], dtype=torch.long)
        heads = torch.arange(len(sizes)).repeat_interleave(sizes)
        self._head_of_level = heads.to(random.device)
        self._n_heads = len(sizes)

    def __call__(self, rows: Tensor, others: Tensor) -> Tensor:
        """Return `rows` (n, width) moved by differences of `others` (m, width)."""
        low, high = (math.log(scale) for scale in self._scales)
        scale = torch.exp(low + (high - low) * self._uniform(len(rows), 1))
        moved = rows.clone()
        moved[:, self._continuous] += scale * self._differences(len(rows), others)
        if self._n_heads:
            one_hot = moved[:, self._one_hot]
            moved[:, self._one_hot] = self._swapped(one_hot, others[:, self._one_hot], scale)
        return moved

    def _differences(self, n: int, others: Tensor) -> Tensor:
        """Return sums of half differences of pairs: (n, continuous_width)."""
        rows = others[self._choose(len(others), 2, N_DIFFERENCES, n), self._continuous]
        return (rows[0] - rows[1]).sum(dim=0) / 2

    def _swapped(self, one_hot: Tensor, others: Tensor, scale: Tensor) -> Tensor:
        """Return the levels, some of them another row's, some of these erased."""
        n = len(one_hot)
        is_swapped = self._uniform(n, self._n_heads) < scale / SCALES[1]
        is_kept = self._uniform(n, self._n_heads) >= ERASED_SHARE
        donors = self._choose(len(others), n, self._n_heads)
        donors, is_kept, is_swapped = (
            of_head.index_select(1, self._head_of_level)
            for of_head in (donors, is_kept, is_swapped)
        )
        return torch.where(is_swapped, others.gather(0, donors) * is_kept, one_hot)

    def _choose(self, n: int, *shape: int) -> Tensor:
        return torch.randint(n, shape, generator=self.random, device=self.random.device)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.random, dtype=DTYPE, device=self.random.device)
