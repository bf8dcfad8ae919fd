"""The examples run, on data that ship with scikit-learn."""

import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.filterwarnings("ignore:the generator collapsed")


def test_five_classic_gans(monkeypatch, capsys, tmp_path):
    mpl.use("agg")
    path = EXAMPLES / "plot_five_classic_gans.py"
    monkeypatch.setattr(sys, "argv", [str(path), "--epochs", "1", "--out", str(tmp_path)])
    runpy.run_path(str(path), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if "as asked" in line]
    assert [line[0] for line in told] == list("12345")
    assert "2 files in its folder" in told[1]  # both models, after the only epoch
    assert sum("  G " in line for line in lines) == 3
    assert str(tmp_path) in lines[0]
    saved = [torch.load(path, weights_only=True) for path in tmp_path.glob("classic-2/*.pt")]
    assert len(saved) == 2
    assert len(list(tmp_path.glob("classic-*.png"))) == 5


def test_the_help_of_an_example_says_what_it_is(monkeypatch, capsys):
    path = EXAMPLES / "plot_five_classic_gans.py"
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(path), run_name="__main__")
    assert "Five classic GANs for digits" in capsys.readouterr().out
