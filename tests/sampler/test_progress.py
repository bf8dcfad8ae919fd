"""Progress bars, and callbacks of scikit-learn."""

import pytest
import torch

from ganaug._gan.monitor import QualityMonitor
from tests.quick import quick_sampler


def test_silent_by_default(numbers, capfd):
    quick_sampler().fit(*numbers)
    assert capfd.readouterr() == ("", "")


def test_verbose_shows_a_bar(numbers, capfd):
    quick_sampler(verbose=1).fit(*numbers)
    assert "GANSampler" in capfd.readouterr().err


def test_progress_bar_of_scikit_learn(numbers, capfd):
    callback = pytest.importorskip("sklearn.callback")
    quick_sampler(n_steps=120).set_callbacks(callback.ProgressBar()).fit_resample(*numbers)
    assert "GANSampler" in capfd.readouterr().out


class Recorder:
    """A callback that counts checks and asks to stop after some of them."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.seen = []

    def setup(self, estimator, context):
        self.seen.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(f"{context.task_name} begins")

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        self.seen.append(f"{context.task_name} ends")
        if context.task_name == "check":
            losses = {"generator_loss", "discriminator_loss"}
            assert set(metadata) == {"step", "quality"} | losses
        return self.seen.count("check ends") == self.stop_after

    def teardown(self, estimator, context):
        self.seen.append("teardown")


def test_callbacks_see_every_check(numbers):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    quick_sampler(n_steps=120).set_callbacks(recorder).fit(*numbers)
    assert recorder.seen[:2] == ["setup", "fit begins"]
    assert recorder.seen[-2:] == ["fit ends", "teardown"]
    assert recorder.seen.count("check ends") == 3


def test_a_callback_can_stop_training(numbers):
    pytest.importorskip("sklearn.callback")
    sampler = quick_sampler(n_steps=500).set_callbacks(Recorder(stop_after=2)).fit(*numbers)
    assert len(sampler.history_["generator_loss"]) == 100
    assert sampler.sample(3)[0].shape == (3, 6)


@pytest.mark.parametrize("verbose", [0, 1])
def test_checks_that_are_made_again_are_no_more_progress(numbers, capfd, verbose, monkeypatch):
    checks, qualities = [], iter([0.3, 0.2, 0.4, 0.4, 0.4])
    monkeypatch.setattr(QualityMonitor, "measure", lambda *_: next(qualities))

    def poison(check):
        checks.append(check.step)
        if checks == [3, 6, 9]:
            torch.nn.init.constant_(next(check.discriminator.parameters()), torch.nan)

    sampler = quick_sampler(n_steps=12, check_interval=3, callback=poison)
    recorder = Recorder()
    if hasattr(sampler, "set_callbacks"):  # scikit-learn 1.9 and later
        sampler.set_callbacks(recorder)
    sampler.set_params(verbose=verbose).fit(*numbers)
    assert checks == [3, 6, 9, 9, 12]  # the best was that of step 6
    assert len(sampler.history_["restart_step"]) == 1
    assert recorder.seen.count("check ends") in (0, 4)
    assert "5/4" not in capfd.readouterr().err
