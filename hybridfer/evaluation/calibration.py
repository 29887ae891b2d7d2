"""How far a classifier's confidence can be trusted: reliability, its error, and the temperature that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from hybridfer.temperature import best_temperature

#: Bins of the calibration error; 15 as in C. Guo et al., "On calibration of modern neural networks", ICML 2017.
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose confidence lies in one of the calibration error's bins.

    Attributes
    ----------
    low, high : float
        Ends of the bin; the upper one belongs to it.
    n : int
        Images in it; at least 1.
    confidence : float
        Their mean confidence, the probability of the most probable class.
    accuracy : float
        The share of them whose most probable class is the right one.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Temperature:
    """Temperature scaling: one number, fitted on validation, by which all logits are divided.

    Attributes
    ----------
    value : float
        The temperature; above 1 it makes probabilities more even, below 1 more pronounced. Where none is exactly 0, the
        classifier was too sure of itself above 1, not sure enough below. Zeros are taken for more than 0 before anything is
        divided (see `soften`), so that a classifier which is too sure by them may need a temperature below 1: by how much
        it is too sure is told by `overconfidence`.
    error_before, error_after : float
        Expected calibration error on the whole test split, as the classifier is and at this temperature.
    """

    value: float
    error_before: float
    error_after: float


def reliability_bins(
    y: ArrayLike, probabilities: NDArray[np.floating], n_bins: int = CALIBRATION_BINS
) -> tuple[ReliabilityBin, ...]:
    """Sort images into bins of equal width by their confidence, and say how often those of each bin are right.

    Parameters
    ----------
    y : array-like of shape (n,), integers
        True classes as columns of `probabilities`.
    probabilities : ndarray of shape (n, k)
        Probabilities of the classes; the most probable class is taken as the prediction.
    n_bins : int, default 15
        Bins between 0 and 1; each includes its upper end.

    Returns
    -------
    tuple of ReliabilityBin
        From the least to the most confident; bins without an image are left out.

    Examples
    --------
    >>> import numpy as np
    >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]])
    >>> [(bin.n, bin.accuracy) for bin in reliability_bins([0, 1, 1, 1], sure, n_bins=5)]
    [(1, 1.0), (3, 0.6666666666666666)]
    """
    confidence, right = _confidence_and_right(y, probabilities)
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.digitize(confidence, edges[1:-1], right=True)
    counts = np.bincount(bins, minlength=n_bins)
    confidences = np.bincount(bins, weights=confidence, minlength=n_bins)
    rights = np.bincount(bins, weights=right, minlength=n_bins)
    return tuple(
        ReliabilityBin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            n=int(counts[i]),
            confidence=float(confidences[i] / counts[i]),
            accuracy=float(rights[i] / counts[i]),
        )
        for i in np.flatnonzero(counts)
    )


def expected_calibration_error(y: ArrayLike, probabilities: NDArray[np.floating], n_bins: int = CALIBRATION_BINS) -> float:
    """Measure how far the confidence of a classifier is from how often it is right.

    The error is the gap between mean confidence and accuracy of each reliability bin, averaged with the images as weights.

    Parameters
    ----------
    y, probabilities, n_bins
        As in `reliability_bins`.

    Returns
    -------
    float
        From 0, perfectly calibrated, to 1.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017, equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    >>> round(expected_calibration_error([0, 0, 1, 0], sure), 3)
    0.15
    """
    bins = reliability_bins(y, probabilities, n_bins)
    return sum(bin.n * abs(bin.accuracy - bin.confidence) for bin in bins) / len(probabilities)


def overconfidence(bins: Sequence[ReliabilityBin]) -> float:
    """Measure how much surer a classifier is than it is right, from the bins that `reliability_bins` gives.

    Parameters
    ----------
    bins : sequence of ReliabilityBin
        At least one.

    Returns
    -------
    float
        Mean confidence minus accuracy: above 0 it is too sure of itself, below 0 not sure enough. It is no further from 0
        than the expected calibration error, and closer where the classifier is too sure here and not sure enough there.

    Examples
    --------
    >>> import numpy as np
    >>> nearest_neighbour = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    >>> round(overconfidence(reliability_bins([0, 1, 1, 1, 0], nearest_neighbour)), 3)
    0.4
    """
    return sum(bin.n * (bin.confidence - bin.accuracy) for bin in bins) / sum(bin.n for bin in bins)


def soften(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Divide the logits behind probabilities by a temperature.

    The logarithm of a probability is its logit but for a constant, which the softmax takes away again. The most probable
    class stays the most probable one. A probability of exactly 0, such as that of a class that no tree of a forest named,
    has no logarithm: it is taken for half of the smallest one above 0 that occurs, half a vote. A constant close to 0 in its
    place would decide the temperature by itself. So a temperature of 1 leaves probabilities as they are but for zeros, and
    makes those of a single neighbour, which are 0 and 1, more even.

    Parameters
    ----------
    probabilities : ndarray of shape (n, k)
        Probabilities of the classes.
    temperature : float
        Above 0; above 1 makes them more even, below 1 more pronounced.

    Returns
    -------
    ndarray of shape (n, k), dtype float64

    Examples
    --------
    >>> import numpy as np
    >>> soften(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1))


def fit_temperature(y: ArrayLike, probabilities: NDArray[np.floating]) -> float | None:
    """Find the temperature that makes given classes most likely, from probabilities: see `best_temperature`.

    Examples
    --------
    >>> import numpy as np
    >>> sure = np.tile([0.99, 0.01], (100, 1))
    >>> right_in_80_of_100 = np.repeat([0, 1], [80, 20])
    >>> round(fit_temperature(right_in_80_of_100, sure), 2)
    3.31
    """
    return best_temperature(y, _logits(probabilities))


def scale_temperature(
    y_validation: ArrayLike,
    validation: NDArray[np.floating] | None,
    y_test: ArrayLike,
    test: NDArray[np.floating] | None,
) -> Temperature | None:
    """Fit a temperature on validation, and measure on the test split what it does to the calibration error.

    Parameters
    ----------
    y_validation, y_test : array-like of shape (m,) and (n,), integers
        True classes.
    validation, test : ndarray of shape (m, k) and (n, k), or None
        Probabilities of one classifier, which was fitted on neither.

    Returns
    -------
    Temperature or None
        None where one of the two has no probabilities, or `fit_temperature` finds none.
    """
    if validation is None or test is None:
        return None
    value = fit_temperature(y_validation, validation)
    if value is None:
        return None
    return Temperature(
        value, expected_calibration_error(y_test, test), expected_calibration_error(y_test, soften(test, value))
    )


def _confidence_and_right(
    y: ArrayLike, probabilities: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The highest probability of each image, and whether its class is the true one."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == np.asarray(y)


def _logits(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logits that give these probabilities, but for a constant in each row; 0 counts as half of the smallest above 0."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    smallest = np.min(probabilities, where=probabilities > 0, initial=1.0)
    return np.log(np.maximum(probabilities, max(smallest / 2, np.finfo(np.float64).tiny)))
