"""Which rows others start from, where these have to meet conditions."""

import pytest
import torch

from ganaug._encoding.layout import Condition, HeadSlot, NumberSlot, TableLayout
from ganaug._gan.conditions import Conditions

LAYOUT = TableLayout(
    numbers=(NumberSlot(0, -3.0, 3.0, 0.0), NumberSlot(1, -3.0, 3.0, 0.0)),
    vectors=(),
    heads=(HeadSlot(2, 2), HeadSlot(1, 2, 1, (0.0, 0.0), has_missing=True)),
)
FIRST_LEVEL = Condition("level", head=0, states=(0,))
CPU = torch.device("cpu")


def number(position, low, high):
    head = position if position else None
    return Condition("number", position, low, high, head=head, states=(0,) if head else ())


def rows_of(first, second=None, level=None, is_missing=None):
    """Return encoded rows, alike in what is not said of them."""
    n = len(first)
    rows = torch.zeros(n, LAYOUT.width)
    rows[:, 0] = torch.tensor(first)
    rows[:, 1] = torch.tensor(second or [0.0] * n)
    for start, codes in ((2, level), (4, is_missing)):
        rows[torch.arange(n), start + torch.tensor(codes or [0] * n)] = 1.0
    return rows


def nearest(rows, *conditions):
    return Conditions(conditions, LAYOUT, CPU).nearest(rows).nonzero().flatten().tolist()


def test_rows_that_meet_the_conditions_are_taken_alone_if_there_are_enough():
    rows = rows_of([float(k) / 100 for k in range(100)])
    assert nearest(rows, number(0, 0.5, 0.7)) == list(range(50, 71))


@pytest.mark.parametrize("low", [0.501, 0.504])
def test_few_rows_that_meet_a_number_are_joined_by_the_nearest(low):
    rows = rows_of([float(k) / 100 for k in range(100)])
    assert nearest(rows, number(0, low, 0.505)) in (list(range(45, 55)), list(range(46, 56)))


def test_of_few_rows_fewer_are_near():
    assert nearest(rows_of([0.0, 0.1, 0.2, 0.3]), number(0, 0.26, 0.26)) == [2, 3]
    assert nearest(rows_of([0.5]), number(0, 0.7, 0.7)) == [0]


def test_rows_that_are_as_near_come_together():
    assert nearest(rows_of([0.0, 1.0] * 50), number(0, 0.9, 0.9)) == list(range(1, 100, 2))


def test_distances_are_those_in_all_numbers():
    rows = rows_of([0.0, 0.0, 1.0, 0.9], [0.0, 1.0, 0.0, 0.9])
    assert nearest(rows[[0, 1, 3]], number(0, 1.0, 1.0), number(1, 1.0, 1.0)) == [2]


def test_levels_come_before_numbers():
    rows = rows_of([0.0, 0.1, 2.0, 2.0], level=[0, 0, 1, 1])
    assert nearest(rows, FIRST_LEVEL, number(0, 2.0, 2.0)) == [1]
    assert nearest(rows, FIRST_LEVEL) == [0, 1]


def test_a_missing_number_is_near_to_none():
    rows = rows_of([0.0] * 4, [0.0, 0.0, 2.0, 0.5], is_missing=[1, 1, 0, 0])
    assert nearest(rows, number(1, 0.1, 0.1)) == [3]
