"""Fitted estimators as files: `save`, and `load` for what it wrote.

What a file holds is what `SamplerState` declares; `tests/data/schema.json` keeps it, field by
field, so that no change of a class behind it goes unnoticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganaug._encoding.codecs import CategoryCodec, NumberCodec, VectorCodec
from ganaug._encoding.table import TableEncoder
from ganaug._fitting import FittedParts
from ganaug._gan.model import ConditionalGAN, GANState
from ganaug._gan.runtime import resolve_device
from ganaug._persistence import checks
from ganaug._persistence.archive import Archive, read_archive, write_archive
from ganaug._persistence.containers import (
    ArrayState,
    FrameState,
    LabelState,
    PandasState,
    builder_state,
)
from ganaug._persistence.schema import from_document, to_document
from ganaug._scoring import ScoreScale
from ganaug.exceptions import PersistenceError
from ganaug.sampler import GANSampler

__all__ = ["load", "save_sampler"]

KIND, VERSION = "ganaug sampler", 1
MAX_BYTES = 2**28


@dataclass(frozen=True)
class EncoderState:
    """A `TableEncoder`, without its layout."""

    names: tuple[Any, ...]
    codecs: tuple[NumberCodec | CategoryCodec | VectorCodec, ...]


@dataclass(frozen=True)
class SamplerState:
    """A fitted `GANSampler`."""

    ganaug_version: str
    torch_version: str
    parameters: dict[str, Any]
    feature_names: tuple[str, ...] | None
    classes: NDArray[Any]
    rows_to_add: tuple[tuple[int, ...], ...]  # class code, number of rows
    encoder: EncoderState
    gan: GANState
    rows: ArrayState | PandasState | FrameState
    labels: LabelState
    score_scale: ScoreScale
    synthetic_mask: NDArray[np.bool_] | None


def save_sampler(sampler: GANSampler, path: str | os.PathLike[str]) -> None:
    """Write a fitted sampler; what could not be read again is refused before."""
    document, tensors = to_document(_state_of(sampler))
    names = [name for name, value in sampler.get_params(deep=False).items() if callable(value)]
    callables = {name: getattr(sampler, name) for name in names}
    state = from_document(SamplerState, document, tensors, callables)
    _check(state, max_bytes=2**62)
    write_archive(path, Archive(KIND, VERSION, document, tensors))


def load(
    path: str | os.PathLike[str],
    *,
    device: str | torch.device | None = None,
    callables: Mapping[str, Callable[..., Any]] | None = None,
    max_bytes: int = MAX_BYTES,
) -> GANSampler:
    """Read a fitted sampler that `GANSampler.save` wrote.

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
        Refuse a file that is larger, or that would become so.

    Returns
    -------
    GANSampler

    Raises
    ------
    PersistenceError
        If the file is damaged, of another kind or a later version, or not consistent.
    DeviceError
        If the device is not available.

    Examples
    --------
    >>> import ganaug
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(n_samples=300, weights=[0.9], random_state=0)
    >>> ganaug.GANSampler(n_steps=50, random_state=0).fit(X, y).save("model.ganaug")
    >>> ganaug.load("model.ganaug").sample(3, y=1)[0].shape
    (3, 20)
    """
    archive = read_archive(path, KIND, VERSION, max_bytes)
    try:
        state = from_document(SamplerState, archive.document, archive.tensors, callables or {})
        _check(state, max_bytes)
        return _build(state, device)
    except PersistenceError as error:
        raise PersistenceError(f"{path} can't be read: {error}") from error


# --- from a sampler to its state ------------------------------------------------------------------


def _state_of(sampler: GANSampler) -> SamplerState:
    encoder, classes = sampler.encoder_, sampler.classes_
    parameters = sampler.get_params(deep=False)
    parameters |= {"device": str(parameters["device"])}
    if isinstance(parameters["checkpoint"], os.PathLike):
        parameters["checkpoint"] = os.fspath(parameters["checkpoint"])
    chosen = parameters["categorical_features"]
    if hasattr(chosen, "tolist"):  # an array, an index or a column
        parameters["categorical_features"] = chosen.tolist()
    names = getattr(sampler, "feature_names_in_", None)
    code_of = {label: code for code, label in enumerate(classes.tolist())}
    return SamplerState(
        ganaug_version=version("ganaug"),
        torch_version=str(torch.__version__),
        parameters=parameters,
        feature_names=None if names is None else tuple(map(str, names)),
        classes=classes,
        rows_to_add=tuple((code_of[c], n) for c, n in sampler.sampling_strategy_.items()),
        encoder=EncoderState(tuple(encoder.names_), tuple(encoder.codecs_)),  # type: ignore[arg-type]
        gan=sampler._gan.state(),
        rows=builder_state(sampler._row_builder),
        labels=LabelState.of(sampler._label_prototypes),
        score_scale=sampler._score_scale,
        synthetic_mask=getattr(sampler, "synthetic_mask_", None),
    )


# --- from a state to a sampler --------------------------------------------------------------------


def _check(state: SamplerState, max_bytes: int) -> None:
    classes, n_columns = state.classes, len(state.encoder.names)
    known = GANSampler().get_params(deep=False).keys()
    if unknown := state.parameters.keys() - known:
        raise PersistenceError(f"GANSampler has no parameters {sorted(unknown)[:5]}.")
    checks.require(classes.ndim == 1 and len(classes) >= 2, "there are no classes")
    checks.require(
        all(
            len(pair) == 2 and 0 <= pair[0] < len(classes) <= pair[1] + len(classes)
            for pair in state.rows_to_add
        ),
        "rows to add have no class",
    )
    names = state.feature_names
    checks.require(names is None or names == state.encoder.names, "columns have two names")
    checks.check_encoder(state.encoder, state.gan.layout)
    checks.check_gan(state.gan, len(classes), max_bytes)
    checks.check_history(state.gan.history)
    checks.require(len(state.rows.levels) == n_columns, "columns differ in number")
    checks.check_levels(map(len, state.rows.levels), state.encoder.codecs)
    for values in (state.score_scale.origin, state.score_scale.unit):
        checks.require(values.shape == classes.shape, "a class has no score")


def _build(state: SamplerState, device: str | torch.device | None) -> GANSampler:
    parameters = state.parameters if device is None else {**state.parameters, "device": device}
    sampler = GANSampler(**parameters)
    try:
        sampler._validate_params()
        config = sampler._config()
    except ValueError as error:
        raise PersistenceError(f"a parameter is out of range ({error}).") from error
    place = resolve_device(sampler.device)
    try:
        gan = ConditionalGAN.from_state(state.gan, config, place)
        rows, labels = state.rows.build(), state.labels.build()
        n_labels = len(labels)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise PersistenceError(f"a part can't be built ({str(error)[:300]}).") from error
    checks.require(n_labels == len(state.classes), "classes and labels differ in number")
    classes = state.classes.tolist()
    sampler._set(
        FittedParts(
            classes=state.classes,
            strategy={classes[code]: n for code, n in state.rows_to_add},
            encoder=TableEncoder.from_parts(
                state.encoder.names, state.encoder.codecs, state.gan.layout
            ),
            gan=gan,
            seed=state.gan.seed,
            row_builder=rows,
            label_prototypes=labels,
            score_scale=state.score_scale,
        )
    )
    sampler.n_features_in_ = len(state.encoder.names)
    if state.feature_names is not None:
        sampler.feature_names_in_ = np.array(state.feature_names, dtype=object)
    if state.synthetic_mask is not None:
        sampler.synthetic_mask_ = state.synthetic_mask
    return sampler
