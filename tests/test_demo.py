import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.dummy import DummyClassifier

from ganaug import cli
from ganaug.demo import METRICS, compare, format_scores, run_demo
from ganaug.exceptions import DataError


@pytest.fixture
def small_table(monkeypatch):
    """Let the demo see 2000 rows of the table."""
    from ganaug import demo
    from ganaug.datasets import load_bank_marketing

    X, y = load_bank_marketing()
    rows = np.arange(0, len(y), len(y) // 2000)
    monkeypatch.setattr(demo, "load_bank_marketing", lambda: (X.iloc[rows], y.iloc[rows]))


@pytest.mark.usefixtures("small_table")
def test_demo_prints_a_table_and_draws_a_picture(tmp_path):
    output = tmp_path / "demo.png"
    text = run_demo(output, n_steps=20, max_train_rows=600, n_splits=2, progress=False)
    lines = text.splitlines()
    assert output.stat().st_size > 50_000
    assert str(output) in lines[-1]
    (start,) = (k for k, line in enumerate(lines) if line.startswith("classifier"))
    table = lines[start : start + 10]
    assert all(metric in table[0] for metric in METRICS)
    assert len({len(line) for line in table}) == 1
    for line in table[1:]:
        assert all(0 <= float(score) <= 1 for score in line.split()[-4:])
    assert [line.split()[-5] for line in table[1:]] == ["none", "SMOTENC", "ganaug"] * 3


def test_scores_are_means_over_folds():
    X = pd.DataFrame({"a": np.zeros(8)})
    y = pd.Series([True, False, False, False] * 2)
    folds = [(np.arange(4), np.arange(4, 8)), (np.arange(4, 8), np.arange(4))]
    samplers = {"none": None, "copies": RandomOverSampler(random_state=0)}
    scores = compare(X, y, samplers, {"prior": DummyClassifier()}, folds)
    assert set(scores) == {("prior", "none"), ("prior", "copies")}
    never, always = scores["prior", "none"], scores["prior", "copies"]
    assert never == pytest.approx(dict(zip(METRICS, (0.5, 0.25, 0.5, 0.0), strict=True)))
    # balanced to 1/2, the classifier says "positive" everywhere
    assert always == pytest.approx(dict(zip(METRICS, (0.5, 0.25, 0.5, 0.4), strict=True)))
    assert len(format_scores(scores).splitlines()) == 3


@pytest.mark.parametrize("name", ["demo.txt", "no/demo.png"])
def test_a_picture_that_can_not_be_drawn_is_refused_at_once(tmp_path, name):
    with pytest.raises(DataError):
        run_demo(tmp_path / name)


def test_the_command_passes_its_options_on(monkeypatch, capsys, tmp_path):
    seen = {}
    monkeypatch.setattr("ganaug.demo.run_demo", lambda **given: seen.update(given) or "scores")
    assert cli.main(["demo", "--seed", "3", "-o", str(tmp_path / "a.png"), "--quiet"]) == 0
    assert seen == {
        "output": tmp_path / "a.png",
        "random_state": 3,
        "force": False,
        "progress": False,
    }
    assert capsys.readouterr().out == "scores\n"
