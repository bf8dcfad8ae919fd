"""Which columns are dummies, and how they become a category and themselves again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganaug._encoding.columns import Column, categorical, numeric
from ganaug._encoding.dummies import find_dummies
from ganaug._encoding.table import TableEncoder
from ganaug.exceptions import DataError

KINDS = {
    "integers": lambda ones: number(ones.astype(np.int64)),
    "bytes": lambda ones: number(ones.astype(np.uint8)),
    "floats": lambda ones: number(ones.astype(float)),
    "booleans": lambda ones: categorical("d", ones.tolist()),
    "categories": lambda ones: categorical("d", ones.astype(int).tolist()),
    "written booleans": lambda ones: categorical("d", list(map(str, ones.tolist()))),
    "answers": lambda ones: categorical("d", np.where(ones, "Yes", "No").tolist()),
}


def number(values):
    return numeric("d", values, np.zeros(len(values), dtype=bool))


def dummies(codes, n_levels, kind="integers"):
    return [KINDS[kind](codes == level) for level in range(n_levels)]


def drawn(n_levels, n=200, seed=0):
    codes = np.random.default_rng(seed).integers(0, n_levels, n)
    codes[:n_levels] = np.arange(n_levels)
    return codes


def positions(columns):
    return [[dummy.position for dummy in group.dummies] for group in find_dummies(columns)]


OTHER = number(np.random.default_rng(1).normal(size=200))
NOTHING = number(np.zeros(200))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_levels", [2, 3, 40])
def test_dummies_of_every_kind_are_found(kind, n_levels):
    columns = [OTHER, *dummies(drawn(n_levels), n_levels, kind), OTHER]
    assert positions(columns) == [list(range(1, n_levels + 1))]


def test_dummies_are_found_beside_one_another_and_around_levels_that_no_row_has():
    first, second = dummies(drawn(3), 3), dummies(drawn(4, seed=1), 4, "booleans")
    flag = number((np.random.default_rng(2).random(200) < 0.1).astype(int))
    columns = [flag, *first, flag, second[0], NOTHING, *second[1:], flag]
    assert positions(columns) == [[1, 2, 3], [5, 7, 8, 9]]


@pytest.mark.parametrize("place", [0, 7])
def test_a_flag_beside_dummies_that_stands_for_some_of_them_is_none(place):
    days = drawn(7)
    columns = dummies(days, 7)
    columns.insert(place, number((days >= 5 if place == 0 else days < 2).astype(int)))
    assert positions(columns) == [[k for k in range(8) if k != place]]


@pytest.mark.parametrize(
    "change",
    [
        lambda columns: columns[1:],  # the first level dropped
        lambda columns: [columns[0], OTHER, *columns[1:]],
        lambda columns: [number(2 * column.values) for column in columns],
        lambda columns: [number(np.where(column.values, 1, -1)) for column in columns],
        lambda columns: [
            Column("d", column.values, np.arange(200) == k) for k, column in enumerate(columns)
        ],
        lambda columns: [
            categorical("d", np.array(["old", "new"])[column.values].tolist()) for column in columns
        ],
    ],
)
def test_what_is_not_exactly_one_of_zeros_and_ones_is_none(change):
    assert positions(change(dummies(drawn(3), 3))) == []


def test_a_copy_of_a_dummy_is_left_out():
    columns = dummies(drawn(3), 3)
    assert positions([*columns, columns[0]]) == [[0, 1, 2]]


def test_few_rows_show_nothing():
    """Of twenty independent columns many are complements of their neighbours by chance."""
    for seed in range(200):
        random = np.random.default_rng(seed)
        flags = [number((random.random(8) < 0.4).astype(int)) for _ in range(20)]
        assert positions(flags) == []


def test_a_detector_takes_them_for_numbers():
    columns = dummies(drawn(3), 3)
    encoder = TableEncoder(linear=True).fit(columns, np.zeros(200, dtype=np.int64))
    assert len(encoder.layout_.numbers) == 3
    assert encoder.groups_ == []


@settings(max_examples=50, deadline=None)
@given(
    kind=st.sampled_from(list(KINDS)),
    n_levels=st.integers(2, 50),
    seed=st.integers(0, 1000),
)
def test_columns_return_to_themselves(kind, n_levels, seed):
    columns = [OTHER, *dummies(drawn(n_levels, seed=seed), n_levels, kind)]
    (group,) = find_dummies(columns)
    together = group.put_together(columns)
    assert together[0] is OTHER
    assert together[1].levels == tuple(range(n_levels))
    np.testing.assert_array_equal(together[1].values, drawn(n_levels, seed=seed))
    assert all(not column.values.any() for column in together[2:])
    for column, again in zip(columns, group.take_apart(together, ["d"] * 99), strict=True):
        assert again.levels == column.levels
        assert again.values.dtype.kind == column.values.dtype.kind
        np.testing.assert_array_equal(again.values, column.values)
        assert not again.missing.any()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_exactly_one_are_of_no_known_level(kind):
    codes = drawn(3)
    encoder = TableEncoder().fit([OTHER, *dummies(codes, 3, kind)], np.zeros(200, dtype=np.int64))
    assert encoder.layout_.one_hot_width == 3
    ones = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=bool)
    later = [number(np.zeros(5)), *map(KINDS[kind], ones.T)]
    assert encoder.transform(later).codes.ravel().tolist() == [0, 2, -1, -1, -1]
    assert encoder.unseen(later)[:, 1].tolist() == [False, False, True, True, True]


def test_other_numbers_and_missing_ones_are_of_no_known_level():
    encoder = TableEncoder().fit(dummies(drawn(3), 3), np.zeros(200, dtype=np.int64))
    later = [
        numeric("d", np.array(values, dtype=float), np.isnan(np.array(values, dtype=float)))
        for values in ([1, 1, 0.5], [0, 2, 0], [0, 0, np.nan])
    ]
    assert encoder.transform(later).codes.ravel().tolist() == [0, -1, -1]


def test_columns_of_another_kind_are_refused():
    encoder = TableEncoder().fit(dummies(drawn(3), 3), np.zeros(200, dtype=np.int64))
    later = [categorical("d", ["yes", "no"])] * 3
    with pytest.raises(DataError, match="was numbers in fit, but holds categories now"):
        encoder.transform(later)
