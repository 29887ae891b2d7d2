"""What a training is watched on: given, or held out of its own images."""

import logging

import numpy as np
import pytest

from hybridfer import CNNClassifier
from hybridfer.datasets.splits import carved
from hybridfer.digest import image_digests
from hybridfer.errors import DatasetError
from hybridfer.networks import Network
from hybridfer.training.validation_images import given_images, held_out


@pytest.fixture
def fitted(quick):
    def fit(X, y, **parameters) -> Network:
        return quick(max_epochs=1, **parameters).fit(X, y).network_

    return fit


def test_copies_of_an_image_are_held_out_together(faces, fitted):
    X, y = (np.repeat(part, 3, axis=0) for part in faces)
    network = fitted(X, y)
    trained = sum(network.training["train_counts"])
    assert trained + 3 * len(network.watched) == len(X)
    assert len(network.watched) == pytest.approx(len(X) / 3 / 4, abs=2)


def test_the_images_that_a_dataset_would_carve_are_held_out_whatever_their_order(faces, fitted):
    X, y = faces
    order = np.random.default_rng(0).permutation(len(X))
    expected = np.unique(image_digests(X[carved(image_digests(X), y, 0.25, 3)]))
    for rows in (slice(None), order):
        np.testing.assert_array_equal(fitted(X[rows], y[rows], random_state=3).watched, expected)


def test_of_few_images_every_class_gives_one(faces):
    y = np.arange(20) % 7
    out = held_out(faces[0][:20], y, range(7), 0.1, 0)
    assert np.bincount(y[out], minlength=7).tolist() == [1] * 7


def rare_classes(X):
    """Of the second class there is one image, twice; those of the third are images of the first."""
    return X[[0, 1, 2, 3, 4, 4, 0, 1]], np.array(list("aaaabbcc"))


def test_a_class_that_cannot_be_in_both_parts_is_named_with_what_to_do(faces, quick):
    with pytest.raises(DatasetError) as caught:
        quick().fit(*rare_classes(faces[0]))
    told = str(caught.value)
    assert "validation_fraction=0.25 holds out images of every class" in told
    assert "each class needs 2 different images; class 'b' has 1, class 'c' has 0." in told
    assert "validation=(images, labels), or set validation_fraction=0" in told
    quick(validation_fraction=0, max_epochs=1).fit(*rare_classes(faces[0]))


def test_copies_with_other_labels_go_with_their_image(faces):
    X = np.concatenate([faces[0][:12], faces[0][:3]])
    y = np.concatenate([np.arange(12) % 2, [1, 0, 1]])
    out = held_out(X, y, range(2), 0.4, 0)
    np.testing.assert_array_equal(out[:3], out[12:])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda X, y: X, r"must be a pair of images and labels, \(X, y\); got ndarray of shape \(96, 16, 16\)"),
        (lambda X, y: (X, y, y), r"must be a pair .*; got tuple of length 3"),
        (lambda X, y: 7, r"must be a pair .*; got int\."),
        (lambda X, y: (np.where(X > 200, np.nan, X / 255), y), "labels such as fit takes for X and y: .*contains NaN"),
        (lambda X, y: (X[:, 0, 0], y), "such as fit takes for X and y: Expected 2D array, got 1D array"),
        (lambda X, y: (X[..., None, None], y), "such as fit takes for X and y: Images must have shape"),
        (lambda X, y: (X, np.stack([y, y], axis=1)), "such as fit takes for X and y: y should be a 1d array"),
        (lambda X, y: (X, y.astype(str)), r"validation has the labels \['\d'.*\], which y does not have; it has \[0, 1"),
        (lambda X, y: (X, y + 0.5), r"validation has the labels \[\d\.5, .*\], which y does not have"),
    ],
    ids=["no pair", "three", "number", "NaN", "flat", "5 axes", "two columns", "other kind", "other labels"],
)
def test_validation_that_is_no_pair_of_images_and_their_labels_is_refused(spoil, words, faces, quick):
    with pytest.raises(DatasetError, match=words):
        quick().fit(*faces, validation=spoil(*faces))


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_in_a_column_and_images_of_any_layout_are_taken_as_fit_takes_them(faces):
    X, y = faces
    classes = np.unique(y).tolist()
    expected = np.searchsorted(classes, y)
    for layout in (X[..., None], X[:, None], X.reshape(len(X), -1)):
        images, labels = given_images([layout, y[:, None]], classes)
        np.testing.assert_array_equal(images, X)
        np.testing.assert_array_equal(labels, expected)


def test_copies_of_training_images_among_those_that_are_given_are_warned_of(faces, quick, caplog):
    X, y = faces
    classifier: CNNClassifier = quick(max_epochs=1)
    with caplog.at_level(logging.WARNING, logger="hybridfer"):
        classifier.fit(X[:60], y[:60], validation=(X[60:], y[60:]))
        assert not caplog.messages
        classifier.fit(X[:60], y[:60], validation=(X[50:], y[50:]))
    (told,) = caplog.messages
    assert told.startswith("10 of the 46 validation images are copies of images that are trained on")
