"""Scores of one set of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from hybridfer.evaluation.calibration import (
    ReliabilityBin,
    expected_calibration_error,
    overconfidence,
    reliability_bins,
)
from hybridfer.evaluation.selective import SelectiveCurve, selective_curve
from hybridfer.evaluation.significance import Interval, bootstrap_macro_f1, wilson_interval


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
        Mean F1 over the classes that occur among the true ones; without an image a class has no F1.
    macro_f1_interval : tuple of two floats
        95 % percentile bootstrap interval.
    per_class : tuple of ClassScores
        One entry a class, in the order of the classes.
    confusion : tuple of tuples of int
        Images by true class (row) and predicted class (column).
    calibration_error : float or None
        Expected calibration error; None where the classifier gives no probabilities.
    reliability : tuple of ReliabilityBin, or None
        The bins behind that error, without the empty ones; None where the classifier gives no probabilities.
    selective : SelectiveCurve or None
        Accuracy when only the most confident images are answered; None where the classifier gives no probabilities.
    """

    n: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float | None
    reliability: tuple[ReliabilityBin, ...] | None = None
    selective: SelectiveCurve | None = None

    @property
    def overconfidence(self) -> float | None:
        """Mean confidence minus accuracy, above 0 too sure; None without probabilities, and in reports without bins."""
        return overconfidence(self.reliability) if self.reliability else None


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
    per_class = class_scores(y, prediction, classes)
    right = int(np.count_nonzero(y == prediction))
    return Scores(
        n=y.size,
        accuracy=right / y.size,
        accuracy_interval=wilson_interval(right, y.size),
        macro_f1=float(np.mean([one.f1 for one in per_class if one.support])),
        macro_f1_interval=bootstrap_macro_f1(y, prediction, len(classes), random_state=random_state),
        per_class=per_class,
        confusion=tuple(tuple(row) for row in confusion_matrix(y, prediction, labels=range(len(classes))).tolist()),
        calibration_error=None if probabilities is None else expected_calibration_error(y, probabilities),
        reliability=None if probabilities is None else reliability_bins(y, probabilities),
        # by the classes that were predicted, so that the curve ends at the accuracy: a few heads (an SVM with
        # probabilities fitted beside it) do not always predict what they say is most probable
        selective=None if probabilities is None else selective_curve(prediction == y, probabilities.max(axis=1)),
    )


def class_scores(y: ArrayLike, prediction: ArrayLike, classes: Sequence[str]) -> tuple[ClassScores, ...]:
    """Score each class by itself.

    Parameters
    ----------
    y, prediction, classes
        As in `score`.

    Returns
    -------
    tuple of ClassScores
        In the order of the classes; 0 where there is nothing to divide by.

    Raises
    ------
    ValueError
        As in `score`.

    Examples
    --------
    >>> [one.recall for one in class_scores([0, 0, 1, 1], [0, 0, 1, 0], ["happy", "sad"])]
    [1.0, 0.5]
    """
    y, prediction = np.asarray(y), np.asarray(prediction)
    _check_classes(y, prediction, len(classes))
    columns = precision_recall_fscore_support(y, prediction, labels=np.arange(len(classes)), zero_division=0)
    return tuple(
        ClassScores(str(name), float(p), float(r), float(f), int(s))
        for name, p, r, f, s in zip(classes, *columns, strict=True)
    )


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
