"""Training of a `TableGAN`: its networks on pairs of rows, in steps that a GPU can replay."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganaug._gan.batches import Batch, ClassBalancedBatches
from ganaug._gan.graphs import Replayed
from ganaug._gan.losses import gradient_penalty, noise_contrastive_loss
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.networks import Discriminator, Generator
from ganaug._gan.noise import draw_noise
from ganaug._gan.training import Monitor, Trainer, TrainingConfig


class TableTrainer(Trainer):
    """Trains the networks of a table on pairs of rows, and the discriminator's density logit."""

    generator: Generator
    discriminator: Discriminator

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        batches: ClassBalancedBatches,
        monitor: Monitor,
        noise: DifferenceNoise,
        config: TrainingConfig,
        random: torch.Generator,
    ) -> None:
        super().__init__(
            generator, discriminator, monitor, config, random, batches=batches, noise=noise
        )
        self._batches = batches
        self._noise = noise
        self._play_again = Replayed(self._play, random, noise.random)

    def _step(self, step: int) -> tuple[Tensor, ...]:
        self._batches.advance()
        return self._play_again(step % self._config.penalty_interval == 0)

    def _play(self, is_penalised: bool) -> tuple[Tensor, Tensor]:
        """Train both networks on the current batch, all of it on the device."""
        batch = self._batches.current()
        latent, gumbel = draw_noise(self.generator, batch.classes.shape, self._random)
        fake = self.generator(batch.anchor, batch.anchored, latent, gumbel, batch.classes)
        d_loss, real_logits = self._discriminator_step(batch, fake.detach(), is_penalised)
        g_loss = self._generator_step(batch, fake, real_logits)
        self._average_generator()
        return d_loss, g_loss

    def _restart(self) -> None:
        super()._restart()
        self._play_again.forget()  # the learning rate is another one

    def _discriminator_step(
        self, batch: Batch, fake: Tensor, is_penalised: bool
    ) -> tuple[Tensor, Tensor]:
        config = self._config
        features = self.discriminator.features(
            batch.anchor, batch.anchored, torch.stack([batch.target, fake]), batch.classes
        )
        real_logits, fake_logits = self.discriminator.adversarial(features[-1], batch.classes)
        loss = self._loss.discriminator(real_logits, fake_logits)
        of_real = features[-1][0]
        objective = loss + self._density_loss(batch, of_real) + self._class_loss(batch, of_real)
        if is_penalised:  # seldom and stronger costs less, to the same end
            strength = config.gradient_penalty * config.penalty_interval
            gradients = self.discriminator.input_gradient(features, batch.classes)
            objective = objective + strength * gradient_penalty(*gradients)
        self._discriminator_optimizer.minimise(objective)
        return loss.detach(), real_logits.detach()

    def _density_loss(self, batch: Batch, features: Tensor) -> Tensor:
        """Return the loss of the density logit, given the features of the real rows."""
        free = batch.free()
        noise = self._noise(free.target, batch.target)
        real_logits = self.discriminator.density(features[-len(noise) :], free.classes)
        noise_logits = self.discriminator.density_logits(noise, free.classes)
        return noise_contrastive_loss(real_logits, noise_logits)

    def _class_loss(self, batch: Batch, features: Tensor) -> Tensor:
        """Return the loss of the class logits, given the features of the real rows.

        It trains none of these, so that generators are the same with it and without.
        """
        classes = batch.free().classes
        logits = self.discriminator.class_logits(features[-len(classes) :].detach())
        return nn.functional.cross_entropy(logits, classes)

    def _generator_step(self, batch: Batch, fake: Tensor, real_logits: Tensor) -> Tensor:
        fake_logits = self.discriminator(batch.anchor, batch.anchored, fake, batch.classes)
        loss = self._loss.generator(real_logits, fake_logits)
        self._generator_optimizer.minimise(loss)
        return loss.detach()
