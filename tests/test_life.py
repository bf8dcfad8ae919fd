"""A sampler's whole life: any order of calls, many threads, many fits."""

import gc
import os
import pickle
import random
import sys
import tempfile
import threading
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError

import ganaug
from ganaug import GANOutlierDetector, GANSampler

TABLES = [
    make_classification(n_samples=60, n_features=4, weights=[0.7], random_state=seed)
    for seed in (0, 1)
]


def quick(**parameters):
    small = {"n_steps": 3, "batch_size": 16, "hidden_layer_sizes": (8,), "random_state": 0}
    return GANSampler(**{**small, **parameters})


class Life(RuleBasedStateMachine):
    """Whatever is done with samplers: the same fit always gives the same rows and scores."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.expected = {}

    @initialize()
    def start(self):
        self.sampler, self.table = quick(), None

    @rule(table=st.sampled_from([0, 1]), seed=st.integers(0, 1), resample=st.booleans())
    def fit(self, table, seed, resample):
        self.sampler.set_params(random_state=seed)
        (self.sampler.fit_resample if resample else self.sampler.fit)(*TABLES[table])
        self.table = (table, seed)
        assert hasattr(self.sampler, "synthetic_mask_") == resample

    @rule(flaw=st.sampled_from(["one class", "infinity", "other length"]))
    def fail_to_fit(self, flaw):
        X, y = TABLES[0]
        X, y = {
            "one class": (X, np.zeros_like(y)),
            "infinity": (np.where(X[0, 0] == X, np.inf, X), y),
            "other length": (X, y[1:]),
        }[flaw]
        with pytest.raises(ValueError, match=r".{20}"):
            self.sampler.fit(X, y)

    @rule()
    def clone(self):
        assert not hasattr(clone(self.sampler), "generator_")
        assert repr(clone(self.sampler)) == repr(self.sampler)

    @precondition(lambda self: self.table is not None)
    @rule()
    def save_and_load(self):
        self.sampler.save(self.folder / "model")
        self.sampler = ganaug.load(self.folder / "model")

    @rule()
    def pickle(self):
        self.sampler = pickle.loads(pickle.dumps(self.sampler))

    @rule(n=st.integers(0, 9), label=st.sampled_from([None, 0, 1]))
    def sample(self, n, label):
        if self.table is None:
            with pytest.raises(NotFittedError):
                self.sampler.sample(n, y=label)
        else:
            X, y = self.sampler.sample(n, y=label)
            self.compare(("sample", n, label), X.tobytes() + y.tobytes())

    @rule(table=st.sampled_from([0, 1]))
    def score(self, table):
        if self.table is None:
            with pytest.raises(NotFittedError):
                self.sampler.score_samples(TABLES[table][0])
        else:
            scores = self.sampler.score_samples(TABLES[table][0])
            assert np.isfinite(scores).all()
            self.compare(("score", table), scores.tobytes())

    def compare(self, call, result):
        assert self.expected.setdefault((self.table, call), result) == result


Life.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestLife = Life.TestCase


# --- threads --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    return quick(n_steps=30).fit(*TABLES[0])


def test_eight_threads_sample_and_score_as_one_does(fitted):
    X = TABLES[0][0]

    def work(k):
        rows = fitted.sample(20 + k % 3, random_state=k % 4)[0]
        return rows.tobytes(), fitted.score_samples(X).tobytes()

    expected = [work(k) for k in range(12)]
    start = threading.Barrier(8)

    def worker(_):
        start.wait(30)
        return [work(k) for k in range(12)]

    before = torch.get_num_threads()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(worker, range(8)))
    assert found == [expected] * 8
    assert torch.get_num_threads() == before


def test_threads_fit_without_disturbing_one_another():
    expected = quick().fit(*TABLES[0]).sample(9)[0]
    with ThreadPoolExecutor(4) as pool:
        fits = [pool.submit(lambda: quick().fit(*TABLES[0]).sample(9)[0]) for _ in range(8)]
    for fit in fits:
        np.testing.assert_array_equal(fit.result(), expected)


# --- memory ---------------------------------------------------------------------------------------


def resident():
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_steady_over_300_lives(tmp_path):
    """What a life leaves is left by each, unlike what is read or kept once, whenever that is."""

    def live(n):
        for seed in range(n):
            sampler = quick(random_state=seed).fit(*TABLES[seed % 2])
            sampler.sample(20)
            sampler.score_samples(TABLES[0][0])
            sampler.save(tmp_path / "model")
            ganaug.load(tmp_path / "model")
        gc.collect()
        return resident(), tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        held = np.array([live(50) for _ in range(6)])
    finally:
        tracemalloc.stop()
    of_process, of_python = np.diff(held, axis=0).T
    assert np.median(of_process) < 4 * 2**20
    assert np.median(of_python) < 2**14


# --- what is outside ------------------------------------------------------------------------------


def outside():
    """Return all that a call might change outside of it."""
    name, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (name, keys.tolist(), rest),
        "numpy errors": np.geterr(),
        "python": random.getstate(),
        "threads": torch.get_num_threads(),
        "interop threads": torch.get_num_interop_threads(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.empty(0).device,
        "autocast": torch.is_autocast_enabled("cpu"),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        "matmul precision": torch.get_float32_matmul_precision(),
        "gradients": torch.is_grad_enabled(),
        "anomalies": torch.is_anomaly_enabled(),
        "warnings": list(warnings.filters),
        "hooks": (sys.excepthook, threading.excepthook),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
    }


@pytest.fixture
def unusual():
    """Settings that are not the defaults, so that setting them back to these would be noticed."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    torch.set_num_threads(threads + 1)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_float32_matmul_precision("high")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = True
    with (
        np.errstate(invalid="ignore"),
        warnings.catch_warnings(),
        torch.autocast("cpu", dtype=torch.bfloat16),
    ):
        warnings.filterwarnings("ignore", "a filter of the caller")
        yield
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision(precision)
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(threads)


def use_tables(folder):
    sampler = quick(checkpoint=folder)
    sampler.fit_resample(*TABLES[0])
    sampler.sample(5)
    sampler.score_samples(TABLES[0][0])
    sampler.save(folder / "model")
    ganaug.load(folder / "model").sample(5)


def use_images(folder):
    images = np.random.default_rng(0).random((30, 8, 8))
    sampler = GANSampler(n_steps=2, batch_size=8, random_state=0)
    sampler.fit_resample(images, np.arange(30) < 10)
    sampler.sample(3)
    sampler.anomaly_score(images)


def use_detector(folder):
    detector = GANOutlierDetector(n_steps=2, random_state=0)
    detector.fit_predict(TABLES[0][0])
    detector.explain(TABLES[0][0][:3])
    detector.sample(3)
    detector.save(folder / "model")
    ganaug.load(folder / "model").p_value(TABLES[0][0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("use", [use_tables, use_images, use_detector])
@pytest.mark.usefixtures("unusual")
def test_nothing_outside_is_touched(use, tmp_path):
    before = outside()
    use(tmp_path)
    after = outside()
    for name, value in before.items():
        assert after[name] == value, name


def made():
    """Return rows and scores of a sampler and a detector."""
    X, y = TABLES[0]
    sampler, detector = quick(), GANOutlierDetector(n_steps=2, random_state=0)
    rows = sampler.fit_resample(X, y)[0]
    return rows, sampler.sample(5)[0], sampler.score_samples(X), detector.fit(X).score_samples(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nothing_that_the_caller_has_set_matters(request):
    expected = made()
    request.getfixturevalue("unusual")
    for mine, theirs in zip(expected, made(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


# --- reproducible ---------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [0, 1])
def test_a_larger_sample_of_a_class_begins_with_the_smaller_one(fitted, label):
    largest = fitted.sample(700, y=label)[0]
    for n in (0, 1, 63, 64, 65, 200, 512):
        np.testing.assert_array_equal(fitted.sample(n, y=label)[0], largest[:n])


def test_a_larger_sample_of_a_detector_begins_with_the_smaller_one():
    detector = GANOutlierDetector(n_steps=2, random_state=0).fit(TABLES[0][0])
    largest = detector.sample(300)
    for n in (0, 1, 40, 299):
        np.testing.assert_array_equal(detector.sample(n), largest[:n])


def test_calls_in_between_change_nothing(fitted):
    expected = fitted.sample(10)[0]
    torch.rand(3)
    np.random.rand(3)
    random.random()
    fitted.sample(33, random_state=5)
    fitted.score_samples(TABLES[1][0])
    np.testing.assert_array_equal(fitted.sample(10)[0], expected)


def test_other_processes_make_the_same_rows():
    import subprocess

    code = (
        "import hashlib; from tests.test_life import quick, TABLES;"
        "print(hashlib.sha256(quick().fit_resample(*TABLES[0])[0].tobytes()).hexdigest())"
    )
    root = Path(__file__).parents[1]
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True,
            env={
                **os.environ, "PYTHONHASHSEED": seed,
                "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive",
            },
        ).stdout
        for seed, threads in (("0", "1"), ("1", "2"))
    }  # fmt: skip
    assert len(digests) == 1
