"""Checks on what the caller passed; the messages that a user sees are written here.

Each one says what was expected, what came and what to do, before any training starts.
"""

from __future__ import annotations

import numbers
import reprlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from imblearn.utils import check_sampling_strategy
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, InvalidParameterError
from sklearn.utils.validation import _num_samples, validate_data

from ganaug._checks import check_distinct
from ganaug._encoding.columns import Column, is_hashable
from ganaug._encoding.containers import wrap_rows
from ganaug._encoding.rows import Rows
from ganaug._encoding.target import Target, plain_label, plain_labels, read_target
from ganaug.exceptions import DataError, DataTypeError

MIN_CLASS_ROWS = 2
MIN_DETECTOR_ROWS = 2
MAX_NAMES_IN_MESSAGE = 20
MAX_LAYER_SIZE = 2**14


class Number(Interval):
    """An interval of numbers, of which True is none."""

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, bool | np.bool_) and bool(super().is_satisfied_by(val))


LAYER_SIZE = Number(numbers.Integral, 1, MAX_LAYER_SIZE, closed="both")
BETA = Number(numbers.Real, 0, 1, closed="left")


def check_layer_sizes(sizes: Any, owner: str = "GANSampler") -> tuple[int, ...]:
    """Return the units of the hidden layers."""
    if len(sizes) == 0 or not all(map(LAYER_SIZE.is_satisfied_by, sizes)):
        raise InvalidParameterError(
            f"The 'hidden_layer_sizes' parameter of {owner} must be a tuple of at least one int "
            f"in the range [1, {MAX_LAYER_SIZE}]. Got {sizes!r} instead."
        )
    return tuple(int(n) for n in sizes)


def check_betas(betas: Any) -> tuple[float, float]:
    """Return the two decays of Adam."""
    if len(betas) != 2 or not all(map(BETA.is_satisfied_by, betas)):
        raise InvalidParameterError(
            "The 'betas' parameter of GANSampler must be two floats in the range [0, 1). Got "
            f"{betas!r} instead."
        )
    return float(betas[0]), float(betas[1])


def check_own_networks(generator: Any, discriminator: Any) -> tuple[Any, Any] | None:
    """Return what makes the caller's networks, None for ganaug's own."""
    if generator is None and discriminator is None:
        return None
    if generator is None or discriminator is None:
        missing = "generator" if generator is None else "discriminator"
        raise InvalidParameterError(
            f"{missing} is missing: the two networks are trained against each other; pass both "
            "generator and discriminator, or neither."
        )
    return generator, discriminator


def check_checkpoint(folder: Any, resume: bool) -> None:
    """Refuse to go on from a checkpoint that is nowhere."""
    if resume and folder is None:
        raise InvalidParameterError(
            "resume=True goes on from a checkpoint; say where it is by checkpoint=, or leave "
            "resume out."
        )


def check_rows(X: Any, *, images: bool = False) -> Rows:
    """Wrap a table; refuse one without rows or columns, or with mixed column names.

    Arrays of more than two dimensions are refused unless they may be `images`.
    """
    rows = wrap_rows(X)
    if not images:
        rows.check_flat()
    _check_column_names(rows.names)
    if len(rows.names) == 0:
        raise DataError(
            f"Found array with 0 feature(s) (shape=({rows.n_rows}, 0)) while a minimum of 1 is "
            "required."
        )
    if rows.n_rows == 0:
        raise DataError(
            f"Found array with 0 sample(s) (shape=(0, {len(rows.names)})) while a minimum of 1 is "
            "required."
        )
    return rows


def check_some_rows(rows: Rows) -> None:
    """Refuse a table of one row: nothing is unusual among one."""
    if rows.n_rows < MIN_DETECTOR_ROWS:
        raise DataError(
            f"Found array with {rows.n_rows} sample(s) (shape=({rows.n_rows}, {len(rows.names)})) "
            f"while a minimum of {MIN_DETECTOR_ROWS} is required: what is unusual shows in "
            "comparison with other rows."
        )


def check_halves(n_rows: int) -> None:
    """Refuse to train a generator on a table whose halves would be too small."""
    if n_rows < 2 * MIN_CLASS_ROWS:
        raise DataError(
            f"sample needs a detector that was fitted on {2 * MIN_CLASS_ROWS} rows or more; this "
            f"one was fitted on {n_rows}. Collect more rows."
        )


def check_varied(width: int) -> None:
    """Refuse a table in which no column has two values; `width` counts what varies."""
    if width == 0:
        raise DataError(
            "every column of X is constant or missing throughout; expected at least one with two "
            "different values. Nothing can be unusual."
        )


def remember_columns(estimator: Any, X: Any) -> None:
    """Set `n_features_in_` and `feature_names_in_`."""
    validate_data(estimator, X=X, reset=True, skip_check_array=True)


def compare_columns(estimator: Any, X: Any) -> None:
    """Refuse columns that are not those of `fit`; scikit-learn's message names them."""
    try:
        validate_data(estimator, X=X, reset=False, skip_check_array=True)
    except ValueError as error:
        raise DataError(str(error)) from error


def _check_column_names(names: Sequence[Hashable]) -> None:
    check_distinct(names, "X")
    kinds = sorted({type(name).__name__ for name in names})
    if "str" in kinds and len(kinds) > 1:
        raise DataTypeError(
            f"column names mix types: Feature names are only supported if all input features have "
            f"string names, but X has {kinds}. Convert them, e.g. by "
            "X.columns = X.columns.astype(str)."
        )


def check_target(y: Any, rows: Rows) -> Target:
    """Read the labels and check that they go with the rows."""
    check_lengths(y, rows)
    target = read_target(y)
    if len(target.classes) < 2:
        (label,) = plain_labels(target.classes)
        raise DataError(
            f"y has one class only ({label!r}, {rows.n_rows} rows, n_samples={rows.n_rows}); "
            "expected at least 2 classes. Nothing can be balanced."
        )
    return target


def check_lengths(y: Any, rows: Rows) -> None:
    """Refuse labels that are not one for each row."""
    if y is None:  # `read_target` says so
        return
    if _is_one_label(y):
        raise DataError(_that_one_label_came(y, rows))
    if _num_samples(y) != rows.n_rows:
        raise DataError(
            f"X and y differ in length: X has {rows.n_rows} rows, y has {_num_samples(y)} labels. "
            "Found input variables with inconsistent numbers of samples."
        )


def _is_one_label(y: Any) -> bool:
    # `np.ndim` would ask containers to do it that convert themselves to arrays, and no more
    ndim: int = y.ndim if hasattr(y, "ndim") else np.asarray(y).ndim
    return ndim == 0


def _that_one_label_came(y: Any, rows: Rows) -> str:
    if isinstance(y, str) and y in rows.names:
        return (
            f"y is {y!r}, the name of a column of X; expected one label for each row (names are "
            f"for datasets). Take the labels out of X, in pandas by y = X.pop({y!r})."
        )
    return (
        f"y is {reprlib.repr(y)}; expected one label for each of the {rows.n_rows} rows of X. Pass "
        "an array, a series or a list of them."
    )


def check_class_counts(target: Target) -> None:
    """Refuse classes of one row: one row has no neighbour and no spread to learn."""
    for label, count in target.counts.items():
        if count < MIN_CLASS_ROWS:
            raise DataError(
                f"class {label!r} has {count} row; at least {MIN_CLASS_ROWS} are needed. Drop its "
                "row, join the class with another one, or collect more rows."
            )


def check_strategy(
    strategy: Any, target: Target, counts: Mapping[Any, int] | None = None
) -> dict[Any, int]:
    """Return how many rows to add to each class.

    The forms are those of imbalanced-learn, and a list of classes to bring up to the largest.
    A float ratio that a class already exceeds adds nothing.

    Parameters
    ----------
    strategy : str, float, dict, list or callable
    target : Target
    counts : mapping, default=None
        Rows of each class, where `target` has only some of them.
    """
    if counts is not None:  # imbalanced-learn would count the labels of `target`
        counts = {plain_label(label): n for label, n in counts.items()}
        wanted = _wanted_counts(strategy, Counter(counts), None)
        return {label: n - counts[label] for label, n in wanted.items()}
    if not isinstance(strategy, str):
        code_of = codes_by_class(target.classes)
        wanted = _wanted_counts(strategy, target.counts, target.labels)
        strategy = {code_of[label]: n for label, n in wanted.items()}
    to_add: dict[int, int] = check_sampling_strategy(strategy, target.codes, "over-sampling")
    labels = target.classes.tolist()
    return {labels[code]: int(n) for code, n in to_add.items()}


def _wanted_counts(
    strategy: Any, counts: Counter[Any], labels: NDArray[Any] | None
) -> dict[Any, int]:
    """Return how many rows classes should have."""
    if callable(strategy):
        if labels is None:
            raise DataError(
                "a callable sampling_strategy needs all labels in memory; for a dataset pass a "
                "dict of class -> number of rows."
            )
        strategy = strategy(labels)
        if not isinstance(strategy, Mapping):
            raise DataError(
                "the callable sampling_strategy must return a dict of class -> number of rows, "
                f"got {type(strategy).__name__}."
            )
    if isinstance(strategy, Mapping):
        wanted = {plain_label(label): n for label, n in strategy.items()}
        _check_requested_counts(wanted, counts)
        return wanted
    if isinstance(strategy, numbers.Real):
        return _ratio_to_counts(float(strategy), counts)
    if isinstance(strategy, list):
        names = [plain_label(label) for label in strategy]
        check_known_classes(names, counts)
    else:
        names = _named_classes(strategy, counts)
    return {label: max(counts.values()) for label in names}


def _named_classes(strategy: str, counts: Counter[Any]) -> list[Any]:
    largest, smallest = max(counts, key=lambda c: counts[c]), min(counts, key=lambda c: counts[c])
    left_out = {"all": (), "minority": (), "not minority": (smallest,)}.get(strategy, (largest,))
    names = [smallest] if strategy == "minority" else sorted(counts)
    return [label for label in names if label not in left_out]


def _ratio_to_counts(ratio: float, counts: Counter[Any]) -> dict[Any, int]:
    if len(counts) != 2:
        raise DataError(
            f"sampling_strategy={ratio} is a ratio, which is only defined for 2 classes, but y has "
            f"{len(counts)}; pass a dict of class -> number of rows."
        )
    (_, n_majority), (minority, n_minority) = counts.most_common()
    return {minority: max(n_minority, round(ratio * n_majority))}


def _check_requested_counts(strategy: Mapping[Any, Any], counts: Counter[Any]) -> None:
    check_known_classes(strategy, counts)
    for label, n in strategy.items():
        asked = f"sampling_strategy asks for {n!r} rows of class {label!r}"
        if not isinstance(n, numbers.Integral):
            raise DataError(f"{asked}; expected a whole number of type int, such as round({n!r}).")
        if n < counts[label]:
            raise DataError(
                f"{asked}, which has {counts[label]}; expected at least {counts[label]}, because "
                "over-sampling removes nothing."
            )


def check_known_classes(labels: Any, counts: Counter[Any]) -> None:
    for label in labels:
        if not is_hashable(label) or label not in counts:
            raise DataError(f"there is no class {label!r}; there are {_names(list(counts))}.")


def read_columns(rows: Rows, categorical_features: Any, X: Any) -> list[Column]:
    """Read all columns, those named by `categorical_features` as categories."""
    chosen = check_categorical_features(categorical_features, rows.names, X)
    return [rows.column(j, as_category=is_chosen) for j, is_chosen in enumerate(chosen)]


def check_labels(y: Any, rows: Rows, classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class code of each row's label; one label is that of all rows."""
    if _is_one_label(y):
        return np.full(rows.n_rows, check_label(y, classes))
    check_lengths(y, rows)
    target = read_target(y)
    code_of = codes_by_class(classes)
    check_known_classes(target.classes.tolist(), Counter(code_of))
    codes = np.array([code_of[label] for label in target.classes.tolist()], dtype=np.int64)
    return codes[target.codes]


def check_label(label: Any, classes: NDArray[Any]) -> int:
    """Return the class code of one label."""
    label, code_of = plain_label(label), codes_by_class(classes)
    check_known_classes([label], Counter(code_of))
    return code_of[label]


def check_categorical_features(
    categorical_features: Any, names: Sequence[Hashable], X: Any
) -> NDArray[np.bool_]:
    """Return a mask of the columns to be read as categories whatever their type.

    "auto" chooses none: categories, strings and booleans are known by their type.
    """
    chosen = np.zeros(len(names), dtype=bool)
    if isinstance(categorical_features, Callable):  # type: ignore[arg-type]
        categorical_features = categorical_features(X)
    if categorical_features is None or (
        isinstance(categorical_features, str) and categorical_features == "auto"
    ):
        return chosen
    if isinstance(categorical_features, str):
        categorical_features = [categorical_features]
    # not by numpy, which makes one kind of names and positions, and two columns of a tuple
    wanted = getattr(categorical_features, "tolist", lambda: list(categorical_features))()
    if wanted and all(isinstance(feature, bool | np.bool_) for feature in wanted):
        if len(wanted) != len(names):
            raise DataError(
                f"categorical_features is a mask of {len(wanted)} entries, but X has {len(names)} "
                "columns; give one for each, or name the columns of categories."
            )
        return np.array(wanted)
    for feature in wanted:
        chosen[_position(feature, names)] = True
    return chosen


def _position(feature: Hashable, names: Sequence[Hashable]) -> int:
    if feature in names:
        return list(names).index(feature)
    if isinstance(feature, int | np.integer) and -len(names) <= feature < len(names):
        return int(feature)
    raise DataError(
        f"categorical_features names {feature!r}, which is not a column of X; its columns are "
        f"{_names(names)}."
    )


def check_sample_weight(
    sample_weight: ArrayLike | None, target: Target
) -> NDArray[np.float64] | None:
    """Return the weights as shares of the largest of their class, or None if there are none.

    So they are, whatever unit they came in, numbers that single precision can hold.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"sample_weight must hold numbers, one for each row ({error}).") from error
    if weights.ndim != 1:
        raise DataError(
            f"sample_weight must hold one number for each row, got shape {weights.shape}."
        )
    if weights.shape != target.codes.shape:
        raise DataError(
            f"sample_weight.shape == {weights.shape}, expected {target.codes.shape}: one weight "
            "for each row."
        )
    is_wrong = ~np.isfinite(weights) | (weights < 0)
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise DataError(
            f"sample_weight must be finite and not negative, got {weights[row]} in row {row}; pass "
            "0 for rows that are never to be drawn."
        )
    largest = np.zeros(len(target.classes))
    np.maximum.at(largest, target.codes, weights)
    if (largest == 0).any():
        label = target.classes.tolist()[int(np.argmin(largest))]
        raise DataError(
            f"all sample weights of class {label!r} are zero; at least one must be positive."
        )
    return weights / largest[target.codes]


def codes_by_class(classes: NDArray[Any]) -> dict[Any, int]:
    return {label: code for code, label in enumerate(classes.tolist())}


def _names(names: Sequence[Any]) -> str:
    shown = ", ".join(repr(name) for name in names[:MAX_NAMES_IN_MESSAGE])
    rest = len(names) - MAX_NAMES_IN_MESSAGE
    return shown + (f" and {rest} more" if rest > 0 else "")
