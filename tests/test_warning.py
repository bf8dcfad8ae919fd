"""Warnings are the caller's: they name a line of theirs, and have words for the command line."""

import warnings

import numpy as np
import pytest
from imblearn.pipeline import make_pipeline
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning

from ganaug import GANOutlierDetector
from ganaug._gan.training import Trainer
from ganaug._warning import warn, words_for_the_shell
from tests.quick import quick_sampler


def constant_table():
    """Return a table of a class of one row, which fits warn of."""
    X = np.r_[np.random.default_rng(0).normal(size=(60, 3)), np.ones((10, 3))]
    return X, np.repeat([0, 1], [60, 10])


def places(call):
    """Return where the warnings of a call say that they are from: file and line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert caught
    return {(warning.filename, warning.lineno) for warning in caught}


@pytest.mark.parametrize(
    "fit",
    [
        lambda: quick_sampler().fit(*constant_table()),
        lambda: quick_sampler().fit_resample(*constant_table()),
        lambda: make_pipeline(quick_sampler(), DummyClassifier()).fit(*constant_table()),
        lambda: GANOutlierDetector(n_steps=1, random_state=0).fit([[0, 1], [1, 0]] * 30).sample(1),
    ],
    ids=["fit", "fit_resample", "pipeline", "detector"],
)
def test_warnings_name_the_line_of_the_caller(fit):
    assert places(fit) == {(__file__, fit.__code__.co_firstlineno)}


def test_lines_of_the_package_are_no_callers():
    code = compile("warn('it happened', RuntimeWarning)", "somewhere.py", "exec")
    inside, outside = ({"__name__": name, "warn": warn} for name in ("ganaug.some", "ganaugs"))
    assert {name for name, _ in places(lambda: exec(code, inside))} == {__file__}
    assert {name for name, _ in places(lambda: exec(code, outside))} == {"somewhere.py"}


def test_words_for_the_shell_are_those_of_the_warning_unless_it_has_others():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("pass more n_steps", RuntimeWarning, in_shell="pass more --steps")
        warn("it happened", RuntimeWarning)
    assert [str(one.message) for one in caught] == ["pass more n_steps", "it happened"]
    words = [words_for_the_shell(one.message) for one in caught]
    assert words == ["pass more --steps", "it happened"]
    assert words_for_the_shell("a text") == "a text"


@pytest.mark.parametrize(("distance", "shown"), [(0.1000412, "0.10004"), (0.2345, "0.23")])
def test_a_distance_that_is_too_large_is_shown_as_larger(monkeypatch, distance, shown):
    monkeypatch.setattr(Trainer, "distance", distance)
    with pytest.warns(ConvergenceWarning, match=rf"rows are {shown} of .* at most 0\.1 where"):
        quick_sampler().fit(np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2)
