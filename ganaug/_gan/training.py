"""AdversarialTrainer: alternate steps of discriminator and generator, watched as they go."""

from __future__ import annotations

from collections import abc
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._gan.batches import Batch, ClassBalancedBatches, DeviceTable
from ganaug._gan.losses import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    noise_contrastive_loss,
)
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.networks import Discriminator, Generator, NetworkConfig
from ganaug._gan.optimizer import FusedAdam
from ganaug._gan.quality import energy_distance
from ganaug._gan.runtime import DTYPE

QUALITY_ROWS = 512
QUALITY_CLASSES = 16


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how fast to train.

    Parameters
    ----------
    n_steps : int
        Upper bound on the steps.
    patience : int or None
        Checks in a row without progress after which training ends; None trains all steps.
    """

    n_steps: int
    patience: int | None
    learning_rate: float
    gradient_penalty: float
    penalty_interval: int = 2
    averaging_decay: float = 0.99
    check_interval: int = 50
    min_improvement: float = 0.002

    @property
    def max_checks(self) -> int:
        """How many checks there are if training runs to its end."""
        return -(-self.n_steps // self.check_interval)


@dataclass
class TrainingHistory:
    """What happened: losses of each step, quality at each check."""

    discriminator_loss: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    generator_loss: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    check_step: list[int] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    best_step: int = 0

    def as_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the history as a dict of arrays."""
        return {
            "discriminator_loss": self.discriminator_loss,
            "generator_loss": self.generator_loss,
            "check_step": np.array(self.check_step, dtype=np.int64),
            "quality": np.array(self.quality, dtype=np.float64),
            "best_step": np.array(self.best_step),
        }


@dataclass(frozen=True)
class Check:
    """State of training after `step` steps; `quality` is an energy distance, lower is better."""

    step: int
    quality: float
    is_best: bool


class AdversarialTrainer:
    """Trains a generator and a discriminator against each other.

    Attributes
    ----------
    average : Generator
        Moving average of the generator's weights over the steps, which samples better than any
        single step (Yazici et al. 2019, "The unusual effectiveness of averaging in GAN training").
    history : TrainingHistory
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        batches: ClassBalancedBatches,
        monitor: QualityMonitor,
        noise: DifferenceNoise,
        config: TrainingConfig,
        random: torch.Generator,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.average = deepcopy(generator).requires_grad_(False)
        self.history = TrainingHistory()
        self._batches = batches
        self._monitor = monitor
        self._noise = noise
        self._config = config
        self._random = random
        self._generator_optimizer = FusedAdam(generator.parameters(), config.learning_rate)
        self._discriminator_optimizer = FusedAdam(discriminator.parameters(), config.learning_rate)
        self._best: tuple[dict[str, Tensor], dict[str, Tensor]] | None = None
        self._best_quality = float("inf")
        self._stale_checks = 0

    def train(self) -> abc.Generator[Check]:
        """Train, giving a `Check` now and then; the caller may stop between two of them.

        When the iterator ends or is closed, `average` and the discriminator are those of the best
        check.
        """
        losses = torch.zeros(2, self._config.n_steps, dtype=DTYPE, device=self._random.device)
        step = 0
        try:
            while step < self._config.n_steps and not self._is_stale():
                losses[:, step] = torch.stack(self._step(step))
                step += 1
                if step % self._config.check_interval == 0 or step == self._config.n_steps:
                    yield self._check(step)
        finally:
            self._restore_best()
            self.history.discriminator_loss, self.history.generator_loss = (
                losses[:, :step].cpu().numpy()
            )

    def _step(self, step: int) -> tuple[Tensor, Tensor]:
        batch = self._batches.draw()
        latent, gumbel = draw_noise(self.generator, len(batch.classes), self._random)
        fake = self.generator(batch.anchor, batch.anchored, latent, gumbel, batch.classes)
        d_loss, real_logits = self._discriminator_step(batch, fake.detach(), step)
        g_loss = self._generator_step(batch, fake, real_logits)
        self._average_generator()
        return d_loss, g_loss

    def _discriminator_step(self, batch: Batch, fake: Tensor, step: int) -> tuple[Tensor, Tensor]:
        config = self._config
        pair = batch.twice()  # real and generated rows in one pass
        rows = torch.cat([batch.target, fake])
        penalised = step % config.penalty_interval == 0
        if penalised:
            logits, gradient = self.discriminator.with_input_gradient(
                pair.anchor, pair.anchored, rows, pair.classes
            )
        else:
            logits = self.discriminator(pair.anchor, pair.anchored, rows, pair.classes)
        real_logits, fake_logits = logits.chunk(2)
        loss = discriminator_loss(real_logits, fake_logits)
        objective = loss + self._density_loss(batch)
        if penalised:  # seldom and stronger costs less, to the same end
            strength = config.gradient_penalty * config.penalty_interval
            objective = objective + strength * gradient_penalty(*gradient.chunk(2))
        self._discriminator_optimizer.minimise(objective)
        return loss.detach(), real_logits.detach()

    def _density_loss(self, batch: Batch) -> Tensor:
        free = batch.free()
        noise = self._noise(free.target, batch.target)
        logits = self.discriminator.density_logits(
            torch.cat([free.target, noise]), free.classes.repeat(2)
        )
        return noise_contrastive_loss(*logits.chunk(2))

    def _generator_step(self, batch: Batch, fake: Tensor, real_logits: Tensor) -> Tensor:
        fake_logits = self.discriminator(batch.anchor, batch.anchored, fake, batch.classes)
        loss = generator_loss(real_logits, fake_logits)
        self._generator_optimizer.minimise(loss)
        return loss.detach()

    @torch.no_grad()
    def _average_generator(self) -> None:
        torch._foreach_lerp_(
            list(self.average.parameters()),
            list(self.generator.parameters()),
            1 - self._config.averaging_decay,
        )

    def _check(self, step: int) -> Check:
        quality = self._monitor.measure(self.average)
        is_best = quality < self._best_quality
        is_progress = quality < self._best_quality - self._config.min_improvement
        self._stale_checks = 0 if is_progress else self._stale_checks + 1
        if is_best:
            self._best_quality = quality
            self._best = (_copy_state(self.average), _copy_state(self.discriminator))
            self.history.best_step = step
        self.history.check_step.append(step)
        self.history.quality.append(quality)
        return Check(step, quality, is_best)

    def _is_stale(self) -> bool:
        return self._config.patience is not None and self._stale_checks >= self._config.patience

    def _restore_best(self) -> None:
        if self._best is not None:
            self.average.load_state_dict(self._best[0])
            self.discriminator.load_state_dict(self._best[1])


class QualityMonitor:
    """Compares free rows (without anchors) of a generator with real rows, always the same ones.

    Rows beside an anchor would look good from the first step on, since they start as its copies.
    """

    def __init__(
        self,
        table: DeviceTable,
        classes: Sequence[int],
        networks: NetworkConfig,
        random: torch.Generator,
    ) -> None:
        classes = list(classes)[:QUALITY_CLASSES]
        share = QUALITY_ROWS // len(classes)
        self._real = [table.expand(table.class_rows(code, share, random)) for code in classes]
        self._classes = torch.tensor(classes, device=table.device).repeat_interleave(share)
        n_rows = len(self._classes)
        self._share = share
        self._anchor = torch.zeros(n_rows, table.layout.width, dtype=DTYPE, device=table.device)
        shape = (n_rows, networks.latent_dim)
        self._latent = torch.randn(shape, generator=random, dtype=DTYPE, device=table.device)
        self._gumbel = gumbel_noise((n_rows, table.layout.one_hot_width), random)

    @torch.inference_mode()
    def measure(self, generator: Generator) -> float:
        """Return the energy distance of generated and real rows, averaged over the classes."""
        rows = generator(
            self._anchor,
            self._anchor[:, :0].new_zeros(len(self._anchor), 1),
            self._latent,
            self._gumbel,
            self._classes,
        )
        distances = [
            energy_distance(generated, real)
            for generated, real in zip(rows.split(self._share), self._real, strict=True)
        ]
        return float(torch.stack(distances).mean())


def draw_noise(generator: Generator, n: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return latent noise (n, latent_dim) and Gumbel noise (n, one_hot_width)."""
    shape = (n, generator.latent_dim)
    latent = torch.randn(shape, generator=random, dtype=DTYPE, device=random.device)
    return latent, gumbel_noise((n, generator.level_bias.shape[1]), random)


def gumbel_noise(shape: tuple[int, int], random: torch.Generator) -> Tensor:
    """Return noise that makes the arg max of logits a draw from their softmax."""
    noise = torch.empty(shape, dtype=DTYPE, device=random.device)
    return -noise.exponential_(generator=random).log()


def _copy_state(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
