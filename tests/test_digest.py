import tracemalloc

import numpy as np
import pytest

from hybridfer.digest import DIGEST, image_digests

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 12, 10), dtype=np.uint8)


def test_digests_are_stable_over_versions():
    """Stores on disk are found by these bytes."""
    image = np.arange(48 * 48, dtype=np.uint32).astype(np.uint8).reshape(1, 48, 48)
    assert image_digests(image).tobytes().hex() == "1ce17a3b0baa63a5823dd852cbf1564a"


def test_equal_images_share_a_digest_and_no_others_do():
    digests = image_digests(np.concatenate([IMAGES, IMAGES[::-1]]))
    assert digests.dtype == DIGEST
    np.testing.assert_array_equal(digests[:50], digests[50:][::-1])
    assert len(np.unique(digests)) == 50


def test_one_bit_changes_the_digest():
    changed = IMAGES.copy()
    changed[:, 11, 9] ^= 1
    assert not (image_digests(IMAGES) == image_digests(changed)).any()


@pytest.mark.parametrize(
    "other",
    [
        IMAGES.reshape(50, 10, 12),
        IMAGES.reshape(50, 120),
        IMAGES.astype(np.int8),
        IMAGES.astype(np.float32),
        np.repeat(IMAGES[..., None], 3, axis=3),
    ],
)
def test_shape_and_dtype_are_part_of_an_image(other):
    assert not np.isin(image_digests(other), image_digests(IMAGES)).any()


@pytest.mark.parametrize(
    "same",
    [IMAGES[..., None], np.asfortranarray(IMAGES), np.repeat(IMAGES, 2, axis=2)[:, :, ::2], IMAGES[::-1].copy()[::-1]],
)
def test_a_channel_axis_and_the_layout_in_memory_make_no_difference(same):
    np.testing.assert_array_equal(image_digests(same), image_digests(IMAGES))


def test_a_subset_has_the_digests_of_its_images():
    np.testing.assert_array_equal(image_digests(IMAGES[10:20]), image_digests(IMAGES)[10:20])


def test_no_images_have_no_digests():
    assert image_digests(IMAGES[:0]).shape == (0,)


def test_images_that_lie_apart_are_not_copied_all_at_once():
    images = np.zeros((60_000, 2, 16, 16), dtype=np.uint8)[:, 0]
    images[:, 0, 0] = np.arange(60_000) % 251
    tracemalloc.start()
    try:
        digests = image_digests(images)
        assert tracemalloc.get_traced_memory()[1] < images.nbytes / 2
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(digests, image_digests(images.copy()))
