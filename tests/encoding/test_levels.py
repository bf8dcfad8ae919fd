"""Coordinates of columns of many levels, and what a row has to do with those of its level."""

import numpy as np
import pytest

from ganaug._encoding.levels import PRIOR_ROWS, Context, shifts_left_out

N_LEVELS = 40
CODES = np.random.default_rng(0).integers(0, N_LEVELS, 200).astype(np.int32)
ONE_KIND = (np.zeros(200, dtype=np.int64), 1)


def shifts(codes, context, times):
    return shifts_left_out((codes, context), N_LEVELS, (codes, context), times)


@pytest.mark.parametrize("times", [1, 2])
def test_a_level_moves_as_its_average_does_without_a_row(times):
    values = np.random.default_rng(1).normal(size=200)
    standard = (values - values.mean()) / values.std()
    found = shifts(CODES, Context([values], [ONE_KIND]), np.full(200, times))
    counts = np.bincount(CODES)[CODES] + PRIOR_ROWS
    sums = np.bincount(CODES, weights=standard)[CODES]
    expected = (sums - times * standard) / (counts - times) - sums / counts
    scale = found[:, 0] / expected
    np.testing.assert_allclose(scale, scale[0])
    np.testing.assert_allclose(found[:, 1:], 0.0, atol=1e-12)  # one fact is one axis


def test_facts_of_categories_are_left_out_as_those_of_numbers():
    kinds = np.random.default_rng(1).integers(0, 2, 200)
    by_number = shifts(CODES, Context([kinds.astype(float)], [ONE_KIND]), np.ones(200, dtype=int))
    by_category = shifts(CODES, Context([], [(kinds, 2)]), np.ones(200, dtype=int))
    np.testing.assert_allclose(abs(by_number[:, 0]), abs(by_category[:, 0]))


def test_what_had_no_part_in_a_place_leaves_it_as_it_is():
    values = np.random.default_rng(1).normal(size=200)
    codes = np.where(np.arange(200) % 3, CODES, -1).astype(np.int32)
    times = np.arange(200) % 2
    found = shifts(codes, Context([values], [ONE_KIND]), times)
    np.testing.assert_array_equal(found[:, 0] != 0, (codes >= 0) & (times > 0))
    missing = np.full(200, -1, dtype=np.int32)
    assert not shifts(missing, Context([values], [ONE_KIND]), np.ones(200, dtype=int)).any()
