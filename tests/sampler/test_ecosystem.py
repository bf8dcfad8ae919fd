"""In the hands of scikit-learn and imbalanced-learn."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.pipeline import make_pipeline
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate

from tests.quick import quick_sampler


def test_clone_and_parameters(numbers):
    sampler = quick_sampler(n_neighbors=3).fit(*numbers)
    copy = clone(sampler)
    assert not hasattr(copy, "generator_")
    assert {**copy.get_params(), "random_state": 0} == sampler.get_params()
    assert copy.set_params(latent_dim=5).latent_dim == 5


def test_pickle(customers):
    sampler = quick_sampler().fit(*customers)
    restored = pickle.loads(pickle.dumps(sampler))
    pd.testing.assert_frame_equal(sampler.sample(9)[0], restored.sample(9)[0])


def test_pipeline_cross_validate(numbers):
    pipeline = make_pipeline(quick_sampler(), LogisticRegression())
    scores = cross_validate(pipeline, *numbers, cv=3, n_jobs=2, error_score="raise")
    assert len(scores["test_score"]) == 3


def test_grid_search_over_its_parameters(numbers):
    pipeline = make_pipeline(quick_sampler(), LogisticRegression())
    grid = {"gansampler__anchored_share": [0.0, 1.0], "gansampler__sampling_strategy": [0.8, 1.0]}
    search = GridSearchCV(
        pipeline, grid, cv=2, n_jobs=2, scoring="neg_log_loss", error_score="raise"
    ).fit(*numbers)
    assert len(set(search.cv_results_["mean_test_score"])) == 4  # each parameter arrives


def test_jobs_do_not_change_the_result(numbers):
    scores = [
        cross_validate(
            make_pipeline(quick_sampler(n_steps=30), LogisticRegression()),
            *numbers, cv=3, n_jobs=n_jobs, scoring="neg_log_loss",
        )["test_score"].tolist()
        for n_jobs in (1, 2)
    ]  # fmt: skip
    assert scores[0] == scores[1]


def test_weights_are_routed_through_a_pipeline(numbers):
    X, y = numbers
    weights = np.random.default_rng(0).random(len(y))
    with config_context(enable_metadata_routing=True):
        sampler = quick_sampler(n_steps=30).set_fit_resample_request(sample_weight=True)
        classifier = LogisticRegression().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(sampler, classifier)
        routed = pipeline.fit(X, y, sample_weight=weights)[-1].coef_.copy()
        assert not np.allclose(routed, pipeline.fit(X, y)[-1].coef_)


def test_weights_that_nobody_asked_for_are_no_weights(numbers):
    X, y = numbers
    with config_context(enable_metadata_routing=True):
        classifier = LogisticRegression().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(quick_sampler(), classifier)
        with pytest.raises(UnsetMetadataPassedError, match=r"GANSampler\.fit_resample"):
            pipeline.fit(X, y, sample_weight=np.ones(len(y)))


def test_html(customers):
    assert "GANSampler" in quick_sampler()._repr_html_()
    assert "fitted" in quick_sampler().fit(*customers)._repr_html_()


def test_feature_names(customers, numbers):
    X, y = customers
    sampler = quick_sampler().fit(X, y)
    assert sampler.get_feature_names_out().tolist() == list(X.columns)
    assert sampler.n_features_in_ == 4
    assert not hasattr(quick_sampler().fit(*numbers), "feature_names_in_")


def test_feature_names_of_polars_and_arrow(customers):
    X, y = customers
    frame = pl.from_pandas(X)
    for table in (frame, frame.to_arrow()):
        assert quick_sampler().fit(table, y).feature_names_in_.tolist() == list(X.columns)
