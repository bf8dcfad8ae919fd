"""What a call costs: seconds and peak memory, and a limit to the former.

On Linux the kernel keeps the peak of the resident memory, and resets it on request: the memory of
a call is that peak minus what was resident before it, after unused pages were given back. That
costs nothing while the call runs, and counts torch and numpy alike. Elsewhere the growth of the
process's overall peak is taken, which is too low when an earlier call used more.
"""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 2**20
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Usage:
    """Seconds and megabytes of a call, filled in when it is over."""

    seconds: float = float("nan")
    megabytes: float = float("nan")


@contextmanager
def measured() -> Iterator[Usage]:
    """Measure the time and the peak memory of a block.

    Examples
    --------
    >>> with measured() as usage:
    ...     block = bytearray(50 * 2**20)
    >>> 45 < usage.megabytes < 60
    True
    """
    usage = Usage()
    before = _resident_after_cleaning()
    start = time.perf_counter()
    try:
        yield usage
    finally:
        usage.seconds = time.perf_counter() - start
        usage.megabytes = max(0.0, _peak() - before) / MEGABYTE


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer (in the main thread, not on Windows)."""
    usable = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
    if seconds is None or not usable:
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _resident_after_cleaning() -> float:
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        CLEAR_REFS.write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> float:
    if STATUS.exists():
        return _status("VmHWM")
    try:
        import resource
    except ImportError:
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _status(key: str) -> float:
    """Return an entry of /proc/self/status in bytes."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return float(line.split()[1]) * 1024
    return float("nan")
