"""GANs that torch differentiates: of images, and of the networks of the caller."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from ganaug._encoding.layout import Condition, EncodedTable, Found, ImageLayout
from ganaug._gan.augmentation import DifferentiableAugmentation, VariedViews, Views
from ganaug._gan.batches import DeviceTable
from ganaug._gan.convolutional import ImageDiscriminator, ImageGenerator
from ganaug._gan.gate import Validity
from ganaug._gan.model import GAN, GANConfig, Stream, TrainingRows, weights_of
from ganaug._gan.monitor import QUALITY_ROWS, watched
from ganaug._gan.nearness import MAX_ROWS, NearestFeatures
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.network_training import NetworkTrainer, PairMonitor
from ganaug._gan.networks import NetworkConfig
from ganaug._gan.own_networks import (
    ModuleFactory,
    OwnDiscriminator,
    OwnGenerator,
    check_players,
    make_players,
)
from ganaug._gan.pairs import ClassRows, RowSource, SingleRows, ViewPairs, stratified
from ganaug._gan.runtime import DTYPE, ModuleRandom, limited_threads, random_generator
from ganaug.exceptions import DataError

BLOCK_ROWS = 256
# Share of the images that are left as the generator finds them, views of real ones.
VIEW_SHARE = 0.5
SCORED_AT_ONCE = 64


@dataclass(frozen=True)
class NetworkGANState:
    """What a trained `NetworkGAN` is made of, besides its layout and what makes its networks.

    Parameters
    ----------
    rows : EncodedTable
    class_counts : ndarray of shape (n_classes,)
    networks : NetworkConfig
    seed : int
    generator, discriminator : dict of str -> ndarray
        Weights by name.
    history : dict of str -> ndarray
    weights : ndarray of shape (n_rows,) or None
        Of the rows.
    """

    rows: EncodedTable
    class_counts: NDArray[np.int64]
    networks: NetworkConfig
    seed: int
    generator: dict[str, NDArray[Any]]
    discriminator: dict[str, NDArray[Any]]
    history: dict[str, NDArray[Any]]
    weights: NDArray[np.float64] | None = None


class NetworkGAN(GAN):
    """Two networks of one signature each, whatever they are made of.

    A generator takes (anchor, noise, classes), a discriminator (anchor, rows, classes).

    Parameters
    ----------
    rows, config, seed, device
        As for `GAN`.
    make_players : callable
        Returns the generator and the discriminator; what it draws from torch's global state comes
        from a stream of its own.
    """

    # images lie far from each other, pixel by pixel, also where they are good
    least_coverage = 0.25
    largest_distance = math.inf

    def __init__(
        self,
        rows: TrainingRows,
        config: GANConfig,
        seed: int,
        device: torch.device,
        make_players: Callable[[], tuple[Any, Any]],
    ) -> None:
        super().__init__(rows, config, seed, device)
        self._module_random = ModuleRandom(seed, Stream.MODULES, device=device)
        with self._module_random():
            players = make_players()
        self.generator, self.discriminator = (player.to(device) for player in players)
        self._source = self._new_source(Stream.BATCHES)

    @abstractmethod
    def _new_source(self, stream: Stream) -> RowSource:
        """Return where batches and anchors come from, drawn from a stream."""

    @abstractmethod
    def _features(self, rows: Tensor, class_code: int) -> Tensor:
        """Return what the discriminator makes of rows (n, width) of a class, (n, n_features)."""

    def _trainer_parts(self) -> dict[str, Any]:
        """Return what a trainer has besides the networks, the rows and the random numbers."""
        return {}

    def _mixed(self, rows: Tensor, anchor: Tensor, random: torch.Generator) -> Tensor:
        """Return what is given for generated rows and their anchors."""
        return rows

    def state(self) -> NetworkGANState:
        """Return what sampling and scoring depend on."""
        return NetworkGANState(
            self._rows.encoded,
            self._rows.class_counts,
            self._config.networks,
            self._seed,
            weights_of(self.generator),
            weights_of(self.discriminator),
            self.history,
            self._rows.weights,
        )

    def restore(self, state: NetworkGANState) -> None:
        """Become the trained GAN of a state."""
        self._restore(state.generator, state.discriminator, state.history)
        self.calibrate(())

    def _trainer(self, classes: Sequence[int]) -> NetworkTrainer:
        return NetworkTrainer(
            self.generator,
            self.discriminator,
            self._source,
            self._monitor(classes),
            self._config.training,
            self._random(Stream.NOISE),
            self._module_random,
            **self._trainer_parts(),
        )

    def _monitor(self, classes: Sequence[int]) -> PairMonitor:
        pairs = stratified(self._new_source(Stream.MONITOR), watched(classes), QUALITY_ROWS)
        noise = self.generator.noise(len(pairs.classes), self._random(Stream.MONITOR))
        modules_draw = partial(self._modules_draw, self._seed, Stream.MONITOR)
        return PairMonitor(pairs, noise, modules_draw, self._table)

    def _modules_draw(self, *purpose: int) -> AbstractContextManager[None]:
        """Let modules draw from the start of a stream of their own, always the same."""
        return ModuleRandom(*purpose, Stream.MODULES, device=self._device)()

    def identity(self, classes: Sequence[int]) -> dict[str, str]:
        """Say what a training depends on, so that another one can be told from it."""
        networks = repr((self.generator, self.discriminator))
        return {**super().identity(classes), "networks": networks}

    def calibrate(self, classes: Sequence[int]) -> None:
        """Sample as trained: which levels a class has is not corrected here."""
        self.generator.eval()
        self.discriminator.eval()

    def makes_new_rows(self, class_code: int) -> bool:
        """Tell whether rows can be others than the training rows: nothing is known against it."""
        return True

    def find(self, class_code: int, conditions: Sequence[Condition]) -> Found:
        """Refuse conditions.

        Raises
        ------
        DataError
        """
        raise DataError(
            "where needs ganaug's own networks for tables: the caller's generator can't be told "
            "what a row must be. Leave where out, or generator and discriminator."
        )

    def _candidates(self, class_code: int, n_rows: int, purpose: tuple[int, ...]) -> Tensor:
        return torch.cat(list(self._chunks(class_code, n_rows, purpose, (), for_training=False)))

    def _chunks(
        self,
        class_code: int,
        n_rows: int,
        purpose: tuple[int, ...],
        conditions: Sequence[Condition],
        *,
        for_training: bool,
    ) -> Iterator[Tensor]:
        """Give whole blocks, each with a seed of its own, cut to what is wanted."""
        valid = Validity(self._rows.layout, self._device)
        for number in range(-(-n_rows // BLOCK_ROWS)):
            random = random_generator(*purpose, number, device=self._device)
            turns = torch.arange(BLOCK_ROWS, device=self._device) + number * BLOCK_ROWS
            rows = self._draw(class_code, turns, random, for_training=for_training)
            yield valid(rows)[: n_rows - number * BLOCK_ROWS]

    def _draw(
        self, class_code: int, turns: Tensor, random: torch.Generator, *, for_training: bool
    ) -> Tensor:
        """Return generated rows of a class, (n, width), from the anchors whose turn it is."""
        anchor = self._source.anchors(class_code, turns, random)
        classes = torch.full_like(turns, class_code)
        rows = self.generator(anchor, self.generator.noise(len(turns), random), classes)
        return self._mixed(rows, anchor, random)

    def logits(self, rows: EncodedTable) -> NDArray[np.float64]:
        """Return how much each row looks like each class, of shape (n_rows, n_classes)."""
        table = DeviceTable(self._rows.layout, rows, np.array([len(rows)]), self._device)
        numbers = torch.arange(len(rows), device=self._device)
        with limited_threads(1), torch.inference_mode():
            logits = table.in_full_chunks(self._logits, numbers, SCORED_AT_ONCE)
        return logits.cpu().numpy().astype(np.float64)

    def _logits(self, rows: Tensor) -> Tensor:
        """Return how near rows (n, width) are to training rows of each class, (n, n_classes)."""
        logits = [
            nearest.logits(self._features(rows, code)) for code, nearest in enumerate(self._nearest)
        ]
        return torch.stack(logits, dim=1)

    def training_logits(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the logits of training rows for their own class, and the classes.

        Rows are compared with the other ones of their class, and are some of very many.
        """
        with limited_threads(1), torch.inference_mode():
            logits = torch.cat([nearest.own_logits() for nearest in self._nearest])
        counts = np.minimum(self._rows.class_counts, MAX_ROWS)
        codes = np.repeat(np.arange(len(counts)), counts)
        return logits.cpu().numpy().astype(np.float64), codes

    @cached_property
    def _nearest(self) -> list[NearestFeatures]:
        """The features of training rows: made when asked for, and kept out of pickles."""
        nearest = []
        for code in range(len(self._rows.class_counts)):
            random = random_generator(self._seed, Stream.CALIBRATION, code, device=self._device)
            rows = self._table.some_of(code, MAX_ROWS, random)
            of_class = partial(self._features, class_code=code)
            features = self._table.in_full_chunks(of_class, rows, SCORED_AT_ONCE)
            nearest.append(NearestFeatures(features))
        return nearest

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_nearest"}


class ImageGAN(NetworkGAN):
    """The convolutional networks: generated images are moved views of real ones.

    Classifiers learn more from views that no network has redrawn (`docs/research.md`), so these are
    the images for training; what the networks make is what `sample` shows.
    """

    def __init__(
        self, rows: TrainingRows, config: GANConfig, seed: int, device: torch.device
    ) -> None:
        assert isinstance(rows.layout, ImageLayout)  # narrows the type
        layout, n_classes = rows.layout, len(rows.class_counts)
        self._shape = layout.shape

        def make_players() -> tuple[ImageGenerator, ImageDiscriminator]:
            generator = ImageGenerator(layout, n_classes, config.networks.latent_dim)
            return generator, ImageDiscriminator(layout, n_classes)

        super().__init__(rows, config, seed, device, make_players)

    def _training_threads(self) -> int:
        """Return on how many threads to train: two bring 2%, and other bits."""
        return 1

    def _new_source(self, stream: Stream) -> ViewPairs:
        rows = ClassRows(self._table, self._config.batches.batch_size, self._random(stream))
        return ViewPairs(rows, Views(self._shape, self._random(Stream.VIEWS)))

    def _trainer_parts(self) -> dict[str, Any]:
        return {
            "augment": DifferentiableAugmentation(self._shape, self._random(Stream.AUGMENTATION)),
            "negatives": DifferenceNoise(self._rows.layout, self._random(Stream.NEGATIVES)),
        }

    def _draw(
        self, class_code: int, turns: Tensor, random: torch.Generator, *, for_training: bool
    ) -> Tensor:
        if not for_training:
            return super()._draw(class_code, turns, random, for_training=False)
        images = self._table.expand(self._table.in_turn(class_code, turns))
        return VariedViews(self._shape, random)(images)

    def _mixed(self, rows: Tensor, anchor: Tensor, random: torch.Generator) -> Tensor:
        """Return generated images, and the views that they started from in the place of some."""
        uniform = torch.rand(len(rows), 1, generator=random, dtype=DTYPE, device=self._device)
        return torch.where(uniform < VIEW_SHARE, anchor, rows)

    def _logits(self, rows: Tensor) -> Tensor:
        features = self._features(rows, 0)  # once for all classes
        return torch.stack([nearest.logits(features) for nearest in self._nearest], dim=1)

    def _features(self, rows: Tensor, class_code: int) -> Tensor:
        """Return the directions of the discriminator's features: it is given no class."""
        return normalize(self.discriminator.features(rows))


class OwnNetworkGAN(NetworkGAN):
    """Networks of the caller, for images or tables; they see rows alone.

    Parameters
    ----------
    rows, config, seed, device
        As for `GAN`.
    own_networks : tuple of callable
        What makes the caller's generator and discriminator.

    Raises
    ------
    DataError
        If one of them fails on a batch, or returns something of another shape.
    """

    def __init__(
        self,
        rows: TrainingRows,
        config: GANConfig,
        seed: int,
        device: torch.device,
        own_networks: tuple[ModuleFactory, ModuleFactory],
    ) -> None:
        def make() -> tuple[OwnGenerator, OwnDiscriminator]:
            n_classes = len(rows.class_counts)
            return make_players(own_networks, rows.layout, n_classes, config.networks.latent_dim)

        super().__init__(rows, config, seed, device, make)
        self._check()

    def _check(self) -> None:
        """Run the networks on one batch."""
        batch = self._new_source(Stream.MONITOR).draw()
        with limited_threads(self._training_threads()), self._module_random():
            check_players(
                self.generator,
                self.discriminator,
                batch.target,
                batch.classes,
                is_penalised=self._config.training.gradient_penalty > 0,
            )

    def _training_threads(self) -> int:
        """Return on how many threads to train: the caller knows how large the networks are."""
        return limited_threads.available()

    def _new_source(self, stream: Stream) -> SingleRows:
        return SingleRows(
            ClassRows(
                self._table,
                self._config.batches.batch_size,
                self._random(stream),
                of_each_class=len(self.generator.networks.networks) > 1,
            )
        )

    def _draw(
        self, class_code: int, turns: Tensor, random: torch.Generator, *, for_training: bool
    ) -> Tensor:
        with self._modules_draw(random.initial_seed()):
            return super()._draw(class_code, turns, random, for_training=for_training)

    def _features(self, rows: Tensor, class_code: int) -> Tensor:
        with self._modules_draw(self._seed, Stream.CALIBRATION):
            return self.discriminator.features(rows, class_code)
