"""The networks for images: sizes, classes, and where a new generator starts."""

import pytest
import torch
from torch.nn import functional

from ganaug._encoding.layout import ImageLayout
from ganaug._gan.convolutional import ImageDiscriminator, ImageGenerator

SHAPES = [(1, 8, 8), (3, 16, 16), (1, 33, 20), (4, 28, 28), (3, 64, 64)]
LATENT, N_CLASSES, N = 5, 3, 6


@pytest.fixture(params=SHAPES, ids=str)
def players(request):
    """Return a generator and a discriminator with random weights for classes, and a batch."""
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layout = ImageLayout.of(request.param)
        networks = ImageGenerator(layout, N_CLASSES, LATENT), ImageDiscriminator(layout, N_CLASSES)
    channels, *sides = request.param
    coarse = torch.rand(2 * N, channels, 3, 3, generator=random) * 2 - 1
    smooth = functional.interpolate(coarse, size=sides, mode="bilinear")
    return *networks, *smooth.view(2, N, -1), torch.arange(N) % N_CLASSES


def tell_classes_apart(*weights):
    with torch.no_grad():
        for weight in weights:
            weight.normal_(generator=torch.Generator().manual_seed(1))


def test_a_new_generator_returns_almost_its_anchor(players):
    generator, _, anchor, _, classes = players
    made = generator(anchor.view(N, -1), generator.noise(N, torch.Generator()), classes)
    assert made.shape == anchor.shape
    assert (made - anchor).abs().mean() < 0.3 * anchor.abs().mean()


def test_the_class_changes_what_is_generated_once_it_is_learned(players):
    generator, _, anchor, _, classes = players
    noise = generator.noise(N, torch.Generator())
    others = (classes + 1) % N_CLASSES
    assert torch.equal(generator(anchor, noise, classes), generator(anchor, noise, others))
    tell_classes_apart(generator.classes.weight)
    assert not torch.equal(generator(anchor, noise, classes), generator(anchor, noise, others))


def test_noise_changes_what_is_generated(players):
    generator, _, anchor, _, classes = players
    noise = generator.noise(N, torch.Generator().manual_seed(3))
    assert noise.shape == (N, LATENT)
    made = [generator(anchor, z, classes) for z in (noise, -noise)]
    assert (made[0] != made[1]).flatten(1).any(dim=1).all()


def test_both_logits_depend_on_image_and_class_and_one_on_the_anchor(players):
    _, discriminator, anchor, images, classes = players
    others = (classes + 1) % N_CLASSES
    readouts = discriminator.adversarial, discriminator.density
    tell_classes_apart(*(readout.by_class.weight for readout in readouts))
    adversarial = discriminator(anchor, images, classes)
    density = discriminator.density_logits(images, classes)
    assert adversarial.shape == density.shape == (N,)
    for logits, changed in (
        (adversarial, discriminator(anchor, images, others)),
        (adversarial, discriminator(anchor, anchor, classes)),
        (adversarial, discriminator(images, images, classes)),
        (density, discriminator.density_logits(images, others)),
        (density, discriminator.density_logits(anchor, classes)),
    ):
        assert (logits != changed).all()
    assert discriminator.features(images).shape[0] == N


def test_every_weight_of_both_networks_is_trained(players):
    generator, discriminator, anchor, _, classes = players
    made = generator(anchor, generator.noise(N, torch.Generator()), classes)
    logits = discriminator(anchor, made, classes) + discriminator.density_logits(made, classes)
    logits.sum().backward()
    for network in (generator, discriminator):
        missing = [name for name, p in network.named_parameters() if p.grad is None]
        assert not missing
