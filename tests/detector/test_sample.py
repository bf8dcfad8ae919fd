"""Rows that a detector draws, and the sampler that it trains for them."""

import numpy as np
import pandas as pd
import pytest

from ganaug import GANSampler
from ganaug.exceptions import DataError, OutOfMemoryError, RepeatedRowsWarning, TrainingError
from tests.detector.quick import quick


def test_sampled_rows_are_valid_rows(table, detector):
    rows = detector.sample(25)
    assert rows.shape == (25, 7)
    assert (rows.dtypes == table.dtypes).all()
    assert set(rows["plan"]) <= {"free", "paid"}
    assert rows["age"].between(20, 60).all()
    pd.testing.assert_frame_equal(detector.sample(25), rows)


def test_a_sample_has_a_seed_of_its_own(detector):
    rows, others = (detector.sample(20, random_state=seed) for seed in (1, 2))
    pd.testing.assert_frame_equal(detector.sample(30, random_state=1)[:20], rows)
    for different in (others, detector.sample(20)):
        assert not rows.equals(different)


def test_samples_are_of_the_cpu_as_all_else(detector, monkeypatch):
    fit, devices = GANSampler.fit, []

    def watched(sampler, *arguments):
        devices.append(sampler.device)
        return fit(sampler, *arguments)

    monkeypatch.setattr(GANSampler, "fit", watched)
    quick(n_steps=1).fit(np.random.default_rng(0).normal(size=(60, 2))).sample(1)
    assert devices == ["cpu"]


@pytest.mark.parametrize("error", [TrainingError, OutOfMemoryError])
def test_what_goes_wrong_in_the_training_of_sample_names_the_sampler(error, monkeypatch):
    def fail(*_):
        raise error("pass a smaller learning_rate.")

    detector = quick(n_steps=1).fit(np.random.default_rng(0).normal(size=(60, 2)))
    monkeypatch.setattr(GANSampler, "fit", fail)
    with pytest.raises(error, match=r"learning_rate\. \(Said of the GANSampler that"):
        detector.sample(1)


@pytest.mark.parametrize("n_samples", [-1, 2.0, "many", True, {True: 3}])
def test_what_can_not_be_sampled_is_refused_before_any_training(n_samples, monkeypatch):
    monkeypatch.setattr(GANSampler, "fit", lambda *_: pytest.fail("training has started"))
    detector = quick(n_steps=1).fit(np.eye(9))
    with pytest.raises(DataError, match="n_samples must be a whole number of rows, 0 or more"):
        detector.sample(n_samples)
    with pytest.raises(DataError, match=r"random_state must be a whole number .* got 'now'"):
        detector.sample(1, random_state="now")


def test_too_few_rows_to_sample_from():
    with pytest.raises(DataError, match="fitted on 4 rows or more; this one was fitted on 3"):
        quick().fit(np.eye(3)).sample(1)


def test_warnings_of_sample_speak_of_the_table():
    rows = pd.DataFrame({"a": list("xxy") * 20, "b": list("uvv") * 20})
    with pytest.warns(RepeatedRowsWarning, match=r"of the less typical half.*\(Said of the GAN"):
        quick(n_steps=1).fit(rows).sample(1)
