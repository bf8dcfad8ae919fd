import numpy as np
import pandas as pd
import pytest

from benchmarks import likeness
from benchmarks.data import Fold
from benchmarks.likeness import MEASURES, Comparison, density_coverage, precision_recall


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(likeness, "N_TREES", 20)
    monkeypatch.setattr(likeness, "MAX_DRAWS", 1)


def numbers(n, shift=0.0, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(random.normal(shift, 1.0, (n, 3)), columns=list("abc"))


def levels(n, seed=0, names=("x", "y", "z")):
    random = np.random.default_rng(seed)
    first = random.choice(names, n)
    return pd.DataFrame({"first": first, "second": first})  # pairs of unlike levels are new


def compare(train, held_out, made, categorical=()):
    X = pd.concat([train, held_out], ignore_index=True)
    table = Fold(X, np.ones(len(X), dtype=np.int64), tuple(categorical))
    return Comparison(table, train, held_out, made, seed=0)


def test_rows_of_the_same_distribution_are_alike():
    found = compare(numbers(200), numbers(200, seed=1), numbers(200, seed=2)).measures()
    assert tuple(found) == MEASURES
    assert found["forest_accuracy"] == pytest.approx(0.5, abs=0.08)
    assert found["logistic_accuracy"] == pytest.approx(0.5, abs=0.08)
    assert min(found[name] for name in ("precision", "recall", "coverage")) > 0.9
    assert found["density"] == pytest.approx(1.0, abs=0.15)
    assert found["correlation_error"] < 0.15
    assert found["distance"] == pytest.approx(found["distance_real"], rel=0.15)
    assert found["copies"] == found["copies_real"] == 0


def test_shifted_rows_are_found_out():
    found = compare(numbers(200), numbers(200, seed=1), numbers(200, shift=3, seed=2)).measures()
    assert found["forest_accuracy"] > 0.95
    assert found["logistic_accuracy"] > 0.95
    assert found["precision"] < 0.2
    assert found["coverage"] < 0.2


def test_copies_are_counted_and_at_no_distance():
    train = numbers(100)
    made = pd.concat([train[:30].astype(np.float32), numbers(70, seed=2)], ignore_index=True)
    found = compare(train, numbers(100, seed=1), made).closeness()
    assert found["copies"] == pytest.approx(0.3)
    assert found["copies_real"] == 0
    half = pd.concat([train[:60], numbers(40, seed=2)], ignore_index=True)
    assert compare(train, numbers(100, seed=1), half).closeness()["distance"] == pytest.approx(0)


def test_precision_and_recall_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    made = np.array([[0.5], [1.5], [4.0], [30.0]])
    # with one neighbour the balls of real rows are [-1, 1], [0, 2], [1, 3] and [2, 18]
    assert precision_recall(real, made, 1)["precision"] == 0.75
    # those of made rows are [-0.5, 1.5], [0.5, 2.5], [1.5, 6.5] and [4, 56]
    assert precision_recall(real, made, 1)["recall"] == 1.0
    # 0.5 lies in two balls, 1.5 in two, 4 in one
    assert density_coverage(real, made, 1) == {"density": 5 / 4, "coverage": 1.0}


def test_errors_of_categories():
    train, held_out = levels(60), levels(60, seed=1)
    made = pd.DataFrame({"first": ["x", "x", "x", "q"], "second": ["x", "y", "x", "x"]})
    comparison = compare(train, held_out, made, ("first", "second"))
    found = comparison.measures()
    assert found["invalid"] == 0.25
    assert found["new_pairs"] == 0.5
    assert found["new_pairs_real"] == 0
    rates = held_out["first"].value_counts(normalize=True)
    others = held_out["second"].value_counts(normalize=True)
    expected = (1 - min(rates["x"], 0.75) + 1 - min(others["x"], 0.75) - min(others["y"], 0.25)) / 2
    assert found["rate_error"] == pytest.approx(expected)


@pytest.mark.parametrize(("value", "share"), [(1.0, 0.0), (1.5, 1.0), (-1.0, 1.0), (9.0, 1.0)])
def test_numbers_off_their_range_or_the_whole_numbers_are_invalid(value, share):
    real = pd.DataFrame({"count": np.arange(8)})
    made = pd.DataFrame({"count": [value] * 4})
    assert compare(real, real, made).invalid() == share


def test_fractions_are_valid_where_there_are_some():
    real = pd.DataFrame({"size": np.arange(8) / 4})
    assert compare(real, real, pd.DataFrame({"size": [1.1]})).invalid() == 0


def test_two_rows_are_enough():
    found = compare(numbers(2), numbers(2, seed=1), numbers(5, seed=2)).measures()
    assert 0 <= found["forest_accuracy"] <= 1


def test_missing_levels_are_a_level():
    gaps = pd.DataFrame({"first": ["x", None, "x", None]})
    comparison = compare(gaps, gaps, pd.DataFrame({"first": ["x", "x"]}), ("first",))
    assert comparison.rate_error() == 0.5
    assert comparison.invalid() == 0
