import numpy as np

from hybridfer.audit.blanks import blank_images


def test_images_of_one_value_are_blank_also_with_the_noise_of_a_jpeg():
    rng = np.random.default_rng(0)
    flat = np.full((3, 48, 48), 128, dtype=np.uint8)
    flat[1] = rng.integers(127, 130, (48, 48))
    flat[2] = rng.integers(124, 133, (48, 48))
    assert blank_images(flat).tolist() == [True, True, False]


def test_a_dark_photograph_with_a_few_lights_is_not_blank():
    images = np.zeros((1, 48, 48), dtype=np.uint8)
    images[0, 40:42, 20:22] = 200
    assert blank_images(images).tolist() == [False]


def test_an_image_of_one_colour_is_blank_though_its_channels_differ():
    images = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    images[..., 0] = 250
    images[1, :4, :, 2] = 90
    assert blank_images(images).tolist() == [True, False]


def test_blanks_are_found_beyond_the_first_chunk():
    images = np.random.default_rng(0).integers(0, 256, (2500, 4, 4), dtype=np.uint8)
    images[[0, 1023, 1024, 2499]] = 7
    assert np.flatnonzero(blank_images(images)).tolist() == [0, 1023, 1024, 2499]
