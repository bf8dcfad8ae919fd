from itertools import pairwise

import torch

from ganaug._gan.losses import discriminator_loss, generator_loss, gradient_penalty
from ganaug._gan.quality import energy_distance


def test_the_two_losses_pull_in_opposite_directions():
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    assert discriminator_loss(real, fake) < discriminator_loss(fake, real)
    assert generator_loss(real, fake) == discriminator_loss(fake, real)


def test_losses_are_log_2_when_nothing_can_be_told():
    logits = torch.zeros(5)
    assert torch.allclose(discriminator_loss(logits, logits), torch.tensor(2.0).log())


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
