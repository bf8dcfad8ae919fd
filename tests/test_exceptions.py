"""Errors are those of ganaug and, each, a standard one that a caller would catch."""

import pytest

from ganaug.exceptions import DataError, DataTypeError, GanaugError


@pytest.mark.parametrize("kind", [GanaugError, DataError, ValueError, TypeError])
def test_a_type_that_can_not_be_used_is_caught_as_a_type_and_as_data(kind):
    with pytest.raises(kind, match=r"^X is a dict$"):
        raise DataTypeError("X is a dict")
