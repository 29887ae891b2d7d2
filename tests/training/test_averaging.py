"""Trainings that end between what was trained and what they started with."""

import numpy as np
import pytest
import torch

from hybridfer.errors import RecipeError
from hybridfer.networks import save_network
from hybridfer.recipes import TrainingRecipe
from hybridfer.training.batches import DeviceBatches

SETTINGS = {"max_epochs": 3, "learning_rate": 0.02, "validation_fraction": 0, "random_state": 1}
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(scope="module")
def start(master, tmp_path_factory):
    """Weights of a network that knows the shades, by the names 0, 1 and 2."""
    return save_network(master.network_, tmp_path_factory.mktemp("averaging") / "start.safetensors")


def state(classifier):
    return classifier.network_.module.state_dict()


def test_weights_end_between_those_that_were_trained_and_those_of_the_start(shades, master, start, quick):
    plain, averaged = (state(quick(**SETTINGS, start=start, start_share=share).fit(*shades)) for share in (0.0, 0.25))
    learnt = [name for name in plain if not name.endswith(STATISTICS)]
    assert not torch.equal(plain["conv1.conv.weight"], averaged["conv1.conv.weight"])
    for name in learnt:
        torch.testing.assert_close(averaged[name], 0.75 * plain[name] + 0.25 * state(master)[name])


def test_statistics_are_those_of_the_averaged_weights_on_the_training_images_without_augmentation(
    shades, start, quick, monkeypatch
):
    # in batches of other images the statistics would differ by a little
    monkeypatch.setattr(DeviceBatches, "_positions", lambda batches: iter(torch.arange(120).split(30)))
    classifier = quick(**SETTINGS, start=start, start_share=0.5, batch_size=30, augmentation={"brightness": 0.4}).fit(
        *shades
    )
    module = classifier.network_.module
    pixels = classifier.network_.preprocessing.standardized(torch.from_numpy(shades[0])[:, None].float() / 255)
    with torch.no_grad():
        maps = module.conv1.conv(pixels)
    means = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in maps.split(30)]).mean(dim=0)
    norm = next(part for part in module.conv1.modules() if isinstance(part, torch.nn.BatchNorm2d))
    torch.testing.assert_close(norm.running_mean, means, rtol=1e-3, atol=1e-4)
    assert not module.training


def test_rows_of_classes_that_the_start_does_not_know_stay_as_they_were_trained(shades, start, quick):
    X, y = shades
    plain, averaged = (
        state(quick(**SETTINGS, start=start, start_share=share).fit(X, y, class_names=["x", "1", "y"]))["logits.weight"]
        for share in (0.0, 0.5)
    )
    assert torch.equal(plain[[0, 2]], averaged[[0, 2]])
    assert not torch.equal(plain[1], averaged[1])


def test_global_generators_stay_as_they_were(shades, start, quick):
    before = torch.get_rng_state()
    quick(**SETTINGS, start=start, start_share=0.5).fit(*shades)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_averaged_still_knows_what_both_knew(shades, start, quick):
    X, y = shades
    classifier = quick(**SETTINGS, start=start, start_share=0.5).fit(X, y)
    assert np.mean(classifier.predict(X) == y) > 0.9
    assert classifier.network_.training["start_share"] == 0.5


def test_without_a_start_there_is_nothing_to_average_with(shades, quick):
    with pytest.raises(RecipeError, match="start_share needs a start"):
        quick(start_share=0.5).fit(*shades)
    with pytest.raises(ValueError, match="start_share needs a start"):
        TrainingRecipe(start_share=0.5)
    with pytest.raises(RecipeError, match=r"start_share must lie in \[0, 1\)"):
        quick(start="compact", start_share=1).fit(*shades)


def test_trainings_without_it_are_known_as_before(start, quick):
    assert "start_share" not in quick(start=str(start)).recipe
    assert quick(start=str(start), start_share=0.5).recipe["start_share"] == 0.5
