"""Which half of the discriminators is trained on a row: the other one has seen no copy of it."""

import numpy as np
import pytest

from ganaug._detection import opinion
from ganaug._detection.discriminators import halves_of
from tests.detector.quick import quick


@pytest.mark.parametrize("kinds", [None, np.arange(7) + 100])
def test_different_rows_are_of_each_half_in_turn(kinds):
    assert halves_of(7, kinds).tolist() == [0, 1, 0, 1, 0, 1, 0]


def test_equal_rows_are_of_one_half():
    assert halves_of(8, np.array([9, 5, 9, 7, 5, 2, 5, 9])).tolist() == [1, 1, 1, 0, 1, 0, 1, 1]


def test_a_half_is_left_some_rows_whatever_rows_are_equal():
    kinds = np.r_[np.zeros(300), np.arange(1, 20)].astype(int)
    assert halves_of(319, kinds).tolist() == halves_of(319, None).tolist()


def test_discriminators_of_a_table_with_copies_come_in_halves_by_kind(monkeypatch):
    train, found = opinion.train_ensemble, []

    def spy(real, moved, origins, halves, *rest):
        found.append((real, halves))
        return train(real, moved, origins, halves, *rest)

    monkeypatch.setattr(opinion, "train_ensemble", spy)
    X = np.random.default_rng(0).normal(size=(60, 3))
    detector = quick(n_steps=2).fit(np.repeat(X, 5, axis=0))
    ((real, halves),) = found
    _, kinds = np.unique(real[:, :3].numpy(), axis=0, return_inverse=True)
    assert len(np.unique(kinds)) == 60
    assert all(len(halves[kinds == kind].unique()) == 1 for kind in range(60))
    assert np.isfinite(detector.p_value(X)).all()
