"""Scores of one set of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from hybridfer.evaluation.significance import Interval, bootstrap_macro_f1, wilson_interval

#: Bins of the calibration error; 15 as in C. Guo et al., "On calibration of modern neural networks", ICML 2017.
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 (shares) of one class, and how many images of it were scored."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """What one classifier reached on one set of images.

    Attributes
    ----------
    n : int
        Images scored.
    accuracy : float
        Share of them that were right.
    accuracy_interval : tuple of two floats
        Wilson's 95 % interval.
    macro_f1 : float
        Mean F1 over the classes that occur among the true ones.
    macro_f1_interval : tuple of two floats
        95 % percentile bootstrap interval.
    per_class : tuple of ClassScores
        One entry a class, in the order of the classes.
    confusion : tuple of tuples of int
        Images by true class (row) and predicted class (column).
    calibration_error : float or None
        Expected calibration error; None where the classifier gives no probabilities.
    """

    n: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float | None


def score(
    y: ArrayLike,
    prediction: ArrayLike,
    probabilities: NDArray | None,
    classes: Sequence[str],
    random_state: int = 0,
) -> Scores:
    """Score the predictions of one classifier.

    Parameters
    ----------
    y, prediction : array-like of shape (n,), integers
        True and predicted classes as positions in `classes`; n is at least 1.
    probabilities : ndarray of shape (n, k) or None
        Probabilities of the k classes, where the classifier gives them.
    classes : sequence of k str
        The names of the classes.
    random_state : int, default 0
        Seed of the bootstrap.

    Returns
    -------
    Scores
        Accuracy, macro-F1, their intervals, per-class scores, the confusion matrix and the calibration error.

    Raises
    ------
    ValueError
        If the lengths differ, nothing is there to score, or a class is not a position in `classes`.

    Examples
    --------
    >>> scores = score([0, 0, 1, 1], [0, 0, 1, 0], None, ["happy", "sad"])
    >>> scores.accuracy, scores.confusion, scores.per_class[0].recall
    (0.75, ((2, 0), (1, 1)), 1.0)
    """
    y, prediction = np.asarray(y), np.asarray(prediction)
    _check_classes(y, prediction, len(classes))
    labels = np.arange(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(y, prediction, labels=labels, zero_division=0)
    right = int(np.count_nonzero(y == prediction))
    return Scores(
        n=y.size,
        accuracy=right / y.size,
        accuracy_interval=wilson_interval(right, y.size),
        macro_f1=float(f1[support > 0].mean()),
        macro_f1_interval=bootstrap_macro_f1(y, prediction, len(classes), random_state=random_state),
        per_class=tuple(
            ClassScores(str(name), float(p), float(r), float(f), int(s))
            for name, p, r, f, s in zip(classes, precision, recall, f1, support, strict=True)
        ),
        confusion=tuple(tuple(row) for row in confusion_matrix(y, prediction, labels=labels).tolist()),
        calibration_error=None if probabilities is None else expected_calibration_error(y, probabilities),
    )


def expected_calibration_error(y: ArrayLike, probabilities: NDArray, n_bins: int = CALIBRATION_BINS) -> float:
    """Measure how far the confidence of a classifier is from how often it is right.

    Images are sorted into bins of equal width by their highest probability; the error is the gap between mean
    confidence and accuracy of each bin, averaged with the images as weights.

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
    probabilities = np.asarray(probabilities, dtype=np.float64)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == np.asarray(y)
    inner_edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    bins = np.digitize(confidence, inner_edges, right=True)
    gaps = np.bincount(bins, weights=right - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / right.size)


def _check_classes(y: NDArray, prediction: NDArray, n_classes: int) -> None:
    """Refuse lengths that differ, an empty set, and classes that have no name."""
    if y.shape != prediction.shape or y.ndim != 1 or y.size == 0:
        raise ValueError(
            f"y and prediction must be rows of one length, at least 1; got shapes {y.shape}, {prediction.shape}."
        )
    for name, values in (("y", y), ("prediction", prediction)):
        if values.min() < 0 or values.max() >= n_classes:
            raise ValueError(
                f"{name} must hold positions among the {n_classes} classes; got {values.min()} to {values.max()}."
            )
