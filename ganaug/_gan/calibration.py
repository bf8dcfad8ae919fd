"""Levels at the class's own rate: the last touch on a trained generator.

A generator that was trained for long enough has about the right share of every level, and of
missing values; users count them. For each class a bias on the logits is found with which the
shares of a large sample of candidates are those of the class (iterative scaling, as for log-linear
models: Darroch & Ratcliff 1972). What selection changes about them, its tilting mends.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganaug._gan.batches import DeviceTable
from ganaug._gan.exclusions import ClassExclusions
from ganaug._gan.inference import RowSampler, SamplingConfig
from ganaug._gan.networks import Generator
from ganaug._gan.ranges import NumberRanges
from ganaug._gan.runtime import random_generator

# Rates are as exact as the candidates that they are measured on are many: the bias mends their
# chance, too.
MIN_ROWS, MAX_ROWS = 1024, 8192
ROWS_FOR_EACH = 4
N_ROUNDS = 10
N_EXACT_ROUNDS = 3  # the last ones; the first only have to come near
MAX_REAL_ROWS = 20_000
# Half a row more of each level, so that few rows don't settle a rate (Krichevsky & Trofimov 1981).
PRIOR_ROWS = 0.5
MAX_BIAS = 6.0
NEVER = -50.0


@torch.inference_mode()
def calibrate_levels(
    generator: Generator,
    table: DeviceTable,
    classes: Sequence[int],
    config: SamplingConfig,
    exclusions: Sequence[ClassExclusions],
    ranges: NumberRanges,
    seed: tuple[int, ...],
) -> None:
    """Set `generator.level_bias` for the classes, in place.

    A level that no row of a class has is never drawn for it, whatever `classes` are.
    """
    if not table.layout.heads:
        return
    for class_code in range(len(table.counts)):
        real, weights = _real_one_hot(table, class_code, seed)
        bias = generator.level_bias[class_code]
        bias[real.sum(dim=0) == 0] = NEVER
        if class_code not in classes:
            continue
        wanted = _shares(real, weights)
        free = bias > NEVER
        n_exact = min(max(ROWS_FOR_EACH * len(real), MIN_ROWS), MAX_ROWS)
        rounds = [MIN_ROWS] * (N_ROUNDS - N_EXACT_ROUNDS) + [n_exact] * N_EXACT_ROUNDS
        for n_rows in rounds:
            # the same noise in each round: only the bias changes
            sampler = RowSampler(
                generator,
                table,
                class_code,
                config,
                exclusions[class_code],
                ranges,
                (*seed, class_code),
            )
            rows = sampler.candidates(n_rows)
            change = wanted.log() - _shares(rows[:, table.layout.one_hot]).log()
            bias[free] = (bias + change)[free].clamp(-MAX_BIAS, MAX_BIAS)


def _real_one_hot(
    table: DeviceTable, class_code: int, seed: tuple[int, ...]
) -> tuple[Tensor, Tensor | None]:
    """Return real rows of a class, and their weights if they have any, of mean 1."""
    random = random_generator(*seed, class_code, device=table.device)
    rows = table.some_of(class_code, MAX_REAL_ROWS, random)
    weights = None if table.weights is None else table.weights[rows] / table.weights[rows].mean()
    return table.expand(rows)[:, table.layout.one_hot], weights


def _shares(one_hot: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the share of each level, kept off 0 so that its logarithm exists."""
    counts = one_hot.sum(dim=0) if weights is None else weights @ one_hot
    return (counts + PRIOR_ROWS) / (len(one_hot) + 2 * PRIOR_ROWS)
