import numpy as np
import pytest
import torch

from ganaug._encoding.layout import EncodedTable, NumberSlot, TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.margins import Margins, smallest
from ganaug._gan.runtime import random_generator

CPU = torch.device("cpu")
LAYOUT = TableLayout((NumberSlot(0, -9.0, 9.0, 0.0), NumberSlot(1, -9.0, 9.0, 0.0)), (), ())
N_OTHER, N_OWN = 1500, 300


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    numbers = np.r_[random.normal(size=(N_OTHER, 2)), random.normal(size=(N_OWN, 2)) + 3]
    return DeviceTable(
        LAYOUT,
        EncodedTable(numbers.astype(np.float32), np.empty((len(numbers), 0), np.int32)),
        np.array([N_OTHER, N_OWN]),
        CPU,
    )


@pytest.fixture
def anchors():
    return N_OTHER + torch.randperm(N_OWN, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def margins(table, anchors):
    return Margins(table, 1, anchors, random_generator(0, device=CPU))


def test_margin_is_positive_on_the_own_side(margins):
    values = margins.anywhere(torch.tensor([[3.0, 3.0], [0.0, 0.0]]))
    assert values[0] > 0 > values[1]


def test_margins_beside_anchors_are_those_anywhere(table, anchors, margins):
    random = torch.Generator().manual_seed(0)
    homes = torch.tensor([5, 2, 5, 70])
    rows = table.expand(anchors[homes])[:, None] + 0.1 * torch.randn(4, 50, 2, generator=random)
    beside, anywhere = margins.beside_anchors(rows, homes), margins.anywhere(rows.flatten(0, 1))
    assert ((beside.flatten() - anywhere).abs() < 0.01).float().mean() > 0.9
    torch.testing.assert_close(beside, margins.beside_anchors(rows, homes), rtol=0, atol=0)


@pytest.mark.parametrize("n_each", [2, 40])
def test_rows_without_an_anchor_are_measured_too(margins, n_each):
    rows = torch.full((2, n_each, 2), 3.0)
    values = margins(rows, torch.tensor([7, N_OWN]))
    assert values.shape == (2, n_each)
    assert (values[1] == values[1, 0]).all()
    assert values[1, 0] > 0


@pytest.mark.parametrize("k", [1, 3])
def test_smallest(k):
    values = torch.rand(20, 4, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(smallest(values, k), values.sort(dim=0).values[:k])
