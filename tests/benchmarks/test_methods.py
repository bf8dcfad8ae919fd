import numpy as np
import pandas as pd
import pytest

from benchmarks.data import Fold, load_dataset, source_family
from benchmarks.methods import METHODS, NamedSampler, split_names
from benchmarks.peers import shortfall
from benchmarks.spaces import NumericSpace, resample_encoded
from benchmarks.usage import measured


@pytest.fixture(params=["mixed", "numbers"])
def fold(request, folder):
    load_dataset.cache_clear()
    table = load_dataset(folder, request.param)
    return Fold(table.X, table.y, table.categorical)


def test_names_are_split_at_the_right_commas():
    text = "none,ganaug:n_steps=5,hidden_layer_sizes=(8, 8),smote"
    assert split_names(text) == ["none", "ganaug:n_steps=5,hidden_layer_sizes=(8, 8)", "smote"]


def test_keywords_reach_the_sampler(fold):
    result = NamedSampler.parse("ros:sampling_strategy='all'")(fold, 0)
    plain = NamedSampler.parse("ros")(fold, 0)
    assert len(result.y) == len(plain.y)
    with pytest.raises(TypeError, match="no_such"):
        NamedSampler.parse("ros:no_such=1")(fold, 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smotte", "no sampler 'smotte'; there are none,"),
        ("smote:5", "should read like"),
        ("smote:k=", "should read like"),
        ("smote:k=open('x')", "should read like"),
    ],
)
def test_bad_names_are_explained(name, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        NamedSampler.parse(name)


@pytest.mark.parametrize("name", ["none", "class_weight", "ros", "smote", "svm_smote", "adasyn"])
def test_samplers_keep_the_rows_of_the_fold_in_front(fold, name):
    result = NamedSampler.parse(name)(fold, 0)
    front = result.X.iloc[: len(fold.y)].astype(fold.X.dtypes)
    pd.testing.assert_frame_equal(front, fold.X)
    np.testing.assert_array_equal(result.y[: len(fold.y)], fold.y)
    assert list(result.X.columns) == list(fold.X.columns)


@pytest.mark.parametrize("name", ["smote", "borderline_smote"])
def test_synthetic_categories_were_seen(fold, name):
    result = NamedSampler.parse(name)(fold, 0)
    for column in fold.categorical:
        assert set(result.X[column]) <= set(fold.X[column])
        assert result.X[column].dtype == fold.X[column].dtype


def test_smote_of_categories_only(folder):
    table = load_dataset(folder, "mixed")
    columns = list(table.categorical)
    fold = Fold(table.X[columns], table.y, table.categorical)
    result = NamedSampler.parse("smote")(fold, 0)
    assert np.bincount(result.y).tolist() == [60, 60]


def test_ganaug_runs_by_name(fold):
    name = "ganaug:n_steps=2,hidden_layer_sizes=(8,),batch_size=16"
    result = NamedSampler.parse(name)(fold, 0)
    counts = np.bincount(result.y)
    assert (counts == counts[0]).all()


@pytest.mark.parametrize("one_hot", [True, False])
def test_encoding_comes_back(fold, one_hot):
    space = NumericSpace.fit(fold, one_hot=one_hot)
    decoded = space.decode(space.encode(fold.X))
    filled = fold.X.fillna(fold.X.median(numeric_only=True))
    pd.testing.assert_frame_equal(decoded, filled, check_dtype=False)


def test_missing_categories_are_a_level():
    X = pd.DataFrame({"c": pd.Categorical(["a", None, "b", "a"])})
    space = NumericSpace.fit(Fold(X, np.array([0, 0, 1, 1]), ("c",)), one_hot=True)
    pd.testing.assert_frame_equal(space.decode(space.encode(X)), X)


def test_unknown_levels_are_nothing():
    X = pd.DataFrame({"c": ["a", "b"]})
    fold = Fold(X, np.array([0, 1]), ("c",))
    unknown = pd.DataFrame({"c": ["z"]})
    assert NumericSpace.fit(fold, one_hot=True).encode(unknown).tolist() == [[0, 0]]
    assert NumericSpace.fit(fold, one_hot=False).encode(unknown).tolist() == [[-1]]


def test_rows_that_a_sampler_changed_are_decoded(fold):
    X, y = resample_encoded(fold, lambda X, y, space: (X[:10] + 0.0, y[:10]))
    assert len(X) == len(y) == 10


def test_a_sampler_may_add_nothing(fold):
    X, y = resample_encoded(fold, lambda X, y, space: (X.copy(), y.copy()))
    pd.testing.assert_frame_equal(X, fold.X)
    np.testing.assert_array_equal(y, fold.y)


def test_shortfall():
    assert list(shortfall(np.array([0, 0, 0, 1, 2, 2]))) == [(1, 2), (2, 1)]


def test_every_method_says_what_it_runs_on():
    assert all(method.space and method.package for method in METHODS.values())


def test_missing_package_is_reported():
    method = METHODS["none"]
    absent = type(method)("x", method.run, method.space, "x", ("no_such_module",))
    assert "no_such_module" in absent.missing()
    assert method.missing() == ""


def test_families():
    assert source_family("gykovacs/mldb:a/german.data.txt") == "gykovacs/mldb"
    assert source_family("gykovacs/mldb:a/flare-F.dat") == "KEEL"
    assert source_family("IBM/x:data.csv (y)") == "IBM/x"


def test_memory_of_a_block_is_measured():
    with measured() as usage:
        block = np.ones(4_000_000)
        del block
    assert 25 < usage.megabytes < 50 or np.isnan(usage.megabytes)
    assert usage.seconds > 0
