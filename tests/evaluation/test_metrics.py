import numpy as np
import pytest
from scipy.stats import binned_statistic
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from hybridfer.evaluation.metrics import expected_calibration_error, score
from hybridfer.evaluation.significance import wilson_interval

CLASSES = ("angry", "happy", "sad", "neutral")


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 4, 500)
    logits = rng.normal(size=(500, 4)) + 1.5 * np.eye(4)[y]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return y, probabilities.argmax(axis=1), probabilities


def test_scores_agree_with_sklearn(answers):
    y, prediction, probabilities = answers
    scores = score(y, prediction, probabilities, CLASSES)
    assert scores.n == 500
    assert scores.accuracy == pytest.approx(accuracy_score(y, prediction))
    assert scores.macro_f1 == pytest.approx(f1_score(y, prediction, average="macro"))
    assert scores.confusion == tuple(map(tuple, confusion_matrix(y, prediction).tolist()))
    assert [one.precision for one in scores.per_class] == pytest.approx(precision_score(y, prediction, average=None))
    assert [one.recall for one in scores.per_class] == pytest.approx(recall_score(y, prediction, average=None))
    assert [one.support for one in scores.per_class] == np.bincount(y).tolist()
    assert [one.name for one in scores.per_class] == list(CLASSES)


def test_intervals_hold_their_scores(answers):
    y, prediction, probabilities = answers
    scores = score(y, prediction, probabilities, CLASSES)
    assert scores.accuracy_interval == wilson_interval(int((y == prediction).sum()), 500)
    low, high = scores.macro_f1_interval
    assert low < scores.macro_f1 < high


def test_macro_f1_is_the_mean_over_the_classes_that_occur():
    # no image is "sad" here, so neither a "sad" prediction nor its absence may drag the mean by a class of its own
    scores = score([0, 0, 1, 3], [0, 2, 1, 3], None, CLASSES)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert scores.per_class[2].support == 0
    assert len(scores.confusion) == 4


def test_calibration_error_is_none_without_probabilities():
    assert score([0, 1], [0, 1], None, CLASSES).calibration_error is None


def test_calibration_error_agrees_with_scipy_bins(answers):
    y, prediction, probabilities = answers
    confidence, right = probabilities.max(axis=1), prediction == y
    edges = np.linspace(0, 1, 16)
    accuracy = binned_statistic(confidence, right, "mean", edges).statistic
    mean_confidence = binned_statistic(confidence, confidence, "mean", edges).statistic
    weight = binned_statistic(confidence, right, "count", edges).statistic / 500
    expected = np.nansum(weight * np.abs(accuracy - mean_confidence))
    assert score(y, prediction, probabilities, CLASSES).calibration_error == pytest.approx(expected)


def test_a_sure_classifier_that_is_half_right_is_off_by_half():
    probabilities = np.eye(2)[np.zeros(10, int)]
    assert expected_calibration_error(np.arange(10) % 2, probabilities) == pytest.approx(0.5)


def test_over_and_underconfidence_cancel_within_a_bin_only():
    probabilities = np.array([[0.62, 0.38], [0.62, 0.38], [0.98, 0.02], [0.98, 0.02]])
    # 62 % sure and always right; 98 % sure and always wrong
    assert expected_calibration_error([0, 0, 1, 1], probabilities) == pytest.approx((0.38 + 0.98) / 2)


def test_a_bin_includes_its_upper_end():
    # of two bins the lower holds a confidence of one half, so the right and the wrong answer cannot cancel
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1]])
    assert expected_calibration_error([0, 1], probabilities, n_bins=2) == pytest.approx((0.5 + 0.9) / 2)


@pytest.mark.parametrize(("y", "prediction"), [([0, 1], [0]), ([], []), ([[0]], [[0]])])
def test_rows_that_cannot_be_scored_are_refused(y, prediction):
    with pytest.raises(ValueError, match="rows of one length"):
        score(y, prediction, None, CLASSES)


@pytest.mark.parametrize(("y", "prediction", "name"), [([4], [0], "y"), ([0], [-1], "prediction")])
def test_a_class_without_a_name_is_refused(y, prediction, name):
    with pytest.raises(ValueError, match=f"{name} must hold positions among the 4 classes"):
        score(y, prediction, None, CLASSES)
