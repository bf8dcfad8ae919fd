"""One door for warnings: they name the line that called ganaug, not one of ganaug's own."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ganaug.exceptions import GanaugError

__all__ = ["INTERRUPTION", "adding", "warn", "words_for_the_shell"]

# How the warning begins that somebody ended a training: no opinion on the result, but an event.
INTERRUPTION = "training was interrupted"

# Packages whose lines are between ours and the caller's: decorators, pipelines and searches.
BETWEEN = {"ganaug", "contextlib", "imblearn", "joblib", "sklearn", "torch"}
# The attribute of a warning that says the same to who has no parameters, but flags.
IN_SHELL = "in_shell"
_ADDED: ContextVar[str] = ContextVar("_ADDED", default="")


@contextmanager
def adding(remark: str) -> Iterator[None]:
    """Add a remark to the warnings and errors of ganaug that come from inside."""
    token = _ADDED.set(f" ({remark})")
    try:
        yield
    except GanaugError as error:
        raise type(error)(f"{error} ({remark})") from error
    finally:
        _ADDED.reset(token)


def warn(message: str, category: type[Warning], *, in_shell: str | None = None) -> None:
    """Warn on behalf of the line that called ganaug.

    Parameters
    ----------
    message : str
    category : type of Warning
    in_shell : str, default=None
        What the command line says in place of the message.
    """
    warning = category(message + _ADDED.get())
    if in_shell is not None:
        setattr(warning, IN_SHELL, in_shell)
    warnings.warn(warning, stacklevel=_level_of_caller())


def words_for_the_shell(warning: Warning | str) -> str:
    """Return a warning, of ganaug or of any other package, as the command line says it."""
    return str(getattr(warning, IN_SHELL, warning))


def _level_of_caller() -> int:
    """Return how many calls above `warn` the first line outside of ganaug is, itself counted.

    Python 3.12 has `skip_file_prefixes` for it.
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_between(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return level


def _is_between(module: str) -> bool:
    return module.partition(".")[0] in BETWEEN
