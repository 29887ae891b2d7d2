"""Images that show nothing: all pixels of one value, or nearly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Standard deviation, in grey levels of 0..255, below which an image counts as blank. An image of one value comes out of a
#: JPEG with some 0.65 (FER2013's Training_3542668); the darkest photograph of FER2013 has 4.1. Standardisation divides by no
#: less than half a level (`hybridfer.networks.preprocessing.BLANK`), so that a network sees nothing in such images either.
BLANK = 1.0
#: Images that are looked at at a time; more would take megabytes, and no less time.
CHUNK = 128


def blank_images(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark the images in which no channel varies.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8

    Returns
    -------
    ndarray of shape (n,), dtype bool

    Examples
    --------
    >>> images = np.full((2, 48, 48), 128, dtype=np.uint8)
    >>> images[1, :24] = 20
    >>> blank_images(images).tolist()
    [True, False]
    """
    blank = np.zeros(len(images), dtype=bool)
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        pixels = chunk.reshape(len(chunk), chunk.shape[1] * chunk.shape[2], -1)
        blank[start : start + CHUNK] = pixels.std(axis=1, dtype=np.float32).max(axis=1) < BLANK
    return blank
