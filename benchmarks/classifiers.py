"""The classifiers, and the preprocessing that all of them share."""

from __future__ import annotations

import importlib
import importlib.util
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from benchmarks.methods import Resampled

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Probabilities of new rows, or the error that came instead.

    Attributes
    ----------
    proba : ndarray of shape (n_rows, n_classes), or None
    trained_on : ndarray of shape (n_classes,), or None
        Shares of the classes that the classifier has seen.
    seconds : float
        Of training and predicting.
    error : str
        Class of the error, or nothing.
    """

    proba: Floats | None = None
    trained_on: Floats | None = None
    seconds: float = float("nan")
    error: str = ""


def _lightgbm(seed: int) -> Any:
    lightgbm = importlib.import_module("lightgbm")
    return lightgbm.LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1, deterministic=True)


CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "logistic_regression": lambda seed: LogisticRegression(max_iter=1000),
    "knn": lambda seed: KNeighborsClassifier(),
    "decision_tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "random_forest": lambda seed: RandomForestClassifier(random_state=seed, n_jobs=1),
    "lightgbm": _lightgbm,
    "mlp": lambda seed: MLPClassifier((64,), max_iter=100, random_state=seed),
}
TAKES_NO_WEIGHTS = frozenset({"knn"})


def available_classifiers() -> list[str]:
    """Return the names of the classifiers, without LightGBM where it is not installed."""
    has_lightgbm = importlib.util.find_spec("lightgbm") is not None
    return [name for name in CLASSIFIERS if name != "lightgbm" or has_lightgbm]


def preprocessing(categorical: Sequence[str], columns: Sequence[str]) -> ColumnTransformer:
    """Impute and standardise numbers, one-hot encode categories; unseen ones become zeros."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    numeric = [name for name in columns if name not in categorical]
    return ColumnTransformer(
        [("numbers", numbers, numeric), ("categories", categories, list(categorical))]
    )


def predict_all(
    resampled: Resampled,
    X_new: pd.DataFrame,
    n_classes: int,
    names: Sequence[str],
    seed_of: Callable[[str], int],
) -> dict[str, Prediction]:
    """Train each classifier on a resampled fold and predict new rows.

    Parameters
    ----------
    resampled : Resampled
        What they are trained on, and the preprocessing as well.
    X_new : DataFrame of shape (n_rows, n_features)
        Rows to predict.
    n_classes : int
        Number of classes of the whole table.
    names : sequence of str
        Names of the classifiers.
    seed_of : callable
        Name of a classifier -> its seed.

    Returns
    -------
    dict of str -> Prediction
    """
    try:
        X_train, X_test = _prepared(resampled.X, X_new)
    except Exception as error:  # such as infinite values
        return dict.fromkeys(names, Prediction(error=type(error).__name__))
    return {
        name: _predict(name, seed_of(name), X_train, resampled, X_test, n_classes) for name in names
    }


def _prepared(X: pd.DataFrame, X_new: pd.DataFrame) -> tuple[Floats, Floats]:
    """Fit the preprocessing on some rows, and apply it to them and to others."""
    categorical = list(X_new.select_dtypes("category").columns)
    transform = preprocessing(categorical, list(X_new.columns))
    prepared = transform.fit_transform(_plain(X, categorical)).astype(np.float32)
    return prepared, transform.transform(_plain(X_new, categorical)).astype(np.float32)


def _plain(X: pd.DataFrame, categorical: Sequence[str]) -> pd.DataFrame:
    """Return categories as objects, as the imputer wants them, with None where they miss."""
    plain = {name: X[name].astype(object).where(X[name].notna(), np.nan) for name in categorical}
    return X.assign(**plain)


def _predict(
    name: str, seed: int, X_train: Floats, resampled: Resampled, X_test: Floats, n_classes: int
) -> Prediction:
    y = resampled.y
    weighted = resampled.weighted and name not in TAKES_NO_WEIGHTS
    weights = compute_sample_weight("balanced", y) if weighted else None
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            model = CLASSIFIERS[name](seed)
            model.fit(X_train, y, **({"sample_weight": weights} if weighted else {}))
            found = model.predict_proba(X_test)
        if not np.isfinite(found).all():
            raise FloatingPointError("probabilities that are not finite")
    except Exception as error:  # a row of the results says so
        return Prediction(error=type(error).__name__)
    proba = np.zeros((len(X_test), n_classes))
    proba[:, model.classes_] = found
    shares = np.bincount(y, weights=weights, minlength=n_classes)
    return Prediction(proba, shares / shares.sum(), time.perf_counter() - start)
