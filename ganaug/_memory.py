"""One door for running out of memory: whichever library says so, one error says what to lower."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from ganaug.exceptions import OutOfMemoryError

__all__ = ["each_explained", "explaining_memory", "is_out_of_memory"]

Item = TypeVar("Item")

# How torch says it, which has no error of its own for the memory of the CPU.
CPU_SIGN = "DefaultCPUAllocator"
DEVICE_SIGNS = ("out of memory", "ALLOC_FAILED")


@contextmanager
def explaining_memory(advice: str, advice_on_device: str = "") -> Iterator[None]:
    """Say what to do where memory runs out; also a decorator.

    Parameters
    ----------
    advice : str
        What to lower, as an imperative.
    advice_on_device : str
        What else there is to do where the memory is that of a GPU.

    Raises
    ------
    OutOfMemoryError
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        if _is_of_device(error):
            also = f", or {advice_on_device}" if advice_on_device else ""
            message = f"the device has no memory left; {advice}{also}."
        else:
            message = f"there is not enough memory; {advice}."
        raise OutOfMemoryError(message) from error


def each_explained(
    items: Iterator[Item], advice: str, advice_on_device: str = ""
) -> Iterator[Item]:
    """Give items on; explain memory that runs out while they are made, not while they are used."""
    end = object()
    while True:
        with explaining_memory(advice, advice_on_device):
            item = next(items, end)
        if item is end:
            return
        yield item  # type: ignore[misc]


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error is that memory ran out: numpy's, arrow's, torch's or the system's."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError):
        return CPU_SIGN in str(error) or _is_of_device(error)
    return isinstance(error, MemoryError)


def _is_of_device(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in DEVICE_SIGNS)
