"""Carving a split from train: stratified by class, twins kept together, the same whatever the order of the images."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from hybridfer.errors import DatasetError


def carved(digests: NDArray[np.bytes_], labels: NDArray[np.int64], fraction: float, random_state: int) -> NDArray[np.bool_]:
    """Choose a share of the images, stratified by class.

    The draw is over distinct images in the order of their digests: copies of one image go the same way, so that none
    stands on both sides, and the choice does not depend on how files were listed or packed.

    Parameters
    ----------
    digests : ndarray of shape (n,), dtype "S16"
        Digests of the images.
    labels : ndarray of shape (n,), int64
        Their classes.
    fraction : float
        Share to choose, between 0 and 1.
    random_state : int
        Seed of the draw.

    Returns
    -------
    ndarray of shape (n,), dtype bool
        True for the images that were chosen.

    Raises
    ------
    DatasetError
        If the share is not between 0 and 1, or a class has fewer than two distinct images.

    Examples
    --------
    >>> digests = np.array([b"a", b"b", b"c", b"d", b"a"], dtype="S16")
    >>> chosen = carved(digests, np.array([0, 0, 1, 1, 0]), 0.5, random_state=0)
    >>> bool(chosen[0] == chosen[4]), int(chosen[:4].sum())
    (True, 2)
    """
    from sklearn.model_selection import train_test_split

    if not 0 < fraction < 1:
        raise DatasetError(f"The share of a carved split must lie between 0 and 1; got {fraction}.")
    # of images whose copies have several labels, the first label stands for all
    order = np.lexsort((labels, digests))
    distinct, first = np.unique(digests[order], return_index=True)
    classes = labels[order][first]
    rare = [label for label, count in Counter(classes.tolist()).items() if count < 2]
    if rare:
        raise DatasetError(f"Every class needs at least 2 distinct images to be in two splits; of {len(rare)} there is 1.")
    held = max(round(fraction * len(distinct)), len(set(classes.tolist())))
    try:
        _, chosen = train_test_split(np.arange(len(distinct)), test_size=held, stratify=classes, random_state=random_state)
    except ValueError as error:
        raise DatasetError(
            f"{len(distinct)} distinct images are too few to carve {fraction:.0%} of them with every class in it ({error})."
        ) from error
    return np.isin(digests, distinct[chosen])
