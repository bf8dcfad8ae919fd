"""What callers of `sample` ask for, checked before anything is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from ganaug._checks import check_whole_number
from ganaug._encoding.conditions import TableConditions
from ganaug._encoding.layout import Found
from ganaug._encoding.target import plain_label, plain_labels
from ganaug._validation import check_known_classes, check_label, codes_by_class
from ganaug.exceptions import DataError


def check_sample_request(
    n_samples: Any, y: Any, classes: NDArray[Any], default: Mapping[Any, int] | None = None
) -> NDArray[np.int64]:
    """Return the class code of each row that `sample` is to draw.

    Parameters
    ----------
    n_samples : int or mapping
    y : label, array of labels or None
    classes : ndarray
        The fitted classes.
    default : mapping
        Class -> weight; how an int is divided if y is None (equally without it).
    """
    if isinstance(n_samples, Mapping) or y is None or np.ndim(y) == 0:
        counts = check_sample_counts(n_samples, y, classes, default)
        codes = np.array(list(counts), dtype=np.int64)
        return np.repeat(codes, np.array(list(counts.values()), dtype=np.int64))
    n_rows, wanted = check_count(n_samples), np.asarray(y)
    if wanted.ndim > 2 or (wanted.ndim == 2 and wanted.shape[1] != 1):
        raise DataError(
            f"y must be a label or one label for each row, got an array of shape {wanted.shape}."
        )
    labels = plain_labels(wanted.ravel())
    if len(labels) != n_rows:
        raise DataError(
            f"y has {len(labels)} labels, but n_samples is {n_rows}; expected one for each row. "
            f"Pass n_samples={len(labels)}, or one label for all rows."
        )
    code_of = codes_by_class(classes)
    check_known_classes(set(labels), Counter(code_of))
    return np.array([code_of[label] for label in labels], dtype=np.int64)


def check_where(where: Any) -> Mapping[Any, Any]:
    """Return `where` if it is a mapping from columns to conditions; none is an empty one."""
    if where is None:
        return {}
    if isinstance(where, Mapping):
        return where
    raise DataError(
        "where must say what columns must be, such as {'country': 'DE', 'age': (30, 40)}, got "
        f"{type(where).__name__}."
    )


def check_found(found: Found, conditions: TableConditions, label: Any) -> None:
    """Refuse conditions that a class can't meet, saying how much of each there is."""
    texts = [condition.text for condition in conditions.encoded]
    if not all(found.within_reach):
        refused = texts[found.within_reach.index(False)]
        reason = f"none of its {found.n_rows} training rows is like that"
    elif found.excluding is not None:
        refused = " and ".join(texts[number] for number in found.excluding)
        reason = f"in none of its {found.n_rows} training rows do values of these two meet"
    else:
        return
    counts = ", ".join(f"{text}: {n}" for text, n in zip(texts, found.n_meeting_each, strict=True))
    raise DataError(
        f"class {label!s} can't be sampled with {refused}: {reason} (rows that meet {counts}; all "
        f"at once: {found.n_meeting_all}). Ask for another class, or for less."
    )


def check_sample_counts(
    n_samples: Any, y: Any, classes: NDArray[Any], default: Mapping[Any, int] | None = None
) -> dict[int, int]:
    """Return how many rows of each class code to draw, in the order of the request.

    The parameters are those of `check_sample_request`, without an array of labels.
    """
    code_of = codes_by_class(classes)
    if isinstance(n_samples, Mapping):
        if y is not None:
            raise DataError("n_samples says how many rows of each class; y must be None then.")
        wanted = {plain_label(label): n for label, n in n_samples.items()}
        check_known_classes(wanted, Counter(code_of))
        return {code_of[label]: check_count(n) for label, n in wanted.items()}
    n_rows = check_count(n_samples)
    if y is not None:
        if np.ndim(y) > 0:
            raise DataError(
                f"y must be one label here, got an array of shape {np.shape(y)}; pass n_samples as "
                "a dict of class -> number of rows."
            )
        return {check_label(y, classes): n_rows}
    if default is None or not any(default.values()):
        default = dict.fromkeys(code_of, 1)
    shares = _divide(n_rows, np.array(list(default.values())))
    return dict(zip((code_of[label] for label in default), shares.tolist(), strict=True))


def check_count(n: Any) -> int:
    """Return the number of rows to draw."""
    return check_whole_number("n_samples", n, "rows", least=0)


def check_batch_rows(n: Any) -> int:
    """Return the number of rows of a batch."""
    return check_whole_number("batch_rows", n, "rows")


def check_seed(random_state: Any) -> np.random.RandomState:
    """Return the generator that `random_state` stands for."""
    try:
        generator: np.random.RandomState = check_random_state(random_state)
    except ValueError as error:
        raise DataError(
            "random_state must be a whole number from 0 to 2**32 - 1, a RandomState instance or "
            f"None, got {random_state!r}."
        ) from error
    return generator


def check_for_training(value: Any) -> bool:
    """Return `for_training` if it is True or False; no text is taken for a truth."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise DataError(f"for_training must be True or False, got {value!r}.")


def _divide(total: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide a number in proportion to weights: whole parts that sum to it."""
    ends = np.round(np.cumsum(weights) / weights.sum() * total).astype(np.int64)
    return np.diff(ends, prepend=0)
