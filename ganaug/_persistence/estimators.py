"""What the files of all estimators have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganaug._encoding.codecs import CategoryCodec, NumberCodec, VectorCodec
from ganaug._encoding.dummies import DummyGroup
from ganaug._encoding.layout import TableLayout
from ganaug._encoding.table import TableEncoder
from ganaug._fitting import TABLE_AUTO
from ganaug.exceptions import PersistenceError
from ganaug.sampler import GANSampler


@dataclass(frozen=True)
class Format:
    """A kind of file: which estimators it is for, and the dataclass that says what is in it.

    The dataclass has three methods: `of(estimator)`, `check(max_bytes)` and `build(device)`.
    """

    kind: str
    version: int
    state: Any
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class EncoderState:
    """A `TableEncoder`, without its layout."""

    names: tuple[Any, ...]
    codecs: tuple[NumberCodec | CategoryCodec | VectorCodec, ...]
    groups: tuple[DummyGroup, ...] = ()

    @classmethod
    def of(cls, encoder: TableEncoder) -> EncoderState:
        codecs: Any = encoder.codecs_
        return cls(tuple(encoder.names_), tuple(codecs), tuple(encoder.groups_))

    def build(self, layout: TableLayout, **parameters: bool) -> TableEncoder:
        """Return the encoder, of these parameters and with this layout."""
        return TableEncoder.from_parts(self.names, self.groups, self.codecs, layout, **parameters)

    def level_counts(self) -> list[int]:
        """Return how many levels, missing ones too, each column may have; 0 for numbers."""
        counts = [0 if isinstance(codec, NumberCodec) else codec.n_codes for codec in self.codecs]
        for group in self.groups:
            for dummy in group.dummies:
                counts[dummy.position] = len(dummy.levels or ())
        return counts


def parameters_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters, in forms that can be stored."""
    parameters: dict[str, Any] = estimator.get_params(deep=False)
    parameters.pop("callback", None)  # it belongs to a training, not to what came of it
    if "device" in parameters:
        parameters["device"] = str(parameters["device"])
    for name, value in parameters.items():
        if isinstance(value, os.PathLike):
            parameters[name] = os.fspath(value)
    chosen = parameters["categorical_features"]
    if hasattr(chosen, "tolist"):  # an array, an index or a column
        parameters["categorical_features"] = chosen.tolist()
    return parameters


def with_parameters(estimator: Any, parameters: dict[str, Any]) -> Any:
    """Return an estimator of this class, its parameters checked."""
    if unknown := parameters.keys() - estimator().get_params(deep=False).keys():
        raise PersistenceError(f"{estimator.__name__} has no parameters {sorted(unknown)[:5]}.")
    out = estimator(**parameters)
    try:
        out._validate_params()
        config_of(out)
    except ValueError as error:
        raise PersistenceError(f"a parameter is out of range ({error}).") from error
    return out


def config_of(estimator: Any) -> Any:
    """Return the parameters as a model takes them.

    One that is trained reads sizes and shares only, so that nothing hangs on what "auto" is.
    """
    if isinstance(estimator, GANSampler):
        return estimator._config(TABLE_AUTO)
    return estimator._config()


def names_of(estimator: Any) -> tuple[str, ...] | None:
    """Return `feature_names_in_`, if there is one."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else tuple(map(str, names))


def remember_names(estimator: Any, names: tuple[str, ...] | None, n_columns: int) -> None:
    """Set `n_features_in_` and `feature_names_in_`."""
    estimator.n_features_in_ = n_columns
    if names is not None:
        estimator.feature_names_in_ = np.array(names, dtype=object)
