"""What several parts check in the same words."""

import numpy as np
import pytest

from ganaug._checks import check_distinct, check_whole_number
from ganaug.exceptions import DataError


@pytest.mark.parametrize("n", [3, np.int8(3), np.uint64(3)])
def test_whole_numbers_of_all_types(n):
    assert type(check_whole_number("n", n, "rows")) is int


@pytest.mark.parametrize("n", [0, -1, 2.0, True, np.bool_(True), "3", None])
def test_what_is_no_whole_number_is_refused(n):
    with pytest.raises(DataError, match=r"^n must be a whole number of rows, 1 or more, got"):
        check_whole_number("n", n, "rows")


def test_nothing_may_be_asked_for_where_that_is_said():
    assert check_whole_number("n", 0, "rows", least=0) == 0


def test_columns_of_one_name_are_refused_by_the_first():
    check_distinct(["a", "b", 0, 1.5], "X")
    with pytest.raises(
        DataError, match=r"^t\.csv has more than one column named 'b'; rename one of"
    ):
        check_distinct(["a", "b", "c", "c", "b"], "t.csv")
