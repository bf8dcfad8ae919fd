from dataclasses import replace

import pandas as pd
import pytest

from benchmarks import classics
from benchmarks.classics import COLUMNS, main
from tests.benchmarks.conftest import write_images

pytestmark = pytest.mark.filterwarnings("ignore:the generator collapsed")


def test_agreement_is_told_while_training_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classics, "JUDGE_STEPS", 3)
    monkeypatch.setattr(classics, "EPOCHS_BETWEEN", 2)
    short = replace(classics.CLASSICS["5 dense"], batch_size=20, epochs=3)
    monkeypatch.setitem(classics.CLASSICS, "5 dense", short)
    folder, out = write_images(tmp_path, side=28), tmp_path / "out.csv"
    for _ in ("once", "and nothing more"):
        main(["--data", str(folder), "--classics", "5 dense", "--out", str(out)])
    table = pd.read_csv(out)
    assert tuple(table.columns) == COLUMNS
    assert table["epoch"].tolist() == [2] * 10 + [3] * 10
    assert table["step"].tolist() == [4] * 10 + [6] * 10
    assert table.groupby("epoch")["share"].sum().tolist() == pytest.approx([1, 1])
    assert "| 5 dense | 3 of 3 | 6 |" in capsys.readouterr().out
