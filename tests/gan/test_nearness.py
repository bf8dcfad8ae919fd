import pytest
import torch

from ganaug._gan.nearness import NearestFeatures

EAST, NORTH = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def cloud(middle, n, random):
    return middle + 0.1 * torch.randn(n, 2, generator=random)


def test_the_nearest_class_has_the_highest_logit(random):
    classes = [NearestFeatures(cloud(EAST, 30, random)), NearestFeatures(cloud(NORTH, 20, random))]
    points = torch.stack([1.1 * EAST, 0.9 * NORTH, -5 * EAST])
    logits = torch.stack([nearest.logits(points) for nearest in classes], dim=1)
    assert logits.argmax(dim=1)[:2].tolist() == [0, 1]
    assert (logits[2] < logits[:2].max(dim=1).values.min()).all()


def test_training_rows_are_not_compared_with_themselves(random):
    known = cloud(EAST, 300, random)
    near = NearestFeatures(known)
    own = near.own_logits()
    assert own.shape == (300,)
    fresh = near.logits(cloud(EAST, 300, random))
    assert float(own.median()) == pytest.approx(float(fresh.median()), rel=0.3)
    assert near.logits(known).median() > fresh.median()


def test_a_class_of_two_rows():
    apart = NearestFeatures(torch.stack([EAST, NORTH]))
    torch.testing.assert_close(apart.own_logits(), torch.full((2,), -(2**0.5)))
    assert NearestFeatures(torch.stack([EAST, EAST])).own_logits().abs().max() < 1e-3


def test_a_class_of_one_row_is_like_one_of_its_copies():
    alone, copies = (NearestFeatures(EAST.repeat(n, 1)) for n in (1, 2))
    assert alone.own_logits().tolist() == [0]
    points = torch.stack([EAST, NORTH])
    torch.testing.assert_close(alone.logits(points), copies.logits(points))


@pytest.mark.parametrize("value", [1e25, float("inf"), float("nan")])
def test_what_features_can_not_hold_is_as_far_as_can_be(value, random):
    near = NearestFeatures(cloud(EAST, 30, random))
    far = near.logits(torch.stack([value * EAST, 1e6 * EAST]))
    assert torch.isfinite(far).all()
    assert far[0] < far[1]
