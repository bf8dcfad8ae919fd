import pytest
import torch

from ganaug._encoding.layout import NumberSlot, TableLayout
from ganaug._gan.runtime import random_generator
from ganaug._gan.selection import (
    LOOK_REAL,
    TRAIN_CLASSIFIERS,
    Selection,
    acceptance_weights,
    inclusion_probabilities,
    mean_by_group,
    tilt_to_mean,
)

CPU = torch.device("cpu")
RIDGE = torch.full((3,), 0.1)
LAYOUT = TableLayout((NumberSlot(0, -9.0, 9.0, 0.0), NumberSlot(1, -9.0, 9.0, 0.0)), (), ())


CLASS_MEAN = torch.tensor([3.0, 3.0])
NONE_AMONG_OTHERS = torch.ones(10)


def choose(candidates, margins, homes, n_rows):
    selection = Selection(LAYOUT, CLASS_MEAN, TRAIN_CLASSIFIERS, NONE_AMONG_OTHERS)
    return selection.choose(candidates, margins, homes, n_rows, random_generator(0, device=CPU))


def test_weights_fall_with_the_distance_from_the_own_class():
    weights = acceptance_weights(torch.tensor([2.0, 0.0, -0.1, -1.0, -3.0]))
    assert weights[0] == weights[1]
    assert (weights[1:-1] > weights[2:]).all()
    assert weights[2] < 0.1
    assert weights[-1] > 0


def test_where_the_class_lies_among_others_its_own_depth_is_no_reason_to_refuse():
    margins = torch.tensor([2.0, -0.3, -0.3, -3.0])
    far_from_others, among_others = torch.ones(40), torch.linspace(-1.0, 0.1, 40)
    for real, least, most in ((far_from_others, 0.0, 0.05), (among_others, 1.0, 1.1)):
        selection = Selection(LAYOUT, CLASS_MEAN, TRAIN_CLASSIFIERS, real)
        weights = acceptance_weights(margins, border=selection.border)
        assert least <= weights[1] <= most
        assert weights[3] < 0.05 < weights[0]


def test_mean_by_group():
    values, groups = torch.tensor([1.0, 3.0, 5.0, 7.0]), torch.tensor([0, 4, 0, 4])
    assert mean_by_group(values, groups).tolist() == [3.0, 5.0, 3.0, 5.0]


def test_tilting_moves_the_weighted_mean_and_little_else():
    rows = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    mean = torch.tensor([0.5, 0.0, -0.2])
    tilt = tilt_to_mean(rows, torch.zeros(4000), mean, RIDGE)
    weights = torch.softmax(rows @ tilt, dim=0)
    before, after = mean.norm(), (weights @ rows - mean).norm()
    assert after < 0.15 * before
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
    tilt = tilt_to_mean(rows, torch.zeros(50), torch.tensor([500.0, -500.0]), RIDGE[:2])
    assert torch.isfinite(rows @ tilt).all()


def test_chosen_rows_are_distinct_and_on_their_side():
    candidates = torch.cat([torch.randn(300, 2) * 0.5 + 3, torch.zeros(100, 2)])
    margins = torch.cat([torch.full((300,), 2.0), torch.full((100,), -2.0)])
    chosen = choose(candidates, margins, torch.arange(400) % 40, 150)
    assert len(set(chosen.tolist())) == 150
    assert (chosen < 300).float().mean() > 0.9


def test_every_home_keeps_some_of_its_share():
    # homes 0-9 lie among the other class, homes 10-19 among their own
    homes = torch.arange(20).repeat(40)
    centres = torch.where(homes < 10, 1.0, 3.0)[:, None]
    candidates = centres + 0.3 * torch.randn(800, 2, generator=torch.Generator().manual_seed(0))
    chosen = homes[choose(candidates, candidates.sum(dim=1) - 3, homes, 200)]
    share = (chosen < 10).float().mean()
    assert 0.005 < share < 0.5


def test_rows_that_look_real_come_nearer_to_the_mean_of_their_class():
    candidates = torch.randn(2000, 2, generator=random_generator(0, device=CPU))
    mean, homes = torch.tensor([0.5, 0.0]), torch.arange(2000) % 100
    missed = []
    for aim in (LOOK_REAL, TRAIN_CLASSIFIERS):
        selection, random = (
            Selection(LAYOUT, mean, aim, NONE_AMONG_OTHERS),
            random_generator(1, device=CPU),
        )
        chosen = selection.choose(candidates, torch.ones(2000), homes, 500, random)
        missed.append((candidates[chosen].mean(dim=0) - mean).norm())
    assert missed[0] < 0.7 * missed[1]
    assert missed[1] < mean.norm()


def test_a_tilt_of_many_candidates_is_kept():
    random = random_generator(0, device=CPU)
    selection = Selection(LAYOUT, torch.tensor([0.5, 0.0]), LOOK_REAL, NONE_AMONG_OTHERS)
    for mean in (0.0, 0.1):
        candidates = mean + torch.randn(5000, 2, generator=random)
        homes = torch.arange(5000) % 500
        chosen = candidates[
            selection.choose(candidates, torch.ones(5000), homes, 1000, random)
        ].mean(dim=0)
        assert abs(chosen[0] - 0.5 - mean) < 0.15
