"""Samplers by name: what is compared, which package it comes from, what it works on.

A sampler takes a training fold and a seed and returns a `Resampled` table. Each one runs with
the defaults of its package; keyword arguments after its name override them and make a variant
of it: ``ganaug:anchored_share=0,n_steps=500``, ``ganaug:without="tilt"``.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import peers
from benchmarks.data import Fold
from benchmarks.spaces import NumericSpace, resample_encoded

RAW = "the raw table"
CODES = "numbers imputed and scaled, categories as codes"
ONE_HOT = "numbers imputed and scaled, categories one-hot, decoded to valid ones"


@dataclass(frozen=True)
class Resampled:
    """What a classifier is trained on.

    Attributes
    ----------
    X : pandas.DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    weighted : bool
        Whether rows weigh inversely to the frequency of their class.
    """

    X: pd.DataFrame
    y: NDArray[np.int64]
    weighted: bool = False


Sampler = Callable[[Fold, int], Resampled]


@dataclass(frozen=True)
class Method:
    """One entry of the registry.

    Attributes
    ----------
    label : str
        Its name in tables.
    run : callable
        Takes fold, seed and keyword arguments; returns rows and labels, or `Resampled`.
    space : str
        What it works on.
    package : str
        The distribution whose version is recorded.
    modules : tuple of str
        The modules of optional peers.
    slow : bool
        Slow ones run on two folds of one seed, without tuned decisions.
    """

    label: str
    run: Callable[..., Any]
    space: str
    package: str
    modules: tuple[str, ...] = ()
    slow: bool = False

    def missing(self) -> str:
        """Return why it can't run here, or nothing if it can."""
        try:
            for name in self.modules:
                importlib.import_module(name)
        except ImportError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class NamedSampler:
    """A method with the keyword arguments that its name carries.

    Examples
    --------
    >>> NamedSampler.parse("ganaug:anchored_share=0,hidden_layer_sizes=(64, 64)").keywords
    {'anchored_share': 0, 'hidden_layer_sizes': (64, 64)}
    """

    name: str
    method: Method
    keywords: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, name: str) -> NamedSampler:
        """Look a name up, and read its keyword arguments."""
        base, _, arguments = name.partition(":")
        if base not in METHODS:
            raise ValueError(f"no sampler {base!r}; there are {', '.join(METHODS)}")
        return cls(name, METHODS[base], parse_keywords(name, arguments))

    def __call__(self, fold: Fold, seed: int) -> Resampled:
        """Resample a training fold."""
        result = self.method.run(fold, seed, **self.keywords)
        return result if isinstance(result, Resampled) else Resampled(*result)

    def origin(self) -> str:
        """Return package and version."""
        return f"{self.method.package} {version(self.method.package)}"


def split_names(text: str) -> list[str]:
    """Split names at commas, but neither in keyword arguments nor in brackets.

    A name with keyword arguments goes on to the next comma that is not followed by a keyword.

    Examples
    --------
    >>> split_names("none,ganaug:n_steps=5,hidden_layer_sizes=(8, 8),smote")
    ['none', 'ganaug:n_steps=5,hidden_layer_sizes=(8, 8)', 'smote']
    """
    outside_brackets = r",(?![^(\[]*[)\]])(?!\w+=)"
    return [name.strip() for name in re.split(outside_brackets, text) if name.strip()]


def parse_keywords(name: str, arguments: str) -> dict[str, Any]:
    """Read ``keyword=value,keyword=value``."""
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        assert isinstance(call, ast.Call)
        if call.args:
            raise ValueError("an argument without a keyword")
        return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            f"{name!r} should read like sampler:keyword=value,keyword=value ({error})"
        ) from error


# --- samplers -----------------------------------------------------------------------------------


def nothing(fold: Fold, seed: int) -> Resampled:
    """Return the fold as it is."""
    return Resampled(fold.X, fold.y)


def class_weight(fold: Fold, seed: int) -> Resampled:
    """Return the fold as it is, to be weighted; kNN knows no weights and stays as it was."""
    return Resampled(fold.X, fold.y, weighted=True)


def imblearn_raw(name: str, fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Run a sampler of imbalanced-learn on the raw table."""
    sampler = getattr(importlib.import_module("imblearn.over_sampling"), name)
    return sampler(random_state=seed, **keywords).fit_resample(fold.X, fold.y)


def imblearn_numeric(name: str, fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Run a sampler of imbalanced-learn on the encoded fold."""
    sampler = getattr(importlib.import_module("imblearn.over_sampling"), name)
    run = sampler(random_state=seed, **keywords).fit_resample
    return resample_encoded(fold, lambda X, y, _: run(X, y))


def smote(fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Run the SMOTE for the fold's columns: SMOTE, SMOTENC (mixed) or SMOTEN (all categorical)."""
    if not fold.categorical:
        return imblearn_numeric("SMOTE", fold, seed, **keywords)
    module = importlib.import_module("imblearn.over_sampling")

    def run(X: Any, y: Any, space: NumericSpace) -> Any:
        if not space.numeric:
            return module.SMOTEN(random_state=seed, **keywords).fit_resample(X, y)
        columns = space.categorical_columns
        return module.SMOTENC(columns, random_state=seed, **keywords).fit_resample(X, y)

    return resample_encoded(fold, run, one_hot=False)


def smoothed_bootstrap(fold: Fold, seed: int, **keywords: Any) -> tuple[Any, Any]:
    """Repeat rows with normal noise on their numbers (ROSE: Menardi and Torelli, 2014).

    The noise has the bandwidth of a kernel density estimate; categories are repeated as they are.
    """
    module = importlib.import_module("imblearn.over_sampling")

    def run(X: Any, y: Any, space: NumericSpace) -> Any:
        shrinkage = {"shrinkage": 1.0, **keywords} if space.numeric else keywords
        sampler = module.RandomOverSampler(random_state=seed, **shrinkage)
        rows, labels = sampler.fit_resample(X, y)
        codes = space.categorical_columns
        rows[:, codes] = X[np.ix_(sampler.sample_indices_, codes)]
        return rows, labels

    return resample_encoded(fold, run, one_hot=False)


def ganaug(fold: Fold, seed: int, *, without: str = "", **keywords: Any) -> tuple[Any, Any]:
    """Run GANSampler on the raw table, perhaps without a part of its design.

    On the CPU, unless told otherwise.
    """
    from benchmarks.variants import PARTS, Part
    from ganaug import GANSampler

    part = PARTS[without] if without else Part(())
    given = {"device": "cpu", **part.keywords, **keywords}
    with part.taken_out():
        return GANSampler(random_state=seed, **given).fit_resample(fold.X, fold.y)


def ganaug_sample(fold: Fold, seed: int, *, without: str = "", **keywords: Any) -> tuple[Any, Any]:
    """Add what GANSampler's `sample` draws: rows that look real, not those for classifiers."""
    from benchmarks.variants import PARTS, Part
    from ganaug import GANSampler

    part = PARTS[without] if without else Part(())
    given = {"device": "cpu", **part.keywords, **keywords}
    with part.taken_out():
        sampler = GANSampler(random_state=seed, **given).fit(fold.X, fold.y)
        rows, labels = sampler.sample(sampler.sampling_strategy_)
    return pd.concat([fold.X, rows], ignore_index=True), np.concatenate([fold.y, labels])


def _imblearn(label: str, name: str, space: str = ONE_HOT) -> Method:
    run = imblearn_raw if space == RAW else imblearn_numeric
    return Method(label, partial(run, name), space, "imbalanced-learn")


def _smote_variant(label: str, name: str) -> Method:
    run = partial(peers.smote_variant, name)
    return Method(label, run, ONE_HOT, "smote-variants", ("smote_variants",))


METHODS: dict[str, Method] = {
    "none": Method("none", nothing, RAW, "scikit-learn"),
    "class_weight": Method("class weights", class_weight, RAW, "scikit-learn"),
    "ros": _imblearn("RandomOverSampler", "RandomOverSampler", RAW),
    "smoothed_bootstrap": Method(
        "smoothed bootstrap", smoothed_bootstrap, CODES, "imbalanced-learn"
    ),
    "smote": Method("SMOTE / NC / N", smote, CODES, "imbalanced-learn"),
    "borderline_smote": _imblearn("BorderlineSMOTE", "BorderlineSMOTE"),
    "svm_smote": _imblearn("SVM-SMOTE", "SVMSMOTE"),
    "adasyn": _imblearn("ADASYN", "ADASYN"),
    "kmeans_smote": _imblearn("KMeansSMOTE", "KMeansSMOTE"),
    "polynom_fit_smote": _smote_variant("polynom-fit-SMOTE", "polynom_fit_SMOTE_star"),
    "prowsyn": _smote_variant("ProWSyn", "ProWSyn"),
    "g_smote": _smote_variant("G-SMOTE", "G_SMOTE"),
    "lee": _smote_variant("Lee", "Lee"),
    "smobd": _smote_variant("SMOBD", "SMOBD"),
    "smote_ipf": _smote_variant("SMOTE-IPF", "SMOTE_IPF"),
    "ctgan": Method("CTGAN", peers.ctgan, RAW, "ctgan", ("ctgan",), slow=True),
    "tvae": Method("TVAE", peers.tvae, RAW, "ctgan", ("ctgan",), slow=True),
    "gaussian_copula": Method(
        "GaussianCopula", peers.gaussian_copula, ONE_HOT, "copulas", ("copulas",), slow=True
    ),
    "forest_diffusion": Method(
        "ForestDiffusion",
        peers.forest_diffusion,
        CODES,
        "ForestDiffusion",
        ("ForestDiffusion",),
        slow=True,
    ),
    "ganaug": Method("ganaug", ganaug, RAW, "ganaug"),
    "ganaug_sample": Method("ganaug, sample()", ganaug_sample, RAW, "ganaug"),
}


def label_of(name: str) -> str:
    """Return how a sampler is called in tables."""
    base, colon, arguments = name.partition(":")
    label = METHODS[base].label if base in METHODS else base
    return f"{label}{colon}{arguments}"
