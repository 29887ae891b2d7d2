"""The shapes in which images arrive, brought to one."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Sequence, Sized

import numpy as np
from numpy.typing import NDArray

# what may follow (h, w) in the shape of an image
CHANNELS = ((), (1,), (3,))
# pixels a side from which on (h, w, 3) is taken for one colour image rather than h images of a width of 3
SMALLEST = 8
# resampling and standardisation overshoot 1 a little; 0..255 as floats is a mistake that would go unseen
PLAUSIBLE = 16.0
# grey levels that floats may be off where they were made of bytes: float32 errs by 3e-5, float16 by 0.06 at white
OFF, OFF_HALF = 1e-3, 0.1
# images that are looked at at a time
BLOCK = 1024
# of floats beyond it float32, in which networks compute, holds no sum of squares
LARGEST = 1e9


def as_images(X: NDArray, image_shape: tuple[int, ...] | None = None) -> NDArray:
    """Bring images of any accepted layout to (n, h, w) or (n, h, w, 3), uint8 or float32.

    Parameters
    ----------
    X : ndarray
        (n, h, w); (n, h, w, c) or (n, c, h, w) with c = 1 or 3; or flattened rows (n, h * w). uint8 pixels, other integers
        within 0..255, booleans, which become 0 and 255, or floats, which are taken to lie in [0, 1], with a warning where
        they clearly do not. Floats that were made of bytes, divided by 255 or not, become bytes again: one picture is one
        picture to a store and to a leak check, whatever its type.
    image_shape : tuple of (h, w) or (h, w, c), optional
        The shape of one flattened row. Without it, rows are square grey images; a length that is no square is taken as a
        strip of height 1, with a warning.

    Returns
    -------
    ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8 or float32

    Raises
    ------
    ValueError
        If the shape is none of these or that of one colour image, or integers leave 0..255, or floats -1e9..1e9.

    Examples
    --------
    >>> import numpy as np
    >>> as_images(np.zeros((5, 2304), dtype=np.uint8)).shape
    (5, 48, 48)
    >>> as_images(np.zeros((5, 3, 40, 32))).shape
    (5, 40, 32, 3)
    """
    X = _as_pixels(np.asarray(X))
    if X.ndim == 2:
        return _unflattened(X, image_shape)
    if X.ndim == 3:
        if X.shape[2] in (3, 4) and min(X.shape[:2]) >= SMALLEST:
            raise ValueError(
                f"Images must have shape (n, h, w); {X.shape} looks like one colour image of {X.shape[0]} x {X.shape[1]} "
                "pixels. Give images[None], with three channels."
            )
        return X
    if X.ndim == 4 and X.shape[3] in (1, 3):
        return X[..., 0] if X.shape[3] == 1 else X
    if X.ndim == 4 and X.shape[1] in (1, 3):
        return X[:, 0] if X.shape[1] == 1 else np.moveaxis(X, 1, 3)
    raise ValueError(
        f"Images must have shape (n, h, w), (n, h, w, c), (n, c, h, w) with c = 1 or 3, or (n, h * w); got {X.shape}."
    )


def refuse_no_images(X: object) -> None:
    """Refuse paths, and images of several sizes: NumPy and scikit-learn have no words for what was meant.

    Parameters
    ----------
    X : object
        What was given for images, before anything has made an array of it.

    Raises
    ------
    ValueError
        If it is a path, or a sequence of paths or of arrays whose shapes differ.

    Examples
    --------
    >>> refuse_no_images([np.zeros((48, 48)), np.zeros((96, 96))])
    Traceback (most recent call last):
    ...
    ValueError: Images must be of one size; got (48, 48), (96, 96). Resize them to one.
    """
    if isinstance(X, str | os.PathLike):
        parts: list[object] = [X]
    elif getattr(X, "ndim", 1) == 1 and isinstance(X, Iterable) and isinstance(X, Sized):
        parts = list(X)
    else:
        return
    if parts and isinstance(parts[0], str | os.PathLike):
        raise ValueError(
            f"X must be an array of images; got the path {str(parts[0])!r}. Read files by hybridfer.read_dataset: it "
            "takes a folder or an archive, and .images of what it gives is such an array."
        )
    shapes = sorted({part.shape for part in parts if isinstance(part, np.ndarray)})
    if len(shapes) > 1:
        more = f" and {len(shapes) - 3} more" if len(shapes) > 3 else ""
        raise ValueError(f"Images must be of one size; got {', '.join(map(str, shapes[:3]))}{more}. Resize them to one.")


def refuse_one_image(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Refuse a shape (h, w) where images of a size are wanted: it is no flattened rows of them.

    Raises
    ------
    ValueError
        If the shape has two axes, the second of which is no number of the values of an image.
    """
    height, width = size
    if len(shape) == 2 and shape[1] not in (height * width, 3 * height * width):
        raise ValueError(
            f"Images of {height} x {width} pixels were given to fit; got the shape {shape}, that of no such images. "
            "One image? Give X[None]."
        )


def check_size(images: NDArray, size: tuple[int, int]) -> None:
    """Compare the size of images with that of those before them.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3)
        As `as_images` gives them.
    size : tuple of int
        Height and width that they must have.

    Raises
    ------
    ValueError
        If they are of another size.
    """
    if images.shape[1:3] != size:
        raise ValueError(
            f"Images of {size[0]} x {size[1]} pixels were given to fit; got some of {images.shape[1]} x {images.shape[2]}. "
            "Resize them, as hybridfer.read_dataset(..., image_size=(h, w)) does, or fit on images of their size."
        )


def _as_pixels(X: NDArray) -> NDArray:
    if X.dtype == np.uint8:
        return X
    if X.dtype == np.bool_:
        return X.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(X.dtype, np.integer):
        if X.size and (X.min() < 0 or X.max() > 255):
            raise ValueError(f"Integer pixels must lie in 0..255; got {X.min()}..{X.max()}.")
        return X.astype(np.uint8)
    # before the cast, in which they would become infinite
    if X.size and np.issubdtype(X.dtype, np.floating) and max(float(X.max()), -float(X.min())) > LARGEST:
        raise ValueError(f"Float pixels must lie in [0, 1], or near; got {X.min():g}..{X.max():g}.")
    whole = _bytes_again(X)
    if whole is not None:
        return whole
    pixels = X.astype(np.float32, copy=False)
    if pixels.size and pixels.max() > PLAUSIBLE:
        warnings.warn(
            f"Float pixels are taken to lie in [0, 1]; these reach {pixels.max():g}. Divide them by 255, or give uint8.",
            UserWarning,
            stacklevel=4,
        )
    return pixels


def _bytes_again(X: NDArray) -> NDArray[np.uint8] | None:
    """Floats as the bytes that they were made of; None where they were made of something else."""
    if not np.issubdtype(X.dtype, np.floating) or not X.size or not 0 <= X.min() <= X.max() <= 255:
        return None
    scale, off = 255 if X.max() <= 1 else 1, OFF_HALF if X.dtype == np.float16 else OFF
    whole = np.empty(X.shape, np.uint8)
    for start in range(0, len(X), BLOCK):
        levels = X[start : start + BLOCK].astype(np.float32) * scale
        nearest = np.rint(levels)
        if np.abs(levels - nearest).max() > off:
            return None
        whole[start : start + BLOCK] = nearest
    return whole


def _unflattened(X: NDArray, image_shape: tuple[int, ...] | None) -> NDArray:
    n_pixels = X.shape[1]
    if image_shape is not None:
        if not _is_shape(image_shape):
            raise ValueError(f"image_shape must be (h, w) or (h, w, c), integers above 0; got {image_shape!r}.")
        if math.prod(image_shape) != n_pixels or len(image_shape) not in (2, 3) or tuple(image_shape[2:]) not in CHANNELS:
            raise ValueError(
                f"image_shape must be (h, w) or (h, w, c), c = 1 or 3, of {n_pixels} values, as X has {n_pixels} columns; "
                f"got {tuple(map(int, image_shape))}."
            )
        images = X.reshape(len(X), *image_shape)
        return images[..., 0] if len(image_shape) == 3 and image_shape[2] == 1 else images
    side = math.isqrt(n_pixels)
    if side * side == n_pixels:
        return X.reshape(len(X), side, side)
    warnings.warn(
        f"X has {n_pixels} columns, which is no square: rows are taken as images of 1 x {n_pixels} pixels. "
        "Give image_shape=(h, w) if they are not.",
        UserWarning,
        stacklevel=4,
    )
    return X.reshape(len(X), 1, n_pixels)


def _is_shape(shape: object) -> bool:
    sides = shape.tolist() if isinstance(shape, np.ndarray) else shape
    return isinstance(sides, Sequence) and all(isinstance(side, int | np.integer) and side > 0 for side in sides)
