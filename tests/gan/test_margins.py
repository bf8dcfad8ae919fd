import numpy as np
import pytest
import torch

from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.margins import CONTRADICTION, KnownRows, Margins, smallest
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


def test_real_rows_are_measured_without_themselves(table, margins):
    others, own = table.expand(torch.arange(N_OTHER + N_OWN)).split([N_OTHER, N_OWN])
    found = margins.of_real_rows()
    near = torch.cdist(own, own).topk(4, largest=False).values[:, 1:].mean(dim=1)
    far = torch.cdist(own, others).topk(3, largest=False).values.mean(dim=1)
    torch.testing.assert_close(found, far - near, rtol=1e-3, atol=1e-3)


def test_margins_beside_anchors_are_those_anywhere(table, anchors, margins):
    random = torch.Generator().manual_seed(0)
    homes = torch.tensor([5, 2, 5, 70])
    rows = table.expand(anchors[homes]) + 0.1 * torch.randn(50, 4, 2, generator=random)
    beside, anywhere = margins.beside_anchors(rows, homes), margins.anywhere(rows.flatten(0, 1))
    assert ((beside.flatten() - anywhere).abs() < 0.01).float().mean() > 0.9
    torch.testing.assert_close(beside, margins.beside_anchors(rows, homes), rtol=0, atol=0)


@pytest.mark.parametrize("n_each", [2, 40])
def test_rows_without_an_anchor_are_measured_too(margins, n_each):
    rows = torch.full((n_each, 2, 2), 3.0)
    values = margins(rows, torch.tensor([7, N_OWN]))
    assert values.shape == (n_each, 2)
    assert (values[:, 1] == values[0, 1]).all()
    assert values[0, 1] > 0


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("n", [3, 20, 32])
def test_smallest(n, k):
    values = torch.randint(9, (n, 4, 5), generator=torch.Generator().manual_seed(0)).float()
    torch.testing.assert_close(smallest(values, k), values.sort(dim=0).values[:k])


@pytest.fixture
def grid():
    """Two whole numbers, the second may be missing or pile up at 2, and a category."""
    numbers = (NumberSlot(0, -1.0, 1.0, 0.5), NumberSlot(1, 0.0, 2.0, 1.0))
    states = HeadSlot(1, 3, number=1, constants=(0.0, 0.0, 2.0), has_missing=True)
    rows = EncodedTable(
        np.array([[-1.0, 0.0], [0.5, 2.0], [0.5, 0.0], [-1.0, 1.0]], np.float32),
        np.array([[0, 0], [2, 1], [1, 2], [0, 1]], np.int32),
    )
    heads = (states, HeadSlot(2, 3))
    return DeviceTable(TableLayout(numbers, (), heads), rows, np.array([2, 2]), CPU)


def test_rows_on_one_place_of_a_grid_are_the_same(grid):
    known, rows = KnownRows(grid, 1), grid.expand(torch.arange(4))
    assert known.are_of_others(rows).tolist() == [True, True, False, False]
    assert not known.are_new(rows).any()
    nearly = rows.clone()
    nearly[:, 0] += 0.2  # rounds to where it was
    nearly[2, 1] = 1.7  # a missing number is missing, whatever it says
    assert known.are_of_others(nearly).tolist() == [True, True, False, False]
    as_a_number = rows[1].clone()
    as_a_number[2:5] = torch.tensor([1.0, 0.0, 0.0])  # the same 2, not called a pile
    assert known.are_of_others(as_a_number)
    for column, value in ((0, -0.5), (1, 1.0)):
        moved = rows[:1].clone()
        moved[:, column] = value
        assert known.are_new(moved).all()
    present = rows[2].clone()
    present[2:5] = torch.tensor([1.0, 0.0, 0.0])  # 0 is another value than a missing one
    assert known.are_new(present)


def test_a_known_row_of_another_class_is_a_contradiction(grid):
    margins = Margins(grid, 1, torch.tensor([2, 3]), random_generator(0, device=CPU))
    found = margins(grid.expand(torch.arange(4))[:, None], torch.tensor([0, 0, 1, 1]))
    assert (found.flatten() == CONTRADICTION).tolist() == [True, True, False, False]


def test_where_classes_share_a_place_other_rows_are_no_contradictions(grid):
    shared = EncodedTable(
        np.array([[-1.0, 0.0], [0.5, 2.0], [0.5, 2.0], [-1.0, 1.0]], np.float32),
        np.array([[0, 0], [2, 1], [2, 1], [0, 1]], np.int32),
    )
    table = DeviceTable(grid.layout, shared, np.array([2, 2]), CPU)
    known, rows = KnownRows(table, 1), table.expand(torch.arange(4))
    assert not known.are_of_others(rows).any()
    assert known.are_new(rows).tolist() == [True, False, False, False]
