import numpy as np
import pytest
import torch

from ganaug._encoding.layout import EncodedTable, NumberSlot, TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.runtime import random_generator
from ganaug._gan.selection import (
    Selection,
    acceptance_weights,
    inclusion_probabilities,
    mean_by_group,
    tilt_to_mean,
)

CPU = torch.device("cpu")
RIDGE = torch.full((3,), 0.1)
LAYOUT = TableLayout((NumberSlot(0, -9.0, 9.0, 0.0), NumberSlot(1, -9.0, 9.0, 0.0)), (), ())


@pytest.fixture
def selection():
    random = np.random.default_rng(0)
    numbers = np.r_[random.normal(size=(200, 2)), random.normal(size=(50, 2)) + 3]
    table = DeviceTable(
        LAYOUT,
        EncodedTable(numbers.astype(np.float32), np.empty((250, 0), np.int32)),
        np.array([200, 50]),
        CPU,
    )
    return Selection(table, 1, random_generator(0, device=CPU))


def test_margin_is_positive_on_the_own_side(selection):
    margins = selection.margins(torch.tensor([[3.0, 3.0], [0.0, 0.0]]))
    assert margins[0] > 0 > margins[1]


def test_weights_fall_with_the_distance_from_the_own_class():
    weights = acceptance_weights(torch.tensor([2.0, 0.0, -0.1, -1.0, -3.0]))
    assert weights[0] == weights[1]
    assert (weights[1:-1] > weights[2:]).all()
    assert weights[2] < 0.1
    assert weights[-1] > 0


def test_mean_by_group():
    values, groups = torch.tensor([1.0, 3.0, 5.0, 7.0]), torch.tensor([0, 4, 0, 4])
    assert mean_by_group(values, groups).tolist() == [3.0, 5.0, 3.0, 5.0]


def test_tilting_moves_the_weighted_mean_and_little_else():
    rows = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    mean = torch.tensor([0.5, 0.0, -0.2])
    log_weights = tilt_to_mean(rows, torch.zeros(4000), mean, RIDGE)
    weights = torch.softmax(log_weights, dim=0).float()
    before, after = mean.norm(), (weights @ rows - mean).norm()
    assert after < 0.15 * before
    # the nearest weights to equal ones: log-linear in the rows
    design = torch.cat([rows, torch.ones(4000, 1)], dim=1).double()
    coefficients = torch.linalg.lstsq(design, log_weights[:, None].double()).solution
    torch.testing.assert_close(
        design @ coefficients, log_weights[:, None].double(), atol=1e-3, rtol=0
    )
    unmoved = tilt_to_mean(rows, torch.zeros(4000), rows.mean(dim=0), RIDGE)
    assert unmoved.abs().max() < 1e-3


@pytest.mark.parametrize("n_rows", [1, 30, 99])
def test_inclusion_probabilities_are_those_of_the_draw(n_rows):
    random = torch.Generator().manual_seed(0)
    log_weights = torch.linspace(-4, 4, 100).double()
    counts = torch.zeros(100)
    for _ in range(3000):
        noise = torch.empty(100).double().exponential_(generator=random)
        counts[(log_weights - noise.log()).topk(n_rows).indices] += 1
    probabilities = inclusion_probabilities(log_weights, n_rows)
    assert probabilities.sum() == pytest.approx(n_rows, rel=1e-6)
    torch.testing.assert_close(probabilities.float(), counts / 3000, atol=0.06, rtol=0)


def test_a_mean_out_of_reach_leaves_weights_finite():
    rows = torch.ones(50, 2) * torch.arange(50.0)[:, None]
    log_weights = tilt_to_mean(rows, torch.zeros(50), torch.tensor([500.0, -500.0]), RIDGE[:2])
    assert torch.isfinite(log_weights).all()


def test_chosen_rows_are_distinct_and_on_their_side(selection):
    candidates = torch.cat([torch.randn(300, 2) * 0.5 + 3, torch.zeros(100, 2)])
    homes = torch.arange(400) % 40
    chosen = selection.choose(candidates, homes, 150)
    assert len(set(chosen.tolist())) == 150
    assert (chosen < 300).float().mean() > 0.9


def test_every_home_keeps_some_of_its_share(selection):
    # homes 0-9 lie among the other class, homes 10-19 among their own
    homes = torch.arange(20).repeat(40)
    centres = torch.where(homes < 10, 1.0, 3.0)[:, None]
    candidates = centres + 0.3 * torch.randn(800, 2, generator=torch.Generator().manual_seed(0))
    chosen = homes[selection.choose(candidates, homes, 200)]
    share = (chosen < 10).float().mean()
    assert 0.005 < share < 0.5
