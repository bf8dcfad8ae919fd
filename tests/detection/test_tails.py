import numpy as np
import pytest
import torch

from ganaug._detection.tails import Tails


def test_tails_of_training_rows_are_those_of_strangers():
    """What a row adds to its own tails is taken out, as if it had been left out of the table."""
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 9, (40, 3)).astype("f4"))
    rows[0], rows[1] = 0.0, 8.0  # the ranges stay when another row is left out
    points, known = rows.numpy(), np.ones(40, dtype=bool)
    inside = Tails.build(rows)(points, known)
    for k in range(2, 40):
        others = torch.cat([rows[:k], rows[k + 1 :]])
        assert inside[k] == Tails.build(others)(points[k : k + 1], ~known[:1])[0]


def test_tails_grow_outwards_and_do_not_depend_on_batch_mates():
    random = np.random.default_rng(0)
    tails = Tails.build(torch.from_numpy(random.normal(size=(300, 5)).astype("f4")))
    steps = np.linspace(0, 6, 50, dtype="f4")[:, None] * np.ones(5, dtype="f4")
    for points in (steps, -steps):
        found = tails(points, np.zeros(50, dtype=bool)).numpy()
        assert (np.diff(found) >= 0).all()
        assert found[-1] == pytest.approx(np.log(602), abs=1e-5)  # half a row of 301
    points = random.normal(size=(700, 5)).astype("f4")
    together = tails(points, np.zeros(700, dtype=bool))
    assert (together[600:] == tails(points[600:], np.zeros(100, dtype=bool))).all()
