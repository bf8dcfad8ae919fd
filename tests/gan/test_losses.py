from itertools import pairwise

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ganaug._gan.losses import LOSSES, gradient_penalty
from ganaug._gan.quality import energy_distance


@pytest.mark.parametrize("name", LOSSES)
def test_the_two_losses_pull_in_opposite_directions(name):
    loss = LOSSES[name]
    low, high = torch.tensor([-0.5]), torch.tensor([0.5])
    assert loss.discriminator(high, low) < loss.discriminator(low, high)
    assert loss.generator(torch.zeros(1), high) < loss.generator(torch.zeros(1), low)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_scalars_with_slopes(name):
    loss = LOSSES[name]
    logits = torch.zeros(2, 7, requires_grad=True)
    real, fake = logits
    for value in (loss.discriminator(real, fake), loss.generator(real, fake)):
        (slope,) = torch.autograd.grad(value, fake)
        assert value.shape == ()
        assert (slope != 0).all()


@pytest.mark.parametrize("name", ["relativistic", "bce"])
def test_losses_are_log_2_when_nothing_can_be_told(name):
    logits = torch.zeros(5)
    log_2 = torch.tensor(2.0).log()
    assert torch.allclose(LOSSES[name].discriminator(logits, logits), log_2)
    assert torch.allclose(LOSSES[name].generator(logits, logits), log_2)


def test_cross_entropy_is_that_of_torch():
    real, fake = torch.randn(2, 9, generator=torch.Generator().manual_seed(0))
    labels = torch.cat([torch.ones(9), torch.zeros(9)])
    expected = binary_cross_entropy_with_logits(torch.cat([real, fake]), labels)
    assert torch.allclose(LOSSES["bce"].discriminator(real, fake), expected)
    expected = binary_cross_entropy_with_logits(fake, torch.ones(9))
    assert torch.allclose(LOSSES["bce"].generator(real, fake), expected)


def test_penalty_is_half_the_squared_norm_of_each_batch():
    first = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    second = torch.tensor([[1.0, 0.0]])
    assert gradient_penalty(first) == 0.5 * 25 / 2
    assert gradient_penalty(first, second) == 0.5 * 25 / 2 + 0.5


def test_energy_distance_grows_with_the_distance_of_the_samples():
    generator = torch.Generator().manual_seed(0)
    real, same = torch.randn(2, 300, 4, generator=generator)
    distances = [energy_distance(same + shift, real) for shift in (0.0, 0.5, 1.0, 3.0)]
    assert distances[0] < 0.02
    assert all(a < b for a, b in pairwise(distances))
    assert energy_distance(real, real) == 0
