"""Coordinates for categories with many levels.

Levels that go with the same classes, numbers and categories lie close together. The coordinates
are the principal axes of each level's average row, shrunk towards the average of all rows by how
seldom the level occurs (Micci-Barreca 2001, "A preprocessing scheme for high-cardinality
categorical attributes"), plus a little noise of their own, so that no two levels coincide.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

VECTOR_SIZE = 8
PRIOR_ROWS = 10.0
NOISE_SHARE = 0.3


def level_vectors(
    codes: NDArray[np.int32], n_levels: int, context: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return coordinates of shape (n_levels, 8).

    The mean squared distance of two rows is 2, as between two different one-hot categories.
    """
    averages, counts = _shrunk_averages(codes, n_levels, context)
    weights = np.sqrt(counts / counts.sum())[:, None]
    axes = np.linalg.svd(averages * weights, full_matrices=False)[2][:VECTOR_SIZE]
    vectors = np.zeros((n_levels, VECTOR_SIZE))
    vectors[:, : len(axes)] = averages @ axes.T
    vectors /= np.sqrt((weights**2 * vectors**2).sum() / VECTOR_SIZE) or 1.0
    # a stream of its own with a fixed seed: only distinctness matters, not the draw
    vectors += NOISE_SHARE * np.random.default_rng(0).standard_normal(vectors.shape)
    vectors -= (weights**2 * vectors).sum(axis=0)
    vectors /= np.sqrt((weights**2 * vectors**2).sum())
    return vectors.astype(np.float32)


def _shrunk_averages(
    codes: NDArray[np.int32], n_levels: int, context: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    spread = context.std(axis=0)
    standard = (context - context.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    rows = np.arange(len(codes))
    member = sp.csr_array((np.ones(len(codes)), (codes, rows)), shape=(n_levels, len(codes)))
    counts = np.bincount(codes, minlength=n_levels).astype(np.float64)
    return (member @ standard) / (counts + PRIOR_ROWS)[:, None], counts
