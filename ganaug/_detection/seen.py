"""SeenRows: tells whether a row was in the training table, by a number that stands for the row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganaug._detection.reference import NO_ROW

# With fewer rows that equal no other, nothing is said by them.
MIN_SINGLE_ROWS = 20


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
    """

    number: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> Kinds:
        """Find equal rows."""
        prints = fingerprints(points)
        _, number, counts = np.unique(prints, return_inverse=True, return_counts=True)
        return cls(number, counts[number])

    def are_repeated(self, rows: NDArray[np.int64]) -> bool:
        """Return whether hardly one of these rows equals no other: they are copies on purpose."""
        return int((self.size[rows] == 1).sum()) < min(MIN_SINGLE_ROWS, len(rows))

    def left_out(self, rows: NDArray[np.int64], n_kept: int) -> NDArray[np.int64]:
        """Return for each of these rows a number, shared by what is left out of them with it.

        The row alone or, where rows were repeated on purpose, all that equal it, unless fewer than
        `n_kept` would be left.
        """
        alone = len(self.number) + np.arange(len(rows))
        if not self.are_repeated(rows):
            return alone
        number = self.number[rows]
        _, among, counts = np.unique(number, return_inverse=True, return_counts=True)
        is_too_many = len(rows) - counts[among] < n_kept
        return np.where(is_too_many, alone, number)

    def like_new_rows(
        self, rows: NDArray[np.int64], known: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return those of these rows that stand for rows which equal none of the table.

        These are the rows that equal no other. Where rows were repeated on purpose, one of each
        kind stands for it, unless one of the `known` rows equals it.
        """
        if not self.are_repeated(rows):
            return rows[self.size[rows] == 1]
        if known is not None:
            rows = rows[~np.isin(self.number[rows], self.number[known])]
        _, first = np.unique(self.number[rows], return_index=True)
        return rows[np.sort(first)]


def fingerprints(points: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a 64-bit number for each row: a random linear combination of its bits."""
    random = np.random.default_rng(points.shape[1])
    prints = np.zeros(len(points), dtype=np.uint64)
    bits = np.ascontiguousarray(points).view(np.uint32)
    for column in bits.T:
        odd = random.integers(2**63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        prints += column * odd
    return prints
