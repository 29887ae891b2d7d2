import json

import numpy as np
import pytest
import torch

from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks import Preprocessing


def batch_of(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def test_bytes_and_floats_agree():
    images = batch_of(3, 20, 24)
    preprocessing = Preprocessing((16, 12), standardize="image")
    torch.testing.assert_close(preprocessing(images), preprocessing(images.double() / 255))
    assert preprocessing(images).dtype == torch.float32


def test_grey_images_of_the_right_size_are_only_scaled():
    images = batch_of(3, 16, 16)
    torch.testing.assert_close(Preprocessing((16, 16))(images), images[:, None] / 255, rtol=0, atol=0)


def test_colour_turns_to_grey_by_luma():
    images = torch.zeros(3, 8, 8, 3, dtype=torch.uint8)
    for colour in range(3):
        images[colour, :, :, colour] = 255
    grey = Preprocessing((8, 8))(images)
    assert grey.shape == (3, 1, 8, 8)
    torch.testing.assert_close(grey[:, 0, 0, 0], torch.tensor([0.299, 0.587, 0.114]))


@pytest.mark.parametrize("shape", [(2, 8, 9), (2, 8, 9, 1)])
def test_grey_turns_to_colour_by_repetition(shape):
    images = batch_of(*shape)
    colour = Preprocessing((8, 9), channels=3)(images)
    torch.testing.assert_close(colour, (images.reshape(2, 1, 8, 9) / 255).expand(2, 3, 8, 9))


def test_resizing_keeps_means_and_axes():
    images = torch.zeros(1, 40, 20, dtype=torch.uint8)
    images[:, :10] = 200
    small = Preprocessing((8, 10)).resized(images)[0, 0]
    assert small.shape == (8, 10)
    assert small.mean() == pytest.approx(50 / 255, rel=0.02)
    # the upper quarter is bright over the whole width
    assert small[0].min() > 0.7
    assert small[-1].max() == 0


def test_resizing_averages_before_it_samples():
    stripes = torch.zeros(1, 32, 32, dtype=torch.uint8)
    stripes[:, ::2] = 255
    assert Preprocessing((8, 8))(stripes).std() < 0.05


def test_standardised_images_are_blind_to_brightness_and_contrast():
    preprocessing = Preprocessing((16, 16), standardize="image")
    images = batch_of(4, 16, 16) / 255
    standardised = preprocessing(images)
    torch.testing.assert_close(standardised.mean(dim=(1, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(standardised.std(dim=(1, 2, 3), correction=0), torch.ones(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(preprocessing(images * 0.5 + 0.2), standardised, atol=1e-4, rtol=0)


def test_a_blank_image_stays_finite():
    blank = torch.full((2, 16, 16), 77, dtype=torch.uint8)
    standardised = Preprocessing((16, 16), standardize="image")(blank)
    assert standardised.abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(16, 16), (2, 16, 16, 2), (2, 16, 16, 4), (2, 1, 16, 16), (1, 2, 16, 16, 3)])
def test_images_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="images must have shape"):
        Preprocessing((16, 16))(torch.zeros(shape))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_size": (0, 48)}, "image_size must be"),
        ({"image_size": (48, 5000)}, "image_size must be"),
        ({"image_size": (48.0, 48)}, "image_size must be"),
        ({"image_size": (48,)}, "image_size must be"),
        ({"image_size": 48}, r"image_size must be \(height, width\).* got 48"),
        ({"channels": 2}, "channels must be 1 or 3"),
        ({"channels": True}, "channels must be 1 or 3"),
        ({"standardize": "images"}, "standardize must be"),
    ],
)
def test_fields_out_of_range_are_refused(fields, message):
    with pytest.raises(RecipeError, match=message):
        Preprocessing(**fields)


MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.1, 0.4)


def test_channels_are_normalised_by_given_means_and_deviations():
    images = batch_of(2, 8, 9, 3)
    found = Preprocessing((8, 9), 3, mean=MEAN, std=STD)(images)
    expected = (images.double().numpy() / 255 - MEAN) / STD
    np.testing.assert_allclose(found.movedim(1, 3), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"std": None}, "mean and std must each have one number a channel"),
        ({"mean": (0.5,)}, "mean and std must each have one number a channel"),
        ({"mean": (0.5, 0.5, float("nan"))}, "mean and std must each have one number a channel"),
        ({"channels": 1}, "mean and std must each have one number a channel"),
        ({"std": (0.2, 0.0, 0.2)}, "std must be above 0"),
        ({"standardize": "image"}, "standardize must be 'none' beside mean and std"),
    ],
)
def test_a_normalisation_that_does_not_go_with_the_channels_is_refused(fields, message):
    with pytest.raises(RecipeError, match=message):
        Preprocessing(**{"channels": 3, "mean": MEAN, "std": STD, **fields})


def test_a_normalisation_is_in_the_json_where_there_is_one():
    preprocessing = Preprocessing((40, 32), 3, mean=MEAN, std=STD)
    assert json.loads(preprocessing.to_json())["std"] == list(STD)
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing


def test_json_is_canonical_and_comes_back():
    preprocessing = Preprocessing((40, 32), channels=3, standardize="image")
    assert preprocessing.to_json() == '{"channels":3,"image_size":[40,32],"standardize":"image"}'
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing


GOOD = {"image_size": [48, 48], "channels": 1, "standardize": "none"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        "[" * 100_000,
        "9" * 10_000,
        json.dumps({}),
        json.dumps({**GOOD, "image_size": 48}),
        json.dumps({**GOOD, "image_size": [48]}),
        json.dumps({**GOOD, "image_size": ["48", "48"]}),
        json.dumps({**GOOD, "image_size": [float("inf"), 48]}),
        json.dumps({**GOOD, "image_size": [10**9, 48]}),
        json.dumps({**GOOD, "channels": 1.0}),
        json.dumps({**GOOD, "channels": [1]}),
        json.dumps({**GOOD, "standardize": ["none"]}),
        json.dumps({**GOOD, "crop": 3}),
        json.dumps({**GOOD, "mean": [0.5]}),
        json.dumps({**GOOD, "mean": "5", "std": "5"}),
        json.dumps({**GOOD, "mean": 0.5, "std": 0.5}),
    ],
)
def test_hostile_json_is_refused(text):
    with pytest.raises(WeightsError, match="preprocessing must be JSON"):
        Preprocessing.from_json(text)
