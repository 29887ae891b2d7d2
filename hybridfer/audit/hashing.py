"""A perceptual hash: 64 bits that photographs keep when they are recompressed, brightened, scaled or moved a little."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets.decode import resize

#: Side of the grey thumbnails that are hashed and compared, in pixels: the size of FER2013.
THUMBNAIL = 48
#: Cosines of u + v half waves over an image, 1 <= u + v <= HIGHEST, are 65; the hash takes the lowest 64 of them.
HIGHEST = 10
BITS = 64


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring an image to a small grey one.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, 3), dtype uint8

    Returns
    -------
    ndarray of shape (48, 48), dtype uint8
    """
    grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if grey.shape == (THUMBNAIL, THUMBNAIL):
        return grey
    return resize(grey, (THUMBNAIL, THUMBNAIL))


def perceptual_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hash what each image shows.

    A bit says whether a coefficient of the image's discrete cosine transform is above the median of all 64. The mean
    brightness is not among them, so that neither brightness nor contrast changes a bit.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8

    Returns
    -------
    ndarray of shape (n,), dtype uint64

    Examples
    --------
    >>> from hybridfer.datasets import make_faces
    >>> images = make_faces(14).images
    >>> hashes = perceptual_hashes(images)
    >>> bool((hashes == perceptual_hashes(images // 2 + 60)).mean() > 0.5), len(set(hashes.tolist()))
    (True, 14)
    """
    thumbnails = np.stack([thumbnail(image) for image in images]).astype(np.float32)
    rows, columns = _frequencies()
    cosines = _cosines()
    spectrum = np.matmul(np.matmul(cosines, thumbnails), cosines.T)
    coefficients = spectrum[:, rows, columns]
    bits = coefficients > np.median(coefficients, axis=1, keepdims=True)
    # fancy indexing leaves the columns in Fortran order, which cannot be viewed as one number a row
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64)[:, 0]


@cache
def _cosines() -> NDArray[np.float32]:
    """The first rows of the discrete cosine transform (DCT-II), shape (HIGHEST + 1, THUMBNAIL)."""
    centres = (np.arange(THUMBNAIL) + 0.5) / THUMBNAIL
    return np.cos(np.pi * np.arange(HIGHEST + 1)[:, None] * centres).astype(np.float32)


@cache
def _frequencies() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the 64 lowest frequencies stand, without the mean."""
    rows, columns = np.indices((HIGHEST + 1, HIGHEST + 1)).reshape(2, -1)
    lowest = np.argsort(rows + columns, kind="stable")[1 : BITS + 1]
    return rows[lowest], columns[lowest]
