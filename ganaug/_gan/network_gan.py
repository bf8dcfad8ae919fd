"""NetworkGAN: a GAN of the convolutional networks for images, or of the caller's own networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._encoding.layout import Condition, EncodedTable, Found, ImageLayout, TableLayout
from ganaug._gan.augmentation import DifferentiableAugmentation, Views
from ganaug._gan.batches import DeviceTable
from ganaug._gan.convolutional import ImageDiscriminator, ImageGenerator
from ganaug._gan.inference import Validity
from ganaug._gan.model import GAN, GANConfig, Stream, weights_of
from ganaug._gan.nearness import MAX_ROWS, NearestFeatures
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.network_training import NetworkTrainer, PairMonitor, unchanged
from ganaug._gan.networks import NetworkConfig
from ganaug._gan.own_networks import ModuleFactory, check_players, make_players
from ganaug._gan.pairs import ClassRows, RowSource, SingleRows, ViewPairs, stratified
from ganaug._gan.quality import coverage
from ganaug._gan.runtime import ModuleRandom, limited_threads, random_generator
from ganaug._gan.states import copied
from ganaug.exceptions import DataError

BLOCK_ROWS = 256
# Share of the images that are left as the generator finds them, views of real ones: classifiers
# learn more from both than from moved images alone.
VIEW_SHARE = 0.5
MONITORED_ROWS = 512
MONITORED_CLASSES = 16
COVERAGE_ROWS = 512
SCORED_AT_ONCE = 1024


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
    """

    rows: EncodedTable
    class_counts: NDArray[np.int64]
    networks: NetworkConfig
    seed: int
    generator: dict[str, NDArray[Any]]
    discriminator: dict[str, NDArray[Any]]
    history: dict[str, NDArray[Any]]


class NetworkGAN(GAN):
    """The convolutional networks for images, or networks of the caller for any encoded rows.

    Parameters
    ----------
    layout, rows, class_counts, config, seed, device, weights
        As for `GAN`.
    own_networks : tuple of callable or None
        What makes the caller's generator and discriminator; None for the convolutional ones.
    """

    # images lie far from each other, pixel by pixel, also where they are good
    least_coverage = 0.25

    def __init__(
        self,
        layout: TableLayout,
        rows: EncodedTable,
        class_counts: NDArray[np.int64],
        config: GANConfig,
        seed: int,
        device: torch.device,
        weights: NDArray[np.float64] | None = None,
        *,
        own_networks: tuple[ModuleFactory, ModuleFactory] | None = None,
    ) -> None:
        super().__init__(layout, rows, class_counts, config, seed, device, weights)
        self._layout = layout
        self._shape = layout.shape if isinstance(layout, ImageLayout) else (0, 0, 0)
        self._is_own = own_networks is not None
        self._module_random = ModuleRandom(seed, Stream.MODULES, device=device)
        n_classes, latent_dim = len(class_counts), config.networks.latent_dim
        with self._module_random():
            if own_networks is not None:
                players: tuple[Any, Any] = make_players(own_networks, layout, n_classes, latent_dim)
            else:
                assert isinstance(layout, ImageLayout)  # narrows the type
                players = (
                    ImageGenerator(layout, n_classes, latent_dim),
                    ImageDiscriminator(layout, n_classes),
                )
        self.generator, self.discriminator = (player.to(device) for player in players)
        self._source = self._make_source(Stream.BATCHES)
        if self._is_own:
            self._check()

    def _make_source(self, stream: Stream) -> RowSource:
        rows = ClassRows(
            self._table,
            self._config.batches.batch_size,
            self._random(stream),
            self._table.weights,
            of_each_class=self._is_own and len(self.generator.networks.networks) > 1,
        )
        if self._is_own:
            return SingleRows(rows)
        return ViewPairs(rows, Views(self._shape, self._random(Stream.VIEWS)))

    def _check(self) -> None:
        """Run the caller's networks on one batch, and leave them as they were."""
        batch = self._make_source(Stream.MONITOR).draw()
        players = (self.generator, self.discriminator)
        states = [copied(player.state_dict()) for player in players]
        with limited_threads(self._training_threads()), self._module_random():
            check_players(*players, batch.target, batch.classes)
        for player, state in zip(players, states, strict=True):
            player.load_state_dict(state)

    def state(self) -> NetworkGANState:
        """Return what sampling and scoring depend on."""
        return NetworkGANState(
            self._rows,
            self._class_counts,
            self._config.networks,
            self._seed,
            weights_of(self.generator),
            weights_of(self.discriminator),
            self.history,
        )

    @classmethod
    def from_state(
        cls,
        state: NetworkGANState,
        layout: TableLayout,
        config: GANConfig,
        device: torch.device,
        own_networks: tuple[ModuleFactory, ModuleFactory] | None,
    ) -> NetworkGAN:
        """Return a trained GAN on a device; `config` is for training it again.

        Raises
        ------
        RuntimeError
            If the weights have not the shapes of these networks.
        """
        config = replace(config, networks=state.networks)
        parts = (state.rows, state.class_counts, config, state.seed, device)
        gan = cls(layout, *parts, own_networks=own_networks)
        for network, weights in (
            (gan.generator, state.generator),
            (gan.discriminator, state.discriminator),
        ):
            network.load_state_dict({name: torch.tensor(w) for name, w in weights.items()})
        gan.generator.requires_grad_(False)
        gan.calibrate(())
        gan.history = state.history
        return gan

    def _trainer(self, classes: Sequence[int]) -> NetworkTrainer:
        augmentation: Any = unchanged
        negatives = None
        if not self._is_own:
            augmentation = DifferentiableAugmentation(
                self._shape, self._random(Stream.AUGMENTATION)
            )
            negatives = DifferenceNoise(self._layout, self._random(Stream.NEGATIVES))
        return NetworkTrainer(
            self.generator,
            self.discriminator,
            self._source,
            self._monitor(classes),
            self._config.training,
            self._random(Stream.NOISE),
            self._module_random,
            augmentation,
            negatives,
        )

    def _monitor(self, classes: Sequence[int]) -> PairMonitor:
        pairs = stratified(
            self._make_source(Stream.MONITOR), classes[:MONITORED_CLASSES], MONITORED_ROWS
        )
        noise = self.generator.noise(len(pairs.classes), self._random(Stream.MONITOR))
        return PairMonitor(pairs, noise)

    def identity(self, classes: Sequence[int]) -> dict[str, str]:
        """Say what a training depends on, so that another one can be told from it."""
        networks = repr((self.generator, self.discriminator))
        return {**super().identity(classes), "networks": networks}

    def calibrate(self, classes: Sequence[int]) -> None:
        """Sample as trained: which levels a class has is not corrected here."""
        self.generator.eval()
        self.discriminator.eval()

    @torch.inference_mode()
    def coverage(self, class_code: int) -> float:
        """Return the share of a class's rows that generated ones come near to, 0 to 1."""
        purpose = (self._seed, Stream.COVERAGE, class_code)
        real = self._table.class_rows(
            class_code, COVERAGE_ROWS, random_generator(*purpose, device=self._device)
        )
        with limited_threads(1):
            made = torch.cat(
                list(self._chunks(class_code, COVERAGE_ROWS, purpose, (), for_training=False))
            )
            weights = self._table.weights
            weights = torch.ones_like(real) if weights is None else weights[real]
            return float(coverage(made, self._table.expand(real), weights.to(made)))

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
        valid = Validity(self._layout, self._device)
        classes = torch.full((BLOCK_ROWS,), class_code, device=self._device)
        for number in range(-(-n_rows // BLOCK_ROWS)):
            random = random_generator(*purpose, number, device=self._device)
            turns = torch.arange(BLOCK_ROWS, device=self._device) + number * BLOCK_ROWS
            anchor = self._source.anchors(class_code, turns, random)
            rows = self.generator(anchor, self.generator.noise(BLOCK_ROWS, random), classes)
            if not self._is_own:
                is_view = torch.rand(BLOCK_ROWS, 1, generator=random, device=self._device)
                rows = torch.where(is_view < VIEW_SHARE, anchor, rows)
            yield valid(rows)[: n_rows - number * BLOCK_ROWS]

    def logits(self, rows: EncodedTable) -> NDArray[np.float64]:
        """Return how much each row looks like each class, of shape (n_rows, n_classes)."""
        table = DeviceTable(self._layout, rows, np.array([len(rows)]), self._device)
        with limited_threads(1), torch.inference_mode():
            parts = [
                self._own_logits(chunk) if self._is_own else self._nearest.logits(self._see(chunk))
                for chunk in _chunks_of(table, torch.arange(len(rows), device=self._device))
            ]
        return torch.cat(parts).cpu().numpy().astype(np.float64)

    def training_logits(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the logits of training rows for their own class, and the classes.

        Images are compared with the other ones of their class, and are some of very many.
        """
        if self._is_own:
            return super().training_logits()
        with limited_threads(1), torch.inference_mode():
            logits = self._nearest.own_logits().cpu().numpy().astype(np.float64)
        counts = np.minimum(self._class_counts, MAX_ROWS)
        return logits, np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def _nearest(self) -> NearestFeatures:
        """The features of training images: made when asked for, and kept out of pickles."""
        rows = [
            self._table.class_rows(
                code,
                MAX_ROWS,
                random_generator(self._seed, Stream.CALIBRATION, code, device=self._device),
            )
            for code in range(len(self._class_counts))
        ]
        chunks = _chunks_of(self._table, torch.cat(rows))
        return NearestFeatures(torch.cat(list(map(self._see, chunks))), list(map(len, rows)))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_nearest"}

    def _see(self, images: Tensor) -> Tensor:
        """Return the discriminator's features of images."""
        features: Tensor = self.discriminator.features(images)
        return features

    def _own_logits(self, rows: Tensor) -> Tensor:
        """Return the logits of the caller's discriminator for each class."""
        codes = torch.arange(len(self._class_counts), device=rows.device)
        logits = [self.discriminator(rows[:, :0], rows, code.expand(len(rows))) for code in codes]
        return torch.stack(logits, dim=1)

    def _training_threads(self) -> int:
        """Return on how many threads to train: convolutions gain by them."""
        return torch.get_num_threads()


def _chunks_of(table: DeviceTable, numbers: Tensor) -> Iterator[Tensor]:
    """Give expanded rows of a table by their numbers, some at a time."""
    return (table.expand(chunk) for chunk in numbers.split(SCORED_AT_ONCE))
