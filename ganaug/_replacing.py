"""Files that are there either wholly or not at all, whoever is killed, whenever the power goes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replaced", "temporary_beside"]


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a name in the folder of `path` to write to; rename it to `path` at the end, in one step.

    What was written is on the disk before it gets the name. An error or an interruption on the way
    leaves `path` as it was and nothing beside it; a killed process leaves a temporary file, which
    the next one removes that writes the same `path` on the same computer.

    Parameters
    ----------
    path : Path
        The file to write or replace.

    Yields
    ------
    Path
        The temporary name; there is no such file yet.
    """
    path = path.resolve()  # a link keeps pointing where it does
    temporary = temporary_beside(path)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def temporary_beside(path: Path) -> Path:
    """Return the temporary name of this thread; remove what dead processes left behind."""
    own = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.tmp")
    for found in path.parent.glob(".*.tmp"):
        name, _, writer = found.name.removesuffix(".tmp").rpartition(".")
        process = writer.partition("-")[0]
        is_ours = name == f".{path.name}" and process.isdecimal()
        # one of our own name is of an earlier process, as in containers, where numbers recur
        if is_ours and (found.name == own.name or not _is_running(int(process))):
            found.unlink(missing_ok=True)
    return own


def _is_running(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is no question
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


def _sync(path: Path) -> None:
    """Make a file or a rename last; a system that can't open folders keeps them by itself."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
