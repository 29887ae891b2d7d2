"""Images for an estimator that was fitted on others: of their size, in whatever layout."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from hybridfer.image_arrays import as_images, check_size, refuse_no_images, refuse_one_image

# NaN is looked for apart, as scikit-learn's advice on it, to impute values, is none for images
CHECKS: dict[str, Any] = {"allow_nd": True, "ensure_all_finite": False}


class FittedOnImages(Protocol):
    """An estimator that knows the size of the images in its `fit`, and whether they were flattened rows."""

    _size: tuple[int, int]
    _of_rows: bool


def images_as_fitted(estimator: FittedOnImages, X: NDArray, image_shape: tuple[int, ...] | None = None) -> NDArray:
    """Bring images to one layout, as `as_images` does, if they are of the size that the estimator was fitted on.

    Raises
    ------
    ValueError
        If X is no images, or images of another size.
    """
    refuse_no_images(X)
    # rows that are unlike those of fit are told in scikit-learn's words
    n_axes = 1 + np.ndim(X[0]) if isinstance(X, list | tuple) and X else getattr(X, "ndim", 2)
    rows_again = estimator._of_rows and n_axes <= 2
    X = validate_data(estimator, X, reset=False, ensure_2d=rows_again, **CHECKS)
    assert_all_finite(X, input_name="X")
    if not rows_again:
        refuse_one_image(X.shape, estimator._size)
    images = as_images(X, image_shape)
    check_size(images, estimator._size)
    return images
