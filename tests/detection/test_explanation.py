import numpy as np
import pytest

from ganaug._detection.explanation import Explanation, PathExplainer
from ganaug.exceptions import DataError


def explained(score, points, baselines):
    n_columns = points.shape[1]
    explainer = PathExplainer(
        lambda rows, modes: score(rows), np.arange(n_columns), n_columns, seed=0
    )
    return explainer.contributions(points, baselines, np.zeros(len(points), dtype=np.int64))


def test_what_two_columns_do_together_is_shared_evenly():
    # the Shapley values of products; one order, without its reverse, would give all to one column
    points = np.array([[2.0, 3.0, 5.0, 7.0], [1.0, 1.0, 0.0, 4.0]], dtype=np.float32)
    shares = explained(lambda rows: -(rows[:, 0] * rows[:, 1] + rows[:, 3]), points, 0 * points)
    assert shares == pytest.approx(np.array([[3, 3, 0, 7], [0.5, 0.5, 0, 4]]))


def test_a_column_that_changes_nothing_gets_nothing():
    random = np.random.default_rng(0)
    points, baselines = random.normal(size=(2, 20, 6)).astype(np.float32)
    shares = explained(lambda rows: -np.abs(rows[:, :5]).max(axis=1), points, baselines)
    assert not shares[:, 5].any()
    assert (np.abs(shares[:, :5]).max(axis=1) > 0).all()


def explanation_of(contributions):
    names = tuple("abcdef"[: contributions.shape[1]])
    return Explanation(contributions, np.zeros(len(contributions)), np.zeros(2), names)


def test_the_top_columns_are_as_many_as_asked_for_or_all():
    explanation = explanation_of(np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 5.0]]))
    assert explanation.top(1) == [[("b", 3.0)], [("c", 5.0)]]
    assert explanation.top(np.int64(2))[0] == [("b", 3.0), ("c", 2.0)]
    assert [name for name, _ in explanation.top(9)[0]] == ["b", "c", "a"]


@pytest.mark.parametrize("n", [0, -1, 1.5, True, None])
def test_numbers_of_columns_that_are_none_are_refused(n):
    with pytest.raises(DataError, match=f"n_features must be .* of columns, 1 or more, got {n}"):
        explanation_of(np.ones((2, 3))).top(n)
