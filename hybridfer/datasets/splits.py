"""Carving a split from train: stratified by class, twins kept together, image by image the same in every subset."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridfer.errors import DatasetError


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Train images of classes that were not taken: a split is carved as if they were there.

    Where copies of one image have several labels, which class it is drawn with, and how many images that class gives, do not
    depend then on which classes are taken.

    Attributes
    ----------
    digests : ndarray of shape (n,), dtype "S16"
    labels : ndarray of shape (n,), int64
        Positions in `classes`.
    classes : tuple of str
        All of the source, those that were taken too.
    """

    digests: NDArray[np.bytes_]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def beside(
        self, digests: NDArray[np.bytes_], labels: NDArray[np.int64], classes: tuple[str, ...]
    ) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
        """Put images of some of the classes before these, with labels that are positions in all classes.

        Examples
        --------
        >>> left_out = LeftOut(np.array([b"c"], dtype="S16"), np.array([0]), ("angry", "happy", "sad"))
        >>> left_out.beside(np.array([b"a", b"b"], dtype="S16"), np.array([1, -1]), ("happy", "sad"))[1].tolist()
        [2, -1, 0]
        """
        positions = np.array([*map(self.classes.index, classes), -1])
        return np.concatenate([digests, self.digests]), np.concatenate([positions[labels], self.labels])

    def subset(self, mask: NDArray[np.bool_]) -> LeftOut:
        """Keep some of the images."""
        return LeftOut(self.digests[mask], self.labels[mask], self.classes)


def distinct_labels(digests: NDArray[np.bytes_], labels: NDArray[np.int64]) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    """Take every image once, with one label: of copies that have several the first stands for all.

    Parameters
    ----------
    digests : ndarray of shape (n,), dtype "S16"
    labels : ndarray of shape (n,), int64

    Returns
    -------
    tuple of ndarray of shape (m,)
        The different digests, sorted, and the label of each.

    Examples
    --------
    >>> distinct_labels(np.array([b"b", b"a", b"b"], dtype="S16"), np.array([2, 0, 1]))[1].tolist()
    [0, 1]
    """
    order = np.lexsort((labels, digests))
    distinct, first = np.unique(digests[order], return_index=True)
    return distinct, labels[order][first]


def carved(
    digests: NDArray[np.bytes_],
    labels: NDArray[np.int64],
    fraction: float,
    random_state: int,
    required: Container[int] | None = None,
) -> NDArray[np.bool_]:
    """Choose a share of the images, stratified by class.

    Each class gives the images whose digests come first when they are hashed with the seed. So copies of one image go
    the same way, and an image's side does not depend on the order of the images; nor, but for copies with the label of
    another class, on which other classes there are.

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
    required : container of int, optional
        Classes that must be in both splits; all by default. Others with a single image give none.

    Returns
    -------
    ndarray of shape (n,), dtype bool
        True for the images that were chosen.

    Raises
    ------
    DatasetError
        If the share is not between 0 and 1, the seed is no integer from 0 to 2**32 - 1, or a required class has fewer than
        two distinct images.

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
    distinct, classes = distinct_labels(digests, labels)
    draw = np.argsort(_hashed(distinct, random_state), kind="stable")
    chosen = []
    for label in np.unique(classes):
        members = draw[classes[draw] == label]
        # no label is no class that must be in both splits
        if len(members) < 2 and len(distinct) > 1 and (label < 0 or (required is not None and label not in required)):
            continue
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
