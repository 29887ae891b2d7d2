import logging

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from hybridfer import CNNClassifier, CNNFeaturizer, FeatureRecipe
from hybridfer.errors import RecipeError
from hybridfer.networks import Embedder, Preprocessing, catalogue_network, load_network
from hybridfer.temperature import best_temperature
from hybridfer.training.calibrating import calibrated


@pytest.fixture(scope="module")
def hazy() -> tuple[np.ndarray, np.ndarray]:
    """Noise of three brightnesses, and labels of which a third are wrong: what nobody can be sure of."""
    y = np.arange(240) % 3
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 40, size=(240, 16, 16))
    images = (noise + np.array([30, 110, 190])[y][:, None, None]).astype(np.uint8)
    return images, np.where(rng.random(240) < 0.33, rng.integers(0, 3, 240), y)


@pytest.fixture(scope="module")
def trainings(hazy, quick) -> dict[bool, CNNClassifier]:
    """The same overconfident training, left as it is and calibrated."""
    X, y = hazy
    held_out = {"validation": (X[120:], y[120:])}
    settings = {"max_epochs": 15, "learning_rate": 0.02}
    return {on: quick(**settings, calibrate=on).fit(X[:120], y[:120], **held_out) for on in (False, True)}


def logits(network, images):
    return Embedder(network, ["logits"], device="cpu").embed(images)["logits"]


def test_logits_are_divided_by_the_temperature_that_fits_the_validation_images(hazy, trainings):
    X, y = hazy
    before, after = (logits(trainings[on].network_, X[120:]) for on in (False, True))
    temperature = best_temperature(y[120:], before)
    assert temperature > 1.1
    np.testing.assert_allclose(after, before / temperature, rtol=1e-4, atol=1e-5)
    assert trainings[True].network_.training["fitted_temperature"] == pytest.approx(temperature)
    assert best_temperature(y[120:], after) == pytest.approx(1, abs=1e-3)


def test_probabilities_get_likelier_and_predictions_stay(hazy, trainings):
    X, y = hazy
    rows = np.arange(120)
    loss = {on: -log_softmax(logits(trainings[on].network_, X[120:]), axis=1)[rows, y[120:]].mean() for on in (False, True)}
    assert loss[True] < loss[False]
    assert np.array_equal(trainings[True].predict(X), trainings[False].predict(X))
    probabilities = trainings[True].predict_proba(X[120:])
    assert -np.log(probabilities[rows, y[120:]]).mean() == pytest.approx(loss[True], rel=1e-4)


def test_the_embedding_stays(hazy, trainings):
    before, after = (
        Embedder(trainings[on].network_, ["embedding"], device="cpu").embed(hazy[0][:9])["embedding"] for on in (False, True)
    )
    np.testing.assert_array_equal(before, after)


def test_a_dropout_before_the_last_layer_is_no_hindrance(hazy):
    network = load_network("compact")
    images = hazy[0][:40].repeat(3, axis=1).repeat(3, axis=2)
    # right in three of four
    labels = (logits(network, images).argmax(axis=1) + (np.arange(40) % 4 == 0)) % 7
    after = calibrated(network, images, labels, device="cpu", precision="fp32")
    temperature = after.training["fitted_temperature"]
    np.testing.assert_allclose(logits(after, images) * temperature, logits(network, images), rtol=1e-4, atol=1e-4)
    assert network.digest == load_network("compact").digest
    assert after.digest != network.digest


def test_what_cannot_be_calibrated_is_left_as_it_is_with_a_warning(hazy, caplog):
    network = catalogue_network("tiny", n_classes=3)
    with caplog.at_level(logging.WARNING, logger="hybridfer"):
        assert calibrated(network, hazy[0][:20], hazy[1][:20], device="cpu") is network
    assert "not calibrated: it takes 30 held-out images or more; there are 20" in caplog.text


@pytest.mark.parametrize(
    ("scale", "right", "told"),
    [
        (1.0, 1.0, "the network is wrong on none of 40 held-out images"),
        (1.0, 0.0, "on 40 held-out images the network is no better than chance"),
        (1e6, 0.75, "the temperature that fits 40 held-out images is beyond the range from 0.05 to 20"),
        (1e-3, 0.75, "the temperature that fits 40 held-out images is beyond the range from 0.05 to 20"),
    ],
    ids=["never wrong", "knows nothing", "too sure", "too unsure"],
)
def test_the_warning_tells_why_no_temperature_fits(scale, right, told, hazy, caplog):
    network = catalogue_network("tiny", n_classes=2, preprocessing=Preprocessing((16, 16)))
    images = hazy[0][:40]
    with torch.no_grad():
        network.module.logits.weight.zero_()
        network.module.logits.bias.copy_(torch.tensor([3.0, 0.0]) * scale)
    labels = (np.arange(40) >= 40 * right).astype(int)
    with caplog.at_level(logging.WARNING, logger="hybridfer"):
        assert calibrated(network, images, labels, device="cpu") is network
    assert told in caplog.text


def test_without_held_out_images_there_is_nothing_to_fit(quick, hazy):
    with pytest.raises(RecipeError, match="calibrate need validation images"):
        quick(calibrate=True, validation_fraction=0).fit(*hazy)


def test_a_featurizer_that_trains_holds_images_out_where_its_recipe_calibrates(hazy):
    recipe = FeatureRecipe(
        name="mine", network="tiny", image_size=16, training={"max_epochs": 8, "learning_rate": 0.02, "calibrate": True}
    )
    X, y = hazy
    both = np.concatenate([X, 255 - X]), np.concatenate([y, y])
    featurizer = CNNFeaturizer("tiny", weights=None, training=recipe, verbose=0).fit(*both)
    assert featurizer.network_.training["fitted_temperature"] > 0
    assert len(featurizer.network_.watched) == 48


def test_off_it_is_no_part_of_what_a_training_is_known_by(quick):
    assert "calibrate" not in quick().recipe
    assert quick(calibrate=True).recipe["calibrate"] is True
