"""Running out of memory: one error, which says what to lower."""

import errno
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from sklearn.datasets import make_classification

from ganaug import GANOutlierDetector, GANSampler, load
from ganaug._memory import explaining_memory
from ganaug.cli import main
from ganaug.exceptions import DeviceError, OutOfMemoryError

X, Y = make_classification(n_samples=200, n_features=6, weights=[0.8], random_state=0)
ON_CPU = [
    MemoryError("Unable to allocate 8 TiB"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: Error code 12"),
]
ON_GPU = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
]


def quick(**parameters):
    return GANSampler(**{"n_steps": 2, "random_state": 0, **parameters})


def run_out(monkeypatch, where, error=ON_GPU[0]):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(where, fail)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X, Y)


@pytest.mark.parametrize("error", ON_CPU + ON_GPU, ids=repr)
def test_the_error_says_what_to_lower_and_names_another_device_only_where_it_helps(error):
    with (
        pytest.raises(OutOfMemoryError, match="lower it") as caught,
        explaining_memory("lower it", "pass device='cpu'"),
    ):
        raise error
    assert ("or pass device='cpu'" in str(caught.value)) == (error in ON_GPU)
    assert isinstance(caught.value, MemoryError | DeviceError)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2"), OSError(errno.EACCES, "no")])
def test_other_errors_are_left_alone(error):
    with pytest.raises(type(error)) as caught, explaining_memory("lower it"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "where",
    [
        "ganaug._gan.model.DeviceTable",
        "ganaug._gan.table_training.TableTrainer._play",
        "ganaug._gan.table_gan.calibrate_levels",
        "ganaug._gan.model.coverage",
        "ganaug._gan.table_gan.score_logits",
        "ganaug._gan.inference.RowSampler._draw",
    ],
)
def test_a_fit_runs_out_anywhere(monkeypatch, where):
    run_out(monkeypatch, where)
    with pytest.raises(OutOfMemoryError, match="lower batch_size or hidden_layer_sizes"):
        quick().fit_resample(X, Y)


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda sampler: sampler.sample(5), "sample_batches, or load the saved"),
        (lambda sampler: sampler.sample(5, where={0: (0, 1)}), "sample_batches"),
        (lambda sampler: next(sampler.sample_batches(5)), "lower batch_rows"),
        (lambda sampler: sampler.score_samples(X), "score fewer rows"),
    ],
)
def test_a_fitted_sampler_runs_out(monkeypatch, fitted, call, advice):
    run_out(monkeypatch, "ganaug._gan.batches.DeviceTable.expand")
    with pytest.raises(OutOfMemoryError, match=advice):
        call(fitted)


def test_what_the_caller_does_between_batches_is_left_alone(fitted):
    batches = fitted.sample_batches(5, batch_rows=2)
    next(batches)
    with pytest.raises(MemoryError, match="mine"):
        batches.throw(MemoryError("mine"))


def test_loading_runs_out(monkeypatch, fitted, tmp_path):
    fitted.save(tmp_path / "model.ganaug")
    run_out(monkeypatch, "ganaug._gan.model.DeviceTable")
    with pytest.raises(OutOfMemoryError, match="device='cpu'"):
        load(tmp_path / "model.ganaug")


def test_a_detector_runs_out(monkeypatch):
    detector = GANOutlierDetector(n_steps=2, random_state=0).fit(X)
    run_out(monkeypatch, "ganaug._detection.model.DetectionModel.raw_scores", MemoryError())
    with pytest.raises(OutOfMemoryError, match="score fewer rows"):
        detector.score_samples(X)
    with pytest.raises(OutOfMemoryError, match="lower max_reference_rows"):
        GANOutlierDetector(n_steps=2, random_state=0).fit(X)


LIMITED = """
import resource
from tests.test_memory import X, Y, quick
resource.setrlimit(resource.RLIMIT_DATA, (1200 * 2**20,) * 2)
quick(batch_size=2**20).fit(X, Y)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_batch_beyond_a_limit_of_memory():
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    said = "ganaug.exceptions.OutOfMemoryError: there is not enough memory; lower batch_size"
    assert done.stderr.splitlines()[-1].startswith(said)


def test_more_rows_than_there_is_memory_for(fitted):
    with pytest.raises(OutOfMemoryError, match=r"ask for fewer rows, or .* sample_batches"):
        fitted.sample(10**13)
    with pytest.raises(OutOfMemoryError, match="sampling_strategy"):
        quick(sampling_strategy={0: 200, 1: 10**13}).fit_resample(X, Y)


def test_the_command_line_says_it_in_a_sentence(monkeypatch, tmp_path, capsys):
    pd.DataFrame(X).add_prefix("x").assign(y=Y).to_csv(tmp_path / "in.csv", index=False)
    command = ["resample", str(tmp_path / "in.csv"), "--target", "y", "--steps", "2"]
    command += ["-o", str(tmp_path / "out.csv")]
    for where in ("ganaug._commands.read_table", "ganaug._gan.model.DeviceTable"):
        with monkeypatch.context() as patch:
            run_out(patch, where, MemoryError())
            assert main(command) == 2
        assert capsys.readouterr().err.startswith("ganaug: error: there is not enough memory; ")
        assert not (tmp_path / "out.csv").exists()
