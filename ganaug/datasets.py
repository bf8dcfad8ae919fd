"""Real tables that ship with the package, ready for examples and tests."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from ganaug._optional import optional_import

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_bank_marketing"]


def load_bank_marketing() -> tuple[pd.DataFrame, pd.Series]:
    """Load the UCI Bank Marketing table: mixed columns, 11% of the rows positive.

    Each row is a telephone call in which a Portuguese bank offered a term deposit (May 2008
    to November 2010, in order of time); the label says whether the client subscribed. The
    call's ``duration`` is left out because it is known only after the outcome. ``unknown`` is
    a level of its own in several columns, and ``pdays`` is 999 for "never contacted before",
    both as in the source [1]_. Needs ``pip install 'ganaug[io]'``.

    Returns
    -------
    X : pandas.DataFrame of shape (41188, 19)
        9 numeric and 10 categorical columns, none with missing values.
    y : pandas.Series of shape (41188,)
        ``"yes"`` (4640 rows) or ``"no"`` (36548 rows).

    Notes
    -----
    The data are licensed CC BY 4.0; ``data/README.md`` in the package says what was changed.

    References
    ----------
    .. [1] S. Moro, P. Cortez, P. Rita, "A Data-Driven Approach to Predict the Success of Bank
       Telemarketing", Decision Support Systems 62:22-31, 2014.

    Examples
    --------
    >>> from ganaug.datasets import load_bank_marketing
    >>> X, y = load_bank_marketing()
    >>> X.shape
    (41188, 19)
    >>> y.value_counts().to_dict()
    {'no': 36548, 'yes': 4640}
    """
    pandas = optional_import("pandas", extra="io")
    optional_import("pyarrow", extra="io")
    source = resources.files("ganaug") / "data" / "bank_marketing.parquet"
    with source.open("rb") as file:
        table = pandas.read_parquet(file)
    y = table.pop("y").astype(str)
    return table, y
