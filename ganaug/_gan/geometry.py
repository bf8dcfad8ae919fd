"""How far and in which directions the rows of a class lie from each other.

Columns are seldom independent: some are nearly sums of others, some hardly vary in one class and
widely in the table. A move of the same size in every column leaves such a class at once, and a
smooth discriminator is slow to notice. So the generator moves a row by multiples of the root of
the covariance of *neighbour differences* of its class, and the discriminator sees the move with
that root taken out again: for both, all directions are alike. What the discriminator sees keeps
its mean size: numbers that grew would drown the categories beside them. (SMOTE, Chawla et al.
2002, stays in the span of neighbour differences by construction; here learning starts there.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganaug._encoding.layout import TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.gate import StateGate
from ganaug._gan.runtime import DTYPE, in_double

# Rows of a class, and neighbours of each, that are enough to measure it.
MAX_ROWS = 2000
MAX_NEIGHBOURS = 32
# Wider tables move along so many principal directions of all classes.
MAX_RANK = 128
# A difference counts for no more than so many times the mean one of its column.
LARGEST_DIFFERENCE = 3.0
# Directions narrower than this share of the widest count as this wide when a move is measured: what
# is seen through a magnifying glass drowns the rest (categories above all).
NARROWEST = 0.3
# Directions narrower than this share of the widest say nothing of how others follow.
NARROWEST_SLOPE = 1e-3
TINY = 1e-12


@dataclass(frozen=True)
class ClassGeometry:
    """Where the numbers of each class lie, and how they differ between neighbours.

    Parameters
    ----------
    mean : ndarray of shape (n_classes, n_numbers)
    between_neighbours : ndarray of shape (n_classes, rank, rank)
        Symmetric root of the covariance of the differences of neighbours.
    in_class : ndarray of shape (n_classes, rank, rank)
        Symmetric root of the covariance of the rows.
    basis : ndarray of shape (n_numbers, rank) or None
        Directions in which wide tables are looked at; None is all of them.
    """

    mean: NDArray[np.float32]
    between_neighbours: NDArray[np.float32]
    in_class: NDArray[np.float32]
    basis: NDArray[np.float32] | None


class ClassMoves(nn.Module):
    """Maps moves in units of a class to columns, and back (there times their mean size).

    Parameters
    ----------
    geometry : ClassGeometry or None
        None leaves all moves as they are.
    layout : TableLayout
    device : torch.device
    """

    def __init__(
        self, geometry: ClassGeometry | None, layout: TableLayout, device: torch.device
    ) -> None:
        super().__init__()
        self._n = layout.continuous_width
        self._gate = StateGate(layout, device)
        self.is_plain = geometry is None or self._n == 0
        if geometry is None or self.is_plain:
            return
        near, wide = (
            in_double(torch.from_numpy(root))
            for root in (geometry.between_neighbours, geometry.in_class)
        )
        basis = None if geometry.basis is None else torch.from_numpy(geometry.basis)
        for name, value in (
            ("mean", torch.from_numpy(geometry.mean)),
            ("out_of_units", _side_by_side([*near, *wide])),
            ("into_units", _side_by_side([_size(root) * _inverse(root) for root in near])),
            ("basis", basis),
        ):
            moved = None if value is None else value.to(device, DTYPE).contiguous()
            self.register_buffer(name, moved, persistent=False)  # the geometry says it
        self.mean: Tensor
        self.out_of_units: Tensor  # (rank, 2 * n_classes * rank)
        self.into_units: Tensor  # (rank, n_classes * rank)
        self.basis: Tensor | None

    def moved(self, anchor: Tensor, anchored: Tensor, units: Tensor, classes: Tensor) -> Tensor:
        """Return numbers moved from their anchors.

        From the mean of their class where there is no anchor, or where it misses the number: what
        stands for that is no place among the others.

        Parameters
        ----------
        anchor : Tensor of shape (batch, width)
            Zeros where there is none.
        anchored : Tensor of shape (batch, 1)
        units : Tensor of shape (..., batch, n_numbers)
        classes : Tensor of shape (batch,)
        """
        numbers, levels = anchor[:, : self._n], anchor[:, self._n :]
        if self.is_plain:
            return numbers + units
        is_free = anchored[:, 0] == 0
        is_start = anchored > 0
        if self._gate.has_gaps:
            is_start = is_start & (self._gate.is_there(levels) > 0)
        start = torch.where(is_start, numbers, self.mean.index_select(0, classes))
        return start + self._mapped(units, self.out_of_units, classes + len(self.mean) * is_free)

    def units(self, anchor: Tensor, anchored: Tensor, rows: Tensor, classes: Tensor) -> Tensor:
        """Return how rows (..., batch, width) differ from anchors, numbers in units of the class.

        Rows without an anchor stay as they are, and so do states: a number that is missing on one
        side has not moved.
        """
        difference = rows - anchor
        if self.is_plain:
            return difference
        numbers = difference[..., : self._n]
        if self._gate.gated:
            both = self._gate.as_it_is(rows[..., self._n :])
            numbers = numbers * both * self._gate.as_it_is(anchor[:, self._n :])
        units = self._mapped(numbers, self.into_units, classes)
        units = torch.where(anchored > 0, units, difference[..., : self._n])
        return torch.cat([units, difference[..., self._n :]], dim=-1)

    def slopes(self, class_code: int, numbers: Sequence[int]) -> Tensor:
        """Return by how much all numbers differ between neighbours that differ in some by one.

        By linear regression; 0 for these numbers themselves: (len(numbers), n_numbers).
        """
        if self.is_plain:
            return self._gate.constant.new_zeros(len(numbers), self._n)
        root = in_double(
            self.out_of_units.unflatten(1, (-1, len(self.out_of_units)))[:, class_code]
        )
        if self.basis is not None:
            root = in_double(self.basis) @ root
        covariance = root @ root.T
        chosen = list(numbers)
        among = covariance[chosen][:, chosen]
        slopes = torch.linalg.pinv(among, rtol=NARROWEST_SLOPE, hermitian=True) @ covariance[chosen]
        slopes[:, chosen] = 0.0
        return slopes.to(self.out_of_units)

    def _mapped(self, moves: Tensor, matrices: Tensor, which: Tensor) -> Tensor:
        """Return each move times one of the matrices, in one product for all."""
        if not torch.is_grad_enabled():  # rows that are drawn are all of one class
            used, which = which.unique(return_inverse=True)
            matrices = matrices.unflatten(1, (-1, len(matrices)))[:, used].flatten(1)
        if self.basis is not None:
            moves = moves @ self.basis
        products = (moves @ matrices).unflatten(-1, (-1, len(matrices)))
        n_rows, n_matrices = products.shape[-3:-1]
        places = torch.arange(0, n_rows * n_matrices, n_matrices, device=moves.device) + which
        out = products.flatten(-3, -2).index_select(-2, places)
        return out if self.basis is None else out @ self.basis.T


def measure_classes(table: DeviceTable, neighbours: Tensor) -> ClassGeometry:
    """Return the geometry of the classes of a table.

    Parameters
    ----------
    table : DeviceTable
    neighbours : Tensor of shape (n_rows, k)
        The rows nearest to each in its class.
    """
    means, near, wide = zip(*_moments(table, neighbours), strict=True)
    basis = None
    if table.layout.continuous_width > MAX_RANK:
        pooled = torch.stack([one / one.trace().clamp(min=TINY) for one in near]).sum(dim=0)
        basis = torch.linalg.eigh(pooled).eigenvectors[:, -MAX_RANK:]
        near, wide = (tuple(basis.T @ one @ basis for one in part) for part in (near, wide))
    return ClassGeometry(
        mean=_array(torch.stack(means)),
        between_neighbours=_array(torch.stack([_root(one) for one in near])),
        in_class=_array(torch.stack([_root(one) for one in wide])),
        basis=None if basis is None else _array(basis),
    )


def _moments(table: DeviceTable, neighbours: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Give for each class the mean, and the covariances between neighbours and of the rows."""
    layout = table.layout
    gate = StateGate(layout, table.device)
    for start, count in zip(table.starts.tolist(), table.counts.tolist(), strict=False):
        stride = -(-count // MAX_ROWS)
        rows = torch.arange(start, start + count, stride, device=table.device)
        step = -(-neighbours.shape[1] // MAX_NEIGHBOURS)
        some = neighbours[rows, step // 2 :: step]
        anchor = table.expand(rows.repeat_interleave(some.shape[1]))
        target = table.expand(some.flatten())
        levels = [part[:, layout.one_hot] for part in (anchor, target)]
        have_moved, are_there = (
            is_so(levels[0]) * is_so(levels[1]) for is_so in (gate.as_it_is, gate.is_there)
        )
        difference = (target - anchor)[:, layout.continuous] * have_moved
        largest = LARGEST_DIFFERENCE * difference.abs().sum(dim=0) / are_there.sum(dim=0).clamp(1)
        in_full = table.expand(rows)
        is_there = gate.is_there(in_full[:, layout.one_hot])
        numbers = in_double(in_full[:, layout.continuous]) * is_there
        mean = numbers.sum(dim=0) / is_there.sum(dim=0).clamp(min=1)
        yield (
            mean,
            _mean_products(difference.clamp(-largest, largest), are_there),
            _mean_products(numbers - mean, is_there),
        )


def _mean_products(values: Tensor, is_there: Tensor) -> Tensor:
    """Return the mean product of each two columns, of rows in which both values are there.

    Zeros in place of missing values would make columns seem narrower and less correlated. What no
    row has both of is 0; `_root` makes do with a matrix that no set of rows could have.
    """
    values, is_there = in_double(values * is_there), in_double(is_there)
    return values.T @ values / (is_there.T @ is_there).clamp(min=1)


def _size(root: Tensor) -> float:
    """Return the root mean square of moves along the columns of a root."""
    return float(root.square().sum(dim=0).mean().sqrt().clamp(min=TINY))


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _inverse(root: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(root)
    floor = float(NARROWEST * values.max().clamp(min=TINY))
    return vectors / values.clamp(min=floor) @ vectors.T


def _side_by_side(matrices: list[Tensor]) -> Tensor:
    """Return matrices of shape (rank, rank) as one of shape (rank, n * rank)."""
    return torch.cat(matrices, dim=1)


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.to(device="cpu", dtype=DTYPE).numpy()
