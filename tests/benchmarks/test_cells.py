import numpy as np
import pandas as pd
import pytest

from benchmarks import cells, methods
from benchmarks.cells import COLUMNS, Cell, Settings, run_cell
from benchmarks.data import load_dataset, split
from benchmarks.methods import RAW, Method

CLASSIFIERS = ("logistic_regression", "decision_tree")


@pytest.fixture
def settings(folder):
    load_dataset.cache_clear()
    cells.warm_up.cache_clear()
    return Settings(folder, inner_folds=2)


@pytest.fixture
def register(monkeypatch):
    def add(name, run, **options):
        monkeypatch.setitem(methods.METHODS, name, Method(name, run, RAW, "numpy", **options))

    return add


def fingerprints(X):
    return set(map(tuple, X.astype(str).to_numpy().tolist()))


def test_no_row_of_the_test_fold_reaches_a_sampler(settings, register):
    seen = []

    def spy(fold, seed):
        seen.append(fold)
        return fold.X, fold.y

    register("spy", spy)
    cell = Cell("numbers", 0, 1, "spy")
    rows = run_cell(cell, CLASSIFIERS, settings)
    dataset = load_dataset(settings.folder, "numbers")
    train, test = (dataset.take(part) for part in split(dataset, 0, 1))
    outer = [fold for fold in seen if len(fold.y) == len(train.y)]
    inner = [fold for fold in seen if list(fold.X.columns) == list("abc")]
    assert len(outer) == 1
    assert len(inner) == 1 + settings.inner_folds
    for fold in inner:
        assert not fingerprints(fold.X) & fingerprints(test.X)
    pd.testing.assert_frame_equal(outer[0].X, train.X)
    assert {row["status"] for row in rows} == {"ok"}


def test_inner_training_parts_leave_out_the_rows_that_are_predicted(settings, register):
    sizes = []
    register("spy", lambda fold, seed: (sizes.append(len(fold.y)), (fold.X, fold.y))[1])
    run_cell(Cell("mixed", 0, 0, "spy"), CLASSIFIERS, settings)
    assert sizes[-3:] == [64, 32, 32]


@pytest.mark.parametrize("name", ["mixed", "numbers"])
def test_rows_have_all_columns_and_proper_scores(settings, name):
    rows = run_cell(Cell(name, 0, 0, "smote"), CLASSIFIERS, settings)
    assert [row["classifier"] for row in rows] == list(CLASSIFIERS)
    for row in rows:
        assert set(row) == set(COLUMNS)
        assert (row["status"], row["tuning"], row["error"]) == ("ok", "ok", "")
        assert all(0 <= row[metric] <= 1 for metric in cells.metrics.MAIN_METRICS)
        assert row["n_resampled"] > row["n_train"]
        assert row["seconds"] > 0


def test_a_cell_gives_the_same_scores_whatever_ran_before(settings):
    cell = Cell("mixed", 0, 2, "ros")
    first = run_cell(cell, CLASSIFIERS, settings)
    run_cell(Cell("mixed", 0, 1, "smote"), CLASSIFIERS, settings)
    again = run_cell(cell, tuple(reversed(CLASSIFIERS)), settings)[::-1]
    for metric in cells.metrics.ALL_METRICS:
        assert [row[metric] for row in first] == [row[metric] for row in again]


def test_a_failing_sampler_becomes_failed_rows(settings, register):
    def broken(fold, seed):
        raise ZeroDivisionError("no")

    register("broken", broken)
    rows = run_cell(Cell("mixed", 0, 0, "broken"), CLASSIFIERS, settings)
    assert [(row["status"], row["error"]) for row in rows] == [("failed", "ZeroDivisionError")] * 2


def test_a_sampler_with_infinite_values_has_failed(settings, register):
    def explosive(fold, seed):
        return fold.X.assign(number=np.inf), fold.y

    register("explosive", explosive)
    rows = run_cell(Cell("mixed", 0, 0, "explosive"), CLASSIFIERS, settings)
    assert {(row["status"], row["error"]) for row in rows} == {("failed", "ValueError")}


def test_a_sampler_that_takes_too_long_has_failed(settings, register):
    def endless(fold, seed):
        while True:
            pass

    register("endless", endless)
    settings = Settings(settings.folder, inner_folds=0, seconds=0.05)
    cells.warm_up.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "warm_up", lambda name: None)
        rows = run_cell(Cell("mixed", 0, 0, "endless"), CLASSIFIERS, settings)
    assert {row["error"] for row in rows} == {"TimeoutError"}


def test_a_sampler_that_fails_in_tuning_keeps_its_untuned_decisions(settings, register):
    def needs_many(fold, seed):
        if len(fold.y) < 60:
            raise ValueError("too few")
        return fold.X, fold.y

    register("needs_many", needs_many)
    for row in run_cell(Cell("mixed", 0, 0, "needs_many"), CLASSIFIERS, settings):
        assert (row["status"], row["tuning"]) == ("ok", "ValueError")
        assert row["f1_tuned"] == row["f1"]


def test_slow_samplers_are_not_tuned(settings, register):
    register("slow", lambda fold, seed: (fold.X, fold.y), slow=True)
    for row in run_cell(Cell("mixed", 0, 0, "slow"), CLASSIFIERS, settings):
        assert row["tuning"] == "off"
        assert "f1_tuned" not in row


def test_class_weights_act_like_repeated_rows(settings):
    weighted = run_cell(Cell("mixed", 0, 0, "class_weight"), CLASSIFIERS[:1], settings)[0]
    plain = run_cell(Cell("mixed", 0, 0, "none"), CLASSIFIERS[:1], settings)[0]
    assert weighted["n_resampled"] == plain["n_resampled"]
    assert weighted["log_loss"] != plain["log_loss"]
    assert abs(weighted["log_loss_corrected"] - plain["log_loss_corrected"]) < 0.1


def test_folds_do_not_overlap_and_cover_everything(folder):
    dataset = load_dataset(folder, "numbers")
    tests = [split(dataset, 0, fold)[1] for fold in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(len(dataset.y)))
    assert not np.array_equal(tests[0], split(dataset, 1, 0)[1])
