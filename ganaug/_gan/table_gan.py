"""TableGAN: the GAN of a table's encoded rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._encoding.layout import Condition, EncodedTable, Found, TableLayout
from ganaug._gan.batches import ClassBalancedBatches
from ganaug._gan.calibration import calibrate_levels
from ganaug._gan.conditions import MISSING_STATE, Conditions
from ganaug._gan.exclusions import ClassExclusions, exclusions_of_classes
from ganaug._gan.geometry import ClassGeometry, ClassMoves, measure_classes
from ganaug._gan.inference import RowSampler, SamplingConfig, score_logits
from ganaug._gan.many_levels import LevelMixture, mixtures_of
from ganaug._gan.margins import KnownRows
from ganaug._gan.model import GAN, Stream, weights_of
from ganaug._gan.monitor import QualityMonitor
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.networks import Discriminator, Generator, NetworkConfig
from ganaug._gan.ranges import NumberRanges
from ganaug._gan.runtime import limited_threads, threads_for
from ganaug._gan.table_training import TableTrainer

# If none of so many candidates is a new row, the class is taken to have no valid row but its own.
TRIAL_ROWS = 2048
# Rates of levels are measured on so many generated rows.
MIXTURE_ROWS = 4096


@dataclass(frozen=True)
class TableGANState:
    """What a trained `TableGAN` is made of, as plain data.

    Parameters
    ----------
    layout : TableLayout
    rows : EncodedTable
    class_counts : ndarray of shape (n_classes,)
    networks : NetworkConfig
    sampling : SamplingConfig
    seed : int
    generator, discriminator : dict of str -> ndarray
        Weights by name.
    history : dict of str -> ndarray
    geometry : ClassGeometry or None
        None in files older than it: moves are what the generator says.
    weights : ndarray of shape (n_rows,) or None
        Of the rows.
    """

    layout: TableLayout
    rows: EncodedTable
    class_counts: NDArray[np.int64]
    networks: NetworkConfig
    sampling: SamplingConfig
    seed: int
    generator: dict[str, NDArray[np.float32]]
    discriminator: dict[str, NDArray[np.float32]]
    history: dict[str, NDArray[Any]]
    geometry: ClassGeometry | None = None
    weights: NDArray[np.float64] | None = None


class TableGAN(GAN):
    """The networks for the encoded rows of a table."""

    # Generators that learned come near to 86% of a class and more, small classes to all; those
    # that come near to less do worse than repeated rows (`python -m benchmarks.repetition`).
    least_coverage = 0.75
    # The default stays below it; trainings that are too short or diverge do not (the same command).
    largest_distance = 0.1
    generator: Generator
    discriminator: Discriminator

    def state(self) -> TableGANState:
        """Return what sampling and scoring depend on."""
        return TableGANState(
            self._rows.layout,
            self._rows.encoded,
            self._rows.class_counts,
            self._config.networks,
            self._config.sampling,
            self._seed,
            weights_of(self.generator),
            weights_of(self.discriminator),
            self.history,
            self._geometry,
            self._rows.weights,
        )

    def restore(self, state: TableGANState) -> None:
        """Become the trained GAN of a state."""
        self._build(state.geometry)
        self._restore(state.generator, state.discriminator, state.history)

    def _build(self, geometry: ClassGeometry | None) -> None:
        """Make new networks for classes that lie like this."""
        layout, sizes = self._table.layout, self._config.networks
        n_classes, random = len(self._rows.class_counts), self._random(Stream.WEIGHTS)
        moves = ClassMoves(geometry, layout, self._device)
        self._geometry = geometry
        self.generator = Generator(layout, n_classes, sizes, random, moves)
        self.discriminator = Discriminator(layout, n_classes, sizes, random, moves)

    def _trainer(self, classes: Sequence[int]) -> TableTrainer:
        config = self._config
        batches = ClassBalancedBatches(self._table, config.batches, self._random(Stream.BATCHES))
        self._build(measure_classes(self._table, batches.neighbours))
        return TableTrainer(
            self.generator,
            self.discriminator,
            batches,
            QualityMonitor(self._table, classes, config.networks, self._random(Stream.MONITOR)),
            DifferenceNoise(self._table.layout, self._random(Stream.NEGATIVES)),
            config.training,
            self._random(Stream.NOISE),
        )

    def calibrate(self, classes: Sequence[int]) -> None:
        """Draw the levels of these classes at their own rates from now on."""
        with limited_threads(1):
            calibrate_levels(
                self.generator,
                self._table,
                classes,
                self._config.sampling,
                self._exclusions,
                self._ranges,
                (self._seed, Stream.CALIBRATION),
            )

    @torch.inference_mode()
    def makes_new_rows(self, class_code: int) -> bool:
        """Tell whether rows of a class can be others than the training rows.

        A full grid leaves no other combination. Numbers without a grid always do, unless the class
        has one row only, again and again: then they move by nothing.
        """
        if self._is_one_row(class_code):
            return False
        if not self._table.layout.is_grid:
            return True
        purpose = (self._seed, Stream.COVERAGE, class_code)
        with limited_threads(1):
            candidates = self._candidates(class_code, TRIAL_ROWS, purpose)
            return bool(KnownRows(self._table, class_code).are_new(candidates).any())

    def _is_one_row(self, class_code: int) -> bool:
        """Tell whether the training rows of a class are all the same."""
        start, stop = self._places(class_code)
        encoded = self._rows.encoded
        parts = (encoded.numbers[start:stop], encoded.codes[start:stop])
        return all(bool((part == part[:1]).all()) for part in parts)

    def _places(self, class_code: int) -> tuple[int, int]:
        """Return where the rows of a class start and stop."""
        start, stop = np.cumsum([0, *self._rows.class_counts])[class_code : class_code + 2]
        return int(start), int(stop)

    def _candidates(self, class_code: int, n_rows: int, purpose: tuple[int, ...]) -> Tensor:
        return self._sampler(class_code, purpose).candidates(n_rows)

    def _chunks(
        self,
        class_code: int,
        n_rows: int,
        purpose: tuple[int, ...],
        conditions: Sequence[Condition],
        *,
        for_training: bool,
    ) -> Iterator[Tensor]:
        possible = [self._possible(class_code, condition) for condition in conditions]
        wanted = self._conditions(possible)
        mixtures = self._mixtures(class_code, for_training=for_training) if n_rows else []
        return self._sampler(class_code, purpose, wanted, mixtures, for_training=for_training).rows(
            n_rows
        )

    def _sampler(
        self,
        class_code: int,
        purpose: tuple[int, ...],
        conditions: Conditions | None = None,
        mixtures: Sequence[LevelMixture] = (),
        *,
        for_training: bool = False,
    ) -> RowSampler:
        return RowSampler(
            self.generator,
            self._table,
            class_code,
            self._config.sampling,
            self._exclusions[class_code],
            self._ranges,
            purpose,
            conditions,
            mixtures=mixtures,
            for_training=for_training,
        )

    def _mixtures(self, class_code: int, *, for_training: bool) -> list[LevelMixture]:
        """Return what the levels of columns of many are drawn by, measured on rows of the class."""
        if not self._table.layout.vectors:
            return []
        known, key = self._known_mixtures, (class_code, for_training)
        if key not in known:
            purpose = (self._seed, Stream.CALIBRATION, class_code, 1 + for_training)
            sampler = self._sampler(class_code, purpose, for_training=for_training)
            rows = torch.cat(list(sampler.rows(MIXTURE_ROWS)))
            known[key] = mixtures_of(self._table, class_code, rows)
        return known[key]

    @cached_property
    def _known_mixtures(self) -> dict[tuple[int, bool], list[LevelMixture]]:
        return {}

    @cached_property
    def _exclusions(self) -> list[ClassExclusions]:
        return exclusions_of_classes(self._table)

    @cached_property
    def _ranges(self) -> NumberRanges:
        return NumberRanges(self._table)

    def find(self, class_code: int, conditions: Sequence[Condition]) -> Found:
        """Return how many training rows of a class meet conditions, and which are out of reach."""
        wanted = self._conditions(conditions)
        rows = self._table.expand(self._table.rows_of(class_code))
        holds = wanted.holds(rows)
        is_met = bool(holds.all(dim=1).any())
        exclusions = self._exclusions[class_code]
        return Found(
            n_rows=len(rows),
            n_meeting_each=tuple(holds.sum(dim=0).tolist()),
            n_meeting_all=int(holds.all(dim=1).sum()),
            within_reach=tuple(wanted.within_reach(rows).tolist()),
            excluding=None if is_met else exclusions.between(wanted.coordinates(), rows, holds),
        )

    def _possible(self, class_code: int, condition: Condition) -> Condition:
        """Return a condition less the levels of a vector that no row of the class has."""
        if condition.vector is None:
            return condition
        start, stop = self._places(class_code)
        occurring = self._rows.encoded.codes[start:stop, condition.vector]
        levels = tuple(np.intersect1d(condition.levels, occurring).tolist())
        if levels:
            return replace(condition, levels=levels)
        return replace(condition, vector=None, levels=(), states=(MISSING_STATE,))

    def _conditions(self, conditions: Sequence[Condition]) -> Conditions:
        return Conditions(conditions, self._table.layout, self._device)

    def _training_threads(self) -> int:
        """Return on how many threads to train: a step is some five passes there and back."""
        n_weights = sum(p.numel() for p in self.generator.parameters())
        n_weights += sum(p.numel() for p in self.discriminator.parameters())
        return threads_for(5 * 3 / 2 * n_weights * self._config.batches.batch_size)

    @torch.inference_mode()
    def logits(self, rows: EncodedTable) -> NDArray[np.float64]:
        """Return how much each row looks like each class, of shape (n_rows, n_classes)."""
        with limited_threads(1):
            return score_logits(self.discriminator, self._table.layout, rows, self._device)
