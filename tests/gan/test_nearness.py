import pytest
import torch

from ganaug._gan.nearness import NearestFeatures

EAST, NORTH = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def cloud(middle, n, random):
    return middle + 0.1 * torch.randn(n, 2, generator=random)


def test_the_class_in_the_same_direction_is_nearest(random):
    known = torch.cat([cloud(EAST, 30, random), cloud(NORTH, 20, random)])
    near = NearestFeatures(known, [30, 20])
    logits = near.logits(torch.stack([5 * EAST, NORTH / 5, -EAST]))
    assert logits.shape == (3, 2)
    assert logits.argmax(dim=1)[:2].tolist() == [0, 1]
    assert (logits[2] < logits[:2].max(dim=1).values.min()).all()


def test_training_rows_are_not_compared_with_themselves(random):
    known = torch.cat([cloud(EAST, 300, random), cloud(NORTH, 300, random)])
    near = NearestFeatures(known, [300, 300])
    own = near.own_logits()
    assert own.shape == (600,)
    fresh = near.logits(cloud(EAST, 300, random))[:, 0]
    assert float(own[:300].median()) == pytest.approx(float(fresh.median()), rel=0.3)
    assert near.logits(known)[:300, 0].median() > fresh.median()


def test_a_class_of_two_rows(random):
    near = NearestFeatures(torch.stack([EAST, NORTH, EAST, EAST]), [2, 2])
    torch.testing.assert_close(near.own_logits()[:2], torch.full((2,), -(2**0.5)))
    assert near.own_logits()[2:].abs().max() < 1e-3
    assert near.logits(NORTH[None]).isfinite().all()
