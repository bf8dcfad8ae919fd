"""Rows of a class from a trained generator (draw, make valid, select), and logits of any rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor
from torch.nn import functional

from ganaug._encoding.layout import EncodedTable, TableLayout
from ganaug._gan.batches import DeviceTable, filled_up
from ganaug._gan.conditions import Conditions
from ganaug._gan.exclusions import ClassExclusions
from ganaug._gan.gate import Validity
from ganaug._gan.many_levels import LevelMixture
from ganaug._gan.margins import Margins
from ganaug._gan.networks import Discriminator, Generator, activate
from ganaug._gan.noise import draw_noise
from ganaug._gan.ranges import NumberRanges
from ganaug._gan.runtime import DTYPE, device_for_doubles, in_threads, random_generator
from ganaug._gan.selection import LOOK_REAL, TRAIN_CLASSIFIERS, Selection

SCORED_AT_ONCE = 256
# Products round differently where rows don't start at multiples of so many doubles, 64 bytes.
ALIGNED_DOUBLES = 8
# Candidates for each row that is drawn.
POOL_FACTOR = 4
# Rows are drawn in blocks, small ones first: whoever wants few rows needn't wait for many.
FIRST_BLOCK_ROWS = 256
BLOCK_ROWS = 4096
# After so many rows there are fewer candidates, and many of them share an anchor: of so many rows
# nobody sees which were second best.
FEW_ROWS = 4096
LATER_HOMES = 192
LATER_EACH = 32
# Candidates that are generated at once: those of a later block.
CANDIDATES_AT_ONCE = 6144


@dataclass(frozen=True)
class SamplingConfig:
    """How rows are drawn.

    Parameters
    ----------
    anchored_share : float
        Share of the rows that start from a real one.
    """

    anchored_share: float


@dataclass(frozen=True)
class Block:
    """One of the blocks in which the rows of a class are drawn.

    Neither its size nor its random numbers depend on how many rows are wanted, so that more rows
    begin with those that fewer would have been.

    Parameters
    ----------
    number : int
    n_rows : int
    first_home : int
        How many homes the blocks before it had; anchors are taken in turn.
    n_homes : int
        Each home is an anchor, or none; anchors come again when all have had their turn.
    n_each : int
        Candidates of each home.
    """

    number: int
    n_rows: int
    first_home: int
    n_homes: int
    n_each: int

    @property
    def is_later(self) -> bool:
        """Whether all blocks after it are like it, so that nothing more is learned from them."""
        return self.first_home >= FEW_ROWS


def blocks(n_wanted: int) -> Iterator[Block]:
    """Give the blocks that hold the first so many rows of a class."""
    n_rows, first_home, number = FIRST_BLOCK_ROWS, 0, 0
    while n_wanted > 0:
        if first_home < FEW_ROWS:
            n_homes, n_each = n_rows, POOL_FACTOR
        else:
            n_homes, n_each = LATER_HOMES, LATER_EACH
        yield Block(number, n_rows, first_home, n_homes, n_each)
        n_wanted -= n_rows
        first_home, number = first_home + n_homes, number + 1
        n_rows = min(2 * n_rows, BLOCK_ROWS)


class RowSampler:
    """Draws rows of one class.

    Parameters
    ----------
    generator : Generator
    table : DeviceTable
        The real rows: anchors, and what candidates are compared with.
    class_code : int
    config : SamplingConfig
    exclusions : ClassExclusions
        Which values of the class never meet.
    ranges : NumberRanges
    seed : tuple of int
    conditions : Conditions or None
        What the rows must be.
    mixtures : sequence of LevelMixture
        What the levels of columns of many are drawn by; the nearest ones otherwise.
    for_training : bool
        Draw rows for classifiers to learn from: hardly any deeper among another class than half of
        the real rows, though some of these lie there.

    Notes
    -----
    Each number makes a share of its own of its move from the anchor. A gap for each attribute is
    what the listing of Chawla et al. (2002) draws; noise in inputs is a regulariser (Bishop 1995,
    "Training with noise is equivalent to Tikhonov regularization"). Shares are of moves in units of
    the class (`geometry.py`), so that rows stay on the plane on which a class lies.
    """

    def __init__(
        self,
        generator: Generator,
        table: DeviceTable,
        class_code: int,
        config: SamplingConfig,
        exclusions: ClassExclusions,
        ranges: NumberRanges,
        seed: tuple[int, ...],
        conditions: Conditions | None = None,
        *,
        mixtures: Sequence[LevelMixture] = (),
        for_training: bool = False,
    ) -> None:
        self._aim = TRAIN_CLASSIFIERS if for_training else LOOK_REAL
        self._generator = generator
        self._table = table
        self._class_code = class_code
        self._config = config
        self._exclusions = exclusions
        self._ranges = ranges
        self._seed = seed
        self._conditions = conditions or Conditions((), table.layout, table.device)
        # what is asked for first: others follow it
        self._mixtures = sorted(
            mixtures, key=lambda mixture: not self._conditions.levels_of(mixture.vector)
        )
        self._validity = Validity(table.layout, table.device)
        self._random = random_generator(*seed, device=table.device)
        anchors = table.rows_of(class_code)
        shuffled = torch.randperm(len(anchors), generator=self._random, device=table.device)
        self._anchors = anchors[shuffled]
        self._level_shares = torch.zeros(table.layout.one_hot_width, device=table.device)
        if len(self._conditions):
            rows = table.expand(self._anchors)
            self._level_shares = table.mean(self._anchors)[table.layout.one_hot]
            self._anchors = self._anchors[self._conditions.nearest(rows)]
            self._slopes = generator.moves.slopes(class_code, self._conditions.numbers)
        self._anchors = table.by_weight(self._anchors)

    def rows(self, n_rows: int) -> Iterator[Tensor]:
        """Give the first `n_rows` rows, of shape (at most 4096, width) at a time."""
        if n_rows == 0:
            return
        for rows in self._in_blocks(blocks(n_rows)):
            yield rows[:n_rows]
            n_rows -= len(rows)

    def _in_blocks(self, wanted: Iterator[Block]) -> Iterator[Tensor]:
        """Give the rows of blocks: one after another while these learn from each other."""
        margins = Margins(self._table, self._class_code, self._anchors, self._random)
        selection = Selection(
            self._table.layout,
            self._mean(margins),
            self._aim,
            margins.of_real_rows(),
            classes_overlap=margins.classes_overlap,
        )

        def in_turn() -> Iterator[Block]:
            for block in wanted:
                margins.get_ready(self._homes(block.first_home, block.n_homes)[0], block.n_each)
                yield block

        def rows_of(block: Block) -> Tensor:
            return self._block(block, margins, selection)

        ready = in_turn()
        for block in ready:
            yield rows_of(block)
            if block.is_later:
                break
        yield from in_threads(rows_of, ready, self._table.device)

    def _mean(self, margins: Margins) -> Tensor:
        """Return the mean that rows should have: that of the class, or of what is wanted of it."""
        if not len(self._conditions):
            return margins.class_mean()
        anchors = self._table.expand(self._anchors)
        return self._imposed(anchors).mean(dim=0)

    def candidates(self, n_rows: int) -> Tensor:
        """Return one candidate for each of the first `n_rows` homes, of shape (n_rows, width)."""
        homes, anchored = self._homes(0, n_rows)
        return self._validity(self._draw(homes, anchored, 1, self._random_of_block(0))[0])

    def _block(self, block: Block, margins: Margins, selection: Selection) -> Tensor:
        """Return the rows of a block, their anchors in turn."""
        random = self._random_of_block(block.number)
        homes, anchored = self._homes(block.first_home, block.n_homes)
        parts = _slices(block.n_homes, CANDIDATES_AT_ONCE // block.n_each)
        drawn = [self._draw(homes[part], anchored[part], block.n_each, random) for part in parts]
        candidates = torch.cat(drawn, dim=1)
        in_turn = candidates.flatten(0, 1)  # the first ones of all homes before the second ones
        chosen = selection.choose(
            in_turn,
            margins(candidates, homes).flatten(),
            homes.repeat(block.n_each),
            block.n_rows,
            random,
        )
        rows = self._validity(in_turn.index_select(0, chosen))
        known: list[int] = []
        for mixture in self._mixtures:
            wanted = self._conditions.levels_of(mixture.vector)
            points = mixture.drawn(self._table.layout, rows, random, wanted, known)
            rows[:, mixture.part] = points
            known.append(mixture.vector)
        return rows

    def _random_of_block(self, number: int) -> torch.Generator:
        return random_generator(*self._seed, number, device=self._table.device)

    def _homes(self, start: int, n: int) -> tuple[Tensor, Tensor]:
        """Return `n` homes from the `start`-th on, and whether each is an anchor, (n, 1).

        A home is the position of an anchor in `_anchors`, which all have their turn, or one past
        the last for none.
        """
        # spread the anchored rows evenly: floor(i * share) steps up at each of them
        place = np.arange(start, start + n + 1)
        turns = np.floor(place * self._config.anchored_share + 1e-9).astype(np.int64)
        turn = torch.from_numpy(turns[:-1]).to(self._table.device)
        anchored = torch.from_numpy(np.diff(turns)).to(self._table.device, DTYPE)[:, None]
        homes = turn % len(self._anchors)
        free = len(self._anchors)  # rows without an anchor share one home
        return torch.where(anchored.flatten() > 0, homes, free), anchored

    def _draw(
        self, homes: Tensor, anchored: Tensor, n_each: int, random: torch.Generator
    ) -> Tensor:
        """Return candidates of each home, of shape (n_each, n_homes, width)."""
        conditions = self._conditions
        real = self._table.expand(self._anchors[self._origins(homes)])
        origins = self._imposed(real)
        anchor = origins * anchored
        latent, gumbel = draw_noise(self._generator, (n_each, len(homes)), random)
        classes = torch.full((len(homes),), self._class_code, device=anchor.device)
        gumbel += conditions.log_allowed
        shares = self._shares(anchor, anchored, n_each, random)
        rows = self._generator(anchor, anchored, latent, gumbel, classes, shares)
        imposed = self._imposed(rows.flatten(0, 1))
        in_range = self._ranges(imposed, self._class_code, random).view_as(rows)
        possible = self._exclusions.respected(in_range, origins)
        return conditions.impose(possible.flatten(0, 1), self._level_shares).view_as(rows)

    def _imposed(self, rows: Tensor) -> Tensor:
        """Return rows (n, width) that meet the conditions, their other numbers moved along."""
        numbers = self._conditions.numbers
        if not numbers:
            return self._conditions.impose(rows, self._level_shares)
        imposed = self._conditions.impose(rows, self._level_shares)
        # what stands for a missing number has not moved
        is_number = self._validity.gate.as_it_is(rows[:, self._table.layout.one_hot])
        moved = ((imposed - rows)[:, : is_number.shape[1]] * is_number)[:, numbers]
        imposed[:, : is_number.shape[1]] += moved @ self._slopes
        return imposed

    def _origins(self, homes: Tensor) -> Tensor:
        """Return the anchors of homes, and any for those that are none, (n_homes,)."""
        n_anchors = len(self._anchors)
        any_anchors = torch.arange(len(homes), device=homes.device) % n_anchors
        return torch.where(homes < n_anchors, homes, any_anchors)

    def _shares(
        self, anchor: Tensor, anchored: Tensor, n_each: int, random: torch.Generator
    ) -> Tensor:
        """Return how much of each number's move to make: (n_each, n_homes, continuous_width).

        In (-1, 1), each its own, so that no move is left that many rows have in common: single
        trees follow such moves, and forests tell generated rows by them. All of it where a number
        starts from none, and for vectors, which stand for one level.
        """
        layout = self._table.layout
        starts = anchored * self._validity.gate.as_it_is(anchor[:, layout.one_hot])
        starts[:, len(layout.numbers) :] = 0
        shape = (n_each, *starts.shape)
        uniform = torch.rand(shape, generator=random, dtype=DTYPE, device=starts.device)
        return uniform.mul_(2).sub_(2).mul_(starts).add_(1)


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, n, size))


def score_logits(
    discriminator: Discriminator, layout: TableLayout, rows: EncodedTable, device: torch.device
) -> NDArray[np.float64]:
    """Return how much each row looks like a row of each class, of shape (n_rows, n_classes).

    The density logits, averaged by how likely each class is, less how much less likely the class is
    than the likeliest one. Each class's density logit alone says how usual a row is among rows
    moved by noise, and these logits can't be compared.

    In double precision, and to the last bit the same whatever rows are beside a row: all products
    are of chunks of one size, whose rows are aligned.
    """
    device = device_for_doubles(device)
    layers = deepcopy(discriminator).to(device).double().score_layers()
    n_logits = len(layers[-1][0])
    first, *later = [_aligned(*layer) for layer in layers]

    def logits(chunk: Tensor) -> Tensor:
        aligned = filled_up(chunk.double(), len(chunk), _aligned_size(layout.width))
        out = functional.linear(aligned, *first)
        for layer in later:
            out = functional.linear(activate(out), *layer)
        return out

    table = DeviceTable(layout, rows, np.array([len(rows)]), device)
    numbers = torch.arange(len(rows), device=device)
    both = table.in_full_chunks(logits, numbers, SCORED_AT_ONCE)[:, :n_logits].cpu().numpy()
    density, classes = np.hsplit(both, 2)
    log_likely = log_softmax(classes, axis=1)
    average = (np.exp(log_likely) * density).sum(axis=1, keepdims=True)
    of_class: NDArray[np.float64] = average + log_likely - log_likely.max(axis=1, keepdims=True)
    return of_class


def _aligned(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return a layer with zeros where its inputs and outputs are filled up."""
    n_out, n_in = map(_aligned_size, weight.shape)
    return filled_up(weight, n_out, n_in), filled_up(bias.expand(len(weight)), n_out)


def _aligned_size(size: int) -> int:
    return size + -size % ALIGNED_DOUBLES
