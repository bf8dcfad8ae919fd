"""GANs: the networks, their data and their random streams, put together once."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._encoding.layout import Condition, EncodedTable, Found, TableLayout
from ganaug._gan.batches import BatchConfig, ClassBalancedBatches, DeviceTable
from ganaug._gan.calibration import calibrate_levels
from ganaug._gan.conditions import Conditions
from ganaug._gan.geometry import ClassGeometry, ClassMoves, measure_classes
from ganaug._gan.inference import RowSampler, SamplingConfig, density_logits
from ganaug._gan.margins import KnownRows
from ganaug._gan.monitor import QualityMonitor, distance_by_chance, watched
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.networks import Discriminator, Generator, NetworkConfig
from ganaug._gan.quality import coverage
from ganaug._gan.runtime import (
    explaining_memory,
    limited_threads,
    random_generator,
    threads_for,
)
from ganaug._gan.states import State
from ganaug._gan.training import (
    AdversarialTrainer,
    Check,
    Trainer,
    TrainingConfig,
)

COVERAGE_ROWS = 512
# So many candidates without a new one, and there are none.
TRIAL_ROWS = 2048


class Stream(IntEnum):
    """Purposes of randomness; each has a stream of its own."""

    SUBSET = 0
    WEIGHTS = 1
    BATCHES = 2
    NOISE = 3
    MONITOR = 4
    CALIBRATION = 5
    RESAMPLE = 6
    SAMPLE = 7
    NEGATIVES = 8
    COVERAGE = 9
    VIEWS = 10
    AUGMENTATION = 11
    MODULES = 12


@dataclass(frozen=True)
class GANConfig:
    """Everything that is decided before training."""

    networks: NetworkConfig
    batches: BatchConfig
    training: TrainingConfig
    sampling: SamplingConfig


@dataclass(frozen=True)
class TrainingRows:
    """What a GAN is trained on.

    Parameters
    ----------
    layout : TableLayout
    encoded : EncodedTable
        Rows, sorted by class.
    class_counts : ndarray of shape (n_classes,)
        How many of them each class has.
    weights : ndarray of shape (n_rows,) or None
        How often a row is drawn, in comparison to others of its class.
    """

    layout: TableLayout
    encoded: EncodedTable
    class_counts: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class GANState:
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


class GAN(ABC):
    """A generator and a discriminator for encoded rows, their data and their random streams.

    Parameters
    ----------
    rows : TrainingRows
    config : GANConfig
    seed : int
    device : torch.device

    Attributes
    ----------
    generator : Module
        Averaged over the last steps.
    discriminator : Module
    history : dict of str -> ndarray
    least_coverage : float
        Generators that come near to a smaller share of a class have collapsed on it.
    largest_distance : float
        Generators whose rows are farther from real ones have not learned the table.
    """

    generator: Any
    discriminator: Any
    least_coverage: float
    largest_distance: float

    def __init__(
        self, rows: TrainingRows, config: GANConfig, seed: int, device: torch.device
    ) -> None:
        self._config = config
        self._seed = seed
        self._device = device
        self._rows = rows
        self._table = DeviceTable(
            rows.layout, rows.encoded, rows.class_counts, device, rows.weights
        )
        self.history: dict[str, NDArray[np.generic]] = {}

    def train(self, classes: Sequence[int], state: State | None = None) -> abc.Generator[Check]:
        """Train on all classes, watching those that will be sampled; give a `Check` now and then.

        The caller may close the iterator between two checks, to stop there. With the `state` of
        a check of the same training it goes on from there.
        """
        with limited_threads(1), explaining_memory(self._device):
            trainer = self._trainer(classes)
        with limited_threads(self._training_threads()), explaining_memory(self._device):
            if state is not None:
                trainer.load_state_dict(state)
            try:
                yield from trainer.train()
            finally:
                self.generator = trainer.average
                self.history = trainer.history.as_arrays()

    def identity(self, classes: Sequence[int]) -> dict[str, str]:
        """Say what a training depends on, so that another one can be told from it."""
        rows = self._rows
        digest = hashlib.sha256(repr(rows.layout).encode())
        weights = () if rows.weights is None else (rows.weights,)
        vectors = [slot.vectors for slot in rows.layout.vectors]
        encoded = (rows.encoded.numbers, rows.encoded.codes)
        for array in (*encoded, rows.class_counts, *vectors, *weights):
            digest.update(np.ascontiguousarray(array).tobytes())
        return {
            "table": digest.hexdigest(),
            "parameters": repr((self._config, list(classes))),
            "random_state": str(self._seed),
            "device": self._device.type,
        }

    def sample(
        self,
        class_code: int,
        n_rows: int,
        seed: int,
        stream: Stream,
        conditions: Sequence[Condition] = (),
        *,
        for_training: bool = False,
    ) -> Iterator[NDArray[np.float32]]:
        """Give rows of a class in chunks of shape (at most 4096, layout.width).

        The first rows are the same however many are drawn. They look real or, `for_training`, are
        what classifiers learn most from.
        """
        with limited_threads(1), torch.inference_mode():
            chunks = self._chunks(
                class_code,
                n_rows,
                (seed, stream, class_code),
                conditions,
                for_training=for_training,
            )
        while True:
            # not while the caller is at work
            with limited_threads(1), explaining_memory(self._device), torch.inference_mode():
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk.cpu().numpy()

    def no_rows(self) -> NDArray[np.float32]:
        """Return an empty chunk, of shape (0, layout.width)."""
        return np.empty((0, self._table.layout.width), dtype=np.float32)

    def training_logits(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the logit of each training row for its own class, and the class."""
        counts = self._rows.class_counts
        codes = np.repeat(np.arange(len(counts)), counts)
        return self.logits(self._rows.encoded)[np.arange(len(codes)), codes], codes

    @torch.inference_mode()
    def coverage(self, class_code: int) -> float:
        """Return the share of a class's rows that generated ones come near to, 0 to 1."""
        purpose = (self._seed, Stream.COVERAGE, class_code)
        random = random_generator(*purpose, device=self._device)
        real = self._table.class_rows(class_code, COVERAGE_ROWS, random)
        with limited_threads(1):
            generated = self._candidates(class_code, COVERAGE_ROWS, purpose)
            weights = self._table.weights
            weights = torch.ones_like(real) if weights is None else weights[real]
            return float(coverage(generated, self._table.expand(real), weights.to(generated)))

    def distance(self, classes: Sequence[int]) -> float:
        """Return how far rows of these classes stayed from real ones while training watched.

        By energy distance, less what a perfect generator of so few rows would have.
        """
        qualities = self.history["quality"]
        if not len(qualities):
            return 0.0  # stopped before anything was measured
        counts = self._rows.class_counts[watched(classes)]
        return float(qualities.min() - distance_by_chance(counts))

    @abstractmethod
    def calibrate(self, classes: Sequence[int]) -> None:
        """Make the last touch on a trained generator, for these classes."""

    @abstractmethod
    def makes_new_rows(self, class_code: int) -> bool:
        """Tell whether rows of a class can be others than the training rows."""

    @abstractmethod
    def find(self, class_code: int, conditions: Sequence[Condition]) -> Found:
        """Return how many training rows of a class meet conditions, and which are out of reach."""

    @abstractmethod
    def logits(self, rows: EncodedTable) -> NDArray[np.float64]:
        """Return how much each row looks like each class, of shape (n_rows, n_classes)."""

    @abstractmethod
    def _trainer(self, classes: Sequence[int]) -> Trainer:
        """Return what trains the networks."""

    @abstractmethod
    def _candidates(self, class_code: int, n_rows: int, purpose: tuple[int, ...]) -> Tensor:
        """Return rows of a class before any are selected, of shape (n_rows, layout.width)."""

    @abstractmethod
    def _chunks(
        self,
        class_code: int,
        n_rows: int,
        purpose: tuple[int, ...],
        conditions: Sequence[Condition],
        *,
        for_training: bool,
    ) -> Iterator[Tensor]:
        """Give rows of a class, some at a time."""

    @abstractmethod
    def _training_threads(self) -> int:
        """Return on how many threads to train."""

    def _restore(
        self,
        generator: Mapping[str, NDArray[Any]],
        discriminator: Mapping[str, NDArray[Any]],
        history: dict[str, NDArray[Any]],
    ) -> None:
        """Become a GAN that was trained before: its weights by name, and its history.

        Raises
        ------
        RuntimeError
            If the weights have not the shapes of these networks.
        """
        for network, weights in (
            (self.generator, generator),
            (self.discriminator, discriminator),
        ):
            network.load_state_dict({name: torch.tensor(w) for name, w in weights.items()})
        self.generator.requires_grad_(False)
        self.history = history

    def _random(self, stream: Stream) -> torch.Generator:
        return random_generator(self._seed, stream, device=self._device)


class TableGAN(GAN):
    """The networks for the encoded rows of a table."""

    # Generators that learned come near to 86% of a class and more, small classes to all; those
    # that come near to less do worse than repeated rows (`python -m benchmarks.repetition`).
    least_coverage = 0.75
    # Trained ones stay below 0.06, on tables with classes of 10 rows, too; those above it do worse
    # than repeated rows in every second case, and with fewer steps of training, too.
    largest_distance = 0.1
    generator: Generator
    discriminator: Discriminator

    def state(self) -> GANState:
        """Return what sampling and scoring depend on."""
        return GANState(
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

    @classmethod
    def from_state(cls, state: GANState, config: GANConfig, device: torch.device) -> TableGAN:
        """Return a trained GAN on a device; `state` goes before what `config` says.

        Raises
        ------
        RuntimeError
            If the weights have not the shapes of these networks.
        """
        rows = TrainingRows(state.layout, state.rows, state.class_counts, state.weights)
        config = replace(config, networks=state.networks, sampling=state.sampling)
        gan = cls(rows, config, state.seed, device)
        gan._build(state.geometry)
        gan._restore(state.generator, state.discriminator, state.history)
        return gan

    def _build(self, geometry: ClassGeometry | None) -> None:
        """Make new networks for classes that lie like this."""
        layout, sizes = self._table.layout, self._config.networks
        n_classes, random = len(self._rows.class_counts), self._random(Stream.WEIGHTS)
        moves = ClassMoves(geometry, layout, self._device)
        self._geometry = geometry
        self.generator = Generator(layout, n_classes, sizes, random, moves)
        self.discriminator = Discriminator(layout, n_classes, sizes, random, moves)

    def _trainer(self, classes: Sequence[int]) -> AdversarialTrainer:
        config = self._config
        batches = ClassBalancedBatches(self._table, config.batches, self._random(Stream.BATCHES))
        self._build(measure_classes(self._table, batches.neighbours))
        return AdversarialTrainer(
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
                (self._seed, Stream.CALIBRATION),
            )

    @torch.inference_mode()
    def makes_new_rows(self, class_code: int) -> bool:
        """Tell whether rows of a class can be others than the training rows.

        Numbers without a grid always can; a full grid leaves no other combination.
        """
        if not self._table.layout.is_grid:
            return True
        purpose = (self._seed, Stream.COVERAGE, class_code)
        with limited_threads(1):
            candidates = self._candidates(class_code, TRIAL_ROWS, purpose)
            return bool(KnownRows(self._table, class_code).are_new(candidates).any())

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
        wanted = self._conditions(conditions)
        return self._sampler(class_code, purpose, wanted, for_training=for_training).rows(n_rows)

    def _sampler(
        self,
        class_code: int,
        purpose: tuple[int, ...],
        conditions: Conditions | None = None,
        *,
        for_training: bool = False,
    ) -> RowSampler:
        return RowSampler(
            self.generator,
            self._table,
            class_code,
            self._config.sampling,
            purpose,
            conditions,
            for_training=for_training,
        )

    def find(self, class_code: int, conditions: Sequence[Condition]) -> Found:
        """Return how many training rows of a class meet conditions, and which are out of reach."""
        wanted = self._conditions(conditions)
        rows = self._table.expand(
            self._table.class_rows(class_code, len(self._table), self._random(Stream.SAMPLE))
        )
        holds = wanted.holds(rows)
        return Found(
            n_rows=len(rows),
            n_meeting_each=tuple(holds.sum(dim=0).tolist()),
            n_meeting_all=int(holds.all(dim=1).sum()),
            within_reach=tuple(wanted.within_reach(rows).tolist()),
        )

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
            return density_logits(self.discriminator, self._table.layout, rows, self._device)


def weights_of(network: torch.nn.Module) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a network by name."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
