"""The checkpoint of a fit: what a killed run goes on from."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganaug._persistence.archive import Archive, read_archive, write_archive
from ganaug._persistence.schema import from_document, to_document
from ganaug._persistence.values import Reading
from ganaug._warning import warn
from ganaug.exceptions import PersistenceError

KIND, VERSION = "ganaug checkpoint", 1
FILE_NAME = "checkpoint.ganaug"
MAX_BYTES = 2**31
# Writing may take so much of the time that is spent between two checkpoints.
TIME_SHARE = 0.05


@dataclass(frozen=True)
class _Document:
    """What a checkpoint says beside the state.

    Parameters
    ----------
    seed : int
    run : dict of str -> str
        What the run is made with, by name: only the same one can go on.
    """

    seed: int
    run: dict[str, str]


class _Saved(NamedTuple):
    document: _Document
    tensors: dict[str, NDArray[Any]]


class Checkpoint:
    """The file in a folder that a fit writes now and then, and may go on from.

    Parameters
    ----------
    folder : path
        Made when training starts.
    resume : bool
        Whether to read what an earlier fit left there.

    Raises
    ------
    PersistenceError
        If `resume` and there is a file that can't be read.
    """

    def __init__(self, folder: str | os.PathLike[str], *, resume: bool) -> None:
        self._path = Path(folder) / FILE_NAME
        self._saved: _Saved | None = None
        if resume and self._path.exists():
            self._saved = _read(self._path)
        self._next_time = 0.0
        self._has_failed = False

    @property
    def seed(self) -> int | None:
        """The seed of the fit that is to go on, None if there is none."""
        return None if self._saved is None else self._saved.document.seed

    def state(self, run: Mapping[str, str]) -> dict[str, Tensor] | None:
        """Return the state to go on from, None if there is none.

        Raises
        ------
        PersistenceError
            If it belongs to another run.
        """
        if self._saved is None:
            return None
        then, now = self._saved.document.run, _with_versions(run)
        if different := [name for name in now if then.get(name) != now[name]]:
            raise PersistenceError(
                f"{self._path} is the checkpoint of another run, which differs in its "
                f"{', '.join(different)}. Fit with what it was made with, or name another folder, "
                "or fit without `resume` to start anew and replace it."
            )
        saved, self._saved = self._saved, None  # it need not stay in memory
        return {name: torch.from_numpy(array.copy()) for name, array in saved.tensors.items()}

    def prepare(self) -> None:
        """Make sure that the folder is there and can be written to; clear what a kill left there.

        Raises
        ------
        PersistenceError
            If nothing can be written there.
        """
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for half_written in folder.glob(f".{FILE_NAME}.*.tmp"):
                half_written.unlink(missing_ok=True)
            probe = folder / f".{FILE_NAME}.{os.getpid()}.tmp"
            probe.write_bytes(b"?")
            probe.unlink()
        except OSError as error:
            raise PersistenceError(
                f"no checkpoint can be written in {folder} ({error.strerror}); name another "
                "folder, or train without one."
            ) from error

    def write(
        self, seed: int, run: Mapping[str, str], state: Callable[[], Mapping[str, Tensor]]
    ) -> None:
        """Write the state, unless the last one was written a short while ago.

        Where that fails, say so once; the last good file stays.
        """
        start = time.monotonic()
        if start < self._next_time:
            return
        document, _ = to_document(_Document(seed, _with_versions(run)))
        tensors = {name: value.detach().cpu().numpy() for name, value in state().items()}
        try:
            write_archive(self._path, Archive(KIND, VERSION, document, tensors))
        except OSError as error:
            self._warn(error)
        end = time.monotonic()
        self._next_time = end + (end - start) / TIME_SHARE

    def _warn(self, error: OSError) -> None:
        if not self._has_failed:
            warn(
                f"{self._path} can't be written ({error.strerror}); training goes on, and the "
                "last checkpoint that could be written stays.",
                RuntimeWarning,
            )
        self._has_failed = True


def _read(path: Path) -> _Saved:
    archive = read_archive(path, {KIND: VERSION}, MAX_BYTES)
    try:
        document = from_document(_Document, archive.document, {}, Reading({}, max_bytes=0))
    except PersistenceError as error:
        raise PersistenceError(f"{path} can't be read: {error}") from error
    return _Saved(document, archive.tensors)


def _with_versions(run: Mapping[str, str]) -> dict[str, str]:
    return {**run, "ganaug version": version("ganaug"), "torch version": torch.__version__}
