"""Whether wrong labels are found: they are put there first."""

import numpy as np
import pandas as pd

from benchmarks import mislabelled


def test_a_tenth_of_each_class_gets_another_label():
    y = np.repeat([0, 1, 2], [500, 40, 4])
    labels = mislabelled.with_wrong_ones(y, np.random.default_rng(0))
    assert [(labels != y)[y == code].sum() for code in range(3)] == [50, 4, 1]
    assert set(labels) == {0, 1, 2}


def test_classes_that_lie_apart_tell_wrong_labels(folder, tmp_path, capsys):
    out = tmp_path / "mislabelled.csv"
    options = ["--data", str(folder), "--datasets", "numbers", "--out", str(out)]
    assert mislabelled.main(options) == 0
    rows = pd.read_csv(out)
    assert len(rows) == 2
    assert (rows[["unlike its class", "like another", "knn", "random forest"]] > 0.7).all(axis=None)
    assert "| mean |" in capsys.readouterr().out
