import itertools

import numpy as np
import pandas as pd
import pytest

from benchmarks import ablation, oversampling
from benchmarks.command import ONE_THREAD
from benchmarks.data import Fold, load_dataset
from benchmarks.methods import NamedSampler
from benchmarks.variants import PARTS, Part
from ganaug._gan.monitor import QualityMonitor
from tests.benchmarks.conftest import mixed_table

# learning so fast that some rows leave their range
TINY = "n_steps=60,hidden_layer_sizes=(16,),batch_size=32,learning_rate=0.2"


@pytest.fixture
def fold():
    table = mixed_table(120, 30)
    y = table.pop("target").to_numpy()
    table.loc[::7, "number"] = np.nan
    table["warm"] = table["colour"].map({"red": "yes", "green": "no", "blue": "no"})
    return Fold(table, y, ("colour", "answer", "warm"))


def rows_without(part, fold):
    resampled = NamedSampler.parse(f'ganaug:{TINY},without="{part}"')(fold, 0)
    assert np.bincount(resampled.y).tolist() == [120, 120]
    return resampled.X.iloc[len(fold.y) :]


@pytest.fixture
def worse_and_worse(monkeypatch):
    """Let each check find worse rows than the one before: the first generator is the best."""
    qualities = itertools.count(1.0)
    monkeypatch.setattr(QualityMonitor, "measure", lambda *args: next(qualities))


@pytest.mark.filterwarnings("ignore:the generator collapsed")
@pytest.mark.usefixtures("worse_and_worse")
@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_taken_out_and_is_put_back(part, fold):
    whole = rows_without("", fold)
    less = rows_without(part, fold)
    assert not whole.equals(less)
    pd.testing.assert_frame_equal(rows_without("", fold), whole)


def test_the_control_stays_among_neighbours_in_its_class(fold):
    made = rows_without("network", fold)
    real = fold.X[fold.y == 1]
    assert made["number"].min() >= fold.X["number"].min()
    assert abs(made["number"].mean() - real["number"].mean()) < real["number"].std()
    assert set(made["colour"]) <= set(real["colour"])
    assert ((made["colour"] == "red") == (made["warm"] == "yes")).all()
    assert (made["count"] % 1 == 0).all()


def test_the_control_moves_in_units_of_the_class():
    """Shares of their own in each column would leave the line on which a class lies."""
    random = np.random.default_rng(0)
    x = random.normal(size=150)
    line = pd.DataFrame({"x": x, "sum": 3 * x + random.normal(size=150) * 0.01})
    made = rows_without("network", Fold(line, np.repeat([0, 1], [120, 30]), ()))
    thickness = (made["sum"] - 3 * made["x"]).std()
    assert thickness < 0.05 < 0.2 < made["x"].std()


def test_the_control_takes_tables_of_numbers(fold):
    numbers = Fold(fold.X[["count"]], fold.y, ())
    assert rows_without("network", numbers)["count"].between(0, 20).all()


def test_a_part_that_is_gone_is_an_error():
    gone = Part(((oversampling, "no_such_function", None),))
    with pytest.raises(AttributeError, match="no_such_function"), gone.taken_out():
        pass


def test_unknown_parts_are_an_error(fold):
    with pytest.raises(KeyError, match="nonsense"):
        NamedSampler.parse("ganaug:without='nonsense'")(fold, 0)


def test_command_line(folder, tmp_path, monkeypatch):
    load_dataset.cache_clear()
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")
    out = tmp_path / "ablation.csv"
    options = ["--folds=1", "--seeds=1", "--jobs=0", "--datasets=numbers"]
    tiny = f'ganaug:{TINY},ganaug:{TINY},without="network"'
    options += [f"--samplers=none,ganaug:n_steps=1,{tiny}", "--classifiers=decision_tree"]
    assert ablation.main([f"--data={folder}", f"--out={out}", *options]) == 0
    assert "without=" in out.with_suffix(".md").read_text()


def test_all_parts_run_by_default(monkeypatch):
    seen = []
    monkeypatch.setattr(oversampling, "main", lambda argv: seen.extend(argv) or 0)
    ablation.main(["--folds=2"])
    samplers = oversampling.split_names(seen[0].removeprefix("--samplers="))
    assert [name for name in samplers if "without" in name] == [
        f'ganaug:without="{part}"' for part in PARTS
    ]
    assert seen[-1] == "--folds=2"
