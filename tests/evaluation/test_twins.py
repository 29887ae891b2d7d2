import numpy as np

from hybridfer.digest import image_digests
from hybridfer.evaluation.twins import Leak, count_leak, twin_mask


def images_of(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint8)[:, None, None] * np.ones((4, 4), dtype=np.uint8)


def test_a_test_image_is_a_twin_where_its_pixels_are_in_train():
    test, train = image_digests(images_of(1, 2, 3)), image_digests(images_of(3, 3, 9, 1))
    assert twin_mask(test, train).tolist() == [True, False, True]


def test_copies_within_the_test_split_are_no_twins():
    test, train = image_digests(images_of(5, 5, 5)), image_digests(images_of(1))
    assert not twin_mask(test, train).any()


def test_digests_that_end_in_zero_bytes_are_told_apart():
    # NumPy drops trailing zero bytes on the way out, and must not on the way to a match
    test = np.frombuffer(b"a" * 15 + b"\0" + b"a" * 16, dtype="S16")
    assert twin_mask(test, test[:1]).tolist() == [True, False]


def test_nothing_is_a_twin_of_nothing():
    nothing = np.empty(0, dtype="S16")
    assert twin_mask(nothing, nothing).shape == (0,)
    assert twin_mask(image_digests(images_of(1)), nothing).tolist() == [False]


def test_a_leak_is_counted_apart_from_the_twins():
    test = image_digests(images_of(1, 2, 3, 4))
    twins = np.array([True, False, False, False])
    assert count_leak(test, image_digests(images_of(1, 2, 3)), twins) == Leak(images=3, twin_free=2)
    assert count_leak(test, image_digests(images_of(1, 7)), twins) == Leak(images=1, twin_free=0)
