"""Test images that the classifiers have already seen: twins across splits, and leaks into the CNN's training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.groups import Groups


@dataclass(frozen=True)
class Leak:
    """Test images that the CNN was trained on, and what is not known of its past.

    Attributes
    ----------
    images : int
        How many of the test images the CNN was trained on; at least so many where `may_be_more`.
    twin_free : int
        How many of these are not accounted for as twins, and so still stand in the part that decides the comparison.
        Above 0 the comparison is not to be trusted.
    validation_seen : int or None
        Validation images, copies of train images aside, that it was trained on or watched, where its weights do not say
        which of the two; None where they do.
    untold : tuple of str
        What its weights come from that does not say which images it was trained on, as `Network.untold` names it.
    other_shapes : tuple of tuple of int
        Shapes (h, w) or (h, w, 3) of images that it has seen, where those of the benchmark have another: pixels do not tell
        whether such are among these.
    """

    images: int
    twin_free: int
    validation_seen: int | None = None
    untold: tuple[str, ...] = ()
    other_shapes: tuple[tuple[int, ...], ...] = ()

    @property
    def may_be_more(self) -> bool:
        """Whether further images of the benchmark may have been seen, which is not known."""
        return bool(self.untold or self.other_shapes)


def twin_mask(test_digests: NDArray[np.bytes_], train_digests: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Mark the test images whose pixels also occur in the training or validation images.

    A head that memorises scores such an image by heart. Copies within the test split are no twins: nobody has seen them
    before.

    Parameters
    ----------
    test_digests : ndarray of shape (n,), dtype "S16"
        Digests of the test images, from `hybridfer.digest.image_digests`.
    train_digests : ndarray of shape (m,), dtype "S16"
        Digests of everything that was trained or tuned on: training and validation images.

    Returns
    -------
    ndarray of shape (n,), dtype bool
        True where a test image has a twin.

    Examples
    --------
    >>> import numpy as np
    >>> test = np.array([b"a", b"b", b"b", b"c"], dtype="S16")
    >>> twin_mask(test, np.array([b"c", b"d"], dtype="S16"))
    array([False, False, False,  True])
    """
    return np.isin(test_digests, train_digests)


def near_twin_mask(
    test_digests: NDArray[np.bytes_], train_digests: NDArray[np.bytes_], digests: NDArray[np.bytes_], groups: Groups
) -> NDArray[np.bool_]:
    """Mark the test images that are no twins, but look nearly like a training or validation image.

    They are known by their pixels, so that splits may have been carved, and images dropped, since the groups were found.

    Parameters
    ----------
    test_digests, train_digests : ndarray of shape (n,) and (m,), dtype "S16"
        As for `twin_mask`.
    digests : ndarray of shape (k,), dtype "S16"
        Digests of the images that were audited.
    groups : Groups
        Their near-duplicates, from `hybridfer.audit.find_faults`.

    Returns
    -------
    ndarray of shape (n,), dtype bool
        True where a test image without a twin is in a group with an image of the others.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridfer.audit.groups import equal_rows
    >>> digests = np.array([b"a", b"b", b"c", b"d"], dtype="S16")
    >>> frames = equal_rows(np.array([0, 0, 1, 1]))
    >>> near_twin_mask(digests[[0, 2, 3]], digests[[1]], digests, frames)
    array([ True, False, False])
    """
    members = digests[groups.members]
    reached = np.zeros(len(groups), dtype=bool)
    homes = np.repeat(np.arange(len(groups)), groups.sizes)
    reached[homes[np.isin(members, train_digests)]] = True
    return np.isin(test_digests, members[reached[homes]]) & ~twin_mask(test_digests, train_digests)


def count_leak(test_digests: NDArray[np.bytes_], seen_digests: NDArray[np.bytes_], twins: NDArray[np.bool_]) -> Leak:
    """Count the test images that the CNN was trained on.

    Parameters
    ----------
    test_digests : ndarray of shape (n,), dtype "S16"
        Digests of the test images.
    seen_digests : ndarray of shape (m,), dtype "S16"
        Digests of the images that the CNN was trained on, from its weights file.
    twins : ndarray of shape (n,), dtype bool
        The twins among the test images, from `twin_mask`.

    Returns
    -------
    Leak
        The count, and how much of it is left on the twin-free part.

    Examples
    --------
    >>> import numpy as np
    >>> test = np.array([b"a", b"b", b"c"], dtype="S16")
    >>> count_leak(test, np.array([b"a", b"b"], dtype="S16"), np.array([True, False, False]))
    Leak(images=2, twin_free=1, validation_seen=None, untold=(), other_shapes=())
    """
    seen = np.isin(test_digests, seen_digests)
    return Leak(images=int(seen.sum()), twin_free=int((seen & ~twins).sum()))


def count_validation_leak(
    validation: NDArray[np.bytes_],
    train: NDArray[np.bytes_],
    seen: NDArray[np.bytes_],
    watched: NDArray[np.bytes_] | None,
) -> int | None:
    """Count the validation images that the CNN learnt from, though they are no copies of train images.

    Parameters
    ----------
    validation, train : ndarray of shape (n,) and (m,), dtype "S16"
        Digests of the images that heads are tuned and fitted on.
    seen : ndarray of shape (k,), dtype "S16"
        Digests of the images that the CNN was trained on, from its weights file.
    watched : ndarray of dtype "S16", or None
        Those of them that it was only watched on for validation; None where the weights do not say.

    Returns
    -------
    int or None
        None where the weights do not say which images were only watched.

    Examples
    --------
    >>> import numpy as np
    >>> validation, train = np.array([b"a", b"b", b"c"], dtype="S16"), np.array([b"c", b"d"], dtype="S16")
    >>> count_validation_leak(validation, train, np.array([b"a", b"b", b"c"], dtype="S16"), np.array([b"b"], dtype="S16"))
    1
    """
    if watched is None:
        return None
    return count_new(validation, train, np.setdiff1d(seen, watched))


def count_new(validation: NDArray[np.bytes_], train: NDArray[np.bytes_], known: NDArray[np.bytes_]) -> int:
    """Count the validation images that are among certain images, and are no copies of train images.

    Parameters
    ----------
    validation, train, known : ndarray of shape (n,), (m,) and (k,), dtype "S16"
        Digests of images.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> validation, train = np.array([b"a", b"b", b"c"], dtype="S16"), np.array([b"c", b"d"], dtype="S16")
    >>> count_new(validation, train, validation)
    2
    """
    return int((np.isin(validation, known) & ~np.isin(validation, train)).sum())
