import numpy as np
import pytest
import torch

from hybridfer import CNNClassifier
from hybridfer.errors import RecipeError
from hybridfer.training.resizing import ProgressiveResizing


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (64, 32, 32), dtype=np.uint8), np.arange(64) % 4


def seen_sizes(monkeypatch):
    sizes = {True: [], False: []}
    conv2d = torch.nn.functional.conv2d

    def noting(maps, weight, *rest):
        # one image alone is the check that the network takes other sizes
        if maps.shape[1] == 1 and len(maps) > 1:
            sizes[torch.is_grad_enabled()].append(tuple(maps.shape[2:]))
        return conv2d(maps, weight, *rest)

    monkeypatch.setattr(torch.nn.functional, "conv2d", noting)
    return sizes


def test_training_images_grow_and_validation_images_do_not(images, monkeypatch):
    sizes = seen_sizes(monkeypatch)
    cnn = CNNClassifier("tiny", image_size=32, initial_scale=0.5, max_epochs=8, batch_size=64, verbose=0)
    cnn.fit(*images, validation=images)
    sides = [side for side, _ in sizes[True]]
    assert sides == sorted(sides)
    assert (min(sides), max(sides)) == (16, 32)
    assert set(sizes[False]) == {(32, 32)}


def test_at_scale_one_all_images_are_of_full_size(images, monkeypatch):
    sizes = seen_sizes(monkeypatch)
    CNNClassifier("tiny", image_size=32, max_epochs=2, validation_fraction=0, verbose=0).fit(*images)
    assert set(sizes[True]) == {(32, 32)}


def test_the_last_quarter_of_the_epochs_is_at_full_size_whatever_the_side():
    for side in (48, 50, 30):
        resizing = ProgressiveResizing(0.67, 40, (side, side + 2))
        assert all(resizing.size(epoch) == (side, side + 2) for epoch in range(30, 40))
        assert all(resizing.size(epoch)[0] < side for epoch in range(12))


def test_a_network_that_is_bound_to_one_size_is_refused_before_training(images):
    cnn = CNNClassifier("baseline", image_size=32, initial_scale=0.5, max_epochs=1, verbose=0)
    with pytest.raises(RecipeError, match="images of any size; 'baseline' takes 32 x 32 alone"):
        cnn.fit(*images)


@pytest.mark.parametrize(("side", "scale", "first"), [(16, 0.25, 4), (32, 0.05, 4)])
def test_a_scale_that_leaves_nothing_to_pool_is_refused_before_training(side, scale, first, images):
    cnn = CNNClassifier("tiny", image_size=side, initial_scale=scale, max_epochs=1, verbose=0)
    told = f"its pooling leaves something of; got {scale}, which makes {first} x {first} of {side} x {side} pixels"
    with pytest.raises(RecipeError, match=f"{told}.*Choose a larger initial_scale"):
        cnn.fit(*images)


@pytest.mark.parametrize("scale", [0, 1.5, -1, "half"])
def test_a_scale_out_of_range_is_refused(images, scale):
    with pytest.raises(RecipeError, match="initial_scale must be a number above 0 and at most 1"):
        CNNClassifier("tiny", initial_scale=scale, verbose=0).fit(*images)
