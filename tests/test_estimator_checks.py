"""The checks that scikit-learn and imbalanced-learn have for every estimator, none exempted."""

import pytest
from imblearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
)
from imblearn.utils.estimator_checks import parametrize_with_checks as imblearn_checks
from sklearn.utils.estimator_checks import parametrize_with_checks as sklearn_checks

from ganaug import GANOutlierDetector
from tests.quick import quick_sampler


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@imblearn_checks([quick_sampler()])
def test_imbalanced_learn(estimator, check):
    check(estimator)


def quick_detector(**parameters) -> GANOutlierDetector:
    return GANOutlierDetector(n_steps=5, random_state=0, **parameters)


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@sklearn_checks(
    [quick_sampler(), quick_detector(), quick_detector(contamination=0.1, novelty=True)]
)
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check", [check_param_validation, check_dataframe_column_names_consistency]
)
def test_checks_that_imbalanced_learn_does_not_generate(check):
    check("GANSampler", quick_sampler())
