"""Validation images: given with a training, or held out of its own images together with all their copies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d

from hybridfer.datasets.splits import carved, distinct_labels
from hybridfer.digest import image_digests
from hybridfer.errors import DatasetError
from hybridfer.image_arrays import as_images

log = logging.getLogger("hybridfer")


def held_out(
    images: NDArray, labels: NDArray[np.int64], classes: Sequence[Any], fraction: float, random_state: int
) -> NDArray[np.bool_]:
    """Choose the images that a training is watched on, as `hybridfer.datasets.splits.carved` chooses a split.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        All images that a training is given.
    labels : ndarray of shape (n,), int64
        Their class indices.
    classes : sequence
        Each index's class.
    fraction : float
        Share to choose of each class, between 0 and 1; of every class at least one image is chosen, and one left.
    random_state : int
        Seed of the draw.

    Returns
    -------
    ndarray of shape (n,), dtype bool
        True for the images that were chosen. Copies of one image go the same way, whatever their order and labels.

    Raises
    ------
    DatasetError
        If a class has fewer than two distinct images.

    Examples
    --------
    >>> images = np.arange(6, dtype=np.uint8).repeat(2)[:, None, None]
    >>> held_out(images, np.repeat([0, 1], 6), ["happy", "sad"], 0.3, random_state=0).reshape(6, 2).sum(axis=1).tolist()
    [0, 2, 0, 0, 2, 0]
    """
    digests = image_digests(images)
    distinct = np.bincount(distinct_labels(digests, labels)[1], minlength=len(classes))
    if distinct.min() < 2:
        rare = ", ".join(f"class {label!r} has {count}" for label, count in zip(classes, distinct, strict=True) if count < 2)
        raise DatasetError(
            f"validation_fraction={fraction:g} holds out images of every class, and copies of an image with it: each class "
            f"needs 2 different images; {rare}. Add images, leave the class out, or have CNNClassifier hold out none: "
            "give its fit validation=(images, labels), or set validation_fraction=0."
        )
    return carved(digests, labels, fraction, random_state)


def given_images(validation: Any, classes: Sequence[Any]) -> tuple[NDArray, NDArray[np.int64]]:
    """Check validation images as training images are checked, and number their classes.

    Parameters
    ----------
    validation : tuple of (X, y)
        Images in any layout that `CNNFeaturizer` takes, and their labels.
    classes : sequence
        The labels of the training images, in the order of their class indices.

    Returns
    -------
    tuple of (images, class indices)

    Raises
    ------
    DatasetError
        If it is no such pair, is empty, holds values that are not finite, or has a label that is not among the classes.

    Examples
    --------
    >>> given_images((np.zeros((2, 64)), ["sad", "happy"]), ["happy", "sad"])[1]
    array([1, 0])
    """
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise DatasetError(f"validation must be a pair of images and labels, (X, y); got {_told(validation)}.")
    try:
        images = as_images(check_array(validation[0], allow_nd=True, ensure_min_samples=0, input_name="images"))
        labels = column_or_1d(validation[1], warn=True).tolist()
    except (ValueError, TypeError) as error:
        raise DatasetError(f"validation must hold images and labels such as fit takes for X and y: {error}") from error
    if not labels or len(images) != len(labels):
        raise DatasetError(
            f"validation must hold images and as many labels, at least one; got {len(images)} and {len(labels)}."
        )
    indices = {label: index for index, label in enumerate(classes)}
    unknown = [label for label in dict.fromkeys(labels) if label not in indices]
    if unknown:
        raise DatasetError(f"validation has the labels {unknown}, which y does not have; it has {list(classes)}.")
    return images, np.array([indices[label] for label in labels], dtype=np.int64)


def warn_of_copies(train: NDArray[np.bytes_], validation: NDArray[np.bytes_]) -> None:
    """Log a warning where a training is watched on copies of images that it is trained on.

    Parameters
    ----------
    train, validation : ndarray of shape (n,) and (m,), dtype "S16"
        Digests of the training's images.
    """
    count = int(np.isin(validation, train).sum())
    if count:
        log.warning(
            "%d of the %d validation images are copies of images that are trained on: the validation figures are flattered, "
            "and so is what is chosen by them (when to stop or to lower the learning rate, calibration). Leave such images "
            "out of one of the two.",
            count,
            len(validation),
        )


def _told(value: Any) -> str:
    kind = type(value).__name__
    if hasattr(value, "shape"):
        return f"{kind} of shape {tuple(value.shape)}"
    return f"{kind} of length {len(value)}" if isinstance(value, Sequence) else kind
