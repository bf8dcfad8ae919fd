"""A run that survives: what is killed goes on, and ends where it would have ended."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

from ganaug import GANSampler
from ganaug._encoding import chosen_rows
from ganaug._persistence import archive, checkpoints
from ganaug.exceptions import PersistenceError

X, Y = make_classification(n_samples=200, n_features=6, weights=[0.8], random_state=0)
# Of a checkpoint that can't be written, once however often that is tried; and of a short training.
WARNINGS = [RuntimeWarning, ConvergenceWarning]


class StopError(Exception):
    """Stands for whatever ends a process."""


def quick(**parameters):
    small = {"n_steps": 200, "batch_size": 16, "hidden_layer_sizes": (8,), "random_state": 0}
    return GANSampler(**{**small, **parameters})


def stop_after(monkeypatch, n_writes):
    """Let a fit write so many checkpoints, one at each check, and then end it."""
    writes = []

    def write_archive(*arguments):
        real(*arguments)
        writes.append(arguments)
        if len(writes) == n_writes:
            raise StopError

    real = checkpoints.write_archive
    monkeypatch.setattr(checkpoints, "TIME_SHARE", 1e9)
    monkeypatch.setattr(checkpoints, "write_archive", write_archive)


def assert_same(one, other):
    np.testing.assert_array_equal(one.sample(30)[0], other.sample(30)[0])
    np.testing.assert_array_equal(one.score_samples(X), other.score_samples(X))
    for name, value in one.history_.items():
        np.testing.assert_array_equal(value, other.history_[name])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
def test_a_fit_killed_at_20_random_moments_ends_as_if_undisturbed(tmp_path):
    command = [sys.executable, "-m", "tests.persistence.killed", str(tmp_path), "20"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["kills"] >= 20
    assert result["fits"] >= 1
    assert result["differing"] == result["leftovers"] == 0
    assert result["went_on"] >= 5


@pytest.mark.parametrize("n_writes", [1, 2, 4])
def test_a_fit_goes_on_from_any_checkpoint(tmp_path, monkeypatch, n_writes):
    undisturbed = quick().fit(X, Y)
    with monkeypatch.context() as patch:
        stop_after(patch, n_writes)
        with pytest.raises(StopError):
            quick(checkpoint=tmp_path).fit(X, Y)
    assert_same(quick(checkpoint=tmp_path, resume=True).fit(X, Y), undisturbed)


def test_a_fit_without_seed_goes_on_with_that_of_the_checkpoint(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(StopError):
            quick(checkpoint=tmp_path, random_state=None).fit(X, Y)
    parameters = {"checkpoint": tmp_path, "resume": True, "random_state": None}
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy)
    resumed = quick(**parameters).fit(X, Y)
    assert_same(resumed, quick(**{**parameters, "checkpoint": copy}).fit(X, Y))
    with pytest.raises(AssertionError):
        assert_same(resumed, quick(random_state=None).fit(X, Y))


def test_a_dataset_without_seed_goes_on_with_the_rows_of_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(chosen_rows, "MIN_CLASS_ROWS", 20)
    monkeypatch.setattr(chosen_rows, "MAX_ROWS", 40)
    columns = {f"x{j}": column for j, column in enumerate(X.T)}
    dataset = ds.dataset(pa.table({**columns, "y": Y}))
    parameters = {"checkpoint": tmp_path, "random_state": None}
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(StopError):
            quick(**parameters).fit(dataset, "y")
    resumed = quick(**parameters, resume=True).fit(dataset, "y")
    assert len(resumed.history_["quality"]) == 4


def test_a_fit_of_weighted_rows_goes_on_too(tmp_path, monkeypatch):
    weights = np.random.default_rng(0).random(len(Y))
    undisturbed = quick(n_steps="auto").fit(X, Y, sample_weight=weights)
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(StopError):
            quick(n_steps="auto", checkpoint=tmp_path).fit(X, Y, sample_weight=weights)
    resumed = quick(n_steps="auto", checkpoint=tmp_path, resume=True)
    assert_same(resumed.fit(X, Y, sample_weight=weights), undisturbed)


def test_a_finished_fit_is_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "TIME_SHARE", 1e9)
    first = quick(checkpoint=tmp_path).fit(X, Y)
    monkeypatch.setattr(checkpoints, "write_archive", None)  # would fail at a check
    assert_same(quick(checkpoint=tmp_path, resume=True).fit(X, Y), first)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"X": X + X**2}, "table"),
        ({"y": 1 - Y}, "table"),
        ({"sample_weight": np.linspace(0.1, 1, len(Y))}, "table"),
        ({"learning_rate": 0.01}, "parameters"),
        ({"n_steps": 250}, "parameters"),
        ({"random_state": 1}, "random_state"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(tmp_path, change, named):
    quick(checkpoint=tmp_path).fit(X, Y)
    before = (tmp_path / checkpoints.FILE_NAME).read_bytes()
    data = {"X": X, "y": Y} | {k: change.pop(k) for k in ("X", "y", "sample_weight") if k in change}
    message = f"another run, which differs in its .*{named}.*without `resume`"
    with pytest.raises(PersistenceError, match=message):
        quick(checkpoint=tmp_path, resume=True, **change).fit(**data)
    assert (tmp_path / checkpoints.FILE_NAME).read_bytes() == before


def test_without_resume_a_checkpoint_is_replaced(tmp_path):
    quick(checkpoint=tmp_path, random_state=1).fit(X, Y)
    assert_same(quick(checkpoint=tmp_path).fit(X, Y), quick().fit(X, Y))
    quick(checkpoint=tmp_path, resume=True).fit(X, Y)


def test_a_damaged_checkpoint_is_an_error_before_training(tmp_path):
    quick(checkpoint=tmp_path).fit(X, Y)
    file = tmp_path / checkpoints.FILE_NAME
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(PersistenceError, match=r"checkpoint\.ganaug can't be read"):
        quick(checkpoint=tmp_path, resume=True).fit(X, Y)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"document": {}}, "run"),
        ({"document": {"seed": "0", "run": {}}}, "seed"),
        ({"document": {"seed": 0, "run": {"table": 1}}}, "run.table"),
        ({"tensors": {"counts": np.array([2**40, 50])}}, "contradicts itself"),
        ({"tensors": {"counts": np.array([200, -50])}}, "contradicts itself"),
        ({"tensors": {"losses": np.zeros((2, 3), np.float32)}}, "contradicts itself"),
    ],
)
def test_a_checkpoint_with_right_checksums_is_looked_at_too(tmp_path, change, named):
    quick(checkpoint=tmp_path).fit(X, Y)
    file = tmp_path / checkpoints.FILE_NAME
    saved = archive.read_archive(file, {checkpoints.KIND: checkpoints.VERSION}, 2**20)
    tensors = saved.tensors | change.get("tensors", {})
    document = change.get("document", saved.document)
    archive.write_archive(file, replace(saved, document=document, tensors=tensors))
    with pytest.raises(PersistenceError, match=named):
        quick(checkpoint=tmp_path, resume=True).fit(X, Y)


def test_with_nothing_to_go_on_from_training_starts(tmp_path):
    folder = tmp_path / "not" / "there"
    assert_same(quick(checkpoint=folder, resume=True).fit(X, Y), quick().fit(X, Y))
    assert [file.name for file in folder.iterdir()] == [checkpoints.FILE_NAME]


def test_a_folder_that_can_not_be_written_is_refused_before_training(tmp_path, monkeypatch):
    from ganaug._gan.training import Trainer

    (tmp_path / "a file").touch()
    monkeypatch.setattr(Trainer, "train", None)  # would fail when training starts
    with pytest.raises(PersistenceError, match=r"no checkpoint can be.*another folder"):
        quick(checkpoint=tmp_path / "a file" / "folder").fit(X, Y)


def test_a_folder_that_is_lost_during_training_is_one_warning(tmp_path, monkeypatch):
    def write(*arguments):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        real(*arguments)

    real = checkpoints.write_archive
    monkeypatch.setattr(checkpoints, "TIME_SHARE", 1e9)
    monkeypatch.setattr(checkpoints, "write_archive", write)
    with pytest.warns(RuntimeWarning, match="can't be written.*training goes on") as caught:
        fitted = quick(checkpoint=tmp_path / "run").fit(X, Y)
    assert [warning.category for warning in caught] == WARNINGS
    assert {warning.filename for warning in caught} == {__file__}
    assert_same(fitted, quick().fit(X, Y))


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    synced = []

    def fsync(handle):
        synced.append(handle)
        if len(synced) > 2:  # the file and its folder, once
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "TIME_SHARE", 1e9)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.warns(RuntimeWarning, match="No space left on device") as caught:
            fitted = quick(checkpoint=tmp_path).fit(X, Y)
    assert [warning.category for warning in caught] == WARNINGS
    assert len(synced) > 3
    assert [file.name for file in tmp_path.iterdir()] == [checkpoints.FILE_NAME]
    assert_same(fitted, quick().fit(X, Y))
    assert_same(quick(checkpoint=tmp_path, resume=True).fit(X, Y), fitted)


def test_writing_takes_little_of_the_time(tmp_path, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: float(next(clock)))
    writes = []
    monkeypatch.setattr(checkpoints, "write_archive", lambda *_: writes.append(1))
    checkpoint = checkpoints.Checkpoint(tmp_path, resume=False)
    for _ in range(100):
        checkpoint.write(0, {}, dict)
    assert len(writes) == 5  # each takes 1 s, and the next one is due 20 s later


def test_ctrl_c_keeps_the_best_generator_so_far(tmp_path, monkeypatch):
    def interrupt(*arguments):
        checks.append(arguments)
        if len(checks) == 3:
            raise KeyboardInterrupt

    checks = []
    with monkeypatch.context() as patch:
        patch.setattr("ganaug._callbacks.TrainingTask.report", interrupt)
        with pytest.warns(UserWarning, match="interrupted.*best generator so far"):
            fitted = quick(checkpoint=tmp_path).fit(X, Y)
    assert fitted.history_["interrupted"]
    assert len(fitted.history_["generator_loss"]) == 150
    assert fitted.sample(5)[0].shape == (5, 6)
    assert np.isfinite(fitted.score_samples(X)).all()
    undisturbed = quick().fit(X, Y)
    assert not undisturbed.history_["interrupted"]
    assert_same(quick(checkpoint=tmp_path, resume=True).fit(X, Y), undisturbed)


@pytest.mark.parametrize(
    "moment",
    [
        "table_gan.measure_classes",
        "table_training.TableTrainer.load_state_dict",
        "table_training.TableTrainer._generator_step",
    ],
)
def test_ctrl_c_before_there_is_a_generator_leaves_the_sampler_as_it_was(
    moment, tmp_path, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    parameters = {}
    if moment.endswith("load_state_dict"):
        parameters = {"checkpoint": tmp_path, "resume": True}
        quick(checkpoint=tmp_path).fit(X, Y)
    monkeypatch.setattr(f"ganaug._gan.{moment}", interrupt)
    sampler = quick(**parameters)
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(X, Y)
    assert not hasattr(sampler, "generator_")
