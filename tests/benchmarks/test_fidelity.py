import csv

import numpy as np
import pandas as pd
import pytest

from benchmarks import fidelity, fidelity_report, likeness, usage
from benchmarks.cells import Cell, Settings
from benchmarks.command import ONE_THREAD
from benchmarks.data import load_dataset
from benchmarks.likeness import MEASURES

FAST = "none,smoothed_bootstrap,smote"


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(likeness, "N_TREES", 5)
    monkeypatch.setattr(likeness, "MAX_DRAWS", 1)
    monkeypatch.setattr(usage, "_resident_after_cleaning", lambda: 0.0)  # slow beside pytest


@pytest.fixture
def run(folder, monkeypatch):
    load_dataset.cache_clear()
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")

    def call(out, *more):
        options = [f"--data={folder}", f"--out={out}", f"--samplers={FAST}", "--seeds=1"]
        return fidelity.main([*options, *more])

    return call


def rows_of(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_killed_run_goes_on_to_the_same_file(run, tmp_path):
    whole, broken = tmp_path / "whole.csv", tmp_path / "broken.csv"
    assert run(whole) == 0
    lines = whole.read_text().splitlines(keepends=True)
    assert len(lines) == 1 + 2 * 2 * 3  # data sets, halves, samplers
    assert all(row["status"] == "ok" for row in rows_of(whole))
    broken.write_text("".join(lines[:4]) + lines[4][:30])
    assert run(broken) == 0
    assert rows_of(broken) == rows_of(whole)
    text = (tmp_path / "whole.md").read_text()
    assert "2 data sets" in text
    assert "## Two-sample accuracy of the forest" in text


def test_training_rows_are_copies_and_pass_for_real(folder):
    load_dataset.cache_clear()
    row = fidelity.run_cell(Cell("mixed", 0, 0, "none"), Settings(folder))
    assert row["copies"] == 1
    assert row["distance"] == 0
    assert row["invalid"] == 0
    assert row["n_made"] == row["n_held_out"] == 10
    assert set(MEASURES) <= set(row)


def test_only_rows_of_the_smallest_class_are_compared(folder):
    load_dataset.cache_clear()
    row = fidelity.run_cell(Cell("numbers", 0, 0, "smoothed_bootstrap"), Settings(folder))
    assert row["n_made"] == 30 - 8  # to the size of the largest class, from half of 15


def test_a_failure_is_a_row(folder):
    load_dataset.cache_clear()
    broken = fidelity.run_cell(Cell("mixed", 0, 0, "smote:k_neighbors=99"), Settings(folder))
    assert (broken["status"], broken["error"]) == ("failed", "ValueError")


def test_slow_samplers_learn_from_one_half_only(folder):
    planned = fidelity.plan(["mixed"], ["smote", "ctgan"], Settings(folder), 2, None)
    assert sum(cell.sampler == "ctgan" for cell in planned) == 1
    assert sum(cell.sampler == "smote" for cell in planned) == 6


def results_of(accuracies, **columns):
    """Make results out of (data set, sampler) -> two-sample accuracy."""
    rows = [
        {
            "dataset": dataset,
            "seed": 0,
            "fold": 0,
            "sampler": sampler,
            "status": "ok",
            "n_categorical": 0,
            "max_rows": 0,
            **dict.fromkeys(MEASURES, 0.0),
            "forest_accuracy": accuracy,
            **columns,
        }
        for (dataset, sampler), accuracy in accuracies.items()
    ]
    return pd.DataFrame(rows)


def test_goals():
    accuracies = {(f"set {i}", "ganaug_sample"): 0.6 for i in range(5)}
    accuracies |= {(f"set {i}", "smote"): 0.7 if i else 0.5 for i in range(5)}
    results = results_of(accuracies, distance=1.0, distance_real=1.0)
    smote, ctgan, copies, distance = fidelity_report.fidelity_goals(results)
    assert smote.figure == "4 of 5; not set 0 +0.100"
    assert smote.met
    assert ctgan.met is None
    assert copies.met
    assert distance.met
    accuracies |= {(f"set {i}", "ganaug"): 0.8 for i in range(5)}
    *_, of_training, _, _, _ = fidelity_report.fidelity_goals(results_of(accuracies))
    assert of_training.text.startswith("`fit_resample`: two-sample")
    assert of_training.figure.startswith("0 of 5; not")


def test_copies_and_close_rows_miss_the_goal():
    results = results_of(
        {("a", "ganaug_sample"): 0.5, ("b", "ganaug_sample"): 0.5},
        distance=0.9,
        distance_real=1.0,
        copies=0.01,
    )
    *_, copies, distance = fidelity_report.fidelity_goals(results)
    assert not copies.met
    assert copies.figure == "0 of 2 tables of numbers, a 1.00%, b 1.00%"
    assert not distance.met


def test_the_control_is_compared_over_data_sets():
    accuracies = {(f"set {i}", "ganaug_sample"): 0.6 + i / 100 for i in range(6)}
    control = 'ganaug_sample:without="network"'
    accuracies |= {(f"set {i}", control): 0.7 for i in range(6)}
    text = fidelity_report.render(results_of(accuracies, distance=1.0, distance_real=1.0))
    assert "## `sample` against its control without a network" in text
    assert "| two-sample forest | 6 | -0.075 | 0.008 | 0.031 |" in text
    assert "| copies | 6 | +0.000 | 0.000 | 1.000 |" in text
    assert "`fit_resample` against" not in text


def test_no_distance_beside_no_distance_is_equal():
    ratio = fidelity_report._ratio(pd.Series([0.0, 1.0, 1.0]), pd.Series([0.0, 0.0, 2.0]))
    np.testing.assert_array_equal(ratio, [1.0, np.inf, 0.5])


def test_report_without_a_file(tmp_path, capsys):
    assert fidelity_report.main([str(tmp_path / "absent.csv")]) == 2
    assert "absent.csv" in capsys.readouterr().err
