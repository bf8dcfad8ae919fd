"""The labels y: read as class codes, rebuilt in the caller's own container."""

from __future__ import annotations

import numbers
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import scipy.sparse as sp
from imblearn.utils import check_target_type
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from ganaug._encoding.columns import first_rows, is_missing
from ganaug._encoding.pandas_index import extended_index
from ganaug.exceptions import DataError, DataTypeError

LABEL_KINDS = {"bool", "number", "str"}


@dataclass(frozen=True)
class Target:
    """Labels of the training rows.

    Parameters
    ----------
    native : array-like
        What the caller passed: one label for each row, or one-hot rows.
    classes : ndarray of shape (n_classes,)
        The sorted class labels; dates, times and durations to the microsecond.
    codes : ndarray of shape (n_rows,)
        Position of each label in `classes`.
    """

    native: Any
    classes: NDArray[Any]
    codes: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[Any]:
        """The labels as one numpy array of shape (n_rows,)."""
        labels: NDArray[Any] = self.classes[self.codes]
        return labels

    @property
    def counts(self) -> Counter[Any]:
        """How many rows each class has, in the order of `classes`."""
        counts = np.bincount(self.codes, minlength=len(self.classes))
        return Counter(dict(zip(self.classes.tolist(), counts.tolist(), strict=True)))

    def prototypes(self) -> Any:
        """Return one row of the caller's labels for each class, to take further labels from."""
        return take_rows(self.native, first_rows(self.codes, len(self.classes)))

    def append(self, labels: Any, index: Any = None) -> Any:
        """Return the caller's labels followed by `labels`; pandas labels get `index`."""
        return append_rows(self.native, labels, index)


def read_target(y: Any) -> Target:
    """Read labels from any container.

    Raises
    ------
    DataError
        If labels are missing, continuous, infinite or multilabel, or y is no column of labels.
    """
    values = _as_array(y)
    missing = _missing_labels(values)
    if missing.any():
        raise DataError(
            f"y contains {int(missing.sum())} missing labels (NaN or None), the first in row "
            f"{int(np.flatnonzero(missing)[0])}; drop these rows or label them."
        )
    _check_shape(values)
    labels = _class_labels(values)
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise DataError(f"y mixes labels that can't be ordered ({error}); use one type.") from error
    known = (
        isinstance(y, list | tuple | np.ndarray)
        or _is_pandas(y)
        or _is_narwhals(y)
        or _is_arrow_array(y)
    )
    return Target(y if known else values, _to_microseconds(classes), codes.astype(np.int64))


def _class_labels(values: NDArray[Any]) -> NDArray[Any]:
    """Return labels of one column; of which kind they are is said as scikit-learn does."""
    try:
        with np.errstate(invalid="ignore"):  # these compare floats with whole numbers, by a cast
            check_classification_targets(values)
            labels: NDArray[Any] = check_target_type(values)
    except ValueError as error:
        raise DataError(str(error)) from error
    except TypeError as error:  # of bytes
        raise DataTypeError(str(error)) from error
    return labels


def plain_labels(values: NDArray[Any]) -> list[Any]:
    """Return labels as Python objects that are equal if the labels are, in whatever types.

    Dates are the times at which they begin, and times with a zone are those of UTC.
    """
    if values.dtype == object:
        return [_plain(label) for label in values.tolist()]
    labels: list[Any] = _to_microseconds(values).tolist()
    return labels


def plain_label(label: Any) -> Any:
    """Return one label as `plain_labels` does."""
    return plain_labels(np.atleast_1d(np.asarray(label)))[0]


def _plain(label: Any) -> Any:
    if isinstance(label, np.number | np.bool_):
        return label.item()
    if isinstance(label, datetime):
        return label.astimezone(UTC).replace(tzinfo=None) if label.tzinfo else label
    return datetime(label.year, label.month, label.day) if isinstance(label, date) else label


def _to_microseconds(values: NDArray[Any]) -> NDArray[Any]:
    """Return dates, times and durations in the unit that Python's have, unless it loses any."""
    if values.dtype.kind not in "mM":
        return values
    converted = values.astype(f"{values.dtype.kind}8[us]")
    return converted if (converted == values).all() else values


def _as_array(y: Any) -> NDArray[Any]:
    if y is None:
        raise DataError("GANSampler requires y to be passed, but the target y is None.")
    if isinstance(y, np.ma.MaskedArray):
        raise DataTypeError(
            "y is a masked array, whose mask would be lost; pass y.compressed() with the rows of X "
            "that it belongs to."
        )
    if sp.issparse(y):
        raise DataError("y is sparse; expected one label for each row. Pass y.toarray().")
    values = np.asarray(y)
    if values.ndim != 1 or not (isinstance(y, list | tuple) or values.dtype.kind == "O"):
        return values
    # look at the labels themselves: numpy turns the numbers beside a string into text
    labels = list(y) if isinstance(y, list | tuple) else values.tolist()
    kinds = sorted({_kind(label) for label in labels if not is_missing(label)})
    if len(kinds) > 1:
        raise DataError(f"y mixes labels of the kinds {', '.join(kinds)}; use one kind.")
    if not set(kinds) <= LABEL_KINDS:
        raise DataError(
            f"y holds {_named(labels, kinds[0])}; expected numbers, booleans or strings, or dates "
            "of a numpy or pandas dtype, without a time zone. Convert them, for example to strings."
        )
    if kinds in (["bool"], ["number"]) and not any(map(is_missing, labels)):
        return np.asarray(labels)
    out = np.empty(len(labels), dtype=object)
    out[:] = labels
    return out


def _kind(label: Any) -> str:
    if isinstance(label, bool | np.bool_):
        return "bool"
    if isinstance(label, numbers.Real | np.number):
        return "number"
    return "str" if isinstance(label, str) else type(label).__name__


def _named(labels: list[Any], kind: str) -> str:
    if any(getattr(label, "tzinfo", None) is not None for label in labels):
        return "times with a time zone"
    return f"labels of the type {kind}"


def _check_shape(values: NDArray[Any]) -> None:
    """Refuse several columns that are no one-hot rows."""
    if values.ndim != 2 or values.shape[1] == 1:
        return
    is_one_hot = values.dtype.kind in "biufO" and np.isin(values, [0, 1]).all()
    if values.shape[1] == 0 or not is_one_hot:
        raise DataError(
            f"y has {values.shape[1]} columns; expected one label for each row, or one-hot rows "
            "of 0 and 1. Pass the column with the labels."
        )


def _missing_labels(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        missing = np.isnan(values)
    elif values.dtype.kind in "mM":
        missing = np.isnat(values)
    elif values.dtype.kind == "O":
        flat = [is_missing(value) for value in values.ravel()]
        missing = np.array(flat, dtype=bool).reshape(values.shape)
    else:
        missing = np.zeros(values.shape, dtype=bool)
    return missing if missing.ndim == 1 else missing.reshape(len(missing), -1).any(axis=1)


def take_rows(native: Any, rows: NDArray[np.int64]) -> Any:
    """Return rows of a container of labels, in that container."""
    if isinstance(native, list | tuple):
        return type(native)(native[row] for row in rows)
    if _is_pandas(native):
        return native.iloc[rows].reset_index(drop=True)
    if _is_narwhals(native):
        return _wrap(native)[rows.tolist()].to_native()
    if _is_arrow_array(native):
        return native.take(rows)
    return native[rows]


def append_rows(native: Any, new: Any, index: Any = None) -> Any:
    """Return `native` followed by `new` in the same container; pandas gets `index`."""
    if isinstance(native, list | tuple):
        return type(native)([*native, *new])
    if _is_pandas(native):
        import pandas as pd

        if index is None:
            index = extended_index(native.index, len(new))
        return pd.concat([native, new]).set_axis(index, axis=0)
    if _is_narwhals(native):
        first, second = _wrap(native), _wrap(new)
        if isinstance(first, nw.DataFrame):
            return nw.concat([first, second]).to_native()
        whole = nw.concat([first.alias("y").to_frame(), second.alias("y").to_frame()])
        return whole["y"].alias(first.name).to_native()
    if _is_arrow_array(native):
        import pyarrow as pa

        return pa.concat_arrays([native, new])
    return np.concatenate([native, new])


def _is_pandas(native: Any) -> bool:
    return nw.dependencies.is_pandas_dataframe(native) or nw.dependencies.is_pandas_series(native)


def _is_narwhals(native: Any) -> bool:
    return nw.dependencies.is_into_series(native) or nw.dependencies.is_into_dataframe(native)


def _is_arrow_array(native: Any) -> bool:
    """Tell an array of pyarrow, which narwhals does not know, from a chunked one, which it does."""
    return type(native).__module__.startswith("pyarrow") and not _is_narwhals(native)


def _wrap(native: Any) -> Any:
    return nw.from_native(native, eager_only=True, allow_series=True)
