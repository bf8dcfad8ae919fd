import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from benchmarks import metrics


def two_columns(positive):
    positive = np.asarray(positive, dtype=float)
    return np.column_stack([1 - positive, positive])


@pytest.fixture
def random_scores():
    def draw(n_classes):
        random = np.random.default_rng(n_classes)
        y = np.arange(90) % n_classes
        proba = random.dirichlet(np.ones(n_classes), size=90)
        return y, (proba + 0.5 * np.eye(n_classes)[y]) / 1.5

    return draw


def test_two_classes_by_hand():
    y = np.array([0, 0, 0, 0, 1, 1])
    scores = metrics.main_scores(y, two_columns([0.1, 0.2, 0.6, 0.3, 0.9, 0.4]))
    assert scores["roc_auc"] == pytest.approx(7 / 8)  # of 8 pairs only (0.6, 0.4) is wrong
    assert scores["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert scores["f1"] == pytest.approx(1 / 2)
    assert scores["g_mean"] == pytest.approx(np.sqrt(3 / 8))


def test_three_classes_by_hand():
    y = np.array([0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 1, 0, 2, 1])
    scores = metrics.decision_scores(y, predicted, 3)
    assert scores["balanced_accuracy"] == pytest.approx(2 / 3)
    assert scores["g_mean"] == pytest.approx((1 * 0.5 * 0.5) ** (1 / 3))
    assert scores["f1"] == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)


def test_class_that_is_never_found_makes_g_mean_zero():
    assert metrics.decision_scores(np.array([0, 0, 1]), np.zeros(3, int), 2)["g_mean"] == 0


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_agrees_with_scikit_learn(random_scores, n_classes):
    y, proba = random_scores(n_classes)
    predicted = proba.argmax(axis=1)
    scores = metrics.main_scores(y, proba) | metrics.loss_scores(y, proba)
    auc_input = proba[:, 1] if n_classes == 2 else proba
    assert scores["roc_auc"] == pytest.approx(
        sk.roc_auc_score(y, auc_input, multi_class="ovr", average="macro")
    )
    assert scores["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, predicted))
    assert scores["log_loss"] == pytest.approx(sk.log_loss(y, proba))
    halved = np.square(proba - np.eye(n_classes)[y]).sum(axis=1).mean() / 2
    assert scores["brier"] == pytest.approx(halved)
    if n_classes == 2:
        assert scores["brier"] == pytest.approx(sk.brier_score_loss(y, proba[:, 1]))


def test_log_loss_of_a_certain_mistake_is_finite():
    assert metrics.loss_scores(np.array([1]), two_columns([0.0]))["log_loss"] == pytest.approx(
        -np.log(metrics.SMALLEST_PROBABILITY)
    )


def test_prior_correction_by_hand():
    # Elkan: odds shrink by (0.1 / 0.9) / (0.5 / 0.5), so 3 : 1 becomes 1 : 3.
    corrected = metrics.correct_prior(
        two_columns([0.75]), np.array([0.5, 0.5]), np.array([0.9, 0.1])
    )
    assert corrected[0, 1] == pytest.approx(0.25)


def test_prior_correction_recovers_probabilities_after_repeating_rows():
    random = np.random.default_rng(0)
    y = (random.random(20_000) < 0.1).astype(int)
    X = random.normal(2.0 * y, 1.0)[:, None]
    repeated = np.concatenate([np.arange(len(y)), np.repeat(np.flatnonzero(y), 8)])
    plain = LogisticRegression().fit(X, y).predict_proba(X)
    shifted = LogisticRegression().fit(X[repeated], y[repeated]).predict_proba(X)
    priors = np.bincount(y) / len(y)
    trained_on = np.bincount(y[repeated]) / len(repeated)
    corrected = metrics.correct_prior(shifted, trained_on, priors)
    assert np.abs(shifted - plain).mean() > 0.1
    assert np.abs(corrected - plain).max() < 0.03
    losses = [metrics.loss_scores(y, proba)["brier"] for proba in (plain, corrected, shifted)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)
    assert losses[2] > 1.5 * losses[0]


def test_class_without_training_rows_survives_the_correction():
    proba = np.array([[0.5, 0.5, 0.0]])
    corrected = metrics.correct_prior(proba, np.array([0.5, 0.5, 0.0]), np.array([0.6, 0.3, 0.1]))
    np.testing.assert_allclose(corrected, [[2 / 3, 1 / 3, 0.0]])


@pytest.mark.parametrize("metric", metrics.TUNED_METRICS)
def test_tuned_threshold_is_the_best_of_all(random_scores, metric):
    y, proba = random_scores(2)
    y = y & (np.arange(len(y)) % 5 == 1)  # few positives
    weights = metrics.tune_decision(y, proba, metric)
    tuned = metrics.decision_scores(y, metrics.decide(proba, weights), 2)[metric]
    every = [
        metrics.decision_scores(y, (proba[:, 1] > threshold).astype(int), 2)[metric]
        for threshold in [0.0, *proba[:, 1]]
    ]
    assert tuned == pytest.approx(max(every))


def test_tuning_keeps_equal_scores_together():
    y = np.array([0, 1, 1, 0, 0])
    proba = two_columns([0.2, 0.2, 0.2, 0.1, 0.0])
    weights = metrics.tune_decision(y, proba, "f1")
    np.testing.assert_array_equal(metrics.decide(proba, weights), [1, 1, 1, 0, 0])


def test_tuning_helps_the_rare_of_three_classes():
    y = np.repeat([0, 1, 2], [80, 15, 5])
    proba = np.tile([0.6, 0.3, 0.1], (100, 1)) + 0.15 * np.eye(3)[y]
    proba /= proba.sum(axis=1, keepdims=True)
    weights = metrics.tune_decision(y, proba, "balanced_accuracy")
    before = metrics.decision_scores(y, proba.argmax(axis=1), 3)["balanced_accuracy"]
    after = metrics.decision_scores(y, metrics.decide(proba, weights), 3)["balanced_accuracy"]
    assert before == pytest.approx(1 / 3)
    assert after == pytest.approx(1)
