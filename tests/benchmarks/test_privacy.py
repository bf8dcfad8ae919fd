"""What a sampler gives away, on a few rows of the table that ships with ganaug."""

import pandas as pd
import pytest

from benchmarks import privacy


def test_every_figure_is_measured(tmp_path, capsys):
    out = tmp_path / "privacy.csv"
    assert privacy.main(["--max-rows", "600", "--out", str(out)]) == 0
    assert "1 tables, 2 halves" in capsys.readouterr().out
    table = pd.read_csv(out)
    assert table[list(privacy.COLUMNS)].notna().all(axis=None)
    assert table[["copies", "score_attack", "distance_attack"]].stack().between(0, 1).all()


def test_tables_that_are_too_small_are_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        privacy.main(["--max-rows", "100", "--out", str(tmp_path / "privacy.csv")])
    assert "no table has two halves with 20 rows" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
