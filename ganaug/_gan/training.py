"""Trainer: alternates steps of discriminator and generator, watched as they go."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import abc
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganaug._gan.losses import LOSSES
from ganaug._gan.optimizer import FusedAdam
from ganaug._gan.runtime import DTYPE
from ganaug._gan.states import State, check_form, copied, nested, part_of
from ganaug.exceptions import PersistenceError, TrainingError

# After a loss, a gradient or a weight that is not finite: so often back to the best state, each
# time with a learning rate of so much less.
MAX_RESTARTS = 3
RESTART_RATE = 0.3
# A gradient far beyond all others is as bad: Adam divides by it for the rest of the training.
LARGEST_GRADIENT = 1e12
# What grows while training goes on.
OF_EACH_STEP = ("losses", "check_step", "quality", "restart_step")


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how fast to train.

    Parameters
    ----------
    n_steps : int
    loss : str
        One of `LOSSES`.
    betas : tuple of float
        Decay of the means of gradients and of their squares in Adam.
    penalty_interval : int
        Steps from one gradient penalty to the next, each as many times stronger (lazily, as Karras
        et al. 2020, "Analyzing and improving the image quality of StyleGAN").
    keeps_last : bool
        Whether the last generator is the best, whatever its quality.
    """

    n_steps: int
    learning_rate: float
    gradient_penalty: float
    loss: str = "relativistic"
    betas: tuple[float, float] = (0.0, 0.99)
    penalty_interval: int = 2
    averaging_decay: float = 0.99
    check_interval: int = 50
    keeps_last: bool = False

    @property
    def max_checks(self) -> int:
        """How many checks there are if none sends training back."""
        return -(-self.n_steps // self.check_interval)


@dataclass
class TrainingHistory:
    """What happened: losses of each step, quality at each check, returns to the best state."""

    discriminator_loss: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    generator_loss: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    check_step: list[int] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    best_step: int = 0
    restart_step: list[int] = field(default_factory=list)

    def as_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the history as a dict of arrays."""
        return {
            "discriminator_loss": self.discriminator_loss,
            "generator_loss": self.generator_loss,
            "check_step": np.array(self.check_step, dtype=np.int64),
            "quality": np.array(self.quality, dtype=np.float64),
            "best_step": np.array(self.best_step),
            "restart_step": np.array(self.restart_step, dtype=np.int64),
        }

    def forget_after(self, step: int) -> None:
        """Drop the checks after this step."""
        kept = sum(check <= step for check in self.check_step)
        del self.check_step[kept:], self.quality[kept:]


@dataclass(frozen=True)
class Check:
    """Training after `step` steps, ready to be stopped.

    Parameters
    ----------
    step : int
    quality : float
        Energy distance of generated to real rows, lower is better.
    is_best : bool
    state : callable
        Returns, until training goes on, all that the rest of it depends on.
    discriminator_loss, generator_loss : float
        Means over the steps since the last check.
    generator, discriminator : Module
        As they are now: the generator's weights are averaged over the last steps.
    """

    step: int
    quality: float
    is_best: bool
    state: Callable[[], State]
    discriminator_loss: float
    generator_loss: float
    generator: nn.Module
    discriminator: nn.Module


class Stateful(Protocol):
    """A part of a training that changes as it goes."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any, /) -> Any: ...


class Monitor(Protocol):
    """What says how good a generator is.

    Attributes
    ----------
    by_chance : float
        About what a perfect generator would be measured at, as it is by few rows.
    """

    by_chance: float

    def measure(self, generator: Any) -> float: ...


class Trainer(ABC):
    """Trains a generator and a discriminator against each other.

    Attributes
    ----------
    average : Module
        Moving average of the generator's weights over the steps, which samples better than any
        single step (Yazici et al. 2019, "The unusual effectiveness of averaging in GAN training").
    history : TrainingHistory
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        monitor: Monitor,
        config: TrainingConfig,
        random: torch.Generator,
        **parts: Stateful,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.average = deepcopy(generator).requires_grad_(False)
        self.history = TrainingHistory()
        self._monitor = monitor
        self._config = config
        self._loss = LOSSES[config.loss]
        self._random = random
        # walking through the modules takes longer than averaging
        self._averaged: tuple[list[Tensor], list[Tensor]] = (
            list(self.average.parameters()),
            list(generator.parameters()),
        )
        self._generator_optimizer = FusedAdam(
            generator.parameters(), config.learning_rate, betas=config.betas
        )
        self._discriminator_optimizer = FusedAdam(
            discriminator.parameters(), config.learning_rate, betas=config.betas
        )
        self._parts: dict[str, Stateful] = {
            "generator": generator,
            "discriminator": discriminator,
            "average": self.average,
            "generator_optimizer": self._generator_optimizer,
            "discriminator_optimizer": self._discriminator_optimizer,
            **parts,
        }
        self._losses = torch.zeros(2, config.n_steps, dtype=DTYPE, device=random.device)
        # to look at a number is to wait for what computes it, and a GPU computes while others go on
        self._waits_for_none = random.device.type == "cpu"
        self._n_steps = 0
        self._best = self._copy_networks()
        self._best_quality = float("inf")

    def train(self) -> abc.Generator[Check]:
        """Train, giving a `Check` now and then; the caller may stop between two of them.

        When the iterator ends or is closed, `average` and the discriminator are those of the best
        check.

        Raises
        ------
        TrainingError
            If losses or weights are not finite, again and again.
        """
        config = self._config
        try:
            while self._n_steps < config.n_steps:
                losses = torch.stack(self._step(self._n_steps))
                self._losses[:, self._n_steps] = losses
                self._n_steps += 1
                if self._waits_for_none and not math.isfinite(float(losses.sum())):
                    self._restart()
                elif self._n_steps % config.check_interval == 0 or self._n_steps == config.n_steps:
                    quality = self._monitor.measure(self.average)
                    if self._is_finite(quality):
                        yield self._check(quality)
                    else:
                        self._restart()
        finally:
            self._restore_best()
            self.history.discriminator_loss, self.history.generator_loss = (
                self._losses[:, : self._n_steps].cpu().numpy()
            )

    @property
    def distance(self) -> float:
        """How far rows stayed from real ones: energy distance, less what is due to chance."""
        qualities = self.history.quality
        if not qualities:
            return 0.0  # stopped before anything was measured
        return min(qualities) - self._monitor.by_chance

    def state_dict(self) -> State:
        """Return all that further steps depend on, to go on from after a `Check`, bit for bit."""
        history = self.history
        counts = (self._n_steps, history.best_step)
        return {
            "counts": torch.tensor(counts),
            "best_quality": torch.tensor(self._best_quality, dtype=torch.float64),
            "losses": self._losses[:, : self._n_steps],
            "check_step": torch.tensor(history.check_step, dtype=torch.long),
            "quality": torch.tensor(history.quality, dtype=torch.float64),
            "restart_step": torch.tensor(history.restart_step, dtype=torch.long),
            "random": self._random.get_state(),
            **nested("best.average", self._best[0]),
            **nested("best.discriminator", self._best[1]),
            **{
                key: value
                for name, part in self._parts.items()
                for key, value in nested(name, part.state_dict()).items()
            },
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was called, with the same data and configuration.

        Raises
        ------
        PersistenceError
            If the state is not of this form.
        """
        check_form(state, self.state_dict(), of_any_length=OF_EACH_STEP)
        history = self.history
        n_steps, best_step = state["counts"].tolist()
        n_losses = state["losses"].shape[-1]
        if not 0 <= best_step <= n_steps == n_losses <= self._config.n_steps:
            raise PersistenceError(
                f"the saved state contradicts itself: {n_steps} steps of {self._config.n_steps}, "
                f"{n_losses} losses, and the best step is {best_step}."
            )
        self._n_steps, history.best_step = n_steps, best_step
        self._best_quality = float(state["best_quality"])
        self._losses[:, : self._n_steps] = state["losses"]
        for name in ("check_step", "quality", "restart_step"):
            setattr(history, name, state[name].tolist())
        self._random.set_state(state["random"])
        for name, part in self._parts.items():
            part.load_state_dict(part_of(state, name))
        self._best = (part_of(state, "best.average"), part_of(state, "best.discriminator"))

    @abstractmethod
    def _step(self, step: int) -> tuple[Tensor, ...]:
        """Train both networks once; return the losses of discriminator and generator."""

    @torch.no_grad()
    def _average_generator(self) -> None:
        average, latest = self._averaged
        torch._foreach_lerp_(average, latest, 1 - self._config.averaging_decay)

    def _check(self, quality: float) -> Check:
        step = self._n_steps
        is_best = self._config.keeps_last or quality < self._best_quality
        if is_best:
            self._best_quality = quality
            self._best = self._copy_networks()
            self.history.best_step = step
        self.history.check_step.append(step)
        self.history.quality.append(quality)
        since = ([0, *self.history.check_step])[-2]
        d_loss, g_loss = self._losses[:, since:step].mean(dim=1).tolist()
        return Check(
            step=step,
            quality=quality,
            is_best=is_best,
            state=self.state_dict,
            discriminator_loss=d_loss,
            generator_loss=g_loss,
            generator=self.average,
            discriminator=self.discriminator,
        )

    @torch.no_grad()
    def _is_finite(self, quality: float) -> bool:
        """Tell whether quality, losses and all weights are finite, and all gradients were.

        A gradient that is not makes weights that are not, and these stay so; one that is too large
        stays in the mean of the squares. So looking at every check, not at every step, misses
        nothing and keeps the device busy. (On a CPU the losses of each step are looked at besides.)
        """
        networks = (self.generator, self.discriminator, self.average)
        values = [self._losses[:, : self._n_steps].flatten()]
        values += [weight.flatten() for network in networks for weight in network.parameters()]
        for optimizer in (self._generator_optimizer, self._discriminator_optimizer):
            values += [square.flatten() / LARGEST_GRADIENT for square in optimizer.squares()]
        largest = torch.cat(values).abs().amax()  # NaN if one is
        return math.isfinite(quality) and float(largest) < LARGEST_GRADIENT

    def _restart(self) -> None:
        """Go back to the best state, with smaller steps from there."""
        history = self.history
        history.restart_step.append(self._n_steps)
        if len(history.restart_step) > MAX_RESTARTS:
            raise TrainingError(
                f"a loss or a weight was not finite by step {self._n_steps}, after "
                f"{MAX_RESTARTS} returns to the best state with smaller steps"
            )
        self._restore_best()
        self.generator.load_state_dict(self._best[0])
        for optimizer in (self._generator_optimizer, self._discriminator_optimizer):
            optimizer.restart(RESTART_RATE)
        self._n_steps = history.best_step
        history.forget_after(self._n_steps)

    def _restore_best(self) -> None:
        self.average.load_state_dict(self._best[0])
        self.discriminator.load_state_dict(self._best[1])

    def _copy_networks(self) -> tuple[State, State]:
        return copied(self.average.state_dict()), copied(self.discriminator.state_dict())
