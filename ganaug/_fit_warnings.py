"""What a fit says about its result: where other rows would serve better, and what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from ganaug._encoding.columns import Column
from ganaug._encoding.encoder import Encoder
from ganaug._warning import INTERRUPTION, warn
from ganaug.exceptions import DataWarning, RepeatedRowsWarning, TrainingError

# A column of so many different values in so many rows or more is taken for one of identifiers.
IDENTIFIER_SHARE = 0.9
MIN_IDENTIFIERS = 50
# Numbers drawn by chance would all differ once in exp(10) = 22,000 times where so many pairs are
# expected to be equal.
MIN_EXPECTED_PAIRS = 10


def warn_of_identifiers(columns: Sequence[Column]) -> None:
    """Say which columns hold values that name rows, and say nothing of them."""
    for column in columns:
        values = column.values[~column.missing]
        if column.levels is not None:
            _warn_of_levels(column, values)
        elif column.unit is None and _are_keys(values):
            warn(
                f"column {column.name!r} holds {len(values):,} different whole numbers between "
                f"{int(values.min())} and {int(values.max())}, as keys of rows do (measurements "
                "would repeat): synthetic rows can get numbers that real ones have, and where rows "
                "are sorted, the numbers may give their class away. Leave it out and make new ones "
                "afterwards.",
                DataWarning,
            )


def _warn_of_levels(column: Column, codes: NDArray[Any]) -> None:
    """Say of categories that they hardly ever repeat."""
    fewest = max(IDENTIFIER_SHARE * len(codes), MIN_IDENTIFIERS)
    if len(column.levels or ()) < fewest:
        return
    n_values = len(np.unique(codes))
    if n_values >= fewest:
        warn(
            f"column {column.name!r} holds {n_values:,} different values in {len(codes):,} rows, "
            "as identifiers do: nothing can be learned from it, and synthetic rows repeat the "
            "values of real ones. Leave it out and make new ones afterwards or, if it holds "
            "numbers or dates as text, convert it.",
            DataWarning,
        )


def _are_keys(numbers: NDArray[Any]) -> bool:
    """Tell whole numbers that lie so close that some would be equal if they were measured."""
    n = len(numbers)
    if n < MIN_IDENTIFIERS:
        return False
    width = float(numbers.max()) - float(numbers.min()) + 1
    if n * (n - 1) / (2 * width) < MIN_EXPECTED_PAIRS or np.any(numbers % 1):
        return False
    return len(np.unique(numbers)) == n


def warn_of_interruption(best_step: int) -> None:
    """Say that a training was interrupted."""
    warn(
        f"{INTERRUPTION}; the sampler has the best generator so far, of step {best_step}",
        ConvergenceWarning,
    )


def warn_of_collapse(coverage: Mapping[Any, float], least: float) -> None:
    """Say which classes a generator has collapsed on, wholly or in part.

    Parameters
    ----------
    coverage : mapping
        Class -> share of its rows that generated rows come near to. Repeated rows reach 1.
    least : float
        The share below which they have.
    """
    collapsed = {label: share for label, share in coverage.items() if share < least}
    if collapsed:
        classes = ", ".join(f"{label!s} ({share:.0%})" for label, share in collapsed.items())
        message = (
            f"the generator collapsed: its rows come near to few of the real ones of {classes}, "
            "and repeating rows would serve better. Pass"
        )
        rest = "or collect more rows of these classes."
        warn(
            f"{message} a smaller learning_rate, more n_steps or another random_state, {rest}",
            ConvergenceWarning,
            in_shell=f"{message} more --steps or another --seed, {rest}",
        )


def warn_of_distance(distance: float, largest: float) -> None:
    """Say that training ended before the generator had learned the table.

    Parameters
    ----------
    distance : float
        Energy distance of generated rows from real ones: 0 if they are alike, 1 if they are as far
        from them as the table is wide.
    largest : float
        What is within the usual.
    """
    if distance > largest:
        message = (
            f"the generator has not learned the table: its rows are {_above(distance, largest)} "
            f"of the table's width from real ones (energy distance; at most {largest:g} where "
            "training succeeds), and repeating rows may serve better. Pass more"
        )
        warn(
            f"{message} n_steps, or parameters nearer to the defaults, a smaller learning_rate "
            "above all.",
            ConvergenceWarning,
            in_shell=f"{message} --steps.",
        )


def _above(number: float, limit: float) -> str:
    """Return a number that is above a limit with two digits, or with as many as show that."""
    return next(text for n in range(2, 18) if float(text := f"{number:.{n}g}") > limit)


def warn_of_repeats(classes: Sequence[Any]) -> None:
    """Say of which classes there is nothing to make but what the table has.

    Parameters
    ----------
    classes : sequence
        Labels of classes whose rows are all repetitions.
    """
    if classes:
        message = (
            f"all synthetic rows of {', '.join(map(str, classes))} repeat training rows: the "
            "values of its columns leave no other valid combination."
        )
        warn(
            f"{message} RandomOverSampler does as much, faster.",
            RepeatedRowsWarning,
            in_shell=message,
        )


def explain_divergence(error: TrainingError, encoder: Encoder) -> TrainingError:
    """Return the error with what may have caused it."""
    extremes = [
        f"{name!r} ({low} to {high}, at most {reach:.3g} standard deviations from the mean)"
        for name, low, high, reach in encoder.widest_numbers()
    ]
    columns = f" The widest columns are {', '.join(extremes)}." if extremes else ""
    return TrainingError(
        f"training diverged: {error}.{columns} Pass a smaller learning_rate or gradient_penalty, "
        "or rescale or clip these columns."
    )
