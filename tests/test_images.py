"""Images of any shape, order, range and container, through the sampler."""

import pickle
import warnings
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.pipeline import make_pipeline
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import ganaug
from ganaug import GANOutlierDetector, GANSampler
from ganaug.exceptions import DataError, PersistenceError
from tests.quick import assert_threads_do_as_one

SIDE = 8


def quick(**parameters) -> GANSampler:
    return GANSampler(**{"n_steps": 2, "batch_size": 8, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def digits():
    """Return 8 x 8 images of zeros and ones from 0 to 16, and labels; ones are rare."""
    X, y = load_digits(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(y == 0)[:30], np.flatnonzero(y == 1)[:8]])
    return X[rows].reshape(-1, SIDE, SIDE), y[rows]


def colour(X):
    return np.stack([X, X[:, ::-1], X[:, :, ::-1]], axis=1)


NATIVE = {
    "grey": lambda X: X,
    "bytes": lambda X: (X * 15).astype(np.uint8),
    "single floats from 0 to 1": lambda X: (X / 16).astype(np.float32),
    "below zero": lambda X: X - 300.5,
    "colours first": colour,
    "colours last": lambda X: np.moveaxis(colour(X), 1, 3),
    "one channel": lambda X: X[..., None],
    "no square": lambda X: np.repeat(X, 2, axis=2)[:, :, :13],
}


@pytest.mark.parametrize("kind", NATIVE)
def test_images_come_back_in_their_shape_type_and_range(kind, digits):
    X, y = NATIVE[kind](digits[0]), digits[1]
    sampler = quick()
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert X_resampled.shape == (60, *X.shape[1:])
    assert X_resampled.dtype == X.dtype
    np.testing.assert_array_equal(X_resampled[: len(X)], X)
    assert np.bincount(y_resampled).tolist() == [30, 30]
    assert X_resampled.min() >= X.min()
    assert X_resampled.max() <= X.max()
    assert sampler.n_features_in_ == np.prod(X.shape[1:])
    assert sampler.sample(3)[0].shape == (3, *X.shape[1:])
    if (np.round(X) == X).all():
        np.testing.assert_array_equal(np.round(X_resampled), X_resampled)


EXTREME = {
    "hardly above zero": lambda X: X * 1e-308,
    "the smallest numbers there are": lambda X: X * 5e-324,
    "the largest numbers there are": lambda X: (X - 8) * (np.finfo(np.float64).max / 8),
    "unsigned 64 bits": lambda X: (2.0**59 * X).astype(np.uint64) * np.uint64(2) - (X > 15),
    "signed 64 bits": lambda X: ((X - 8) * 2.0**59).astype(np.int64) * 2 - (X > 15),
    "single, the largest": lambda X: ((X - 8) / 8 * np.finfo(np.float32).max).astype(np.float32),
}


@pytest.mark.parametrize("kind", EXTREME)
def test_images_of_extreme_numbers_are_those_of_common_ones(kind, digits):
    X, y = EXTREME[kind](digits[0]), digits[1]
    X = X.astype(np.uint64) if "unsigned" in kind else X
    made = quick().fit_resample(X, y)[0]
    assert made.dtype == X.dtype
    assert (X.min() <= made).all()
    assert (made <= X.max()).all()
    low, high = np.longdouble(X.min()), np.longdouble(X.max())
    place = ((made.astype(np.longdouble) - low) / (high - low)).astype(float)
    expected = quick().fit_resample(digits[0], y)[0] / 16
    np.testing.assert_allclose(place, expected, atol=0.05)


FLAT = {
    "array": (lambda X: X, {}),
    "list": (lambda X: X.tolist(), {}),
    "pandas": (lambda X: pd.DataFrame(X).rename(columns=str), {}),
    "bytes": (lambda X: X.astype(np.uint8), {}),
}


@pytest.mark.parametrize("kind", FLAT)
def test_flat_images_are_those_of_their_shape(kind, digits):
    X, y = digits
    flat = FLAT[kind][0](X.reshape(len(X), -1))
    X_resampled, _ = quick(image_shape=(SIDE, SIDE)).fit_resample(flat, y)
    assert type(X_resampled) is type(flat)
    expected, _ = quick().fit_resample(X, y)
    np.testing.assert_array_equal(np.asarray(X_resampled).reshape(expected.shape), expected)


def test_the_order_of_channels_does_not_matter(digits):
    X, y = colour(digits[0]), digits[1]
    first = quick(channels="first").fit_resample(X, y)[0]
    last = quick(channels="last").fit_resample(np.moveaxis(X, 1, 3), y)[0]
    np.testing.assert_array_equal(np.moveaxis(first, 1, 3), last)
    flat = quick(image_shape=(3, SIDE, SIDE)).fit_resample(X.reshape(len(X), -1), y)[0]
    np.testing.assert_array_equal(flat.reshape(first.shape), first)


SIZES = {
    "32 x 32 in colour, channels first": ((3, 32, 32), np.uint8),
    "32 x 32 in colour, channels last": ((32, 32, 3), np.float32),
    "64 x 64 in grey": ((64, 64), np.uint8),
    "33 x 20 in grey": ((33, 20), np.float32),
}


@pytest.mark.parametrize("kind", SIZES)
def test_images_of_many_sizes(kind):
    shape, dtype = SIZES[kind]
    X = np.random.default_rng(0).integers(20, 200, (20, *shape)).astype(dtype)
    y = np.repeat([0, 1], [14, 6])
    sampler = quick()
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert X_resampled.shape == (28, *shape)
    assert X_resampled.dtype == dtype
    assert np.bincount(y_resampled).tolist() == [14, 14]
    assert X.min() <= X_resampled.min() < X_resampled.max() <= X.max()
    assert sampler.anomaly_score(X).shape == (20,)


def test_images_in_a_pipeline(digits):
    X, y = digits
    model = make_pipeline(quick(image_shape=(SIDE, SIDE)), LogisticRegression(max_iter=1000))
    assert model.fit(X.reshape(len(X), -1), y).score(X.reshape(len(X), -1), y) > 0.95


def test_images_are_reproducible_and_leave_no_trace(digits):
    X, y = digits
    torch.manual_seed(7)
    before = torch.get_rng_state(), torch.get_num_threads()
    one = quick().fit(X, y).sample(5)[0]
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == torch.get_num_threads()
    torch.manual_seed(8)
    sampler = quick().fit(X, y)
    np.testing.assert_array_equal(sampler.sample(5)[0], one)
    np.testing.assert_array_equal(sampler.sample(300, y=1)[0][:9], sampler.sample(9, y=1)[0])


def test_images_are_trained_on_one_thread(digits):
    X, y = np.kron(digits[0], np.ones((1, 4, 4))), digits[1]
    made, seen, threads = [], [], torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            sampler = quick(batch_size=32, callback=lambda _: seen.append(torch.get_num_threads()))
            made.append(sampler.fit(X, y).sample(5)[0])
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(threads)
    assert seen == [1, 1]
    np.testing.assert_array_equal(*made)


def test_fits_of_images_in_threads_are_those_of_one(digits):
    def fit(seed):
        return quick(n_steps=8, random_state=seed).fit(*digits).sample(4)[0]

    assert_threads_do_as_one(fit)


def test_generated_images_are_new_but_near_their_class(digits):
    X, y = digits
    sampler = quick(n_steps=60, batch_size=16).fit(X, y)
    made = sampler.sample(40, y=1)[0]
    assert len(np.unique(made, axis=0)) == 40
    means = [X[y == code].mean(axis=0) for code in (0, 1)]
    distances = [np.square(made - mean).sum(axis=(1, 2)) for mean in means]
    assert (distances[1] < distances[0]).mean() > 0.9


def test_images_for_training_are_views_that_no_network_redrew(digits):
    X, y = digits
    few, more = quick(n_steps=1), quick(n_steps=40)
    resampled = few.fit_resample(X, y)[0]
    np.testing.assert_array_equal(more.fit_resample(X, y)[0], resampled)
    assert len(np.unique(resampled, axis=0)) == len(resampled)
    for_training = [sampler.sample(40, y=1, for_training=True)[0] for sampler in (few, more)]
    np.testing.assert_array_equal(*for_training)
    redrawn = [sampler.sample(40, y=1)[0] for sampler in (few, more)]
    is_same = (redrawn[0] == redrawn[1]).all(axis=(1, 2))
    assert 0.2 < is_same.mean() < 0.8


def test_images_are_drawn_as_often_as_they_weigh(digits, tmp_path):
    y = digits[1]
    X = np.full((len(y), SIDE, SIDE), 2.0)
    X[y == 1] = np.linspace(4, 15, 8)[:, None, None]  # plain, so that views tell what they are of
    weights = np.where(np.isclose(X[:, 0, 0], 4) | (y == 0), 1.0, 1e-6)
    sampler = quick().fit(X, y, sample_weight=weights)
    for_training = sampler.sample(80, y=1, for_training=True)[0]
    assert np.median(for_training, axis=(1, 2)).max() < 5
    shown = sampler.sample(80, y=1)[0]
    assert (np.median(shown, axis=(1, 2)) < 5).mean() > 0.9
    sampler.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.sample(80, y=1)[0], shown)
    drawn = loaded.sample(80, y=1, for_training=True)[0]
    np.testing.assert_array_equal(drawn, for_training)


def test_equal_weights_of_images_are_none(digits):
    X, y = digits
    weighed = quick().fit(X, y, sample_weight=np.where(y == 1, 3.0, 0.5))
    for arguments in ({}, {"for_training": True}):
        drawn, expected = (s.sample(20, **arguments)[0] for s in (weighed, quick().fit(X, y)))
        np.testing.assert_array_equal(drawn, expected)


def test_an_image_may_alone_have_weight(digits, tmp_path):
    X, y = digits
    weights = np.where(y == 1, 0.0, 1.0)
    weights[-1] = 1.0
    sampler = quick().fit(X, y, sample_weight=weights)
    scores = sampler.score_samples(X, y)
    assert np.isfinite(scores).all()
    assert scores[-1] > scores[y == 1][:-1].max()
    sampler.save(tmp_path / "model")
    np.testing.assert_array_equal(ganaug.load(tmp_path / "model").score_samples(X, y), scores)


def test_images_of_another_kind_are_anomalous(digits):
    X, y = digits
    sampler = quick(n_steps=150, batch_size=16).fit(X, y)
    noise = np.random.default_rng(0).integers(0, 17, size=(50, SIDE, SIDE)).astype(float)
    assert np.median(sampler.anomaly_score(noise)) > np.quantile(sampler.anomaly_score(X), 0.9)


@pytest.fixture(scope="module")
def trained():
    """Return a sampler that has seen eight of ten digits, and images of the other two."""
    X, y = load_digits(return_X_y=True)
    X, is_seen = X.reshape(-1, SIDE, SIDE), y < 8
    half = np.arange(len(X)) % 2 == 0
    sampler = GANSampler(n_steps=100, random_state=0).fit(X[is_seen & half], y[is_seen & half])
    return sampler, X[is_seen & ~half], X[~is_seen]


def test_digits_that_were_not_seen_are_anomalous(trained):
    sampler, usual, unseen = trained
    scores = [sampler.anomaly_score(X) for X in (usual, unseen)]
    assert roc_auc_score(np.repeat([0, 1], list(map(len, scores))), np.concatenate(scores)) > 0.85
    assert (scores[0] > 0.5).mean() < 0.2


def test_plain_images_are_anomalous(trained):
    sampler, usual, _ = trained
    limit = np.quantile(sampler.anomaly_score(usual), 0.95)
    plain = np.stack([np.full((SIDE, SIDE), value) for value in (0.0, 8.0, 16.0)])
    assert sampler.anomaly_score(plain).min() > limit


@pytest.mark.parametrize("unit", [1.0, 1e-300])
@pytest.mark.parametrize("value", [1e25, 1e300, -1e300])
def test_pixels_far_beyond_the_others_are_anomalous(unit, value, digits):
    X, y = digits
    sampler = quick().fit(X * unit, y)
    far = np.stack([X[0] * unit] * 2)
    far[0, 3, 3] = far[1] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = sampler.anomaly_score(far)
    assert np.isfinite(scores).all()
    assert scores.min() > np.quantile(sampler.anomaly_score(X * unit), 0.9)


def test_scores_of_images_do_not_depend_on_the_images_beside(trained):
    sampler, usual, _ = trained
    expected = sampler.score_samples(usual)
    for size in (1, 2, 63, 200):
        rows = np.random.default_rng(size).permutation(len(usual))[:size]
        np.testing.assert_array_equal(sampler.score_samples(usual[rows]), expected[rows])


class PicklerOfShapes(pickle.Pickler):
    """Writes the shape of a tensor in its place, where torch adds the address of its memory."""

    def persistent_id(self, thing):
        return (thing.dtype, tuple(thing.shape)) if isinstance(thing, torch.Tensor) else None


def pickled(sampler):
    buffer = BytesIO()
    PicklerOfShapes(buffer).dump(sampler)
    return buffer.getvalue()


def test_scores_do_not_change_a_pickle(trained, tmp_path):
    sampler, usual, _ = trained
    sampler.save(tmp_path / "model.ganaug")
    loaded = ganaug.load(tmp_path / "model.ganaug")  # has not scored yet
    stored = pickled(loaded)
    np.testing.assert_array_equal(loaded.anomaly_score(usual), sampler.anomaly_score(usual))
    assert pickled(loaded) == stored


def test_a_sampler_of_images_is_saved(digits, tmp_path):
    X, y = colour(digits[0]).astype(np.uint8), digits[1]
    sampler = quick().fit(X, y)
    sampler.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.sample(7)[0], sampler.sample(7)[0])
    np.testing.assert_array_equal(loaded.score_samples(X), sampler.score_samples(X))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "model").read_bytes() == (tmp_path / "again").read_bytes()


def test_a_fit_of_images_goes_on(digits, tmp_path):
    X, y = digits
    whole = quick(n_steps=100).fit(X, y)

    def kill(self, check):
        raise SystemError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganaug._callbacks.TrainingTask.report", kill)
        with pytest.raises(SystemError):
            quick(n_steps=100, checkpoint=tmp_path).fit(X, y)
    resumed = quick(n_steps=100, checkpoint=tmp_path, resume=True).fit(X, y)
    np.testing.assert_array_equal(resumed.sample(5)[0], whole.sample(5)[0])
    np.testing.assert_array_equal(
        resumed.history_["generator_loss"], whole.history_["generator_loss"]
    )


BAD = {
    "another number of columns": (
        {"image_shape": (7, 9)},
        lambda X: X.reshape(len(X), -1),
        r"\(7, 9\) has 63 pixels.*64 columns",
    ),
    "another shape": ({"image_shape": (4, 16)}, lambda X: X, r"\(4, 16\), but X has images"),
    "no shape": ({"image_shape": (64,)}, lambda X: X.reshape(len(X), -1), "height, width"),
    "half pixels": ({"image_shape": (8, 8.0)}, lambda X: X, "whole numbers"),
    "too small": ({}, lambda X: X[:, :4], "4 x 8 pixels are too small"),
    "unknown order": ({}, lambda X: np.stack([X] * 9, axis=1), "can't be told.*channels='first'"),
    "too many channels": (
        {"channels": "last"},
        colour,
        r"8 channels with channels='last'.*Is it channels='first'",
    ),
    "missing pixels": ({}, lambda X: np.where(X == 3, np.nan, X), "misses .* every pixel"),
    "infinite pixels": ({}, lambda X: np.where(X == 3, np.inf, X), "infinity"),
    "all pixels equal": ({}, lambda X: X * 0, "all pixels of all images are 0"),
    "booleans": ({}, lambda X: X > 8, r'holds no numbers; .* booleans by X.astype\("uint8"\)'),
    "text": ({}, lambda X: X.astype(str), "holds no numbers"),
    "five dimensions": ({}, lambda X: X[:, None, None], "images a numpy array of 3 or 4"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_images_get_one_sentence_before_training(kind, digits, monkeypatch):
    parameters, change, message = BAD[kind]
    monkeypatch.setattr("ganaug._gan.model.GAN.train", None)
    with pytest.raises(DataError, match=message):
        quick(**parameters).fit(change(digits[0]), digits[1])


def test_images_of_another_shape_are_not_scored(digits):
    X, y = digits
    grey, colours = quick().fit(X, y), quick().fit(colour(X), y)
    for same in (X, X[..., None], X[:, None], X.reshape(len(X), -1)):
        np.testing.assert_array_equal(grey.score_samples(same), grey.score_samples(X))
    with pytest.raises(DataError, match=r"shape \(4, 16\), but fit had images of \(8, 8\)"):
        grey.score_samples(X.reshape(-1, 4, 16))
    with pytest.raises(DataError, match=r"shape \(8, 8, 3\), but fit had images of \(3, 8, 8\)"):
        colours.anomaly_score(np.moveaxis(colour(X), 1, 3))
    flat = quick().fit(X.reshape(len(X), -1), y)
    with pytest.raises(DataError, match="must be 2-dimensional"):
        flat.score_samples(X)


def test_images_have_no_columns_to_condition_on(digits):
    with pytest.raises(DataError, match="images are conditioned on their class only"):
        quick().fit(*digits).sample(3, where={0: 1})


def test_a_detector_takes_no_images(digits):
    with pytest.raises(DataError, match="must be 2-dimensional"):
        GANOutlierDetector().fit(digits[0])


def test_a_damaged_file_of_images_is_refused(digits, tmp_path):
    quick().fit(*digits).save(tmp_path / "model")
    data = bytearray((tmp_path / "model").read_bytes())
    data[-200] ^= 1
    (tmp_path / "model").write_bytes(data)
    with pytest.raises(PersistenceError):
        ganaug.load(tmp_path / "model")


def test_default_dtype_of_the_caller_does_not_matter(digits):
    expected = quick().fit(*digits)
    torch.set_default_dtype(torch.float64)
    try:
        sampler = quick().fit(*digits)
        made, views = sampler.sample(6)[0], sampler.sample(6, for_training=True)[0]
        scores = sampler.score_samples(digits[0])
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(made, expected.sample(6)[0])
    np.testing.assert_array_equal(views, expected.sample(6, for_training=True)[0])
    np.testing.assert_array_equal(scores, expected.score_samples(digits[0]))
