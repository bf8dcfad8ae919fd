"""Errors and warnings of ganaug.

Each error is also the standard exception that a caller of scikit-learn would catch.
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "DataTypeError",
    "DataWarning",
    "DeviceError",
    "GanaugError",
    "MissingDependencyError",
    "OutOfMemoryError",
    "PersistenceError",
    "RepeatedRowsWarning",
    "TrainingError",
]


class GanaugError(Exception):
    """Base class of the errors that ganaug raises on purpose."""


class DataError(GanaugError, ValueError):
    """The data, or a request about them, can't be used; the message says why."""


class DataTypeError(DataError, TypeError):
    """The data are of a type that can't be used, such as a lazy frame; the message says why."""


class DeviceError(GanaugError, RuntimeError):
    """The requested torch device isn't available on this machine."""


class MissingDependencyError(GanaugError, ImportError):
    """An optional dependency is missing; the message names the extra that brings it."""


class OutOfMemoryError(DeviceError, MemoryError):
    """The memory of the machine or of the device is too small; the message says what to lower."""


class PersistenceError(GanaugError, ValueError):
    """A file isn't what it should be, or something can't be stored; the message says what."""


class TrainingError(GanaugError, RuntimeError):
    """Training can't go on; the message says what to change."""


class DataWarning(UserWarning):
    """The data can be used, but not all of them are of use; the message says which and why."""


class RepeatedRowsWarning(UserWarning):
    """All synthetic rows of a class repeat training rows."""
