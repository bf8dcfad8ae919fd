"""What is said of a file of which something is not true."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganaug.exceptions import PersistenceError

# Rows and weights are about 1; networks multiply them, and distances square them, in single
# precision, whose largest number is 3e38.
LARGEST_SINGLE, LARGEST_COORDINATE = 1e30, 1e12


def require(is_true: bool, complaint: str) -> None:
    """Refuse a file of which something is not true."""
    if not is_true:
        raise PersistenceError(f"its parts contradict one another: {complaint}.")


def require_finite(what: str, *numbers: Any, largest: float = np.inf) -> None:
    """Refuse NaN, infinity and what is larger than `largest`, in arrays and single numbers."""
    for values in map(np.asarray, numbers):
        is_good = np.isfinite(values) & (np.abs(values) <= largest)
        require(bool(is_good.all()), f"{what} not finite, or too large")


def slot_at(slots: tuple[Any, ...], place: int) -> Any:
    """Return the slot that a codec claims."""
    require(0 <= place < len(slots), "a codec has no slot")
    return slots[place]
