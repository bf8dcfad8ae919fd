"""Training of a `NetworkGAN`: any generator and discriminator, differentiated by torch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganaug._gan.batches import DeviceTable
from ganaug._gan.losses import gradient_penalty, noise_contrastive_loss
from ganaug._gan.monitor import distance_by_chance, least_spreads
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.pairs import Pairs, RowSource
from ganaug._gan.quality import energy_distance
from ganaug._gan.runtime import DTYPE, ModuleRandom
from ganaug._gan.training import Check, Stateful, Trainer, TrainingConfig

# Changes the parts of pairs on their way into the discriminator.
Augmentation = Callable[..., tuple[Tensor, ...]]


def unchanged(*parts: Tensor) -> tuple[Tensor, ...]:
    """Return the parts of pairs as they are."""
    return parts


@dataclass(frozen=True)
class NetworkCheck(Check):
    """A check that shows what the generator makes.

    Parameters
    ----------
    samples : callable
        Takes n and returns so many images (n, channels, height, width), pixels from -1 to 1, or
        encoded rows (n, width): at each check from the same noise and anchors, in the order of
        their classes.
    """

    samples: Callable[[int], Tensor]


class NetworkTrainer(Trainer):
    """Trains networks on pairs of rows from a source.

    Parameters
    ----------
    generator : Module
        (anchor, noise, classes) -> rows, with `noise(n, random)` to draw from.
    discriminator : Module
        (anchor, rows, classes) -> logits.
    source : RowSource
    monitor : PairMonitor
    config : TrainingConfig
    random : torch.Generator
        Of the noise.
    module_random : ModuleRandom
    augment : callable
    negatives : DifferenceNoise or None
        For a discriminator that has a density logit.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        source: RowSource,
        monitor: PairMonitor,
        config: TrainingConfig,
        random: torch.Generator,
        module_random: ModuleRandom,
        augment: Augmentation = unchanged,
        negatives: DifferenceNoise | None = None,
    ) -> None:
        parts: dict[str, Any] = {
            "batches": source,
            "augmentation": augment,
            "noise": negatives,
            "modules": module_random,
        }
        stateful: dict[str, Stateful] = {
            name: part for name, part in parts.items() if hasattr(part, "state_dict")
        }
        super().__init__(generator, discriminator, monitor, config, random, **stateful)
        self._show = monitor.rows
        self._source = source
        self._module_random = module_random
        self._augment = augment
        self._negatives = negatives
        self._buffers = [
            (average, latest)
            for average, latest in zip(self.average.buffers(), generator.buffers(), strict=True)
            if average.is_floating_point()
        ]

    def _step(self, step: int) -> tuple[Tensor, Tensor]:
        with self._module_random():
            batch = self._source.draw()
            noise = self.generator.noise(len(batch.classes), self._random)
            fake = self.generator(batch.anchor, noise, batch.classes)
            d_loss, real_logits = self._discriminator_step(batch, fake.detach(), step)
            g_loss = self._generator_step(batch, fake, real_logits)
        self._average_generator()
        return d_loss, g_loss

    def _discriminator_step(self, batch: Pairs, fake: Tensor, step: int) -> tuple[Tensor, Tensor]:
        config = self._config
        pairs = [self._augment(batch.anchor, rows) for rows in (batch.target, fake)]
        penalised = config.gradient_penalty > 0 and step % config.penalty_interval == 0
        rows = [rows.detach().requires_grad_(penalised) for _, rows in pairs]
        real_logits, fake_logits = (
            self.discriminator(anchor, part, batch.classes)
            for (anchor, _), part in zip(pairs, rows, strict=True)
        )
        loss = self._loss.discriminator(real_logits, fake_logits)
        objective = loss
        if self._negatives is not None:
            objective = objective + self._density_loss(batch, self._negatives)
        if penalised:  # seldom and stronger costs less, to the same end
            gradients = torch.autograd.grad(
                real_logits.sum() + fake_logits.sum(), rows, create_graph=True
            )
            strength = config.gradient_penalty * config.penalty_interval
            objective = objective + strength * gradient_penalty(*gradients)
        self._discriminator_optimizer.minimise(objective)
        return loss.detach(), real_logits.detach()

    def _density_loss(self, batch: Pairs, negatives: DifferenceNoise) -> Tensor:
        """Return the loss of telling rows from such as are none of their class.

        Half of these are rows of another class (Reed et al. 2016, "Generative adversarial text to
        image synthesis"), the others moved by noise.
        """
        n = len(batch.classes) // 2
        noise = negatives(batch.target[:n], batch.target)
        rows = torch.cat([batch.target, noise, batch.target[n:]])
        classes = torch.cat([batch.classes, batch.classes[:n], self._other(batch.classes[n:])])
        logits = self.discriminator.density_logits(rows, classes)
        return noise_contrastive_loss(*logits.tensor_split([len(batch.classes)]))

    def _other(self, classes: Tensor) -> Tensor:
        """Return for each class another one."""
        n_classes = self.discriminator.n_classes
        return (classes + torch.randint_like(classes, 1, n_classes)) % n_classes

    def _generator_step(self, batch: Pairs, fake: Tensor, real_logits: Tensor) -> Tensor:
        fake_logits = self.discriminator(*self._augment(batch.anchor, fake), batch.classes)
        loss = self._loss.generator(real_logits, fake_logits)
        self._generator_optimizer.minimise(loss)
        return loss.detach()

    def _check(self, quality: float) -> NetworkCheck:
        return NetworkCheck(**vars(super()._check(quality)), samples=self._samples)

    def _samples(self, n: int) -> Tensor:
        rows = self._show(self.average)
        chosen = torch.linspace(0, len(rows) - 1, n, dtype=DTYPE, device=rows.device).round().long()
        return rows[chosen].view(n, *self.discriminator.shape)

    @torch.no_grad()
    def _average_generator(self) -> None:
        super()._average_generator()
        for average, latest in self._buffers:  # such as the moments of batch normalisation
            average.lerp_(latest, 1 - self._config.averaging_decay)


class PairMonitor:
    """Compares pairs of an anchor and a generated row with pairs of real ones, always the same.

    A generator that repeats its anchors makes good rows, but no good pairs.

    Parameters
    ----------
    pairs : Pairs
    noise : Tensor of shape (batch, latent_dim)
    modules_draw : callable
        Returns a context in which modules draw the same random numbers each time.
    table : DeviceTable
        What the pairs are from.

    Attributes
    ----------
    by_chance : float
        About what a perfect generator would be measured at.
    """

    def __init__(
        self,
        pairs: Pairs,
        noise: Tensor,
        modules_draw: Callable[[], AbstractContextManager[None]],
        table: DeviceTable,
    ) -> None:
        self._pairs = pairs
        self._codes: list[int] = pairs.classes.unique().tolist()
        self.by_chance = distance_by_chance(table.effective_counts[self._codes])
        real = torch.cat([pairs.anchor, pairs.target], dim=1)
        of_each = [real[pairs.classes == code] for code in self._codes]
        self._least_spreads = least_spreads(table, of_each)
        self._noise = noise
        self._modules_draw = modules_draw

    @torch.inference_mode()
    def measure(self, generator: Any) -> float:
        """Return the energy distance of generated and real pairs, averaged over the classes."""
        anchor, target, classes = self._pairs
        parts = (self.rows(generator), target)
        made, real = (torch.cat([anchor, part], dim=1) for part in parts)
        distances = [
            energy_distance(made[classes == code], real[classes == code], least)
            for code, least in zip(self._codes, self._least_spreads, strict=True)
        ]
        return float(torch.stack(distances).mean())

    @torch.no_grad()
    def rows(self, generator: Any) -> Tensor:
        """Return the generated rows, (n_rows, width)."""
        anchor, _, classes = self._pairs
        was_training = generator.training
        with self._modules_draw():
            rows: Tensor = generator.eval()(anchor, self._noise, classes)
        generator.train(was_training)
        return rows
