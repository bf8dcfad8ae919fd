"""Views of images: what they change, and by how much."""

import pytest
import torch

from ganaug._gan.augmentation import DifferentiableAugmentation, VariedViews, Views

KINDS = [Views, VariedViews]


def views_of(kind, images, seed=0):
    """Return views of images (n, channels, height, width), in their shape."""
    shape = tuple(images.shape[1:])
    made = kind(shape, torch.Generator().manual_seed(seed))(images.flatten(1))
    return made.view(images.shape)


def place_of_columns(n, height=28, width=28):
    """Return images of which each pixel says in which column it is, from -1 to 1."""
    return torch.linspace(-1, 1, width).expand(n, 1, height, width)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 33)])
def test_plain_images_stay_plain(kind, shape):
    images = torch.full((50, *shape), 0.3)
    torch.testing.assert_close(views_of(kind, images), images)


@pytest.mark.parametrize("kind", KINDS)
def test_views_are_reproducible_and_within_the_range(kind):
    images = torch.sign(torch.randn(40, 1, 28, 28, generator=torch.Generator().manual_seed(1)))
    made = views_of(kind, images)
    assert made.abs().max() <= 1
    torch.testing.assert_close(views_of(kind, images), made, rtol=0, atol=0)
    assert not torch.equal(views_of(kind, images, seed=1), made)


def test_each_varied_view_has_a_strength_of_its_own():
    images = place_of_columns(2000)
    pixels_moved = {
        kind: (views_of(kind, images) - images).square().mean(dim=(1, 2, 3)).sqrt() * 13.5
        for kind in KINDS
    }
    quarters = torch.tensor([0.05, 0.95])
    low, high = pixels_moved[VariedViews].quantile(quarters)
    assert low < 0.3 < pixels_moved[Views].quantile(quarters)[0]
    assert 1.5 < high < 3


def test_varied_views_are_bent():
    images = place_of_columns(500)
    place = torch.linspace(-1, 1, 28)[6:22]
    x, y = (axis.flatten() for axis in torch.meshgrid(place, place, indexing="xy"))
    affine = torch.stack([torch.ones_like(x), x, y], dim=1)
    pixels_off = {}
    for kind in KINDS:
        middle = views_of(kind, images)[:, 0, 6:22, 6:22].flatten(1).T
        best = affine @ torch.linalg.lstsq(affine, middle).solution
        pixels_off[kind] = float((middle - best).square().mean().sqrt()) * 13.5
    assert pixels_off[Views] < 0.05
    assert 0.15 < pixels_off[VariedViews] < 1


SHAPES = [(1, 8, 8), (3, 33, 20), (1, 64, 64)]


def augmented(images, *others, seed=0):
    """Return images (n, channels, height, width) and others, all changed in the same way."""
    augment = DifferentiableAugmentation(images.shape[1:], torch.Generator().manual_seed(seed))
    parts = augment(*(part.flatten(1) for part in (images, *others)))
    return [part.view(images.shape) for part in parts]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_parts_of_pairs_are_augmented_alike(shape):
    images = torch.rand(20, *shape, generator=torch.Generator().manual_seed(1)) - 0.5
    one, other = augmented(images, images.clone())
    assert one.shape == images.shape
    assert torch.equal(one, other)
    assert torch.equal(augmented(images)[0], one)
    assert not torch.equal(augmented(images, seed=1)[0], one)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_flow_through_augmentation_but_where_it_cuts_out(shape):
    images = torch.zeros(40, *shape, requires_grad=True)
    (made,) = augmented(images)
    made.sum().backward()
    is_seen = (images.grad != 0).float().mean(dim=(1, 2, 3))
    assert is_seen.min() > 0.5  # a box of a third of each side, and what is shifted out
    assert is_seen.max() > 0.7


def test_augmentation_changes_places_and_intensities_by_little():
    images = place_of_columns(2000, 24, 24)
    (made,) = augmented(images)
    assert 1 < made.abs().max() < 1.3
    assert 0.02 < (made - images).abs().median() < 0.3
    assert (
        0.03 < ((made == made.flatten(1).mode().values[:, None, None, None]).float().mean()) < 0.3
    )
