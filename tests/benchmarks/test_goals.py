import pandas as pd
import pytest

from benchmarks.goals import oversampling_goals
from benchmarks.markdown import goals_table
from tests.benchmarks.test_ranking import results_of

SAMPLERS = ("ganaug", "none", "svm_smote", "ros")


def goals_of(results):
    return {goal.text: goal for goal in oversampling_goals(results)}


def results_where(ours, **columns):
    """Make results in which the others score 0.5, 0.6 and 0.7 on six data sets."""
    scores = dict(zip(SAMPLERS, (ours, 0.5, 0.6, 0.7), strict=True))
    return results_of({(f"set{i}", 0): scores for i in range(6)}, **columns)


def goal(goals, start):
    return next(goal for text, goal in goals.items() if text.startswith(start))


@pytest.mark.parametrize(("ours", "met"), [(0.8, True), (0.65, False)])
def test_goals_follow_the_scores(ours, met):
    goals = goals_of(results_where(ours))
    assert goal(goals, "first in mean rank").met is met
    assert goal(goals, "knn").met  # first, or second
    assert goal(goals, "average precision: rank and mean no worse than none").met
    assert goal(goals, "no data set").met is met
    assert goal(goals, "f1: win rate").met


def test_figures_are_shown():
    goals = goals_of(results_where(0.8))
    assert goal(goals, "first in mean rank").figure == "1.00, RandomOverSampler 2.00"
    assert goal(goals, "knn").figure.startswith("place 1 of 4: 1.00")
    assert goal(goals, "no data set").figure == "set0 +0.100"
    assert goal(goals, "balanced accuracy").figure == "100%, p = 0.0312"
    assert not goal(goals, "balanced accuracy").met  # p is not below .01 with six data sets


def test_a_collapse_is_named():
    results = results_where(0.8)
    fallen = (results["dataset"] == "set3") & (results["sampler"] == "ganaug")
    results.loc[fallen, "balanced_accuracy"] = 0.6
    assert goal(goals_of(results), "no data set").figure == "set3 -0.100"


def test_seconds_by_the_size_of_the_table():
    results = results_where(0.8, seconds=2.0)
    results.loc[results["dataset"] == "set3", ["n_train", "seconds"]] = [30_000, 9]
    goals = goals_of(results)
    assert goal(goals, "at most 3 s").met
    assert not goal(goals, "at most 8 s").met
    assert goal(goals, "at most 8 s").figure == "0 of 1 tables, set3 9.0 s"
    again = results_where(0.8, seconds=30.0, seed=1)  # at another hour
    assert goal(goals_of(pd.concat([results, again])), "at most 3 s").met


def test_what_did_not_run_is_not_measured():
    results = results_where(0.8)
    goals = goals_of(results[results["sampler"] != "svm_smote"])
    assert goal(goals, "f1: win rate").met is None
    assert goal(goals, "average precision: better than CTGAN").met is None
    assert goal(goals, "tiny minority").met is None
    assert "| not measured |" in goals_table(list(goals.values()))
