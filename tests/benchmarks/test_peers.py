"""The adapters, with stand-ins for the packages: those are optional."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from benchmarks import peers
from benchmarks.data import Fold, load_dataset


@pytest.fixture(params=["mixed", "numbers"])
def fold(request, folder):
    load_dataset.cache_clear()
    table = load_dataset(folder, request.param)
    return Fold(table.X, table.y, table.categorical)


@pytest.fixture
def install(monkeypatch):
    def add(name, **members):
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)

    return add


class Repeater:
    """A model of tables that knows the rows it was fitted to, and repeats them."""

    share_of_class = 1.0

    def fit(self, table, discrete_columns):
        assert not table.isna().any().any()
        assert set(discrete_columns) == set(table.columns) - set(table.select_dtypes("number"))
        self.table = table

    def set_random_state(self, seed):
        self.random = np.random.default_rng(seed)

    def sample(self, n_rows, column=None, value=None):
        rows = self.table
        if column is not None and self.random.random() < self.share_of_class:
            rows = rows[rows[column] == value]
        return rows.iloc[self.random.integers(len(rows), size=n_rows)].reset_index(drop=True)


def assert_balanced(fold, X, y):
    counts = np.bincount(y)
    assert (counts == counts[0]).all()
    pd.testing.assert_frame_equal(X.iloc[: len(fold.y)].astype(fold.X.dtypes), fold.X)
    assert list(X.dtypes[list(fold.categorical)]) == list(fold.X.dtypes[list(fold.categorical)])


@pytest.mark.parametrize("share_of_class", [1.0, 0.3])
def test_ctgan_is_conditioned_and_its_misses_drawn_again(fold, install, share_of_class):
    model = type("CTGAN", (Repeater,), {"share_of_class": share_of_class})
    install("ctgan", CTGAN=model)
    X, y = peers.ctgan(fold, 0)
    assert_balanced(fold, X, y)
    assert peers.TARGET not in X


def test_ctgan_that_never_meets_the_class_gives_up(fold, install, monkeypatch):
    monkeypatch.setattr(peers, "MAX_DRAWS", 3)

    class Stubborn(Repeater):
        def sample(self, n_rows, column=None, value=None):
            return self.table[self.table[column] == "class 0"].head(n_rows)

    install("ctgan", CTGAN=Stubborn)
    with pytest.raises(RuntimeError, match=r"class 1: 0 of \d+ rows in 3 draws"):
        peers.ctgan(fold, 0)


def test_tvae_is_fitted_to_each_class(fold, install):
    install("ctgan", TVAE=Repeater)
    X, y = peers.tvae(fold, 0)
    assert_balanced(fold, X, y)
    for code in np.unique(y):
        rows = X[y == code].dropna()
        own = fold.X[fold.y == code].dropna()
        last = rows.columns[-1]
        assert set(rows[last]) <= set(own[last])


def test_forest_diffusion_gets_codes_of_varying_columns(fold, install):
    class Model:
        def __init__(self, X, *, cat_indexes, bin_indexes, seed, n_jobs):
            assert (np.ptp(X, axis=0) > 0).all()
            for column in cat_indexes + bin_indexes:
                assert set(X[:, column]) == set(range(len(set(X[:, column]))))
            self.X = X

        def generate(self, batch_size):
            return self.X[np.arange(batch_size) % len(self.X)] + 0.1

    install("ForestDiffusion", ForestDiffusionModel=Model)
    constant = fold.X.assign(constant=7.0)
    fold = Fold(constant, fold.y, fold.categorical)
    X, y = peers.forest_diffusion(fold, 0)
    assert_balanced(fold, X, y)
    assert set(X["constant"]) == {7.0}


def test_smote_variants_are_called_for_two_and_for_more_classes(fold, install):
    calls = []

    class Sampler:
        def __init__(self, random_state=None, oversampler=None, oversampler_params=None):
            calls.append(oversampler)

        def sample(self, X, y):
            return np.vstack([X, X[:1]]), np.append(y, 1)

    install("smote_variants", ProWSyn=Sampler, MulticlassOversampling=Sampler)
    X, y = peers.smote_variant("ProWSyn", fold, 0)
    assert calls == [None if fold.y.max() == 1 else "ProWSyn"]
    assert len(X) == len(y) == len(fold.y) + 1
