"""Checks that several parts need which may not import one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from numbers import Integral
from typing import Any

from ganaug.exceptions import DataError


def check_whole_number(name: str, n: Any, things: str, *, least: int = 1) -> int:
    """Return how many things a parameter asks for.

    Parameters
    ----------
    name : str
        The parameter.
    n : object
        What came.
    things : str
        What it counts, in the plural.
    least : int, default=1

    Raises
    ------
    DataError
        If it is no whole number, or a smaller one.
    """
    if isinstance(n, bool) or not isinstance(n, Integral) or n < least:
        raise DataError(f"{name} must be a whole number of {things}, {least} or more, got {n!r}.")
    return int(n)


def check_distinct(names: Iterable[Hashable], owner: object) -> None:
    """Refuse columns of one name.

    Parameters
    ----------
    names : iterable
        Of the columns.
    owner : object
        Whose they are: a parameter or a file.

    Raises
    ------
    DataError
    """
    for name, n_columns in Counter(names).items():
        if n_columns > 1:
            raise DataError(f"{owner} has more than one column named {name!r}; rename one of them.")
