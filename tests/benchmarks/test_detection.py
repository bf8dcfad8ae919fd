import numpy as np
import pandas as pd
import pytest

from benchmarks import detection, detection_report, detectors
from benchmarks.anomalies import anomaly_names, load_anomalies, make_trial, precision_at_n
from benchmarks.command import ONE_THREAD
from benchmarks.detectors import ABLATION, DETECTORS, NamedDetector


@pytest.fixture
def sets(folder):
    """Two ADBench files, beside the tables of the other benchmarks."""
    random = np.random.default_rng(0)
    (folder / "anomaly").mkdir()
    for name, n in (("big", 200), ("small", 80)):
        X = np.r_[random.normal(size=(n, 3)), random.normal(0, 9, size=(n // 10, 3))]
        y = np.arange(len(X)) >= n
        np.savez(folder / "anomaly" / f"{name}.npz", X=X.astype("f4"), y=y.astype(int))
    load_anomalies.cache_clear()
    return folder


def test_small_sets_come_first(sets):
    assert anomaly_names(sets) == anomaly_names(sets / "anomaly") == ["small", "big"]
    with pytest.raises(ValueError, match=r"no file none\.npz"):
        load_anomalies(sets, "none")


def test_training_rows_are_normal_and_not_tested(sets):
    fold = load_anomalies(sets, "big")
    trial = make_trial(fold, "big", "semi", 0, 50)
    assert len(trial.train.y) == 50
    assert not trial.train.y.any()
    assert trial.test.y.sum() == 20
    assert not set(trial.train.X["x0"]) & set(trial.test.X["x0"])
    again = make_trial(fold, "big", "semi", 0, 50)
    pd.testing.assert_frame_equal(again.train.X, trial.train.X)
    both = make_trial(fold, "big", "unsupervised", 0, 0)
    assert both.is_same
    assert len(both.train.y) == 220


HERE = [name for name, detector in DETECTORS.items() if not detector.missing()]


@pytest.mark.parametrize("name", [*HERE, *ABLATION])
@pytest.mark.parametrize("protocol", ["semi", "unsupervised"])
def test_higher_is_more_anomalous(sets, name, protocol):
    trial = make_trial(load_anomalies(sets, "big"), "big", protocol, 0, 0)
    named = NamedDetector.parse(name)
    if name == "ganaug-sampler":
        named = NamedDetector.parse("ganaug-sampler:n_steps=100")
    fitted = named.fit(trial, 0)
    view = named.view(trial)
    found = fitted.training() if trial.is_same else fitted.new(view(trial.test.X))
    assert precision_at_n(trial.test.y, found) > 0.5


def test_a_run_is_resumed_and_reported(sets, tmp_path, monkeypatch, capsys):
    out = tmp_path / "detection.csv"
    options = ["--data", str(sets), "--detectors", "knn,iforest,ganaug:n_steps=5"]
    options += ["--out", str(out), "--seeds", "2"]
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")
    assert detection.main([*options, "--datasets", "small"]) == 0
    first = pd.read_csv(out)
    assert len(first) == 12
    assert (first["status"] == "ok").all()
    assert detection.main(options) == 0
    assert "24 cells, 12 of them done" in capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_csv(out)[:12], first, check_dtype=False)
    assert "| kNN (5) |" in out.with_suffix(".md").read_text()
    assert (tmp_path / "detection-semi-ranks.png").exists()


def test_a_detector_that_fails_is_the_worst(sets, tmp_path, monkeypatch):
    def broken(X, seed):
        raise RuntimeError

    monkeypatch.setitem(detectors.DETECTORS, "broken", detectors.Detector("broken", broken))
    cells = [
        detection.Cell("semi", dataset, 0, name)
        for dataset in ("small", "big")
        for name in ("knn", "iforest", "broken")
    ]
    rows = pd.DataFrame([detection.run_cell(cell, sets, 0, None) for cell in cells])
    assert rows.loc[rows["detector"] == "broken", "error"].eq("RuntimeError").all()
    (fast,) = detection_report.fields(rows)
    assert detection_report.dataset_ranks(fast).mean().idxmax() == "broken"


def test_slower_detectors_are_compared_on_what_they_share():
    n_sets = {"knn": 10, "lof": 10, "alad": 5, "anogan": 2}
    rows = pd.DataFrame(
        [
            {"dataset": f"set {k}", "seed": 0, "detector": name, "status": "ok"}
            | dict.fromkeys(detection_report.METRICS, 50.0)
            for name, n in n_sets.items()
            for k in range(n)
        ]
    )
    fields = detection_report.fields(rows)
    found = [(f["dataset"].nunique(), f["detector"].nunique()) for f in fields]
    assert found == [(10, 2), (5, 3), (2, 4)]


def test_goals_say_what_was_measured():
    rows = pd.DataFrame(
        [
            {"protocol": p, "dataset": "a", "seed": 0, "detector": d, "status": "ok"}
            | dict.fromkeys(detection_report.METRICS, score)
            for p, scores in (("semi", (90.0, 88.0)), ("unsupervised", (81.0, 82.0)))
            for d, score in zip(("ganaug", "knn"), scores, strict=True)
        ]
    )
    met = {goal.text: goal.met for goal in detection_report.goals(rows)}
    assert met == {
        "semi: mean ROC AUC at least kNN + 1.5": True,
        "semi: mean AP at least kNN + 3.0": False,
        "semi: mean rank first": True,
        "unsupervised: mean ROC AUC 82, above all": False,
        "unsupervised: mean rank first": False,
    }


def test_choices_on_half_of_the_sets_are_judged_on_the_other():
    random = np.random.default_rng(0)
    scores = pd.DataFrame({"ganaug": random.normal(80, 1, 12)})
    scores["ganaug:better=1"] = scores["ganaug"] + 2
    scores["ganaug:worse=1"] = scores["ganaug"] - 2
    halvings = detection_report.choose_on_halves(scores)
    assert set(halvings["chosen"]) == {"ganaug:better=1"}
    np.testing.assert_allclose(halvings[["gained", "missed"]], 2)


def test_the_report_says_what_it_reads(tmp_path, capsys, monkeypatch):
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")  # put back at the end
    assert detection_report.main([str(tmp_path / "absent.csv")]) == 2
    assert "absent.csv" in capsys.readouterr().err
    for arguments, status in ((["--help"], 0), ([], 2)):
        with pytest.raises(SystemExit, match=str(status)):
            detection_report.main(arguments)
