"""Carving a split from train: stratified by class, twins kept together, image by image the same in every subset."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from hybridfer.errors import DatasetError


def carved(digests: NDArray[np.bytes_], labels: NDArray[np.int64], fraction: float, random_state: int) -> NDArray[np.bool_]:
    """Choose a share of the images, stratified by class.

    Each class gives the images whose digests come first when they are hashed with the seed. So copies of one image go
    the same way, and an image's side depends neither on the order of the images nor on which other classes there are: a
    CNN that was trained on all classes and heads that are tuned on some of them hold out the same images.

    Parameters
    ----------
    digests : ndarray of shape (n,), dtype "S16"
        Digests of the images.
    labels : ndarray of shape (n,), int64
        Their classes; -1 where they are unknown.
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
        If the share is not between 0 and 1, the seed is no integer from 0 to 2**32 - 1, or a class has fewer than two
        distinct images.

    Examples
    --------
    >>> digests = np.array([b"a", b"b", b"c", b"d", b"a"], dtype="S16")
    >>> chosen = carved(digests, np.array([0, 0, 1, 1, 0]), 0.5, random_state=0)
    >>> bool(chosen[0] == chosen[4]), int(chosen[:4].sum())
    (True, 2)
    """
    if not 0 < fraction < 1:
        raise DatasetError(f"The share of a carved split must lie between 0 and 1; got {fraction}.")
    # a truth value is an integer to isinstance
    whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not whole or not 0 <= random_state < 2**32:
        raise DatasetError(f"random_state of a carved split must be an integer from 0 to 2**32 - 1; got {random_state!r}.")
    # of images whose copies have several labels, the first label stands for all
    order = np.lexsort((labels, digests))
    distinct, first = np.unique(digests[order], return_index=True)
    classes = labels[order][first]
    draw = np.argsort(_hashed(distinct, random_state), kind="stable")
    chosen = []
    for label in np.unique(classes):
        members = draw[classes[draw] == label]
        if len(members) < 2 and label < 0 and len(distinct) > 1:
            continue  # no label is no class that must be in both splits
        if len(members) < 2:
            raise DatasetError(f"Every class needs at least 2 distinct images to be in two splits; class {label} has 1.")
        chosen.append(members[: min(max(round(fraction * len(members)), 1), len(members) - 1)])
    return np.isin(digests, distinct[np.concatenate(chosen)])


def _hashed(digests: NDArray[np.bytes_], random_state: int) -> NDArray[np.bytes_]:
    """Hash each digest with a seed: a shuffle in which an image's place owes nothing to the other images."""
    salt = int(random_state).to_bytes(8, "little", signed=True)
    return np.array(
        [hashlib.blake2b(digest, digest_size=8, salt=salt).digest() for digest in digests.tolist()], dtype="V8"
    ).view(">u8")
