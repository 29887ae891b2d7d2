import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binned_statistic

from hybridfer.evaluation.calibration import (
    expected_calibration_error,
    fit_temperature,
    overconfidence,
    reliability_bins,
    scale_temperature,
    soften,
)
from hybridfer.temperature import best_temperature


def draw(temperature: float, n: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes drawn from softmax(logits / temperature), and the probabilities softmax(logits) that a classifier claims."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(n, 5))
    true = softmax(logits / temperature, axis=1)
    y = (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return y, softmax(logits, axis=1)


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray]:
    return draw(1.5, n=500, seed=3)


def test_calibration_error_agrees_with_scipy_bins(answers):
    y, probabilities = answers
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    edges = np.linspace(0, 1, 16)
    accuracy = binned_statistic(confidence, right, "mean", edges).statistic
    mean_confidence = binned_statistic(confidence, confidence, "mean", edges).statistic
    count = binned_statistic(confidence, right, "count", edges).statistic
    expected = np.nansum(count / 500 * np.abs(accuracy - mean_confidence))
    assert expected_calibration_error(y, probabilities) == pytest.approx(expected)
    bins = reliability_bins(y, probabilities)
    assert [bin.n for bin in bins] == count[count > 0].tolist()
    assert [bin.accuracy for bin in bins] == pytest.approx(accuracy[count > 0].tolist())
    assert [bin.confidence for bin in bins] == pytest.approx(mean_confidence[count > 0].tolist())
    assert [bin.low for bin in bins] == pytest.approx(edges[:-1][count > 0].tolist())
    assert [bin.high for bin in bins] == pytest.approx(edges[1:][count > 0].tolist())


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


def test_the_temperature_of_probabilities_is_that_of_their_logits(answers):
    y, probabilities = answers
    logits = np.log(probabilities) + np.arange(500)[:, None]
    assert fit_temperature(y, probabilities) == pytest.approx(best_temperature(y, logits), rel=1e-4)


def test_softening_divides_the_logits():
    logits = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_allclose(soften(softmax(logits, axis=1), 2.0), softmax(logits / 2.0, axis=1))


def test_softening_changes_no_class(answers):
    _, probabilities = answers
    for temperature in (0.1, 3.0, 15.0):
        assert np.array_equal(soften(probabilities, temperature).argmax(axis=1), probabilities.argmax(axis=1))


def test_overconfidence_is_mean_confidence_minus_accuracy():
    for temperature in (3.0, 0.5):
        y, probabilities = draw(temperature)
        expected = probabilities.max(axis=1).mean() - (probabilities.argmax(axis=1) == y).mean()
        assert overconfidence(reliability_bins(y, probabilities)) == pytest.approx(expected)
        assert (expected > 0) == (temperature > 1)


def test_scaling_mends_a_classifier_that_is_too_sure():
    scaled = scale_temperature(*draw(3.0, seed=1), *draw(3.0, seed=2))
    y, probabilities = draw(3.0, seed=2)
    assert scaled.error_before == expected_calibration_error(y, probabilities)
    assert scaled.error_before > 0.2
    assert scaled.error_after < 0.02
    assert scaled.value == pytest.approx(3.0, rel=0.04)


def test_votes_of_a_few_neighbours_do_not_drive_the_temperature_to_its_end():
    # 10 voters, who err together on hard images: no vote for the true class is no certainty that it is another one
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 4000)
    easy = rng.choice([0.95, 0.2], (4000, 1), p=[0.8, 0.2])
    votes = np.where(rng.random((4000, 10)) < easy, y[:, None], rng.integers(0, 3, (4000, 1)))
    probabilities = np.stack([(votes == label).mean(axis=1) for label in range(3)], axis=1)
    assert (probabilities == 0).any()
    assert (probabilities[np.arange(4000), y] == 0).any()
    scaled = scale_temperature(y[:2000], probabilities[:2000], y[2000:], probabilities[2000:])
    assert 0.2 < scaled.value < 5
    assert scaled.error_after <= scaled.error_before + 0.01


def test_without_probabilities_there_is_nothing_to_scale(answers):
    y, probabilities = answers
    assert scale_temperature(y, None, y, probabilities) is None
    assert scale_temperature(y, probabilities, y, None) is None
