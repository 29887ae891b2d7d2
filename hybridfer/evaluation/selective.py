"""Selective prediction: how accurate a classifier is when it answers only where it is most confident."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Points of the curve, at equal steps up to all images.
STEPS = 20


@dataclass(frozen=True)
class SelectiveCurve:
    """Accuracy against the share of images that are answered, the most confident ones first.

    Attributes
    ----------
    shares : tuple of float
        Shares of the images that are answered: 0.05, 0.1 and so on to 1.
    accuracies : tuple of float
        Accuracy on them; the last one is that on all images.
    thresholds : tuple of float
        Confidence of the least confident image among them: answer at or above it, and ask a human below.
    """

    shares: tuple[float, ...]
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]

    def at(self, share: float) -> float:
        """Accuracy at the point of the curve whose share is nearest."""
        return self.accuracies[min(range(len(self.shares)), key=lambda i: abs(self.shares[i] - share))]


def selective_curve(right: NDArray[np.bool_], confidence: NDArray[np.floating]) -> SelectiveCurve:
    """Draw the curve of one classifier.

    A share that is no whole number of images is rounded up. Of images that are equally confident, and of which only a part
    is answered, each counts in proportion: the order in which they stand has no part in the result.

    Parameters
    ----------
    right : ndarray of shape (n,), dtype bool
        Whether each image was classified rightly; n is at least 1.
    confidence : ndarray of shape (n,)
        Probability of the most probable class of each.

    Returns
    -------
    SelectiveCurve

    References
    ----------
    R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", Journal of Machine Learning
    Research 11 (2010) 1605-1641.

    Examples
    --------
    >>> import numpy as np
    >>> curve = selective_curve(np.array([True, True, True, False]), np.array([0.9, 0.8, 0.7, 0.6]))
    >>> curve.at(0.75), curve.at(1.0), curve.thresholds[-1]
    (1.0, 0.75, 0.6)
    """
    n = right.size
    levels, members = np.unique(-np.asarray(confidence, dtype=np.float64), return_inverse=True)
    sizes = np.bincount(members)
    ends, rights = np.cumsum(sizes), np.bincount(members, weights=right)
    rights_before = np.cumsum(rights) - rights
    # whole numbers: in floating point 0.55 of 100 images would be 56
    answered = -(-n * np.arange(1, STEPS + 1) // STEPS)
    last = np.searchsorted(ends, answered)
    of_last = answered - (ends - sizes)[last]
    accuracies = (rights_before[last] + of_last * rights[last] / sizes[last]) / answered
    return SelectiveCurve(
        shares=tuple((np.arange(1, STEPS + 1) / STEPS).tolist()),
        accuracies=tuple(accuracies.tolist()),
        thresholds=tuple((-levels[last]).tolist()),
    )
