"""Detectors by name: what is compared, with the defaults of their packages.

A detector is trained on one table and scores another, or the same; higher = more anomalous. All
but ganaug get numbers: imputed and standardised, categories one-hot (`benchmarks.spaces`), fitted
on the training rows. Keyword arguments after a name make a variant:
``ganaug:discriminator_weight=0``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM

from benchmarks.anomalies import Trial
from benchmarks.methods import parse_keywords
from benchmarks.spaces import NumericSpace

Scores = NDArray[np.float64]
N_NEIGHBORS = 5
MAX_SVM_ROWS = 4000


class Fitted(Protocol):
    """A trained detector."""

    def training(self) -> Scores:
        """Return how anomalous the training rows are."""

    def new(self, X: Any) -> Scores:
        """Return how anomalous other rows are."""


@dataclass(frozen=True)
class Detector:
    """One entry of the registry.

    Attributes
    ----------
    label : str
        Its name in tables.
    fit : callable
        Training rows and a seed -> a trained detector.
    package : str
    raw : bool
        Whether it takes tables as they are, or numbers.
    slow : bool
        Whether it runs after all the others.
    """

    label: str
    fit: Callable[..., Fitted]
    package: str = "scikit-learn"
    raw: bool = False
    slow: bool = False

    def missing(self) -> str:
        """Return why it can't run here, or nothing."""
        module = {"scikit-learn": "sklearn"}.get(self.package, self.package)
        try:
            importlib.import_module(module)
        except ImportError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class NamedDetector:
    """A detector with keyword arguments."""

    name: str
    detector: Detector
    keywords: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, name: str) -> NamedDetector:
        """Look a name up, and read its keyword arguments."""
        base, _, arguments = name.partition(":")
        if base not in DETECTORS:
            raise ValueError(f"no detector {base!r}; there are {', '.join(DETECTORS)}")
        return cls(name, DETECTORS[base], parse_keywords(name, arguments))

    def fit(self, trial: Trial, seed: int) -> Fitted:
        """Train on what `view` returns for the training rows."""
        return self.detector.fit(self.view(trial)(trial.train.X), seed, **self.keywords)

    def view(self, trial: Trial) -> Callable[[pd.DataFrame], Any]:
        """Return what turns rows into what the detector takes."""
        if self.detector.raw:
            return lambda X: X
        space = NumericSpace.fit(trial.train, one_hot=True)
        return space.encode

    def origin(self) -> str:
        """Return package and version."""
        return f"{self.detector.package} {version(self.detector.package)}"


# --- scikit-learn -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signed:
    """A detector of scikit-learn: `score_samples`, higher = more normal."""

    model: Any
    X: Any

    def training(self) -> Scores:
        return self.new(self.X)

    def new(self, X: Any) -> Scores:
        return -np.asarray(self.model.score_samples(X), dtype=np.float64)


def isolation_forest(X: Scores, seed: int) -> Fitted:
    """Isolation forest (Liu et al. 2008)."""
    return Signed(IsolationForest(random_state=seed).fit(X), X)


def one_class_svm(X: Scores, seed: int) -> Fitted:
    """One-class SVM, trained on at most 4,000 rows: it takes their cube in time."""
    rows = np.random.default_rng(seed).permutation(len(X))[:MAX_SVM_ROWS]
    return Signed(OneClassSVM().fit(X[rows]), X)


def gaussian_mixture(X: Scores, seed: int) -> Fitted:
    """Gaussian mixture with one component, the default."""
    return Signed(GaussianMixture(random_state=seed).fit(X), X)


@dataclass(frozen=True)
class Neighbours:
    """Mean distance to the 5 nearest training rows; training rows don't count themselves."""

    model: NearestNeighbors

    def training(self) -> Scores:
        return np.asarray(self.model.kneighbors()[0].mean(axis=1))

    def new(self, X: Any) -> Scores:
        return np.asarray(self.model.kneighbors(X)[0].mean(axis=1))


def nearest_neighbours(X: Scores, seed: int) -> Fitted:
    """Mean distance to the 5 nearest rows."""
    return Neighbours(NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(X) - 1)).fit(X))


@dataclass(frozen=True)
class LocalOutlierFactors:
    """Local outlier factors; training rows by the estimator for outliers, others for novelties."""

    X: Scores

    def training(self) -> Scores:
        return -LocalOutlierFactor().fit(self.X).negative_outlier_factor_

    def new(self, X: Any) -> Scores:
        return -LocalOutlierFactor(novelty=True).fit(self.X).score_samples(X)


def local_outlier_factor(X: Scores, seed: int) -> Fitted:
    """Local outlier factor (Breunig et al. 2000)."""
    return LocalOutlierFactors(X)


# --- PyOD ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pyod:
    """A detector of PyOD; `sign` is -1 where its scores are upside down."""

    model: Any
    sign: float

    def training(self) -> Scores:
        return self.sign * np.asarray(self.model.decision_scores_, dtype=np.float64)

    def new(self, X: Any) -> Scores:
        with contextlib.redirect_stdout(io.StringIO()):
            return self.sign * np.asarray(self.model.decision_function(X), dtype=np.float64)


def pyod(
    X: Scores, seed: int, *, module: str, name: str, sign: float = 1.0, **keywords: Any
) -> Fitted:
    """Train a detector of PyOD with its defaults."""
    kind = getattr(importlib.import_module(f"pyod.models.{module}"), name)
    if module == "deep_svdd":
        keywords["n_features"] = X.shape[1]
    if module in {"cblof", "deep_svdd"}:
        keywords["random_state"] = seed
    elif module not in {"ecod", "copod", "hbos"}:
        importlib.import_module("torch").manual_seed(seed)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Pyod(kind(**keywords).fit(X), sign)


def _pyod(label: str, module: str, name: str, sign: float = 1.0, *, slow: bool = False) -> Detector:
    def fit(X: Scores, seed: int, **keywords: Any) -> Fitted:
        return pyod(X, seed, module=module, name=name, sign=sign, **keywords)

    return Detector(label, fit, "pyod", slow=slow)


# --- ganaug -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ganaug:
    """Either scorer of ganaug."""

    model: Any
    X: pd.DataFrame

    def training(self) -> Scores:
        return self.new(self.X)

    def new(self, X: Any) -> Scores:
        return -np.asarray(self.model.score_samples(X))


def ganaug(X: pd.DataFrame, seed: int, *, only: str = "", **keywords: Any) -> Fitted:
    """Train `GANOutlierDetector`; `only` keeps one of its arms, for ablations."""
    from ganaug import GANOutlierDetector
    from ganaug._detection.model import Arms

    detector = GANOutlierDetector(random_state=seed, **keywords).fit(X)
    if not only:
        return Ganaug(detector, X)

    def arm(X: pd.DataFrame) -> Scores:
        arms: Arms = detector._model.arms(np.concatenate(list(detector._parts(X))))
        return np.asarray(getattr(arms, only))

    return ByFunction(arm, X)


@dataclass(frozen=True)
class ByFunction:
    """Scores of a function."""

    score: Callable[[pd.DataFrame], Scores]
    X: pd.DataFrame

    def training(self) -> Scores:
        return self.score(self.X)

    def new(self, X: Any) -> Scores:
        return self.score(X)


def ganaug_sampler(X: pd.DataFrame, seed: int, **keywords: Any) -> Fitted:
    """Train `GANSampler`, which wants two classes, on random halves of the rows as classes."""
    from ganaug import GANSampler

    halves = np.random.default_rng(seed).permutation(len(X)) % 2
    return Ganaug(GANSampler(random_state=seed, **keywords).fit(X, halves), X)


DETECTORS = {
    "ganaug": Detector("ganaug", ganaug, "ganaug", raw=True),
    "knn": Detector("kNN (5)", nearest_neighbours),
    "iforest": Detector("IsolationForest", isolation_forest),
    "lof": Detector("LOF", local_outlier_factor),
    "ocsvm": Detector("OneClassSVM", one_class_svm),
    "gmm": Detector("GaussianMixture", gaussian_mixture),
    "ecod": _pyod("ECOD", "ecod", "ECOD"),
    "copod": _pyod("COPOD", "copod", "COPOD"),
    "hbos": _pyod("HBOS", "hbos", "HBOS"),
    "cblof": _pyod("CBLOF", "cblof", "CBLOF"),
    "ganaug-sampler": Detector("GANSampler's score", ganaug_sampler, "ganaug", raw=True),
    "deep_svdd": _pyod("DeepSVDD", "deep_svdd", "DeepSVDD", slow=True),
    "so_gaal": _pyod("SO_GAAL (turned round)", "so_gaal", "SO_GAAL", -1.0, slow=True),
    "mo_gaal": _pyod("MO_GAAL (turned round)", "mo_gaal", "MO_GAAL", -1.0, slow=True),
    "alad": _pyod("ALAD", "alad", "ALAD", slow=True),
    "anogan": _pyod("AnoGAN", "anogan", "AnoGAN", slow=True),
}
ABLATION = (
    "ganaug:discriminator_weight=0",
    "ganaug:tail_weight=0",
    "ganaug:discriminator_weight=0,tail_weight=0",
    'ganaug:only="neighbours"',
    'ganaug:only="discriminators"',
    'ganaug:only="blocks"',
    'ganaug:only="tails"',
    "ganaug:novelty=True",
    "ganaug:novelty=False",
    "ganaug:max_reference_rows=1024",
    "ganaug:max_reference_rows=8192",
)


def label_of(name: str) -> str:
    """Return how a detector is called in tables."""
    base, colon, arguments = name.partition(":")
    label = DETECTORS[base].label if base in DETECTORS else base
    return f"{label}{colon}{arguments}"
