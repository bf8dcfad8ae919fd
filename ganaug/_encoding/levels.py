"""Coordinates for categories with many levels.

Levels that go with the same classes, numbers and categories lie close together. The coordinates
are the principal axes of each level's average row, shrunk towards the average of all rows by how
seldom the level occurs (Micci-Barreca 2001, "A preprocessing scheme for high-cardinality
categorical attributes"), plus a little noise of their own, so that no two levels coincide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.columns import MISSING_CODE

VECTOR_SIZE = 8
PRIOR_ROWS = 10.0
NOISE_SHARE = 0.3


@dataclass(frozen=True)
class Context:
    """What is known about each row besides columns of many levels.

    Parameters
    ----------
    numbers : sequence of ndarray of shape (n_rows,)
        Numbers, none of them missing.
    categories : sequence of (ndarray of shape (n_rows,), int)
        Codes from 0 on, and how many there are.
    """

    numbers: Sequence[NDArray[np.float64]]
    categories: Sequence[tuple[NDArray[np.int64], int]]


@dataclass(frozen=True)
class PlacedLevels:
    """Levels with their coordinates, and how these follow from rows.

    Parameters
    ----------
    vectors : ndarray of shape (n_levels, 8)
    averages : ndarray of shape (n_levels, n_facts)
        Shrunk towards the average of all rows, which is 0.
    counts : ndarray of shape (n_levels,)
        Rows of each level.
    loadings : ndarray of shape (n_facts, 8)
        What each fact of an average adds to the coordinates.
    """

    vectors: NDArray[np.float64]
    averages: NDArray[np.float64]
    counts: NDArray[np.float64]
    loadings: NDArray[np.float64]


def level_vectors(codes: NDArray[np.int32], n_levels: int, context: Context) -> NDArray[np.float32]:
    """Return coordinates of shape (n_levels, 8), for codes that are -1 where they are missing.

    The mean squared distance of two rows is 2, as between two different one-hot categories.
    """
    return _place(codes, n_levels, context).vectors.astype(np.float32)


def shifts_left_out(
    rows: tuple[NDArray[np.int32], Context],
    n_levels: int,
    some: tuple[NDArray[np.int32], Context],
    times: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return how far the levels of some rows move, each if its row had no part in the average.

    The axes stay as they are.

    Parameters
    ----------
    rows : tuple of codes and context
        What `level_vectors` was given.
    n_levels : int
    some : tuple of codes and context
        The same of some rows, on the same scales.
    times : ndarray of shape (n_some,)
        How often each of them is among `rows`.

    Returns
    -------
    ndarray of shape (n_some, 8)
        0 where the level is missing.
    """
    placed = _place(rows[0], n_levels, rows[1])
    codes, context = some
    own = _loaded(context, rows[1], rows[0] != MISSING_CODE, placed.loadings)
    averages = placed.averages @ placed.loadings
    others = placed.counts[codes] + PRIOR_ROWS - times
    shifts = (averages[codes] - own) * (times / others)[:, None]
    return np.where(codes[:, None] != MISSING_CODE, shifts, 0.0)


def _place(codes: NDArray[np.int32], n_levels: int, context: Context) -> PlacedLevels:
    """Return the levels at their places, as `level_vectors` says."""
    averages, counts = _shrunk_averages(codes, n_levels, context)
    weights = np.sqrt(counts / counts.sum())[:, None]
    axes = np.linalg.svd(averages * weights, full_matrices=False)[2][:VECTOR_SIZE]
    vectors = np.zeros((n_levels, VECTOR_SIZE))
    vectors[:, : len(axes)] = averages @ axes.T
    size = np.sqrt((weights**2 * vectors**2).sum() / VECTOR_SIZE) or 1.0
    vectors /= size
    # a stream of its own with a fixed seed: only distinctness matters, not the draw
    vectors += NOISE_SHARE * np.random.default_rng(0).standard_normal(vectors.shape)
    vectors -= (weights**2 * vectors).sum(axis=0)
    size_with_noise = np.sqrt((weights**2 * vectors**2).sum())
    vectors /= size_with_noise
    loadings = np.zeros((averages.shape[1], VECTOR_SIZE))
    loadings[:, : len(axes)] = axes.T / (size * size_with_noise)
    return PlacedLevels(vectors, averages, counts, loadings)


def _shrunk_averages(
    codes: NDArray[np.int32], n_levels: int, context: Context
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each level's average row, in standard deviations from the mean, and its rows.

    A fact at a time: one-hot rows of all of them would take many times the table's memory.
    """
    present = codes != MISSING_CODE
    if not present.any():  # of a column that is missing in nearly all rows
        return np.zeros((n_levels, 1)), np.ones(n_levels)
    codes = codes[present]
    counts = np.bincount(codes, minlength=n_levels).astype(np.float64)
    sums = [
        *(_sums_of_number(codes, n_levels, values[present]) for values in context.numbers),
        *(_sums_of_category(codes, counts, facts[present], n) for facts, n in context.categories),
    ]
    return np.hstack(sums) / (counts + PRIOR_ROWS)[:, None], counts


def _sums_of_number(
    codes: NDArray[np.int32], n_levels: int, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    standard = (values - values.mean()) / (values.std() or 1.0)
    sums = np.bincount(codes, weights=standard, minlength=n_levels)
    return sums.astype(np.float64)[:, None]


def _sums_of_category(
    codes: NDArray[np.int32], counts: NDArray[np.float64], facts: NDArray[np.int64], n_facts: int
) -> NDArray[np.float64]:
    size = len(counts) * n_facts
    met = np.bincount(codes * np.int64(n_facts) + facts, minlength=size).astype(np.float64)
    met = met.reshape(-1, n_facts)
    share = met.sum(axis=0) / len(codes)
    spread = np.sqrt(share * (1.0 - share))
    sums: NDArray[np.float64] = (met - counts[:, None] * share) / np.where(spread > 0, spread, 1.0)
    return sums


def _loaded(
    some: Context, context: Context, present: NDArray[np.bool_], loadings: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the coordinates of some rows as if each was an average, (n_rows, 8).

    A fact at a time and on its scale in `context`, as averages are summed up.
    """
    total = np.zeros((len(some.categories[0][0]), VECTOR_SIZE))
    if not present.any():
        return total
    for loading, values, own in zip(loadings, context.numbers, some.numbers, strict=False):
        mean, spread = values[present].mean(), values[present].std() or 1.0
        total += ((own - mean) / spread)[:, None] * loading
    start = len(context.numbers)
    for (facts, n_facts), (own_facts, _) in zip(context.categories, some.categories, strict=True):
        share = np.bincount(facts[present], minlength=n_facts) / present.sum()
        spread = np.sqrt(share * (1.0 - share))
        part = loadings[start : start + n_facts] / np.where(spread > 0, spread, 1.0)[:, None]
        total += part[own_facts] - share @ part
        start += n_facts
    return total
