import numpy as np
import pytest
import torch
from torch import nn

from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout, VectorSlot
from ganaug._gan.batches import DeviceTable, nearest_in_class
from ganaug._gan.gate import StateGate
from ganaug._gan.geometry import ClassMoves, measure_classes
from ganaug._gan.networks import CategoryHead, Discriminator, Generator, NetworkConfig, activate
from ganaug._gan.noise import draw_noise
from ganaug._gan.runtime import random_generator

CPU = torch.device("cpu")
CONFIG = NetworkConfig(hidden_layer_sizes=(12, 8), latent_dim=4)


def plain(layout):
    return ClassMoves(None, layout, CPU)


@pytest.fixture
def layout():
    numbers = tuple(NumberSlot(k, -2.0, 2.0, 0.0) for k in range(2))
    vectors = (VectorSlot(2, np.zeros((40, 3), np.float32)),)
    heads = (HeadSlot(0, 3, number=0, constants=(0.0, 0.0, 1.5)), HeadSlot(3, 4))
    return TableLayout(numbers, vectors, heads)


@pytest.fixture
def random():
    return random_generator(0, device=CPU)


def test_layout_slices_do_not_overlap(layout):
    assert layout.width == 2 + 3 + 7
    assert (layout.continuous, layout.one_hot) == (slice(0, 5), slice(5, 12))
    assert layout.vector_slices == (slice(2, 5),)
    assert layout.head_slices == (slice(0, 3), slice(3, 7))


def test_generated_rows_are_valid(layout, random):
    generator = Generator(layout, 3, CONFIG, random, plain(layout))
    n = 64
    anchor = torch.zeros(n, layout.width)
    latent, gumbel = draw_noise(generator, (n,), random)
    rows = generator(anchor, anchor[:, :1], latent, gumbel, torch.arange(n) % 3)
    one_hot = rows[:, layout.one_hot]
    for part in layout.head_slices:
        head = one_hot[:, part]
        assert torch.allclose(head.sum(dim=1), torch.ones(n))
        assert torch.allclose(head.max(dim=1).values, torch.ones(n))
    state = one_hot[:, :3].argmax(dim=1)
    assert torch.allclose(rows[state == 1, 0], torch.tensor(0.0), atol=1e-6)
    assert torch.allclose(rows[state == 2, 0], torch.tensor(1.5), atol=1e-6)


def test_a_new_generator_stays_near_its_anchor(layout, random):
    generator = Generator(layout, 2, CONFIG, random, plain(layout))
    anchor = torch.zeros(200, layout.width)
    anchor[:, 1], anchor[:, 5], anchor[:, 8] = 1.0, 1.0, 1.0
    latent, gumbel = draw_noise(generator, (200,), random)
    rows = generator(anchor, torch.ones(200, 1), latent, gumbel, torch.zeros(200, dtype=torch.long))
    assert (rows[:, 1] - 1).abs().mean() < 0.5
    assert rows[:, 8].mean() > 0.5


def test_several_rows_of_an_anchor_are_those_of_its_repetitions(layout, random):
    """Drawn without gradients, or several at a time: the same rows but for rounding."""
    n_each, n = 3, 20
    table = DeviceTable(
        layout,
        EncodedTable(
            np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32),
            np.random.default_rng(1).integers(0, 3, (40, 3)).astype(np.int32),
        ),
        np.array([15, 15, 10]),
        CPU,
    )
    moves = ClassMoves(measure_classes(table, nearest_in_class(table, 5)), layout, CPU)
    generator = Generator(layout, 3, CONFIG, random, moves)
    anchored = (torch.arange(n) % 2).float()[:, None]
    anchor = table.expand(torch.arange(10, 10 + n)) * anchored
    classes = torch.arange(n) // 7
    latent, gumbel = draw_noise(generator, (n_each, n), random)
    shares = torch.rand(n_each, n, layout.continuous_width, generator=random)
    with torch.no_grad():
        several = generator(anchor, anchored, latent, gumbel, classes, shares)
    for k in range(n_each):
        once = generator(anchor, anchored, latent[k], gumbel[k], classes, shares[k])
        torch.testing.assert_close(several[k], once.detach(), rtol=1e-4, atol=1e-5)


def test_category_head_passes_gradients_through_the_draw():
    head = CategoryHead([2, 5], CPU)
    logits = torch.randn(6, 7, requires_grad=True)
    weights = torch.arange(7.0)
    (head(logits) * weights).sum().backward()
    assert (logits.grad.abs().sum(dim=0) > 0).all()


def test_largest_logits_are_the_same_in_turn_and_at_once(random):
    head = CategoryHead([2, 5, 1, 3], CPU)
    logits = torch.randn(50, 11, generator=random)
    for in_turn, at_once in zip(
        head.peaks_in_turn(logits), head.peaks_at_once(logits), strict=True
    ):
        torch.testing.assert_close(in_turn, at_once, rtol=0, atol=0)


@pytest.mark.parametrize("seed", range(5))
def test_category_head_draws_from_the_softmax(seed):
    random = random_generator(seed, device=CPU)
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0, 0.0])
    n = 4000
    gumbel = -torch.empty(n, 5).exponential_(generator=random).log()
    shares = CategoryHead([3, 2], CPU)(logits + gumbel).mean(dim=0)
    expected = torch.cat([logits[:3].softmax(0), logits[3:].softmax(0)])
    assert torch.allclose(shares, expected, atol=4 * 0.5 / n**0.5)


def test_state_gate_leaves_other_columns_alone(layout):
    gate = StateGate(layout, CPU)
    numbers = torch.randn(5, layout.continuous_width)
    one_hot = torch.zeros(5, layout.one_hot_width)
    one_hot[:, 0] = 1.0
    assert torch.equal(gate(numbers, one_hot), numbers)


@pytest.mark.parametrize("hidden", [(7,), (12, 8), (6, 6, 6)])
def test_written_out_gradient_is_that_of_autograd(layout, random, hidden):
    discriminator = Discriminator(layout, 3, NetworkConfig(hidden, 4), random, plain(layout))
    discriminator.adversarial.by_class.weight.data.normal_(generator=random)
    rows = torch.randn(2, 9, layout.width, generator=random, requires_grad=True)
    anchor = torch.randn(9, layout.width, generator=random)
    classes = torch.arange(9) % 3
    features = discriminator.features(anchor, torch.ones(9, 1), rows, classes)
    gradient = discriminator.input_gradient(features, classes)
    logits = discriminator.adversarial(features[-1], classes)
    (expected,) = torch.autograd.grad(logits.sum(), rows)
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_several_rows_beside_an_anchor_get_the_logits_of_each(layout, random):
    discriminator = Discriminator(layout, 2, CONFIG, random, plain(layout))
    discriminator.adversarial.by_class.weight.data.normal_(generator=random)
    rows = torch.randn(3, 8, layout.width, generator=random)
    anchor = torch.randn(8, layout.width, generator=random)
    anchored, classes = torch.ones(8, 1), torch.arange(8) % 2
    logits = discriminator(anchor, anchored, rows, classes)
    each = [discriminator(anchor, anchored, one, classes) for one in rows]
    assert torch.allclose(logits, torch.stack(each), atol=1e-6)


def test_density_logits_read_the_features_of_free_rows(layout, random):
    discriminator = Discriminator(layout, 2, CONFIG, random, plain(layout))
    discriminator.density.by_class.weight.data.normal_(generator=random)
    rows = torch.randn(8, layout.width, generator=random)
    nothing, classes = torch.zeros(8, layout.width), torch.arange(8) % 2
    features = discriminator.features(nothing, nothing[:, :1], rows, classes)
    logits = discriminator.density(features[-1], classes)
    assert torch.allclose(logits, discriminator.density_logits(rows, classes), atol=1e-6)


def test_score_layers_give_density_logits_and_class_logits(layout, random):
    discriminator = Discriminator(layout, 3, CONFIG, random, plain(layout))
    for weight in (discriminator.density.by_class.weight, discriminator.class_logits.weight):
        weight.data.normal_(generator=random)
    rows, nothing = torch.randn(8, layout.width, generator=random), torch.zeros(8, layout.width)
    features = discriminator.features(nothing, nothing[:, :1], rows, torch.arange(8) % 3)[-1]
    (*hidden, last), out = discriminator.score_layers(), rows
    for layer in hidden:
        out = activate(nn.functional.linear(out, *layer))
    found = nn.functional.linear(out, *last)
    expected = [
        discriminator.density.of_all_classes(features),
        discriminator.class_logits(features),
    ]
    assert torch.allclose(found, torch.cat(expected, dim=1), atol=1e-5)


def test_weights_depend_on_the_seed_alone(layout):
    torch.manual_seed(1)
    first = Generator(
        layout, 2, CONFIG, random_generator(3, device=CPU), plain(layout)
    ).state_dict()
    torch.manual_seed(2)
    again = Generator(
        layout, 2, CONFIG, random_generator(3, device=CPU), plain(layout)
    ).state_dict()
    other = Generator(
        layout, 2, CONFIG, random_generator(4, device=CPU), plain(layout)
    ).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["last.weight"], other["last.weight"])
