"""Whether two images look alike, judged by whether their details lie at the same places.

Whole images agree wherever the light falls alike; details of different faces hardly agree. On FER2013 the correlations fall
into two heaps with a valley at 0.5 to 0.6. Of 77 pairs between 0.60 and 0.72, drawn at random and looked at, all were one
photograph, cropped, scaled, compressed or marked differently; from 0.55 down, different people turn up.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.hashing import thumbnail

#: Correlation of the details from which two images count as alike.
ALIKE = 0.6
#: Details are what is left of a thumbnail when a blur of this many pixels is taken off.
BLUR = 2.0
#: Pixels, of a thumbnail's 48, by which one image may be shifted against the other.
SHIFT = 3


def details(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a blurred thumbnail lacks.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, 3), dtype uint8

    Returns
    -------
    ndarray of shape (48, 48), dtype float32
    """
    small = thumbnail(image).astype(np.float32)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), BLUR), dtype=np.float32)


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Correlate the details of two images at the shift where they agree best.

    Parameters
    ----------
    first, second : ndarray of shape (48, 48), dtype float32
        From `details`.

    Returns
    -------
    float
        Between -1 and 1.

    Examples
    --------
    >>> from hybridfer.datasets import make_faces
    >>> one, other = make_faces(2).images
    >>> moved = np.roll(one, 2, axis=1)
    >>> likeness(details(one), details(moved)) > 0.9 > ALIKE > likeness(details(one), details(other))
    True
    """
    inner = np.ascontiguousarray(first[SHIFT:-SHIFT, SHIFT:-SHIFT])
    return float(cv2.matchTemplate(second, inner, cv2.TM_CCOEFF_NORMED).max())


def look_alike(images: NDArray[np.uint8], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the pairs of images that look alike.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8
    first, second : ndarray of shape (m,), dtype int64
        Positions in `images`. All details of a call are held at once: some 10 kB an image.

    Returns
    -------
    ndarray of shape (m,), dtype bool
    """
    involved, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    found = [details(image) for image in images[involved]]
    pairs = places.reshape(2, -1).T.tolist()
    return np.array([likeness(found[one], found[other]) >= ALIKE for one, other in pairs], dtype=bool)
