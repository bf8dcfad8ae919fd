"""What the command line says: help, versions, summaries, progress."""

import contextlib
import io
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from ganaug import GANSampler, __version__, cli
from ganaug.exceptions import DataError
from tests.cli.running import ganaug


def test_a_summary_is_printed_unless_quiet(mixed_files, tmp_path, capsys):
    arguments = ("resample", mixed_files[".csv"], "--target", "y", "-o", tmp_path / "out.csv")
    ganaug(*arguments)
    assert "120 rows as they were, 72 new (yes +72)" in capsys.readouterr().out
    ganaug(*arguments, "--force", "--quiet")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["resample", "sample", "fit", "score", "demo"])
def test_help_has_examples_that_parse(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--help"])
    examples = re.findall(rf"^  ganaug ({command}.*)", capsys.readouterr().out, re.M)
    assert examples
    for example in examples:
        assert cli._parser().parse_args(example.split()).run


def test_defaults_are_those_of_the_estimator(monkeypatch, capsys, mixed_files, tmp_path):
    made = []

    class Spy(GANSampler):
        def __init__(self, *, n_steps=3, device="cpu", **others):
            made.append((n_steps, device, others))
            super().__init__(n_steps=n_steps, device=device, **others)

    monkeypatch.setattr("ganaug.sampler.GANSampler", Spy)
    with pytest.raises(SystemExit):
        cli.main(["resample", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "training steps, or auto (default: 3)" in shown
    assert "(default: cpu)" in shown
    arguments = ["resample", mixed_files[".csv"], "--target", "y", "-o", tmp_path / "out.csv"]
    cli.main(list(map(str, arguments)))
    assert made[0] == (3, "cpu", {"verbose": 0})


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "ganaug", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"ganaug {__version__}\n"


def test_progress_is_shown_on_a_terminal(mixed_files, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    ganaug("resample", mixed_files[".csv"], "--target", "y", "-o", tmp_path / "out.csv")
    assert "GANSampler" in terminal.getvalue()


def far_from_learned(tmp_path):
    """Return the words of a command that is sure to warn."""
    numbers = np.random.default_rng(0).normal(size=(200, 4))
    table = pd.DataFrame(numbers, columns=list("abcd")).assign(y=["no"] * 150 + ["yes"] * 50)
    table.to_csv(tmp_path / "plain.csv", index=False)
    return "resample", tmp_path / "plain.csv", "--target", "y", "-o", tmp_path / "o.csv", "--force"


@pytest.mark.filterwarnings("always::sklearn.exceptions.ConvergenceWarning")
def test_warnings_are_sentences_that_advise_what_there_is(tmp_path, capsys):
    command = far_from_learned(tmp_path)
    assert ganaug(*command) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("ganaug: warning: the generator has not learned the table")
    assert said[0].endswith("Pass more --steps.")
    assert ganaug(*command, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.filterwarnings("always::RuntimeWarning")
def test_warnings_of_others_are_told_once_and_leave_no_trace(monkeypatch, tmp_path, capsys):
    def warn(args):
        for message in ("it\nhappened", "it happened", "it did not"):
            warnings.warn(message, RuntimeWarning, stacklevel=1)
        raise DataError("and it failed")

    before = warnings.showwarning, list(warnings.filters)
    monkeypatch.setattr("ganaug._commands.resample", warn)
    for volume, told in (("--verbose", True), ("--quiet", False), ("--force", True)):
        with contextlib.suppress(DataError):  # raised where all is shown
            assert ganaug(*far_from_learned(tmp_path), volume) == 2
        warned = [f"ganaug: warning: {text}" for text in ("it happened", "it did not")]
        said = capsys.readouterr().err.splitlines()
        assert [line for line in said if "warning" in line] == (warned if told else [])
        assert (warnings.showwarning, list(warnings.filters)) == before


def test_verbose_shows_the_traceback(tmp_path):
    with pytest.raises(FileNotFoundError):
        ganaug(
            "resample", tmp_path / "no.csv", "--target", "y", "-o", tmp_path / "o.csv", "--verbose"
        )
