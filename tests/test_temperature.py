import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from hybridfer.temperature import MIN_IMAGES, TEMPERATURES, best_temperature


def draw(temperature: float, n: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes drawn from softmax(logits / temperature), and the logits that a classifier claims."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(n, 5))
    true = softmax(logits / temperature, axis=1)
    return (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), logits


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_classes_were_drawn_with_is_found_again(temperature):
    assert best_temperature(*draw(temperature)) == pytest.approx(temperature, rel=0.04)


def test_no_other_temperature_makes_the_classes_more_likely():
    y, logits = draw(1.5, n=500, seed=3)
    found = best_temperature(y, logits)

    def loss(temperature: float) -> float:
        return -log_softmax(logits / temperature, axis=1)[np.arange(500), y].mean()

    assert all(loss(found) <= loss(other) for other in np.geomspace(*TEMPERATURES, 200))


def test_a_constant_added_to_the_logits_of_an_image_changes_nothing():
    y, logits = draw(2.0, n=500)
    shifted = logits + np.arange(500)[:, None]
    assert best_temperature(y, shifted) == pytest.approx(best_temperature(y, logits))


def test_logits_in_single_precision_do_as_well():
    y, logits = draw(2.0, n=500)
    assert best_temperature(y, logits.astype(np.float32)) == pytest.approx(best_temperature(y, logits), rel=1e-4)


@pytest.mark.parametrize("off", [0, 1])
def test_a_classifier_that_is_always_right_or_always_wrong_has_no_temperature(off):
    y = np.arange(60) % 3
    assert best_temperature(y, np.eye(3)[(y + off) % 3]) is None


def test_few_images_are_too_few_for_a_temperature():
    assert best_temperature(*draw(2.0, n=MIN_IMAGES - 1)) is None
    assert best_temperature(*draw(2.0, n=MIN_IMAGES)) is not None


def test_where_no_temperature_matters_it_is_one():
    assert best_temperature(np.arange(90) % 3, np.zeros((90, 3))) == 1.0
