"""GAN: networks, their data and their random streams, put together once; what all kinds share."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._encoding.layout import Condition, EncodedTable, Found, TableLayout
from ganaug._gan.batches import BatchConfig, DeviceTable
from ganaug._gan.inference import SamplingConfig
from ganaug._gan.networks import NetworkConfig
from ganaug._gan.quality import coverage
from ganaug._gan.runtime import limited_threads, random_generator
from ganaug._gan.states import State
from ganaug._gan.training import Check, Trainer, TrainingConfig, TrainingHistory

COVERAGE_ROWS = 512
# Rows whose logits for all classes are held at the same time.
LOGIT_ROWS = 32_768


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
    COVERED = 13


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
    distance : float
        How far rows stayed from real ones in training, that of `Trainer`.
    least_coverage : float
        Generators that come near to a smaller share of a class have collapsed on it.
    largest_distance : float
        Generators whose rows are farther from real ones have not learned the table.
    """

    generator: Any
    discriminator: Any
    distance: float
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
        self.history = TrainingHistory().as_arrays()

    def train(self, classes: Sequence[int], state: State | None = None) -> abc.Generator[Check]:
        """Train on all classes, watching those that will be sampled; give a `Check` now and then.

        The caller may close the iterator between two checks, to stop there. With the `state` of
        a check of the same training it goes on from there.
        """
        with limited_threads(1):
            trainer = self._trainer(classes)
        with limited_threads(self._training_threads()):
            if state is not None:
                trainer.load_state_dict(state)
            try:
                yield from trainer.train()
            finally:
                self.generator = trainer.average
                self.history = trainer.history.as_arrays()
                self.distance = trainer.distance

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
            with limited_threads(1), torch.inference_mode():
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
        own = np.empty(len(codes))
        # some at a time: with hundreds of classes logits take more memory than the rows
        for rows in np.split(np.arange(len(codes)), range(LOGIT_ROWS, len(codes), LOGIT_ROWS)):
            own[rows] = self.logits(self._rows.encoded.take(rows))[
                np.arange(len(rows)), codes[rows]
            ]
        return own, codes

    @torch.inference_mode()
    def coverage(self, class_code: int) -> float:
        """Return the share of a class's rows that generated ones come near to, 0 to 1."""
        purpose = (self._seed, Stream.COVERAGE, class_code)
        # by the stream of candidates these would be the very rows that candidates start from
        random = random_generator(self._seed, Stream.COVERED, class_code, device=self._device)
        real = self._table.some_of(class_code, COVERAGE_ROWS, random)
        with limited_threads(1):
            generated = self._candidates(class_code, COVERAGE_ROWS, purpose)
            weights = self._table.weights
            weights = torch.ones_like(real) if weights is None else weights[real]
            return float(coverage(generated, self._table.expand(real), weights.to(generated)))

    @abstractmethod
    def state(self) -> Any:
        """Return what sampling and scoring depend on."""

    @abstractmethod
    def restore(self, state: Any) -> None:
        """Become the trained GAN of a state, which has the same rows and sizes.

        Raises
        ------
        RuntimeError
            If the weights have not the shapes of these networks.
        """

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
        """Take the weights of a trained GAN, by name, and its history."""
        for network, weights in (
            (self.generator, generator),
            (self.discriminator, discriminator),
        ):
            network.load_state_dict({name: torch.tensor(w) for name, w in weights.items()})
        self.generator.requires_grad_(False)
        self.history = history

    def _random(self, stream: Stream) -> torch.Generator:
        return random_generator(self._seed, stream, device=self._device)


def weights_of(network: torch.nn.Module) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a network by name."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
