"""What a training leaves behind, when it ends, and what is said where it fails."""

import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

from benchmarks.usage import measured
from ganaug import GANSampler
from ganaug._fitting import training_subset
from ganaug._gan.table_gan import TableGAN
from ganaug.exceptions import DataError, RepeatedRowsWarning, TrainingError
from tests.quick import quick_sampler


def test_history(numbers):
    sampler = quick_sampler(n_steps=120).fit(*numbers)
    history = sampler.history_
    assert all(isinstance(values, np.ndarray) for values in history.values())
    assert history["generator_loss"].shape == history["discriminator_loss"].shape == (120,)
    assert history["check_step"].tolist() == [50, 100, 120]
    best = history["quality"].argmin()
    assert history["best_step"] == history["check_step"][best]


def test_auto_stops_by_itself(numbers):
    history = quick_sampler(n_steps="auto", hidden_layer_sizes=(64, 64)).fit(*numbers).history_
    n_steps = len(history["generator_loss"])
    assert 100 < n_steps <= 1000
    assert history["quality"].min() < 0.3 * history["quality"][0]


def test_generated_rows_are_like_their_class():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 60])
    X = rng.normal(size=(360, 2)) + np.where(y[:, None] == 1, [4.0, -4.0], [0.0, 0.0])
    X[:, 1] += 0.8 * X[:, 0]
    sampler = GANSampler(random_state=0).fit(X, y)
    for label in (0, 1):
        made = sampler.sample(500, label)[0]
        real = X[y == label]
        np.testing.assert_allclose(made.mean(axis=0), real.mean(axis=0), atol=0.4)
        np.testing.assert_allclose(np.cov(made.T), np.cov(real.T), atol=0.4)


def test_weights_move_the_generated_rows():
    rng = np.random.default_rng(0)
    X = np.r_[
        rng.normal(size=(100, 1)), rng.normal(size=(40, 1)) * 0.1 + np.tile([[0], [5]], (20, 1))
    ]
    y = np.repeat([0, 1], [100, 40])
    weights = np.r_[np.ones(100), np.tile([1e-6, 1.0], 20)]
    sampler = GANSampler(anchored_share=0.0, n_steps=300, random_state=0)
    made = sampler.fit(X, y, sample_weight=weights).sample(300, 1)[0]
    unweighted = sampler.fit(X, y).sample(300, 1)[0]
    assert (made > 2.5).mean() > (unweighted > 2.5).mean() + 0.2


@pytest.mark.parametrize("weight", [1e-6, 0.1, 0.5])
def test_rows_start_from_others_as_often_as_these_weigh(weight):
    rng = np.random.default_rng(0)
    is_light = np.r_[np.zeros(100, dtype=bool), np.tile([True, False], 30)]
    X = pd.DataFrame(rng.normal(size=(160, 2)) * 0.3, columns=["a", "b"]).assign(light=is_light)
    X["a"] += np.where(is_light, 0, np.repeat([-9, 5], [100, 60]))
    y = np.repeat([0, 1], [100, 60])
    sampler = GANSampler(n_steps=100, random_state=0).fit(X, y, np.where(is_light, weight, 1.0))
    expected = weight / (1 + weight)
    for arguments in ({}, {"for_training": True}, {"where": {"b": (-0.5, 0.5)}}):
        made = sampler.sample(600, 1, **arguments)[0]
        assert (made["a"] < 2.5).mean() == pytest.approx(expected, abs=0.12), arguments
        assert made["light"].mean() == pytest.approx(expected, abs=0.12), arguments


def test_rows_of_little_weight_do_not_choose_the_generator():
    rng = np.random.default_rng(0)
    is_light = np.arange(400) < 100  # two thirds of the class, and far from its other rows
    y = (np.arange(400) < 150).astype(int)
    X = rng.normal(size=(400, 4)) + y[:, None] + 8 * is_light[:, None]
    sampler = GANSampler(random_state=0).fit(X, y, np.where(is_light, 1e-3, 1.0))
    history = sampler.history_
    assert history["best_step"] > history["check_step"][0]
    assert history["quality"].min() < 0.5 * history["quality"][0]


def test_equal_weights_are_none(customers):
    X, y = customers
    one, other = quick_sampler(), quick_sampler()
    one.fit(X, y), other.fit(X, y, np.full(len(y), 0.5))
    pd.testing.assert_frame_equal(one.sample(40)[0], other.sample(40)[0])


@pytest.mark.parametrize("unit", [1e-310, 1e-100, 1e-45, 7.0, 1e40, 1e300])
def test_weights_may_have_any_unit(unit):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(100, 3)), np.repeat([0, 1], [70, 30])
    weights = np.where(X[:, 0] > 0, 1.0, 0.125)
    rows, _ = quick_sampler(n_steps=30).fit(X, y, weights).sample(50, y=1)
    others, _ = quick_sampler(n_steps=30).fit(X, y, weights * unit).sample(50, y=1)
    np.testing.assert_allclose(others, rows, rtol=1e-3, atol=1e-3)


def test_a_row_that_alone_has_weight_is_never_left_out():
    X = np.linspace(0, 1, 6000)[:, None]
    y = np.repeat([0, 1], [5900, 100])
    weights = np.r_[np.zeros(5899), 1.0, np.ones(100)]
    sampler = quick_sampler(n_steps=50).fit(X, y, sample_weight=weights)
    assert np.isfinite(sampler.history_["generator_loss"]).all()
    np.testing.assert_allclose(sampler.sample(20, 0)[0], X[5899, 0], atol=0.3)


def test_one_sampler_can_be_fitted_again_on_another_table(customers, numbers):
    sampler = quick_sampler().fit(*customers)
    sampler.fit(*numbers)
    assert not hasattr(sampler, "feature_names_in_")
    np.testing.assert_array_equal(sampler.sample(5)[0], quick_sampler().fit(*numbers).sample(5)[0])


def test_fit_forgets_which_rows_of_another_table_were_synthetic(customers):
    sampler = quick_sampler()
    sampler.fit_resample(*customers)
    assert not hasattr(sampler.fit(*customers), "synthetic_mask_")


def test_a_fit_that_fails_leaves_the_sampler_as_it_was(customers, numbers, monkeypatch):
    sampler = quick_sampler().fit(*customers)
    rows, _ = sampler.sample(5)

    def interrupt(self, classes):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TableGAN, "calibrate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sampler.fit_resample(*numbers)
    with pytest.raises(DataError):
        sampler.fit(customers[0], customers[1].where(customers[1] != "stay"))
    assert sampler.n_features_in_ == 4
    assert sampler.sampling_strategy_ == {"leave": 50, "complain": 70}
    pd.testing.assert_frame_equal(sampler.sample(5)[0], rows)


def test_a_training_that_diverges_names_the_widest_columns():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"narrow": rng.uniform(size=300), "wide": rng.normal(size=300) ** 3})
    y = np.repeat([0, 1], [250, 50])
    sampler = quick_sampler(gradient_penalty=1e39)  # infinite in single precision
    with pytest.raises(TrainingError, match=r"diverged.*widest columns are 'wide' \(.*'narrow'"):
        sampler.fit(X, y)
    assert not hasattr(sampler, "generator_")


def test_a_collapsed_generator_is_said_to_be_one(numbers, monkeypatch):
    def collapse(gan, classes):
        def to_one_point(anchor, anchored, units, classes):
            return torch.full_like(units, 1.5)

        monkeypatch.setattr(gan.generator.moves, "moved", to_one_point)

    quick_sampler().fit(*numbers)
    monkeypatch.setattr(TableGAN, "calibrate", collapse)
    with pytest.warns(ConvergenceWarning, match=r"collapsed.*of 1 \(\d%\)"):
        quick_sampler().fit(*numbers)


@pytest.mark.filterwarnings("ignore:the generator has not learned the table")
def test_real_rows_are_not_those_that_generated_ones_start_from(monkeypatch):
    def stay(anchor, anchored, move, classes):
        return anchor.expand_as(move)

    X = np.random.default_rng(0).normal(size=(8000, 3))
    gan = quick_sampler(n_steps=1).fit(X, np.repeat([0, 1], 4000))._gan
    monkeypatch.setattr(gan.generator.moves, "moved", stay)
    for code in (0, 1):
        assert 0.95 < gan.coverage(code) < 0.99


@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": 0.9, "n_steps": 50},
        {"learning_rate": 0.2, "anchored_share": 0.0, "n_steps": 50},
        {"n_steps": 1, "anchored_share": 0.0},
    ],
    ids=str,
)
def test_what_is_worse_than_repeated_rows_is_said(parameters):
    X, y = make_classification(
        n_samples=600, n_features=8, weights=[0.9], n_clusters_per_class=2, random_state=1
    )
    # whether a training that diverges ends collapsed or far off hangs on the processor's rounding
    with pytest.warns(ConvergenceWarning, match="repeating rows (would|may) serve better"):
        GANSampler(random_state=0, **parameters).fit(X, y)


def test_a_training_that_ended_too_early_is_said_to_have(numbers):
    with pytest.warns(ConvergenceWarning, match=r"not learned the table.*Pass more n_steps"):
        quick_sampler(n_steps=20).fit(*numbers)


@pytest.mark.parametrize("minority", [5, 60])
def test_the_default_has_learned_its_table(minority):
    X, y = make_classification(n_samples=600, n_features=8, weights=[0.9], random_state=1)
    kept = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:minority]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GANSampler(random_state=0).fit(X[kept], y[kept])


def beside_varied_rows(n_varied, *constants):
    """Return a table of varied rows and, in classes of their own, 40 times each constant row."""
    varied = np.random.default_rng(0).normal(size=(n_varied, 3))
    X = np.concatenate([varied, *(np.full((40, 3), constant) for constant in constants)])
    return X, np.repeat(np.arange(1 + len(constants)), [n_varied, *[40] * len(constants)])


@pytest.mark.parametrize("constants", [[1.0], [0.3, 5.7e3]], ids=str)
@pytest.mark.parametrize("n_varied", [160, 900])  # of all values, the constants are many or few
def test_a_class_of_one_row_repeats_it_and_nothing_else_is_wrong(n_varied, constants):
    X, y = beside_varied_rows(n_varied, *constants)
    sampler = GANSampler(random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert [warning.category for warning in caught] == [RepeatedRowsWarning]
    assert f"rows of {', '.join(map(str, sampler.classes_[1:]))} repeat" in str(caught[0].message)
    for code, constant in enumerate(constants, start=1):
        of_class = sampler.synthetic_mask_ & (y_resampled == code)
        np.testing.assert_allclose(X_resampled[of_class], constant, rtol=1e-6)
    assert sampler.history_["quality"].max() < 3  # in widths of the table


def test_a_class_that_does_not_vary_leaves_the_choice_of_the_generator_to_those_that_do():
    X, y = beside_varied_rows(400, 1.0)
    X, y = np.r_[X, np.random.default_rng(1).normal(2, 0.5, size=(60, 3))], np.r_[y, [2] * 60]
    with pytest.warns(RepeatedRowsWarning, match="rows of 1 repeat"):
        quality = GANSampler(random_state=0).fit(X, y).history_["quality"]
    alone = GANSampler(sampling_strategy=[2], random_state=0).fit(X, y).history_["quality"]
    # the mean of the distances of two classes, of which one, its states once learned, is hardly any
    np.testing.assert_allclose(quality[3:], alone[3:] / 2, atol=0.1)
    assert quality.argmin() == alone.argmin()


def test_two_rows_of_numbers_have_others_between_them():
    X, y = beside_varied_rows(160, 1.0)
    X[-20:] = 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RepeatedRowsWarning)
        quick_sampler().fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("n_rows", "batch_size"), [(2000, 128), (2001, 192)])
def test_small_tables_are_trained_on_smaller_batches(n_rows, batch_size):
    X, y = make_classification(n_samples=n_rows, weights=[0.9], random_state=0)
    by_itself = GANSampler(n_steps=2, random_state=0).fit(X, y)
    told = GANSampler(n_steps=2, batch_size=batch_size, random_state=0).fit(X, y)
    np.testing.assert_array_equal(by_itself.sample(9)[0], told.sample(9)[0])


def test_tables_are_trained_on_one_thread(numbers):
    seen, threads = [], torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        quick_sampler(callback=lambda _: seen.append(torch.get_num_threads())).fit(*numbers)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert set(seen) == {1}


def test_of_large_classes_5000_rows_are_trained_on():
    codes = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [12_000, 5_001, 30]))
    chosen = training_subset(codes, None, seed=0)
    assert np.bincount(codes[chosen]).tolist() == [5000, 5000, 30]
    assert len(np.unique(chosen)) == len(chosen)
    assert (np.diff(codes[chosen]) >= 0).all()
    np.testing.assert_array_equal(chosen, training_subset(codes, None, seed=0))
    assert not np.array_equal(chosen, training_subset(codes, None, seed=1))


def memory_of_a_fit():
    """Return megabytes of a table, of the resampled one, and of what making that took."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(200_000, 20))).add_prefix("number ")
    for j in range(5):
        levels = [f"level {k}" for k in range(3**j)]
        X[f"category {j}"] = pd.Categorical.from_codes(
            random.integers(3**j, size=len(X)), categories=levels
        )
    y = (random.random(len(X)) < 0.1).astype(int)
    sampler = quick_sampler()
    sampler.fit_resample(X[:500], y[:500])
    with measured() as usage:
        X_resampled, _ = sampler.fit_resample(X, y)
    sizes = [frame.memory_usage().sum() / 2**20 for frame in (X, X_resampled)]
    return *sizes, usage.megabytes


def test_memory_is_a_few_times_that_of_the_table():
    # in a process of its own: one that has run other tests has other pages to reuse
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        table, resampled, taken = process.submit(memory_of_a_fit).result()
    assert resampled > 1.7 * table  # the result alone is nearly twice the table
    assert taken < 5 * table
