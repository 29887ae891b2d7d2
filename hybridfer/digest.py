"""Digests of pixels: an image's identity, whatever its file is called and wherever it stands."""

from __future__ import annotations

import numpy as np
import xxhash
from numpy.typing import NDArray

DIGEST = np.dtype("S16")
BLOCK = 8192


def image_digests(images: NDArray) -> NDArray[np.bytes_]:
    """Hash the pixels of each image.

    Two images have one digest exactly when their pixels, shape and dtype agree: what a feature store, a leak check and a
    search for twins need. XXH3 with 128 bits is no cryptographic hash; it guards against accidents, not forgery.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        Images; a last axis of length 1 makes no difference.

    Returns
    -------
    ndarray of shape (n,), dtype "S16"
        One 16-byte digest an image. NumPy sorts, uniques and searches this dtype.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.zeros((3, 48, 48), dtype=np.uint8)
    >>> images[2] = 1
    >>> digests = image_digests(images)
    >>> bool(digests[0] == digests[1]), bool(digests[0] == digests[2])
    (True, False)
    """
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    seed = xxhash.xxh64_intdigest(f"{images.shape[1:]} {images.dtype.str}".encode())
    digests = np.empty(len(images), dtype=DIGEST)
    # in blocks, as a list of a million bytes objects takes several times the memory of the digests, and what does not lie
    # contiguously is copied
    for start in range(0, len(images), BLOCK):
        block = np.ascontiguousarray(images[start : start + BLOCK])
        raw = b"".join([xxhash.xxh3_128_digest(row.data, seed=seed) for row in block])
        digests[start : start + BLOCK] = np.frombuffer(raw, dtype=DIGEST)
    return digests
