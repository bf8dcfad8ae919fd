import csv

import pytest

from benchmarks import cells, methods, oversampling, usage
from benchmarks.command import ONE_THREAD
from benchmarks.data import load_dataset
from benchmarks.methods import RAW, Method
from benchmarks.store import Results

VARYING = {"seconds", "memory_mb", "classifier_seconds"}
OPTIONS = {"samplers": "none,ros", "folds": 2, "seeds": 1, "inner-folds": 0, "jobs": 0}
CLASSIFIERS = "logistic_regression,decision_tree"


@pytest.fixture
def run(folder, monkeypatch):
    load_dataset.cache_clear()
    monkeypatch.setattr(oversampling.report, "write", lambda *args, **keywords: [])
    monkeypatch.setattr(usage, "_resident_after_cleaning", lambda: 0.0)  # slow beside pytest
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")

    def call(out, *more):
        given = {"data": folder, "out": out, "classifiers": CLASSIFIERS, **OPTIONS}
        return oversampling.main([*(f"--{name}={value}" for name, value in given.items()), *more])

    return call


def rows_of(path):
    with path.open(newline="") as file:
        return [
            {name: value for name, value in row.items() if name not in VARYING}
            for row in csv.DictReader(file)
        ]


def by_key(rows):
    return sorted(rows, key=lambda row: [row[name] for name in cells.KEY_COLUMNS])


def test_a_killed_run_goes_on_to_the_same_file(run, tmp_path):
    whole, broken = tmp_path / "whole.csv", tmp_path / "broken.csv"
    assert run(whole) == 0
    text = whole.read_text()
    lines = text.splitlines(keepends=True)
    assert len(lines) == 1 + 2 * 2 * 2 * 2  # data sets, folds, samplers, classifiers
    broken.write_text("".join(lines[:6]) + lines[6][:25])  # killed while writing
    assert run(broken) == 0
    assert by_key(rows_of(broken)) == by_key(rows_of(whole))


def test_an_interruption_keeps_what_is_done(run, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole.csv", tmp_path / "stopped.csv"
    run(whole)
    calls = []

    def stop_at_the_fourth(*args):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return cells.run_cell(*args)

    with monkeypatch.context() as patch:
        patch.setattr(oversampling, "run_cell", stop_at_the_fourth)
        assert run(stopped) == 130
    assert len(rows_of(stopped)) == 6
    assert run(stopped) == 0
    assert rows_of(stopped) == rows_of(whole)


def test_a_finished_run_does_nothing(run, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    run(out)
    before = out.read_text()
    monkeypatch.setattr(oversampling, "run_cell", None)
    assert run(out) == 0
    assert out.read_text() == before


def test_more_classifiers_are_added(run, tmp_path):
    out = tmp_path / "out.csv"
    run(out)
    run(out, "--classifiers", "logistic_regression,decision_tree,knn")
    rows = rows_of(out)
    assert len(rows) == 24
    assert sum(row["classifier"] == "knn" for row in rows) == 8


def test_again_repeats_a_sampler(run, tmp_path):
    out = tmp_path / "out.csv"
    run(out)
    run(out, "--again", "ros")
    rows = rows_of(out)
    assert len(rows) == 16
    assert [row["sampler"] for row in rows[8:]] == ["ros"] * 8


def test_other_settings_need_another_file(run, tmp_path, capsys):
    out = tmp_path / "out.csv"
    run(out)
    assert run(out, "--max-rows", "70") == 2
    assert "max_rows=0" in capsys.readouterr().err


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="other columns"):
        Results(path, {"max_rows": 0, "inner_folds": 0}).open()


def test_an_absent_peer_is_skipped_in_words(run, tmp_path, monkeypatch, capsys):
    absent = Method("x", methods.nothing, RAW, "some-package", ("no_such_module",))
    monkeypatch.setitem(methods.METHODS, "absent", absent)
    assert run(tmp_path / "out.csv", "--samplers", "none,absent") == 0
    assert "skipped: absent needs some-package" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--samplers", "nonsense"], "no sampler 'nonsense'"),
        (["--datasets", "nowhere"], "no table 'nowhere'"),
        (["--classifiers", "oracle"], "no classifier 'oracle'"),
    ],
)
def test_unknown_names_are_explained(run, tmp_path, capsys, option, message):
    assert run(tmp_path / "out.csv", *option) == 2
    assert message in capsys.readouterr().err


def test_an_absent_folder_is_named(run, tmp_path, capsys):
    assert run(tmp_path / "out.csv", f"--data={tmp_path / 'absent'}") == 2
    assert "absent" in capsys.readouterr().err


def test_processes_give_the_same_rows(run, tmp_path):
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    options = ["--datasets", "mixed", "--folds", "1"]
    run(here, *options)
    run(there, *options, "--jobs", "1")
    assert rows_of(here) == rows_of(there)


def test_slow_samplers_run_on_fewer_folds(folder):
    settings = cells.Settings(folder)
    planned = oversampling.plan(["mixed"], ["none", "ctgan"], settings, 5, None)
    assert sum(cell.sampler == "ctgan" for cell in planned) == 2
    assert sum(cell.sampler == "none" for cell in planned) == 15
