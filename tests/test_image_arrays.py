import warnings

import numpy as np
import pytest

from hybridfer.image_arrays import as_images


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.uint32).astype(np.uint8).reshape(shape)


def test_grey_images_pass_as_they_are():
    images = numbered(3, 5, 4)
    assert as_images(images) is images


@pytest.mark.parametrize("axis", [1, 3])
def test_an_axis_of_one_channel_is_dropped(axis):
    images = numbered(3, 5, 4)
    np.testing.assert_array_equal(as_images(np.expand_dims(images, axis)), images)


def test_colour_comes_last():
    images = numbered(2, 5, 4, 3)
    np.testing.assert_array_equal(as_images(images), images)
    np.testing.assert_array_equal(as_images(np.moveaxis(images, 3, 1)), images)


def test_rows_become_square_images():
    images = numbered(3, 6, 6)
    np.testing.assert_array_equal(as_images(images.reshape(3, 36)), images)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_an_image_shape_unfolds_rows(shape):
    images = numbered(2, *shape)
    found = as_images(images.reshape(2, -1), shape)
    np.testing.assert_array_equal(found, images[..., 0] if shape[2:] == (1,) else images)


@pytest.mark.parametrize("shape", [(5, 5), (20,), (5, 2, 2), (1, 5, 4, 1)])
def test_an_image_shape_that_does_not_fit_is_refused(shape):
    with pytest.raises(ValueError, match="image_shape must be"):
        as_images(numbered(2, 20), shape)


def test_rows_that_are_no_squares_are_strips_with_a_warning():
    with pytest.warns(UserWarning, match="1 x 20 pixels"):
        assert as_images(numbered(2, 20)).shape == (2, 1, 20)


@pytest.mark.parametrize("shape", [(), (4,), (2, 2, 4, 5), (1, 2, 3, 4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Images must have shape"):
        as_images(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.int8])
def test_other_integers_become_bytes(dtype):
    images = np.array([[[0, 1], [100, 127]]], dtype=dtype)
    assert as_images(images).dtype == np.uint8
    np.testing.assert_array_equal(as_images(images), images)


def test_booleans_become_black_and_white():
    np.testing.assert_array_equal(as_images(np.eye(2, dtype=bool)[None]), 255 * np.eye(2)[None])


@pytest.mark.parametrize("value", [1e38, -1e38, 1e300])
def test_floats_that_float32_has_no_squares_of_are_refused(value):
    with pytest.raises(ValueError, match=r"Float pixels must lie in \[0, 1\]"):
        as_images(np.full((1, 2, 2), value))


@pytest.mark.parametrize("value", [-1, 256])
def test_integers_beyond_a_byte_are_refused(value):
    with pytest.raises(ValueError, match=r"Integer pixels must lie in 0\.\.255"):
        as_images(np.full((1, 2, 2), value))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_become_native_float32(dtype):
    images = np.linspace(0, 1, 8).reshape(2, 2, 2).astype(dtype)
    found = as_images(images)
    assert found.dtype == np.dtype(np.float32)
    np.testing.assert_array_equal(found, images.astype(np.float32))


def test_floats_far_above_1_are_warned_of():
    with pytest.warns(UserWarning, match="reach 254.5. Divide them by 255"):
        as_images(np.full((1, 2, 2), 254.5))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("scale", [1, 255])
def test_floats_that_were_made_of_bytes_are_these_bytes_again(dtype, scale):
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = as_images((images / scale).astype(dtype))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, images)


def test_floats_that_were_made_of_something_else_stay_as_they_are():
    # the last of many images alone is none of bytes
    images = np.zeros((3000, 4, 4), np.float32)
    images[0], images[-1, 0, 0] = 1, 0.3
    assert as_images(images).dtype == np.float32
    assert as_images(images[:-1]).dtype == np.uint8


def test_a_little_overshoot_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_images(np.array([[[-2.5, 3.0], [1.1, 0.5]]]))


def test_no_images_are_images_too():
    assert as_images(np.empty((0, 4, 4))).shape == (0, 4, 4)
    assert as_images(np.empty((0, 4, 4), dtype=np.int64)).dtype == np.uint8
