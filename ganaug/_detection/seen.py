"""SeenRows: tells whether a row was in the training table, by a number that stands for the row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganaug._detection.reference import NO_ROW

# With fewer rows that equal no other, nothing is said by them.
MIN_SINGLE_ROWS = 20
# Where so many different rows have a value of their own in a column, equal rows are copies.
OWN_VALUE_SHARE = 0.95
MAX_COMPARED_ROWS = 4096


@dataclass(frozen=True)
class SeenRows:
    """Fingerprints of all training rows, and of those that are reference rows.

    Parameters
    ----------
    fingerprints : ndarray of shape (n_train,), dtype uint64
        Sorted.
    reference : ndarray of shape (n_reference,), dtype uint64
        Sorted.
    position : ndarray of shape (n_reference,), dtype int64
        Which reference row each of them is.
    """

    fingerprints: NDArray[np.uint64]
    reference: NDArray[np.uint64]
    position: NDArray[np.int64]

    @classmethod
    def build(cls, points: NDArray[np.float32], reference: NDArray[np.int64]) -> SeenRows:
        """Remember the training rows; `reference` are the numbers of the reference rows."""
        prints = fingerprints(points)
        order = np.argsort(prints[reference], kind="stable")
        return cls(np.sort(prints), prints[reference][order], order)

    def __call__(self, points: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which rows were seen, and which reference row each one is, or -1."""
        prints = fingerprints(points)
        at = np.searchsorted(self.fingerprints, prints).clip(max=len(self.fingerprints) - 1)
        is_seen = self.fingerprints[at] == prints
        known = prints[is_seen]
        place = np.searchsorted(self.reference, known).clip(max=len(self.reference) - 1)
        own = np.full(len(points), NO_ROW, dtype=np.int64)
        own[is_seen] = np.where(self.reference[place] == known, self.position[place], NO_ROW)
        return is_seen, own


@dataclass(frozen=True)
class Kinds:
    """Which training rows are equal.

    Parameters
    ----------
    number : ndarray of shape (n_rows,), dtype int64
        Equal rows have the same number.
    size : ndarray of shape (n_rows,), dtype int64
        How many rows equal each one, itself among them.
    by_chance : bool
        Whether rows are equal that need not be copies of one another: different rows share their
        values, too, in every column.
    """

    number: NDArray[np.int64]
    size: NDArray[np.int64]
    by_chance: bool

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> Kinds:
        """Find equal rows."""
        prints = fingerprints(points)
        _, first, number, counts = np.unique(
            prints, return_index=True, return_inverse=True, return_counts=True
        )
        is_repeated = len(first) < len(points)
        return cls(number, counts[number], is_repeated and _share_values(points[first]))

    def single(self) -> NDArray[np.int64]:
        """Return the rows that equal no other."""
        return np.flatnonzero(self.size == 1)

    def left_out_together(self, rows: NDArray[np.int64], n_kept: int) -> NDArray[np.int64]:
        """Return for each of these rows a number, shared by what is left out of them with it.

        The row alone or, where most rows equal another one (whose distances to others say nothing,
        then), all that equal it, unless fewer than `n_kept` would be left.
        """
        by_itself = len(self.number) + np.arange(len(rows))
        if (self.size[rows] == 1).mean() >= 0.5:
            return by_itself
        number = self.number[rows]
        _, among, counts = np.unique(number, return_inverse=True, return_counts=True)
        is_too_many = len(rows) - counts[among] < n_kept
        return np.where(is_too_many, by_itself, number)

    def like_new_rows(
        self, rows: NDArray[np.int64], known: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return those of these rows that stand for rows which equal none of the table.

        These are the rows that equal no other. Where hardly any does, one of each kind stands for
        it, unless one of the `known` rows equals it.
        """
        single = rows[self.size[rows] == 1]
        if len(single) >= min(MIN_SINGLE_ROWS, len(rows)):
            return single
        if known is not None:
            rows = rows[~np.isin(self.number[rows], self.number[known])]
        _, first = np.unique(self.number[rows], return_index=True)
        return rows[np.sort(first)]


def _share_values(different: NDArray[np.float32]) -> bool:
    """Return whether many of these rows share their value with another one, in every column."""
    some = different[:MAX_COMPARED_ROWS]  # in the order of fingerprints, which is as good as random
    counts = (np.unique(column, return_counts=True)[1] for column in some.T)
    return all((count == 1).sum() < OWN_VALUE_SHARE * len(some) for count in counts)


def fingerprints(points: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a 64-bit number for each row: a random linear combination of its bits."""
    random = np.random.default_rng(points.shape[1])
    half = random.integers(2**63, size=points.shape[1], dtype=np.uint64)
    bits = np.ascontiguousarray(points).view(np.uint32)
    return np.einsum("ij,j->i", bits, 2 * half + 1, dtype=np.uint64)
