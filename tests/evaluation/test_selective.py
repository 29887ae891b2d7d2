import numpy as np
import pytest

from hybridfer.evaluation.selective import selective_curve


def test_a_curve_drawn_by_hand():
    # ten images from the surest to the least sure; the 3rd, 7th, 9th and 10th are wrong
    right = np.array([1, 1, 0, 1, 1, 1, 0, 1, 0, 0], dtype=bool)
    confidence = np.array([0.99, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    curve = selective_curve(right, confidence)
    assert curve.shares == pytest.approx(np.linspace(0.05, 1, 20))
    # a share of 0.05 is half an image, which is rounded up
    after = [1, 1, 2 / 3, 3 / 4, 4 / 5, 5 / 6, 5 / 7, 6 / 8, 6 / 9, 6 / 10]
    assert curve.accuracies == pytest.approx(np.repeat(after, 2))
    assert curve.thresholds == pytest.approx(np.repeat(confidence, 2))


def test_the_order_of_the_images_has_no_part_in_it():
    rng = np.random.default_rng(0)
    right, confidence = rng.random(200) < 0.6, rng.integers(1, 6, 200) / 5
    order = rng.permutation(200)
    assert selective_curve(right, confidence) == selective_curve(right[order], confidence[order])


def test_equally_confident_images_count_in_proportion():
    # answering half of four equally sure images, of which three are right, is right in three quarters
    curve = selective_curve(np.array([True, True, True, False]), np.full(4, 0.7))
    assert set(curve.accuracies) == {0.75}


def test_ties_below_sure_images_count_in_proportion_to_what_is_left():
    curve = selective_curve(np.array([True, False, True, False, False]), np.array([0.9, 0.5, 0.5, 0.5, 0.5]))
    # three of five: the sure one, and two of the four others, of which a quarter is right
    assert curve.at(0.6) == pytest.approx((1 + 2 * 0.25) / 3)


def test_the_curve_ends_at_the_accuracy():
    right = np.arange(37) % 3 == 0
    assert selective_curve(right, np.linspace(0, 1, 37)).accuracies[-1] == pytest.approx(right.mean())


def test_a_share_of_whole_images_is_not_rounded_up():
    # 0.55 * 100 is a little above 55 in floating point
    right = np.arange(100) < 55
    assert selective_curve(right, np.linspace(1, 0, 100)).at(0.55) == 1.0


def test_a_single_image_is_a_curve():
    assert set(selective_curve(np.array([True]), np.array([0.4])).accuracies) == {1.0}
