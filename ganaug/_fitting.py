"""From checked input to a trained GAN: which rows, checkpoints, interruptions and divergence."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganaug import _fit_warnings as fit_warnings
from ganaug import _requests as requests
from ganaug._callbacks import TrainingTask
from ganaug._encoding.columns import Column
from ganaug._encoding.encoder import Encoder
from ganaug._encoding.layout import ImageLayout
from ganaug._encoding.rows import RowBuilder, Rows
from ganaug._encoding.target import Target
from ganaug._gan.model import GAN, GANConfig, Stream, TrainingRows
from ganaug._gan.network_gan import ImageGAN, OwnNetworkGAN
from ganaug._gan.own_networks import ModuleFactory
from ganaug._gan.runtime import undisturbed
from ganaug._gan.table_gan import TableGAN
from ganaug._persistence.checkpoints import Checkpoint
from ganaug._scoring import ScoreScale
from ganaug.exceptions import TrainingError

MAX_CLASS_ROWS = 5000


@dataclass(frozen=True)
class Auto:
    """What "auto" stands for, and what else depends on what rows are."""

    n_steps: int
    batch_size: int
    learning_rate: float
    averaging_decay: float = 0.99
    penalty_interval: int = 2
    keeps_last: bool = False


TABLE_AUTO = Auto(n_steps=400, batch_size=192, learning_rate=2.5e-3)
# Tables of few rows learn as much from smaller batches; larger ones lose a little by them.
SMALL_TABLE_ROWS = 2000
SMALL_TABLE_AUTO = replace(TABLE_AUTO, batch_size=128)
OWN_AUTO = replace(TABLE_AUTO, n_steps=500, learning_rate=2e-3)
IMAGE_AUTO = Auto(
    n_steps=300,
    batch_size=64,
    learning_rate=1e-3,
    averaging_decay=0.995,
    penalty_interval=4,
    keeps_last=True,  # no distance of pixels says when images that were bent are best
)


@dataclass(frozen=True)
class TrainingJob:
    """The checked input of a fit."""

    rows: Rows
    target: Target
    strategy: dict[Any, int]
    weights: NDArray[np.float64] | None
    encoder: Encoder
    own_networks: tuple[ModuleFactory, ModuleFactory] | None
    config: GANConfig
    device: torch.device
    seed: int
    checkpoint: Checkpoint | None

    @property
    def codes_to_add(self) -> NDArray[np.int64]:
        """The class code of each row to add."""
        return requests.check_sample_request(self.strategy, None, self.target.classes)

    @property
    def classes_to_add(self) -> list[int]:
        """The codes of classes to which rows are to be added, or all if there are none."""
        labels = self.target.classes.tolist()
        codes = [code for code, label in enumerate(labels) if self.strategy.get(label)]
        return codes or list(range(len(labels)))


@dataclass(frozen=True)
class FittedParts:
    """What a fit makes, and what a file of a fitted sampler holds."""

    classes: NDArray[Any]
    strategy: dict[Any, int]
    encoder: Encoder
    gan: GAN
    seed: int
    row_builder: RowBuilder
    label_prototypes: Any
    score_scale: ScoreScale


@undisturbed()
@torch.inference_mode(False)
@torch.enable_grad()
def train_gan(job: TrainingJob, columns: list[Column], task: TrainingTask) -> GAN:
    """Train on the rows of a job, or on a choice of very many; `task` watches."""
    gan = new_gan(training_rows(job, columns), job.own_networks, job.config, job.seed, job.device)
    classes = job.classes_to_add
    try:
        _run(gan, classes, job, task)
    except TrainingError as error:
        raise fit_warnings.explain_divergence(error, job.encoder) from error
    gan.calibrate(classes)
    found = {job.target.classes[c]: gan.coverage(c) for c in classes}
    fit_warnings.warn_of_collapse(found, gan.least_coverage)
    fit_warnings.warn_of_distance(gan.distance, gan.largest_distance)
    fit_warnings.warn_of_repeats(
        [job.target.classes[code] for code in classes if not gan.makes_new_rows(code)]
    )
    return gan


@undisturbed()
@torch.inference_mode(False)
@torch.enable_grad()
def new_gan(
    rows: TrainingRows,
    own_networks: tuple[ModuleFactory, ModuleFactory] | None,
    config: GANConfig,
    seed: int,
    device: torch.device,
) -> GAN:
    """Return the GAN for rows: that of tables, of images, or of networks of the caller."""
    if own_networks is not None:
        return OwnNetworkGAN(rows, config, seed, device, own_networks)
    if isinstance(rows.layout, ImageLayout):
        return ImageGAN(rows, config, seed, device)
    return TableGAN(rows, config, seed, device)


def training_rows(job: TrainingJob, columns: list[Column]) -> TrainingRows:
    """Return the encoded rows of a job to train on, sorted by class."""
    subset = training_subset(job.target.codes, job.weights, job.seed)
    return TrainingRows(
        job.encoder.layout_,
        job.encoder.transform([column.take(subset) for column in columns]),
        np.bincount(job.target.codes[subset], minlength=len(job.target.classes)),
        None if job.weights is None else job.weights[subset],
    )


def _run(gan: GAN, classes: Sequence[int], job: TrainingJob, task: TrainingTask) -> None:
    """Train to the end, to a callback's word or to Ctrl-C; write checkpoints."""
    run, checkpoint = gan.identity(classes), job.checkpoint
    state, is_interrupted = None, False
    if checkpoint is not None:
        state = checkpoint.state(run)
        checkpoint.prepare()
    with task, closing(gan.train(classes, state)) as checks:
        try:
            for check in checks:
                if checkpoint is not None:
                    checkpoint.write(job.seed, run, check.state)
                if task.report(check):
                    break
        except KeyboardInterrupt:
            checks.close()
            if not gan.history["best_step"]:
                raise  # there is nothing to keep
            is_interrupted = True
            fit_warnings.warn_of_interruption(int(gan.history["best_step"]))
    gan.history["interrupted"] = np.array(is_interrupted)


def training_subset(
    codes: NDArray[np.int64], weights: NDArray[np.float64] | None, seed: int
) -> NDArray[np.int64]:
    """Return the rows to train on, sorted by class: all of a class, or a random 5000 of them.

    Rows without weight are left out.
    """
    random = np.random.default_rng((seed, Stream.SUBSET))
    chosen = []
    for code in range(int(codes.max()) + 1):
        rows = np.flatnonzero((codes == code) & (True if weights is None else weights > 0))
        if len(rows) > MAX_CLASS_ROWS:
            rows = np.sort(random.choice(rows, MAX_CLASS_ROWS, replace=False))
        chosen.append(rows)
    return np.concatenate(chosen)
