"""Networks and recipes of the caller's own, for images and tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import roc_auc_score
from torch import nn

import ganaug
from ganaug import GANSampler
from ganaug._gan.losses import LOSSES
from ganaug.exceptions import DataError, PersistenceError
from tests.quick import assert_threads_do_as_one

LATENT = 5
# few steps make poor images, and a warning of it
pytestmark = pytest.mark.filterwarnings(
    "ignore:the generator collapsed", "ignore:.*torch.jit.*:DeprecationWarning"
)


class ClassGenerator(nn.Module):
    def __init__(self, n_out=64, n_classes=2):
        super().__init__()
        self.classes = nn.Embedding(n_classes, 4)
        self.layers = nn.Sequential(nn.Linear(LATENT + 4, n_out), nn.Tanh())

    def forward(self, latent, classes):
        return self.layers(torch.cat([latent, self.classes(classes)], dim=1))


class ClassDiscriminator(nn.Module):
    def __init__(self, n_in=64, n_classes=2):
        super().__init__()
        self.flat = nn.Flatten()
        self.layer = nn.Linear(n_in, n_classes)

    def forward(self, rows, classes):
        return self.layer(self.flat(rows)).gather(1, classes[:, None])


def plain_generator():
    return nn.Sequential(
        nn.Linear(LATENT, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.2), nn.Linear(16, 64), nn.Tanh(),
        nn.Unflatten(1, (1, 8, 8)),
    )  # fmt: skip


def plain_discriminator():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Flatten(), nn.Linear(64, 1)
    )


OWN = {"generator": ClassGenerator, "discriminator": ClassDiscriminator}
PLAIN = {"generator": plain_generator, "discriminator": plain_discriminator}


def quick(**parameters) -> GANSampler:
    small = {"n_steps": 3, "batch_size": 8, "latent_dim": LATENT, "random_state": 0}
    return GANSampler(**{**small, **parameters})


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(y == 0)[:30], np.flatnonzero(y == 1)[:12]])
    return X[rows].reshape(-1, 8, 8), y[rows]


@pytest.mark.parametrize("networks", [OWN, PLAIN], ids=["of all classes", "of each class"])
@pytest.mark.parametrize("loss", LOSSES)
def test_own_networks_make_images(networks, loss, digits):
    X, y = digits
    sampler = quick(loss=loss, **networks)
    X_resampled, _ = sampler.fit_resample(X, y)
    assert X_resampled.shape == (60, 8, 8)
    assert sampler.score_samples(X).shape == (42,)
    assert np.isfinite(sampler.history_["generator_loss"]).all()


def test_modules_that_know_no_classes_are_fitted_to_each(digits):
    X, y = digits
    sampler = quick(**PLAIN, n_steps=300, loss="bce", learning_rate=2e-3, betas=(0.5, 0.999))
    sampler.fit(X, y)
    means = [X[y == code].mean(axis=0) for code in (0, 1)]
    for code in (0, 1):
        made = sampler.sample(30, y=code)[0]
        distances = [np.square(made - mean).sum(axis=(1, 2)).mean() for mean in means]
        assert distances[code] < distances[1 - code]


def test_own_networks_make_valid_rows_of_a_table():
    X, y = make_classification(n_samples=90, n_features=4, weights=[0.7], random_state=0)
    table = pd.DataFrame(X, columns=list("abcd")).assign(
        whole=np.arange(90) % 7, town=pd.Categorical(["Rome", "Oslo", "Bonn"] * 30)
    )
    width = quick(n_steps=1).fit(table, y).encoder_.layout_.width
    sampler = quick(
        generator=lambda: nn.Sequential(nn.Linear(LATENT, width)),
        discriminator=lambda: nn.Sequential(nn.Linear(width, 1)),
    )
    made = sampler.fit(table, y).sample(200)[0]
    assert made.dtypes.equals(table.dtypes)
    assert set(made["town"]) == {"Rome", "Oslo", "Bonn"}
    assert made["whole"].between(0, 6).all()
    with pytest.raises(DataError, match="own networks"):
        sampler.sample(3, where={"town": "Rome"})
    scores, changed = (
        sampler.score_samples(rows) for rows in (table, table.assign(town="never seen"))
    )
    assert (changed < scores).all()


def own_networks_of_a_table(width):
    """Return how networks of each class, and of all classes, are made."""
    plain = {
        "generator": lambda: nn.Linear(LATENT, width),
        "discriminator": lambda: nn.Sequential(
            nn.Linear(width, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
        ),
    }
    conditional = {
        "generator": lambda: ClassGenerator(width),
        "discriminator": lambda: ClassDiscriminator(width),
    }
    return [plain, conditional]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", LOSSES)
def test_planted_outliers_score_extreme(loss, seed):
    X, y = make_classification(
        200, n_features=5, n_informative=5, n_redundant=0, weights=[0.8], random_state=seed
    )
    far = np.random.default_rng(seed).normal(size=(20, 5))
    far *= 30 * X.std(axis=0) / np.linalg.norm(far, axis=1, keepdims=True)
    for networks in own_networks_of_a_table(5):
        sampler = quick(**networks, loss=loss, n_steps=50, batch_size=32).fit(X, y)
        normality = sampler.score_samples(np.vstack([X, X[:20] + far]))
        assert normality[:200].min() > np.median(normality[200:])
        assert roc_auc_score(np.arange(220) < 200, normality) > 0.97


def test_a_class_that_does_not_vary_is_measured_by_the_width_of_the_table():
    X = np.r_[np.random.default_rng(0).normal(size=(90, 5)), np.ones((10, 5))]
    y = np.repeat([0, 1], [90, 10])
    for networks in own_networks_of_a_table(5):
        assert quick(**networks).fit(X, y).history_["quality"].max() < 9


def test_a_row_may_alone_have_weight():
    X = np.random.default_rng(0).normal(size=(60, 5))
    y = np.repeat([0, 1], [40, 20])
    weights = np.r_[np.ones(41), np.zeros(19)]
    for networks in own_networks_of_a_table(5):
        sampler = quick(**networks).fit(X, y, sample_weight=weights)
        assert np.isfinite(sampler.score_samples(X, y)).all()


def test_modules_without_layers_are_scored_by_their_rows():
    X, y = make_classification(60, n_features=4, weights=[0.7], random_state=0)

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))
            self.inner = nn.Identity()

        def forward(self, rows):
            return (self.inner(rows) * self.weight).sum(dim=1, keepdim=True)

    sampler = quick(generator=lambda: nn.Linear(LATENT, 4), discriminator=Sum).fit(X, y)
    assert sampler.score_samples(X + 1000).max() < sampler.score_samples(X).min()


def test_own_networks_are_reproducible_and_leave_no_trace(digits):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    made = [quick(**PLAIN).fit(*digits).sample(4)[0] for _ in range(2)]
    np.testing.assert_array_equal(*made)
    assert torch.equal(before, torch.get_rng_state())


class Noisy(nn.Module):
    """A module that draws random numbers whenever it is called."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, inputs):
        return self.module(inputs + torch.randn_like(inputs))


def test_networks_that_always_draw_are_reproducible_too(digits, tmp_path):
    def watch(check):
        assert torch.equal(check.samples(4), check.samples(4))

    noisy = {
        "generator": lambda: Noisy(plain_generator()),
        "discriminator": lambda: Noisy(plain_discriminator()),
    }
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = quick(**noisy, callback=watch).fit(*digits)
    few, scores = one.sample(9, y=1)[0], one.score_samples(digits[0])
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    one.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model", callables=noisy)
    for other in (one, loaded, quick(**noisy).fit(*digits)):
        np.testing.assert_array_equal(other.sample(300, y=1)[0][:9], few)
        np.testing.assert_array_equal(other.score_samples(digits[0]), scores)


def test_fits_of_own_networks_in_threads_are_those_of_one(digits):
    def fit(seed):
        return quick(**PLAIN, n_steps=20, random_state=seed).fit(*digits).sample(4)[0]

    assert_threads_do_as_one(fit)


def test_own_networks_are_trained_on_the_threads_of_the_caller(digits):
    seen, threads = [], torch.get_num_threads()

    def watch(check):
        GANSampler(n_steps=1, random_state=0).fit(*digits)  # on one thread
        seen.append(torch.get_num_threads())

    torch.set_num_threads(2)
    try:
        quick(**PLAIN, check_interval=1, callback=watch).fit(*digits)
    finally:
        torch.set_num_threads(threads)
    assert seen == [2, 2, 2]


def test_a_callback_sees_losses_and_networks_and_can_stop(digits):
    seen = []

    def watch(check):
        seen.append((check.step, check.discriminator_loss, check.generator_loss))
        assert isinstance(check.generator, nn.Module)
        assert check.discriminator.state_dict()
        return check.step >= 6

    sampler = quick(**PLAIN, n_steps=20, check_interval=2, callback=watch).fit(*digits)
    assert [step for step, *_ in seen] == [2, 4, 6]
    losses = sampler.history_["discriminator_loss"]
    np.testing.assert_allclose(seen[1][1], losses[2:4].mean(), rtol=1e-5)


def test_own_networks_come_back_with_their_functions(digits, tmp_path):
    sampler = quick(**PLAIN).fit(*digits)
    sampler.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model", callables=PLAIN)
    np.testing.assert_array_equal(loaded.sample(5)[0], sampler.sample(5)[0])
    np.testing.assert_array_equal(loaded.score_samples(digits[0]), sampler.score_samples(digits[0]))
    with pytest.raises(PersistenceError, match=r"plain_\w+'.*callables=\{'\w+'"):
        ganaug.load(tmp_path / "model")
    with pytest.raises(PersistenceError):
        ganaug.load(tmp_path / "model", callables=OWN)


class Pretrained(nn.Module):
    """A frozen layer, one that is trained, and one that nobody calls."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(64, 8).requires_grad_(False)
        self.layer = nn.Linear(8, 1)
        self.auxiliary = nn.Linear(8, 10)

    def forward(self, rows):
        return self.layer(self.features(rows.flatten(1)).relu())


def test_layers_may_be_frozen_or_unused(digits):
    made = []

    def make():
        module = Pretrained()
        made.append((module, {name: p.clone() for name, p in module.named_parameters()}))
        return module

    quick(**{**PLAIN, "discriminator": make}, loss="bce").fit(*digits)
    module, before = made[-1]
    changed = {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"layer.weight", "layer.bias"}


def linear(n_out):
    return nn.Sequential(nn.Linear(LATENT, n_out))


class Changed(nn.Module):
    """A module and what is done with what it returns."""

    def __init__(self, module, change):
        super().__init__()
        self.module = module
        self.change = change

    def forward(self, inputs):
        return self.change(self.module(inputs))


def changed(make, change):
    return lambda: Changed(make(), change)


class Endless(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(torch.inf))

    def forward(self, rows):
        return rows.flatten(1).sum(dim=1) * self.scale


class EndlessInEval(ClassDiscriminator):
    def forward(self, rows, classes):
        return super().forward(rows, classes) / (1 if self.training else 0)


class Failing(ClassGenerator):
    def forward(self, latent, classes):
        assert len(latent) == 0
        return super().forward(latent, classes)


class Misspelt(ClassGenerator):
    def forward(self, latent, classes):
        return self.layer(latent)


class Forgetful(ClassDiscriminator):
    """A discriminator that reads its images outside of the graph."""

    def forward(self, rows, classes):
        return super().forward(rows.detach(), classes)


class OneOfItsKind:
    def __call__(self, out):
        return out

    def __deepcopy__(self, memo):
        raise TypeError("only one")


class Prototypes(nn.Module):
    """Distances to points that are learned, of which torch knows no second derivative."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 4)
        self.points = nn.Parameter(torch.eye(4))

    def forward(self, images):
        return torch.cdist(self.layer(images.flatten(1)), self.points).sum(dim=1)


def fail():
    raise OSError("no such file: weights.pt")


SHARED = nn.Linear(LATENT, 64)

BAD = {
    "wrong shape": (
        {"generator": lambda: linear(63)},
        r"generator must return \(8, 1, 8, 8\) for a batch of shape \(8, 5\), got \(8, 63\)",
    ),
    "wrong shape, of all classes": (
        {**OWN, "generator": lambda: ClassGenerator(63)},
        r"generator must return \(8, 1, 8, 8\) for a batch of shape \(8, 5\) and classes \(8,\)",
    ),
    "no logit": (
        {"discriminator": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2))},
        r"discriminator must return \(8,\) for a batch of shape \(8, 1, 8, 8\), got \(8, 2\)",
    ),
    "four logits for an image": (
        {
            "discriminator": lambda: nn.Sequential(
                nn.Conv2d(1, 1, 4, 4), nn.Flatten(0), nn.Unflatten(0, (-1, 1))
            )
        },
        r"discriminator must return \(8,\) for a batch of shape \(8, 1, 8, 8\), got \(32, 1\)",
    ),
    "one logit for all images": (
        {"discriminator": changed(plain_discriminator, torch.mean)},
        r"discriminator must return \(8,\) .*, got \(\)",
    ),
    "each image twice": (
        {"generator": changed(plain_generator, lambda out: torch.cat([out, out]))},
        r"generator must return \(8, 1, 8, 8\) .*, got \(16, 1, 8, 8\)",
    ),
    "a tuple": (
        {"generator": changed(plain_generator, lambda out: (out, out))},
        r"generator must return \(8, 1, 8, 8\) .*, got tuple",
    ),
    "not finite": ({"discriminator": Endless}, "discriminator returns numbers that are not finite"),
    "not finite in eval": (
        {**OWN, "discriminator": EndlessInEval},
        r"discriminator returns numbers that are not finite for a batch .* in eval\(\)",
    ),
    "another latent size": ({"latent_dim": 9}, r"generator fails on a batch of shape \(8, 9\)"),
    "an assertion": (
        {**OWN, "generator": Failing},
        r"generator fails on a batch of shape \(8, 5\) and classes \(8,\): AssertionError",
    ),
    "no such layer": ({**OWN, "generator": Misspelt}, "fails .*: AttributeError: .*'layer'"),
    "a callable that fails": ({"generator": fail}, "it failed: OSError: no such file: weights.pt"),
    "a class with arguments": (
        {"generator": nn.Linear},
        "generator must be a callable without arguments .* it failed: TypeError: .*in_features",
    ),
    "the same module again": (
        {"generator": lambda: SHARED},
        "generator returns the same module or weights again.* build a new module in each call",
    ),
    "the same weights again": (
        {"generator": lambda: nn.Sequential(SHARED, nn.Tanh())},
        "generator returns the same module or weights again",
    ),
    "lazy": (
        {"discriminator": lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(1))},
        "discriminator has lazy parts.*expected a module with all its sizes",
    ),
    "compiled": (
        {"discriminator": lambda: torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(64, 1)))},
        "discriminator has parts compiled by torch.jit",
    ),
    "what can't be copied": (
        {"generator": changed(plain_generator, OneOfItsKind())},
        "generator can't be copied.*: TypeError: only one",
    ),
    "cut off from its weights": (
        {"discriminator": changed(plain_discriminator, torch.detach)},
        "discriminator returns what has no gradient by its weights",
    ),
    "a generator cut off from its weights": (
        {"generator": changed(plain_generator, torch.detach)},
        "generator returns what has no gradient by its weights",
    ),
    "cut off from its images": (
        {**OWN, "discriminator": Forgetful},
        "discriminator returns logits without a gradient by what it is given",
    ),
    "differentiated once": (
        {"discriminator": Prototypes},
        "discriminator can't be differentiated: .*; gradient_penalty=0 needs no second",
    ),
    "no module": ({"generator": lambda: 3}, "returns a torch.nn.Module, got one that returns int"),
    "nothing to train": (
        {"discriminator": lambda: plain_discriminator().requires_grad_(False)},
        "discriminator has no parameters that can be trained",
    ),
    "double precision": (
        {"generator": changed(plain_generator, torch.Tensor.double)},
        r"generator must return torch.float32 .*got torch.float64",
    ),
    "a module itself": ({"generator": linear(64)}, "pass what makes it"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_networks_get_one_sentence_before_training(kind, digits, monkeypatch):
    changes, message = BAD[kind]
    monkeypatch.setattr("ganaug._gan.model.GAN.train", None)
    with pytest.raises(DataError, match=message):
        quick(**{**PLAIN, **changes}).fit(*digits)


def test_an_error_in_a_network_is_the_cause_of_what_is_said(digits):
    with pytest.raises(DataError) as caught:
        quick(**{**OWN, "generator": Misspelt}).fit(*digits)
    assert isinstance(caught.value.__cause__, AttributeError)


def test_what_is_differentiated_once_is_trained_without_a_penalty(digits):
    networks = {**PLAIN, "discriminator": Prototypes}
    quick(**networks, gradient_penalty=0.0, loss="bce").fit(*digits)


class Tempered(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(LATENT, 64)

    def forward(self, latent, temperature=1.0):
        assert isinstance(temperature, float)
        return self.layer(latent) / temperature


class NamedClass(ClassGenerator):
    def forward(self, latent, class_codes=None):
        return super().forward(latent, class_codes)


class AnyName(ClassGenerator):
    def forward(self, latent, condition):
        return super().forward(latent, condition)


@pytest.mark.parametrize(("make", "n_modules"), [(Tempered, 2), (NamedClass, 1), (AnyName, 1)])
def test_a_parameter_with_a_default_is_no_class_unless_by_name(make, n_modules, digits):
    sampler = quick(**{**OWN, "generator": make}).fit(*digits)
    assert len(sampler.generator_.networks.networks) == n_modules


def test_a_network_stays_as_it_was_made_by_the_check(digits):
    def make():
        module = plain_discriminator()
        module[2].eval()  # no dropout
        made.append(module)
        return module

    def watch(check):
        assert made[-1].training
        assert not made[-1][2].training

    made: list[nn.Module] = []
    quick(**{**PLAIN, "discriminator": make}, callback=watch).fit(*digits)


def test_own_networks_are_loaded_where_nothing_is_differentiated(digits, tmp_path):
    sampler = quick(**PLAIN).fit(*digits)
    sampler.save(tmp_path / "model")
    with torch.inference_mode():
        loaded = ganaug.load(tmp_path / "model", callables=PLAIN)
    np.testing.assert_array_equal(loaded.sample(5)[0], sampler.sample(5)[0])
