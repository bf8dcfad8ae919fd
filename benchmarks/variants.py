"""ganaug with a part of its design taken out, and the control without a network.

The package has no switches for its parts: here they are replaced while a sampler runs. A part
that has moved or changed its name raises an error, so that no variant is silently the default.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

import ganaug.sampler
from ganaug._gan import batches, inference, selection, table_gan
from ganaug._gan.batches import Batch, DeviceTable, nearest_in_class
from ganaug._gan.exclusions import ClassExclusions
from ganaug._gan.gate import StateGate, Validity
from ganaug._gan.geometry import ClassMoves
from ganaug._gan.inference import RowSampler
from ganaug._gan.ranges import NumberRanges
from ganaug._gan.selection import Selection
from ganaug._gan.table_training import TableTrainer
from ganaug._gan.training import TrainingConfig

Replacement = tuple[object, str, object]

NEARLY_ALL = 0.99
# Directions in which a class is narrower than this share of its widest are none.
SMALLEST_UNIT = 1e-5


@dataclass(frozen=True)
class Part:
    """A part of the design, by what stands in its place when it is taken out.

    Attributes
    ----------
    replacements : tuple of (owner, name, value)
        Attributes of modules and classes, and what they are in the meantime.
    keywords : dict
        Parameters of the sampler that go with it.
    """

    replacements: tuple[Replacement, ...]
    keywords: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def taken_out(self) -> Iterator[None]:
        """Put the replacements in place, and the part back afterwards."""
        with ExitStack() as stack:
            for owner, name, value in self.replacements:
                stack.enter_context(patch.object(owner, name, value))
            yield


# --- what parts are replaced by -------------------------------------------------------------------


def _nothing(*args: object, **keywords: object) -> None:
    return None


_density_loss = TableTrainer._density_loss


def _no_density_loss(self: TableTrainer, batch: Batch, features: Tensor) -> Tensor:
    return 0.0 * _density_loss(self, batch, features)


def _no_geometry(table: DeviceTable, neighbours: Tensor) -> None:
    return None


def _all_the_way(
    self: RowSampler, anchor: Tensor, anchored: Tensor, n_each: int, random: torch.Generator
) -> Tensor:
    return torch.ones_like(anchor[:, self._table.layout.continuous]).expand(n_each, -1, -1)


def _clashes_as_they_are(self: ClassExclusions, rows: Tensor, origins: Tensor) -> Tensor:
    return rows


def _without_averaging(**given: Any) -> TrainingConfig:
    return TrainingConfig(**{**given, "averaging_decay": 0.0})


def _without_laziness(**given: Any) -> TrainingConfig:
    return TrainingConfig(**{**given, "penalty_interval": 1})


def _even_weights(margins: Tensor, among_others: float, border: float) -> Tensor:
    return torch.ones_like(margins)


def _no_tilt(self: Selection, candidates: Tensor, log_weights: Tensor, n_rows: int) -> Tensor:
    return torch.zeros_like(candidates[0])


def _rows_as_they_are(self: Validity, rows: Tensor) -> Tensor:
    return rows


def _numbers_as_they_are(
    self: NumberRanges, rows: Tensor, class_code: int, random: torch.Generator
) -> Tensor:
    return rows


def _all_there(self: StateGate, one_hot: Tensor) -> Tensor:
    return one_hot.new_ones(*one_hot.shape[:-1], self.size)


def _neighbours_in_place_of_rows(
    self: RowSampler, homes: Tensor, anchored: Tensor, n_each: int, random: torch.Generator
) -> Tensor:
    """Return neighbours of anchors where the generator would make a row.

    The targets that the generator learns from, a share of the way in each column, in units of the
    class, as in the default; each category is the anchor's or the neighbour's.
    """
    table, layout = self._table, self._table.layout
    neighbours = _neighbours(table)
    rows = self._anchors[homes.clamp(max=len(self._anchors) - 1)].repeat(n_each)
    pick = torch.randint(neighbours.shape[1], rows.shape, generator=random, device=rows.device)
    anchor, target = table.expand(rows), table.expand(neighbours[rows, pick])
    uniform = torch.rand(len(rows), len(layout.heads), generator=random, device=rows.device)
    sizes = torch.tensor([slot.size for slot in layout.heads], dtype=torch.long)
    is_targets = (uniform < 0.5).repeat_interleave(sizes.to(rows.device), dim=1)
    levels = torch.where(is_targets, target[:, layout.one_hot], anchor[:, layout.one_hot])
    shares = self._shares(anchor, torch.ones_like(anchor[:, :1]), 1, random)[0]
    start, end = anchor[:, layout.continuous], target[:, layout.continuous]
    both = self._validity.gate.as_it_is(anchor[:, layout.one_hot])
    both = both * self._validity.gate.as_it_is(target[:, layout.one_hot])
    moved = _part_of_the_way(
        self._generator.moves, anchor, both * (end - start), shares, self._class_code
    )
    numbers = torch.where(both > 0, moved, torch.where(shares == 1, end, start))
    made = self._ranges(torch.cat([numbers, levels], dim=1), self._class_code, random)
    made = made.unflatten(0, (n_each, -1))
    possible = self._exclusions.respected(made, anchor[: len(homes)])
    return self._validity(possible.flatten(0, 1)).view_as(made)


def _part_of_the_way(
    moves: ClassMoves, anchor: Tensor, move: Tensor, shares: Tensor, class_code: int
) -> Tensor:
    """Return numbers after a share of each unit of a move; units are columns if there are none."""
    if moves.is_plain:
        return anchor[:, : move.shape[1]] + shares * move
    root = moves.out_of_units.unflatten(1, (-1, len(moves.out_of_units)))[:, class_code]
    inverse = torch.linalg.pinv(root, rtol=SMALLEST_UNIT, hermitian=True)
    basis = moves.basis
    units = move @ inverse if basis is None else move @ basis @ inverse @ basis.T
    classes = torch.full((len(anchor),), class_code, device=anchor.device)
    return moves.moved(anchor, torch.ones_like(anchor[:, :1]), shares * units, classes)


@lru_cache(maxsize=1)
def _neighbours(table: DeviceTable) -> Tensor:
    return nearest_in_class(table, ganaug.sampler.GANSampler().n_neighbors)


# --- the parts ------------------------------------------------------------------------------------

_KEEP_THE_LAST: Replacement = (TableTrainer, "_restore_best", _nothing)
# what is nearer to another class is refused, unless that is so of all real rows
_NOT_DEEP = replace(selection.TRAIN_CLASSIFIERS, depth=1.0)
_NO_CALIBRATION: Replacement = (table_gan, "calibrate_levels", _nothing)

PARTS: dict[str, Part] = {
    "geometry": Part(((table_gan, "measure_classes", _no_geometry),)),
    "shares": Part(((RowSampler, "_shares", _all_the_way),)),
    # what is left is a plain conditional GAN
    "anchors": Part(((batches, "ANCHORED_SHARE", 0.0),), {"anchored_share": 0.0}),
    # a few free pairs stay for the density readout; they can't tell which is best any more
    "free_half": Part(((batches, "ANCHORED_SHARE", NEARLY_ALL), _KEEP_THE_LAST)),
    "selection": Part(((inference, "POOL_FACTOR", 1),)),
    "acceptance": Part(((selection, "acceptance_weights", _even_weights),)),
    "tilt": Part(((Selection, "_tilt", _no_tilt),)),
    "calibration": Part((_NO_CALIBRATION,)),
    "exclusions": Part(((ClassExclusions, "respected", _clashes_as_they_are),)),
    "averaging": Part(((ganaug.sampler, "TrainingConfig", _without_averaging),)),
    "laziness": Part(((ganaug.sampler, "TrainingConfig", _without_laziness),)),
    "penalty": Part((), {"gradient_penalty": 0.0}),
    "relativism": Part((), {"loss": "bce"}),  # each row is judged by itself, not beside its partner
    "depth": Part(((inference, "TRAIN_CLASSIFIERS", _NOT_DEEP),)),
    "best_check": Part((_KEEP_THE_LAST,)),
    "density": Part(((TableTrainer, "_density_loss", _no_density_loss),)),
    "validity": Part(
        (
            (Validity, "__call__", _rows_as_they_are),
            (NumberRanges, "__call__", _numbers_as_they_are),
        )
    ),
    # numbers beyond a range are cut off at its end
    "ends": Part(((NumberRanges, "__call__", _numbers_as_they_are),)),
    # what stands for a missing number is one of them
    "gaps": Part(((StateGate, "is_there", _all_there),)),
    # the control: the same targets, selection and validity, and nothing is trained
    "network": Part(
        ((RowSampler, "_draw", _neighbours_in_place_of_rows), _NO_CALIBRATION), {"n_steps": 1}
    ),
}
