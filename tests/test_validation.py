"""Bad input gets one clear sentence before any training starts."""

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from ganaug import GANOutlierDetector, GANSampler
from ganaug._gan.model import GAN
from ganaug._validation import check_betas, check_layer_sizes
from ganaug.exceptions import DataError, DataTypeError, DeviceError

N = 30
X = pd.DataFrame(
    {
        "age": np.linspace(20, 60, N),
        "pay": np.r_[np.linspace(1, 9, N - 1), 100.0],
        "town": ["Rome", "Oslo", "Bonn"] * 10,
    }
)
Y = np.array(["no"] * 20 + ["yes"] * 10)


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    """Fail a test in which training starts."""

    def train(self, classes):
        raise AssertionError("training has started")

    monkeypatch.setattr(GAN, "train", train)


def with_value(row, column, value):
    changed = X.copy()
    changed.loc[row, column] = value
    return changed


LABELS = Y.astype(object)

BAD_DATA = {
    "one class": (X, ["yes"] * N, "one class only.*'yes'.*at least 2 classes"),
    "one class of numbers": (X, np.zeros(N), r"one class only \(0\.0, 30 rows"),
    "one class of numpy's numbers": (X, [*np.zeros(N)], r"one class only \(0\.0, 30 rows"),
    "a class of one row": (
        X,
        ["no"] * (N - 1) + ["yes"],
        "class 'yes' has 1 row; at least 2 are needed. Drop its row, join",
    ),
    "missing label": (X, [None, *LABELS[1:]], "1 missing labels.*first in row 0; drop these"),
    "NaN label": (X, np.r_[np.nan, np.arange(N - 1) % 2], "1 missing labels.*first in row 0"),
    "no y": (X, None, "requires y"),
    "labels of two kinds": (X, [0] * 20 + ["b"] * 10, "y mixes labels of the kinds number, str"),
    "decimal labels": (X, [Decimal(0)] * 20 + [Decimal(1)] * 10, "type Decimal; expected.*Convert"),
    "periods": (X, pd.period_range("2020", periods=2, freq="M").repeat(15), "type Period; expec"),
    "times with a zone": (
        X,
        pd.date_range("2020", periods=2, tz="Asia/Karachi").repeat(15),
        "times with a time zone; expected.*Convert",
    ),
    "1 and True": (X, [1] * 10 + [True] * 10 + [0] * 10, "kinds bool, number"),
    "continuous y": (X, np.linspace(0, 1, N), "Unknown label type: continuous"),
    "infinite y": (X, np.r_[np.inf, np.arange(N - 1) % 2], "y contains infinity"),
    "huge y": (X, np.r_[1e300, np.arange(N - 1) % 2], "Unknown label type: continuous"),
    "multilabel y": (X, np.ones((N, 2), int), "Multilabel and multioutput"),
    "two columns of labels": (
        X,
        pd.DataFrame({"t": [0, 1] * 15, "u": ["a"] * N}),
        r"y has 2 columns; expected one label for each row, or one-hot rows of 0 and 1\. Pass",
    ),
    "two columns of strings": (X, np.array([["a", "b"]] * N), "y has 2 columns"),
    "two columns of strings in polars": (
        X,
        pl.DataFrame({"t": ["a", "b"] * 15, "u": ["a"] * N}),
        "y has 2 columns",
    ),
    "two columns of numbers": (X, np.c_[:N, 5 : N + 5], "y has 2 columns"),
    "no column of labels": (X, np.zeros((N, 0)), "y has 0 columns"),
    "lengths differ": (X, Y[:-1], "X has 30 rows, y has 29 labels"),
    "one label": (X, 3, r"y is 3; expected one label for each of the 30 rows of X\. Pass an array"),
    "one text": (X, "yes", "y is 'yes'; expected one label for each of the 30 rows of X"),
    "a text as long as X": (X, "y" * N, "y is 'yyy.*'; expected one label for each"),
    "a set": (X, {"no", "yes"}, "y is {'no', 'yes'}; expected one label for each"),
    "the name of a column": (
        X,
        "town",
        r"y is 'town', the name of a column of X; expected one label .*y = X\.pop\('town'\)",
    ),
    "infinite": (with_value(3, "pay", np.inf), Y, "'pay' contains infinity.*first in row 3"),
    "infinite in numpy": (np.array([[1.0, -np.inf]] * N), Y, "column 1 contains infinity"),
    "infinite in polars": (
        pl.DataFrame({"a": [1.0, np.inf] * 15}),
        Y,
        "'a' contains infinity",
    ),
    "complex": (np.ones((N, 2), complex), Y, "Complex data not supported"),
    "one-dimensional": (np.arange(N), Y, "Expected 2D array, got 1D array instead.*reshape"),
    "tiny images": (np.ones((N, 2, 2)), Y, "2 x 2 pixels are too small"),
    "three-dimensional list": (np.ones((N, 2, 2)).tolist(), Y, "dim 3"),
    "no rows": (X[:0], Y[:0], r"0 sample\(s\)"),
    "no columns": (X[[]], Y, r"0 feature\(s\)"),
    "ragged list": ([[1, 2]] * (N - 1) + [[1]], Y, "rows differ in length"),
    "lists in cells": (
        pd.DataFrame({"a": [[1]] * N}),
        Y,
        "column 'a' holds a value of type list in row 0; expected numbers, strings",
    ),
    "sparse labels": (X, sp.csr_array(np.eye(N)[:, :1]), "y is sparse.*toarray"),
    "lists in polars cells": (pl.DataFrame({"a": [[1]] * N}), Y, "column 'a'.*type list"),
}


@pytest.mark.parametrize("case", list(BAD_DATA))
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
def test_bad_data(case, method):
    data, labels, message = BAD_DATA[case]
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        getattr(GANSampler(), method)(data, labels)
    assert str(caught.value).count("\n") == 0 or case in {"continuous y", "multilabel y"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pl.DataFrame({"a": range(N)}).lazy(), "lazy frame.*collect"),
        ({"a": list(range(N))}, "X must be a pandas, polars or pyarrow table.*got builtins.dict"),
        ("table.csv", "X must be a pandas.*got builtins.str"),
        (
            pa.RecordBatch.from_pydict({"a": range(N)}),
            r"RecordBatch of pyarrow.*pa\.Table\.from_batches\(\[X\]\)",
        ),
        (np.ma.masked_less(np.eye(N), 1), r"masked array.*filled\(np\.nan\)"),
        (X.rename(columns={"age": 0}), r"column names mix types.*\['int', 'str'\].*astype\(str\)"),
    ],
    ids=["lazy", "dict", "path", "record batch", "masked", "mixed names"],
)
def test_bad_containers(data, message):
    for estimator in (GANSampler(), GANOutlierDetector()):
        with pytest.raises(DataTypeError, match=message):
            estimator.fit(data, Y)


def test_labels_that_are_bytes():
    with pytest.raises(DataTypeError, match="labels represented as bytes"):
        GANSampler().fit(X, np.array([b"u", b"v"] * (N // 2)))


def test_masked_labels():
    with pytest.raises(DataTypeError, match="y is a masked array"):
        GANSampler().fit(X, np.ma.array(np.arange(N) % 2, mask=np.arange(N) == 0))


VIEWS = pa.array(["u", "v"] * (N // 2), pa.string_view())
ODD_TYPES = {
    "arrow": (lambda: pa.table({"a": VIEWS}), "string_view"),
    "pandas": (lambda: pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(VIEWS)}), "string_view"),
    "polars": (lambda: pl.DataFrame({"a": pl.Series(range(N), dtype=pl.Int128)}), "Int128.*cast"),
    "numpy": (lambda: np.zeros((N, 1), "V4"), "numpy type.*V4.*astype"),
}


@pytest.mark.parametrize("kind", list(ODD_TYPES))
@pytest.mark.parametrize("estimator", [GANSampler, GANOutlierDetector])
def test_types_that_a_library_does_not_compute_with(kind, estimator):
    if kind == "polars" and not hasattr(pl, "Int128"):
        pytest.skip("polars 1.0 has no Int128")
    make, message = ODD_TYPES[kind]
    with pytest.raises(DataError, match=f"column .*{message}"):
        estimator().fit(make(), Y)


@pytest.mark.parametrize(
    "table",
    [
        pa.table([pa.array(range(N)), pa.array(range(N))], names=["a", "a"]),
        pd.DataFrame(np.eye(N)[:, :2], columns=["a", "a"]),
    ],
    ids=["arrow", "pandas"],
)
@pytest.mark.parametrize("estimator", [GANSampler, GANOutlierDetector])
def test_columns_of_one_name(table, estimator):
    with pytest.raises(DataError, match="more than one column named 'a'"):
        estimator().fit(table, Y)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ({"yes": 5}, "asks for 5 rows of class 'yes', which has 10; .* at least 10"),
        ({"maybe": 50}, "there is no class 'maybe'; there are 'no', 'yes'"),
        (["maybe"], "there is no class 'maybe'"),
        ({"yes": 10.5}, r"asks for 10.5 rows of class 'yes'; expected a whole number of type int"),
        ({"yes": 15.0}, r"asks for 15.0 rows of class 'yes'; .* such as round\(15.0\)"),
        ({"yes": -1}, "asks for -1 rows"),
        (lambda y: {"maybe": 3}, "there is no class 'maybe'"),
        (lambda y: [50], "callable sampling_strategy must return a dict .*, got list"),
        (1.5, "'sampling_strategy' parameter"),
        (-0.5, "'sampling_strategy' parameter"),
        (True, "'sampling_strategy' parameter"),
        ("most", "'sampling_strategy' parameter"),
        (("yes",), "'sampling_strategy' parameter"),
    ],
)
def test_bad_strategies(strategy, message):
    with pytest.raises(ValueError, match=message):
        GANSampler(sampling_strategy=strategy).fit(X, Y)


def test_a_ratio_needs_two_classes():
    y = np.array(["a"] * 15 + ["b"] * 10 + ["c"] * 5)
    with pytest.raises(DataError, match="only defined for 2 classes, but y has 3; pass a dict"):
        GANSampler(sampling_strategy=0.5).fit(X, y)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["colour"], "'colour', which is not a column.*'age', 'pay', 'town'"),
        ("colour", "'categorical_features' parameter|'colour'"),
        ([7], "names 7, which is not a column"),
        (
            [True, False],
            "mask of 2 entries, but X has 3 columns; give one for each, or name the col",
        ),
        (lambda X: ["colour"], "'colour', which is not a column"),
    ],
)
def test_bad_categorical_features(features, message):
    with pytest.raises(ValueError, match=message):
        GANSampler(categorical_features=features).fit(X, Y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_steps": 0},
        {"n_steps": True},
        {"batch_size": True},
        {"gradient_penalty": True},
        {"n_steps": "many"},
        {"batch_size": 1},
        {"batch_size": 10**12},
        {"latent_dim": 10**12},
        {"hidden_layer_sizes": (10**12,)},
        {"n_neighbors": 10**12},
        {"hidden_layer_sizes": (16, -1)},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (True,)},
        {"hidden_layer_sizes": (1.5,)},
        {"latent_dim": 0},
        {"learning_rate": 0.0},
        {"learning_rate": -1.0},
        {"learning_rate": 1e6},
        {"gradient_penalty": -1.0},
        {"anchored_share": 1.1},
        {"n_neighbors": 0},
        {"random_state": "seed"},
        {"device": 7},
        {"verbose": -1},
        {"betas": (0.0,)},
        {"betas": (0.0, 1.0)},
        {"betas": (False, 0.99)},
        {"betas": ("0", 0.99)},
        {"betas": (0.0, np.nan)},
    ],
    ids=str,
)
def test_bad_parameters(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"The '{name}' parameter of GANSampler must be"):
        GANSampler(**parameters).fit(X, Y)


def test_numbers_of_all_types_are_numbers():
    assert check_betas([np.float32(0.5), 0]) == (0.5, 0.0)
    assert check_layer_sizes([np.int64(8), 4]) == (8, 4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"resume": True}, r"say where it is by checkpoint=, or leave resume out"),
        ({"generator": list}, "discriminator is missing.*pass both generator and discriminator"),
    ],
    ids=["resume", "one network"],
)
def test_parameters_that_do_not_go_together(parameters, message):
    """What is wrong whatever the data are is refused as scikit-learn refuses parameters."""
    with pytest.raises(InvalidParameterError, match=message):
        GANSampler(**parameters).fit(X, Y)


@pytest.mark.parametrize("device", ["cuda:99", "warp drive", "meta"])
def test_device_that_is_not_there(device):
    with pytest.raises(DeviceError, match="not available on this machine"):
        GANSampler(device=device).fit(X, Y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), "expected \\(30,\\): one weight for each row"),
        (-np.ones(N), r"finite and not negative, got -1\.0 in row 0; pass 0 for rows that"),
        (np.r_[np.ones(7), np.nan, -np.ones(N - 8)], "finite and not negative, got nan in row 7"),
        (np.r_[np.ones(N - 1), np.inf], "finite and not negative, got inf in row 29"),
        (np.r_[np.ones(20), np.zeros(10)], "weights of class 'yes' are zero"),
        (np.ones((N, 1)), "one number for each row, got shape"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(DataError, match=message):
        GANSampler().fit(X, Y, sample_weight=weights)


def test_sample_before_fit():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        GANSampler().sample(3)


def test_constructor_checks_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GANSampler(n_steps=-1, device="nowhere", sampling_strategy=object())
