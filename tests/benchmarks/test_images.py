from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks import images
from benchmarks.images import COLUMNS, METHODS, frechet_distance, load_task, main
from ganaug import GANSampler
from tests.benchmarks.conftest import write_images

RANDOM = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    return write_images(tmp_path, side=8)


def test_three_classes_are_cut(folder):
    task = load_task(folder, 7, seed=1)
    counts = np.bincount(task.y)
    assert sorted(counts.tolist()) == [7] * 3 + [40] * 7
    assert all(counts[code] == 7 for code in task.rare)
    assert np.bincount(task.cut_labels)[list(task.rare)].tolist() == [33] * 3
    assert load_task(folder, 7, seed=1).rare == task.rare


@pytest.mark.parametrize("name", ["RandomOverSampler", "SMOTE", "shift, rotate (cubic)"])
def test_methods_fill_the_rare_classes(name, folder):
    task = load_task(folder, 7, seed=0)
    X, y = METHODS[name](task, 0)
    assert np.bincount(y).tolist() == [40] * 10
    assert X.dtype == np.uint8
    np.testing.assert_array_equal(X[: len(task.X)], task.X)


@pytest.mark.filterwarnings("ignore:the generator collapsed")
def test_other_images_of_ganaug_are_others(folder, monkeypatch):
    monkeypatch.setattr(images, "GANSampler", partial(GANSampler, n_steps=1))
    task = load_task(folder, 7, seed=0)
    names = ["ganaug, plain views", "ganaug, half redrawn", "ganaug, all redrawn"]
    default, plain, half, every = (METHODS[name](task, 0)[0] for name in ["ganaug", *names])
    new = slice(len(task.X), None)
    assert not (default[new] == plain[new]).all(axis=(1, 2)).any()
    unchanged = [(made[new] == plain[new]).all(axis=(1, 2)).mean() for made in (half, every)]
    assert unchanged[0] == pytest.approx(0.5, abs=0.15)
    assert unchanged[1] < 0.05


def test_frechet_distance_of_equal_and_of_shifted_rows():
    rows = RANDOM.normal(size=(500, 3))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(rows, rows + 2) == pytest.approx(12, abs=1e-6)


def test_a_run_goes_on_where_it_stopped(folder, monkeypatch, capsys):
    monkeypatch.setattr(images, "CNN_STEPS", 3)
    out = folder / "out.csv"
    arguments = ["--data", str(folder), "--rare", "7", "--seeds", "1", "--out", str(out)]
    main([*arguments, "--methods", "none"])
    main([*arguments, "--methods", "none;SMOTE"])
    table = pd.read_csv(out)
    assert tuple(table.columns) == COLUMNS
    assert table["method"].tolist() == ["none"] * 2 + ["SMOTE"] * 2
    assert "| SMOTE | 1 |" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:the generator collapsed")
def test_fits_are_timed(folder, monkeypatch, capsys):
    monkeypatch.setattr(images, "GANSampler", partial(GANSampler, n_steps=2))
    out = folder / "speed.md"
    assert main(["--data", str(folder), "--speed", "--out", str(out)]) == 0
    text = out.read_text()
    assert text in capsys.readouterr().out
    assert "Seconds of a fit of 400 images of 8 x 8" in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == ["threads", "1", "2"]
    assert all(float(value.split()[0]) > 0 for row in rows[1:] for value in row[1:])


def test_the_mean_of_both_classifiers_is_reported(tmp_path):
    f1 = {"ganaug": (0.9, 0.7, 0.8, 0.9), "SMOTE": (0.8, 0.6, 0.9, 0.7)}
    keys = [(seed, classifier) for seed in (0, 1) for classifier in images.CLASSIFIERS]
    rows = [
        {"n_rare": 20, "seed": seed, "method": name, "classifier": classifier, "macro_f1": value}
        for name, values in f1.items()
        for (seed, classifier), value in zip(keys, values, strict=True)
    ]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "images.csv")
    text = images.report(tmp_path / "images.csv")
    assert "| ganaug | 2 | 0.825 | 0.850 |" in text
    assert "| ganaug less | 20: both | 20: cnn | 20: forest |" in text
    assert "| SMOTE | +7.5 (+5.0 to +10.0) | +0.0 (-10.0 to +10.0) |" in text
