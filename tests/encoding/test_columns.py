"""Columns put together from parts."""

import numpy as np
import pytest

from ganaug._encoding.columns import OWN_PAGES_FROM, Column, assemble, categorical


@pytest.mark.parametrize("n_rows", [5, OWN_PAGES_FROM])
def test_parts_go_to_their_places(n_rows):
    kinds = [("number", np.float64), ("level", np.int32)]
    like = [Column(name, np.empty(0, dtype), np.empty(0, bool)) for name, dtype in kinds]
    places = np.random.default_rng(0).permutation(n_rows)
    parts = [
        (part, [Column(name, part.astype(dtype), part % 2 == 1) for name, dtype in kinds])
        for part in np.array_split(places, 3)
    ]
    for column, (name, dtype) in zip(assemble(like, parts, n_rows), kinds, strict=True):
        assert (column.name, column.values.dtype) == (name, dtype)
        assert column.values.tolist() == list(range(n_rows))
        assert column.missing.tolist() == [row % 2 == 1 for row in range(n_rows)]
        column.values[0] = 7  # a caller may get these very arrays


def test_numbers_are_one_level_in_all_their_types_and_truths_another():
    column = categorical("c", np.array([1, True, "1", 1.0, np.int8(1), np.True_], dtype=object))
    assert column.values.tolist() == [0, 1, 2, 0, 0, 1]
    assert list(map(type, column.levels)) == [int, bool, str]
