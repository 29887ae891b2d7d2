import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from hybridfer.evaluation.calibration import expected_calibration_error, reliability_bins
from hybridfer.evaluation.metrics import score
from hybridfer.evaluation.selective import selective_curve
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


def test_nothing_is_said_of_confidence_without_probabilities():
    scores = score([0, 1], [0, 1], None, CLASSES)
    assert (scores.calibration_error, scores.reliability, scores.selective) == (None, None, None)


def test_curves_are_those_of_the_answers(answers):
    y, prediction, probabilities = answers
    scores = score(y, prediction, probabilities, CLASSES)
    assert scores.calibration_error == expected_calibration_error(y, probabilities)
    assert scores.reliability == reliability_bins(y, probabilities)
    assert scores.selective == selective_curve(y == prediction, probabilities.max(axis=1))
    assert scores.selective.accuracies[-1] == pytest.approx(scores.accuracy)


def test_the_selective_curve_is_about_what_was_predicted_not_what_is_most_probable(answers):
    y, _, probabilities = answers
    scores = score(y, y, probabilities, CLASSES)
    assert set(scores.selective.accuracies) == {1.0}
    assert scores.reliability == reliability_bins(y, probabilities)


@pytest.mark.parametrize(("y", "prediction"), [([0, 1], [0]), ([], []), ([[0]], [[0]])])
def test_rows_that_cannot_be_scored_are_refused(y, prediction):
    with pytest.raises(ValueError, match="rows of one length"):
        score(y, prediction, None, CLASSES)


@pytest.mark.parametrize(("y", "prediction", "name"), [([4], [0], "y"), ([0], [-1], "prediction")])
def test_a_class_without_a_name_is_refused(y, prediction, name):
    with pytest.raises(ValueError, match=f"{name} must hold positions among the 4 classes"):
        score(y, prediction, None, CLASSES)
