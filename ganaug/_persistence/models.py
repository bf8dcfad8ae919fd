"""Fitted estimators as files: `save`, and `load` for what it wrote.

What a file holds is what the `state` of its `Format` declares; `tests/data/schema.json` keeps it,
field by field, so that no change of a class behind it goes unnoticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ganaug._gan.runtime import undisturbed
from ganaug._memory import explaining_memory
from ganaug._persistence.archive import Archive, read_archive, write_archive
from ganaug._persistence.detectors import DETECTOR
from ganaug._persistence.estimators import Format, with_parameters
from ganaug._persistence.network_samplers import NETWORK_SAMPLER
from ganaug._persistence.samplers import SAMPLER
from ganaug._persistence.schema import from_document, to_document
from ganaug._persistence.values import Reading
from ganaug.exceptions import DeviceError, PersistenceError

__all__ = ["FORMATS", "MAX_BYTES", "load", "save"]

FORMATS: tuple[Format, ...] = (SAMPLER, NETWORK_SAMPLER, DETECTOR)
MAX_BYTES = 2**28
NO_LIMIT = 2**62
PACKAGE = "ganaug"


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator; what could not be read again is refused before."""
    if not type(estimator).__module__.startswith(f"{PACKAGE}."):
        raise PersistenceError(
            f"{type(estimator).__name__} is a class of yours, which a file can't name; pickle it, "
            f"or save one of {PACKAGE}'s own."
        )
    parameters = estimator.get_params(deep=False)
    with_parameters(type(estimator), parameters)  # some may have been set after the fit
    form = next(form for form in FORMATS if form.holds(estimator))
    document, tensors = to_document(form.state.of(estimator))
    callables = {name: value for name, value in parameters.items() if callable(value)}
    reading = Reading(callables, max_bytes=NO_LIMIT)
    from_document(form.state, document, tensors, reading).check(NO_LIMIT)
    write_archive(path, Archive(form.kind, form.version, document, tensors))


def load(
    path: str | os.PathLike[str],
    *,
    device: str | torch.device | None = None,
    callables: Mapping[str, Callable[..., Any]] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Any:
    """Read a fitted sampler or detector that `save` wrote.

    A file is data: nothing in it is run or imported, and nothing of it is built before all of it
    was checked. It samples and scores as what was saved, bit for bit on the same kind of device.

    Parameters
    ----------
    path : path
    device : "auto", str, torch.device or None, default=None
        Where to sample and score; by default where the sampler was told to be fitted.
    callables : dict of str -> callable, default=None
        Functions that were parameters, by parameter: a file only names them.
    max_bytes : int, default=2**28
        Refuse a file that is larger, or whose arrays would become so, or whose JSON would take
        more than four times as much memory.

    Returns
    -------
    GANSampler or GANOutlierDetector

    Raises
    ------
    PersistenceError
        If the file is damaged, of another kind or a later version, or not consistent.
    DeviceError
        If the device is not available.
    OSError
        If there is no such file.
    TypeError
        If `path` is no path: a file that is open already is left as it is.

    Examples
    --------
    >>> import ganaug
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(n_samples=300, weights=[0.9], random_state=0)
    >>> ganaug.GANSampler(n_steps=50, random_state=0).fit(X, y).save("model.ganaug")
    >>> ganaug.load("model.ganaug").sample(3, y=1)[0].shape
    (3, 20)
    """
    archive = read_archive(path, {form.kind: form.version for form in FORMATS}, max_bytes)
    form = next(form for form in FORMATS if form.kind == archive.kind)
    try:
        reading = Reading(callables or {}, max_bytes)
        state = from_document(form.state, archive.document, archive.tensors, reading)
        state.check(max_bytes)
        with explaining_memory("free some of it", "pass device='cpu'"), undisturbed():
            return state.build(device)
    except PersistenceError as error:
        raise PersistenceError(f"{path} can't be read: {error}") from error
    except DeviceError:
        raise
    except (LookupError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        reason = str(error)[:300]
        raise PersistenceError(
            f"{path} can't be read: a part can't be built ({reason})."
        ) from error
