from itertools import pairwise

import numpy as np
import pytest
import torch

from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout, VectorSlot
from ganaug._gan.batches import BatchConfig, ClassBalancedBatches, DeviceTable, nearest_in_class
from ganaug._gan.runtime import random_generator

CPU = torch.device("cpu")
VECTORS = np.arange(8, dtype=np.float32).reshape(4, 2)
LAYOUT = TableLayout(
    (NumberSlot(0, 0.0, 100.0, 1.0),), (VectorSlot(1, VECTORS),), (HeadSlot(2, 2), HeadSlot(3, 3))
)
COUNTS = np.array([50, 3, 1])


def table_of(weights=None):
    n = COUNTS.sum()
    random = np.random.default_rng(0)
    codes = np.stack([random.integers(0, k, n) for k in (4, 2, 3)], axis=1).astype(np.int32)
    numbers = np.arange(n, dtype=np.float32)[:, None]
    return DeviceTable(LAYOUT, EncodedTable(numbers, codes), COUNTS, CPU, weights)


def next_batch(batches):
    batches.advance()
    return batches.current()


@pytest.fixture
def table():
    return table_of()


def test_expand_follows_the_layout():
    codes = np.array([[3, 1, 2], [0, 0, 0], [-1, -1, 1]], dtype=np.int32)
    table = DeviceTable(
        LAYOUT, EncodedTable(np.array([[7.0], [8], [9]], np.float32), codes), np.array([3]), CPU
    )
    expected = [
        [7, 6, 7, 0, 1, 0, 0, 1],
        [8, 0, 1, 1, 0, 1, 0, 0],
        [9, 0, 0, 0, 0, 0, 1, 0],  # unknown levels leave no trace
    ]
    assert table.expand(torch.arange(3)).tolist() == expected


def test_neighbours_are_of_the_same_class_and_nearest(table):
    neighbours = nearest_in_class(table, 2)
    starts = table.starts.tolist()
    for c, (start, stop) in enumerate(pairwise(starts)):
        assert ((neighbours[start:stop] >= start) & (neighbours[start:stop] < stop)).all(), c
    assert set(neighbours[20].tolist()) <= {18, 19, 21, 22}
    assert set(neighbours[50].tolist()) == {51, 52}
    assert neighbours[53].tolist() == [53, 53]  # alone in its class: its own neighbour


def test_more_neighbours_than_rows_take_no_memory(table):
    neighbours = nearest_in_class(table, 10**12)
    assert neighbours.shape == (54, 49)
    assert neighbours[20].unique().tolist() == [k for k in range(50) if k != 20]


def test_classes_are_drawn_equally_often(table):
    config = BatchConfig(batch_size=300, n_neighbors=2)
    batches = ClassBalancedBatches(table, config, random_generator(0, device=CPU))
    classes = torch.cat([next_batch(batches).classes for _ in range(70)])
    shares = torch.bincount(classes) / len(classes)
    assert torch.allclose(shares, torch.full((3,), 1 / 3), atol=0.02)


def test_rows_have_the_class_of_their_pair(table):
    config = BatchConfig(batch_size=200, n_neighbors=2)
    batch = next_batch(ClassBalancedBatches(table, config, random_generator(0, device=CPU)))
    bounds = table.starts
    # the number of a row is its position
    for rows, classes in (
        (batch.target, batch.classes),
        (batch.anchor[:100], batch.classes[:100]),
    ):
        position = rows[:, 0].long()
        assert ((position >= bounds[classes]) & (position < bounds[classes + 1])).all()
    assert batch.anchored.sum() == 100
    assert (batch.anchor[100:] == 0).all()


def test_weights_say_how_much_a_row_counts():
    weights = np.ones(COUNTS.sum())
    weights[0], weights[51] = 25.0, 0.0
    table = table_of(weights)
    assert float(table.mean(torch.tensor([0, 10]))[0]) == pytest.approx(10 / 26)
    assert float(table.mean(torch.tensor([50, 51, 52]))[0]) == pytest.approx(51)
    config = BatchConfig(batch_size=300, n_neighbors=1)
    batches = ClassBalancedBatches(table, config, random_generator(0, device=CPU))
    drawn = torch.cat([next_batch(batches).free().target[:, 0] for _ in range(140)]).long()
    counts = torch.bincount(drawn, minlength=54).double()
    assert counts[51] == 0
    assert counts[0] / counts[:50].sum() == pytest.approx(25 / 74, abs=0.03)
    assert counts[50] / counts[52] == pytest.approx(1, abs=0.1)


def test_rows_take_turns_as_often_as_they_weigh(table):
    assert table.in_turn(1, torch.arange(5)).tolist() == [50, 51, 52, 50, 51]
    weights = np.ones(COUNTS.sum())
    weights[0] = 51.0
    weighed = table_of(weights)
    assert weighed.in_turn(1, torch.arange(5)).tolist() == [50, 51, 52, 50, 51]
    for turns in (torch.arange(256), torch.arange(300, 900)):
        share = (weighed.in_turn(0, turns) == 0).double().mean()
        assert float(share) == pytest.approx(51 / 100, abs=0.02)
    assert (weighed.in_turn(0, torch.arange(8192)).unique() == torch.arange(50)).all()


def test_some_rows_of_a_class_are_random_or_as_they_weigh(table):
    weights = np.ones(COUNTS.sum())
    weights[0] = 1e6
    for choose in (table.some_of, table_of(weights).some_of, table.some_by_weight):
        some = choose(0, 20, random_generator(0, device=CPU))
        assert len(some.unique()) == 20
        assert choose(0, 50, random_generator(0, device=CPU)).tolist() == list(range(50))
    assert (table_of(weights).some_by_weight(0, 20, random_generator(0, device=CPU)) == 0).all()
