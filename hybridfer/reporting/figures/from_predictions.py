"""Figures from plain arrays: true classes, predicted classes and probabilities, as any classifier gives them.

True and predicted classes are positions in `classes`, or their names; where `classes` holds integers, these are the names.
Several classifiers are given as a mapping by their names, such as ``{"softmax": ..., "svm": ...}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics

from hybridfer.evaluation.calibration import reliability_bins
from hybridfer.evaluation.metrics import class_scores
from hybridfer.evaluation.selective import selective_curve as selective_points
from hybridfer.evaluation.significance import wilson_interval
from hybridfer.evaluation.subgroups import score_subgroups
from hybridfer.reporting.figures.class_bars import per_class_bars
from hybridfer.reporting.figures.confidence import reliability_diagram, selective_curve
from hybridfer.reporting.figures.confusion import confusion_matrix
from hybridfer.reporting.figures.intervals import accuracy_intervals, subgroup_bars


def confusion_from_predictions(ax: Axes, y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any]) -> Axes:
    """Draw the confusion matrix of one classifier, as `confusion_matrix` does.

    Parameters
    ----------
    ax : Axes
    y_true, y_pred : array-like of shape (n,)
        True and predicted classes.
    classes : sequence of k str or int
        Their names.

    Raises
    ------
    ValueError
        If the lengths differ, or a class is not among `classes`.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = confusion_from_predictions(new_axes(), ["happy", "sad", "sad"], ["happy", "sad", "happy"], ["happy", "sad"])
    >>> [text.get_text() for text in ax.texts]
    ['100', '0', '50', '50']
    """
    y, predicted = _positions(y_true, classes), _positions(y_pred, classes)
    return confusion_matrix(ax, metrics.confusion_matrix(y, predicted, labels=range(len(classes))), list(map(str, classes)))


def accuracies_from_predictions(
    ax: Axes, y_true: ArrayLike, y_pred: Mapping[str, ArrayLike], reference: str | None = None
) -> Axes:
    """Draw the accuracies of classifiers with Wilson's 95 % intervals, as `accuracy_intervals` does.

    Parameters
    ----------
    ax : Axes
    y_true : array-like of shape (n,)
        True classes.
    y_pred : mapping of str to array-like of shape (n,)
        For each classifier its predicted classes.
    reference : str, optional
        The classifier that the others are held against; it is orange.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = accuracies_from_predictions(new_axes(), [0, 1, 1, 0], {"softmax": [0, 1, 0, 0], "svm": [0, 1, 1, 0]})
    >>> [text.get_text() for text in ax.texts]
    ['75.0', '100.0']
    """
    y = np.asarray(y_true)
    right = {label: int(_same(y, np.asarray(predicted)).sum()) for label, predicted in y_pred.items()}
    intervals = [wilson_interval(n, y.size) for n in right.values()]
    marked = [label == reference for label in right]
    return accuracy_intervals(ax, list(right), [n / y.size for n in right.values()], intervals, marked)


def class_bars_from_predictions(
    ax: Axes,
    y_true: ArrayLike,
    y_pred: Mapping[str, ArrayLike],
    classes: Sequence[Any],
    measure: str = "f1",
    reference: str | None = None,
) -> Axes:
    """Draw F1, precision or recall of each class, as `per_class_bars` does.

    Parameters
    ----------
    ax, y_true, y_pred, reference
        As in `accuracies_from_predictions`.
    classes : sequence of k str or int
        Names of the classes.
    measure : {"f1", "precision", "recall"}
        What to draw.

    Raises
    ------
    ValueError
        If the lengths differ, a class is not among `classes`, or the measure is none of these.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> answers = {"svm": ["happy", "sad", "happy"]}
    >>> ax = class_bars_from_predictions(new_axes(), ["happy", "sad", "sad"], answers, ["happy", "sad"], "recall")
    >>> [float(bar.get_width()) for bar in ax.patches]
    [100.0, 50.0]
    """
    y = _positions(y_true, classes)
    scores = {label: class_scores(y, _positions(one, classes), classes) for label, one in y_pred.items()}
    return per_class_bars(ax, scores, measure, reference)


def reliability_from_predictions(
    ax: Axes,
    y_true: ArrayLike,
    probabilities: Mapping[str, ArrayLike],
    classes: Sequence[Any] = (),
    reference: str | None = None,
) -> Axes:
    """Draw how often classifiers are right against how sure they are, as `reliability_diagram` does.

    Parameters
    ----------
    ax : Axes
    y_true : array-like of shape (n,)
        True classes: columns of the probabilities, or names.
    probabilities : mapping of str to array-like of shape (n, k)
        For each classifier the probabilities of the classes, as ``predict_proba`` gives them.
    classes : sequence of k str or int
        The names of the columns, as ``classes_`` gives them; needed where `y_true` holds names.
    reference : str, optional
        The classifier that the others are held against; it is orange.

    Raises
    ------
    ValueError
        If the lengths differ, or a true class has no column.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> sure = [[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]]
    >>> ax = reliability_from_predictions(new_axes(), ["happy", "happy", "sad", "happy"], {"svm": sure}, ["happy", "sad"])
    >>> ax.lines[1].get_ydata().tolist()
    [75.0]
    """
    bins = {label: reliability_bins(*_aligned(y_true, one, classes)) for label, one in probabilities.items()}
    return reliability_diagram(ax, bins, reference)


def selective_from_predictions(
    ax: Axes,
    y_true: ArrayLike,
    probabilities: Mapping[str, ArrayLike],
    classes: Sequence[Any] = (),
    reference: str | None = None,
) -> Axes:
    """Draw the accuracy of classifiers on the images that they are most sure of, as `selective_curve` does.

    Parameters
    ----------
    ax, y_true, probabilities, classes, reference
        As in `reliability_from_predictions`; the most probable class is taken for the answer.

    Raises
    ------
    ValueError
        If the lengths differ, or a true class has no column.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> sure = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]
    >>> ax = selective_from_predictions(new_axes(), [0, 0, 1, 0], {"svm": sure})
    >>> ax.lines[0].get_ydata()[[9, -1]].tolist()
    [100.0, 75.0]
    """
    curves = {}
    for label, one in probabilities.items():
        y, shares = _aligned(y_true, one, classes)
        curves[label] = selective_points(shares.argmax(axis=1) == y, shares.max(axis=1))
    return selective_curve(ax, curves, reference)


def subgroups_from_predictions(
    ax: Axes,
    y_true: ArrayLike,
    y_pred: Mapping[str, ArrayLike],
    groups: Mapping[str, ArrayLike],
    reference: str | None = None,
) -> Axes:
    """Draw the accuracy of classifiers on subgroups of the images, as `subgroup_bars` does.

    Parameters
    ----------
    ax, y_true, y_pred, reference
        As in `accuracies_from_predictions`.
    groups : mapping of str to array-like of shape (n,)
        For each column, such as "gender", the value of each image.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> groups = {"gender": ["female", "male", "male", "male"]}
    >>> ax = subgroups_from_predictions(new_axes(), [0, 1, 1, 0], {"svm": [0, 1, 0, 0]}, groups)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['gender: female (1)', 'gender: male (3)']
    """
    y, named = np.asarray(y_true), {column: np.asarray(values, dtype=np.str_) for column, values in groups.items()}
    scores = {label: score_subgroups(_same(y, np.asarray(predicted)), named) for label, predicted in y_pred.items()}
    return subgroup_bars(ax, scores, reference)


def _positions(y: ArrayLike, classes: Sequence[Any], n_classes: int | None = None) -> NDArray[np.int64]:
    """Take names of classes for their positions, and check positions that are given."""
    y = np.asarray(y)
    if y.dtype.kind in "iu" and np.asarray(classes).dtype.kind not in "iu":
        k = len(classes) if n_classes is None else n_classes
        if y.size and not 0 <= y.min() <= y.max() < k:
            raise ValueError(f"expected positions of {k} classes; got {y.min()} to {y.max()}.")
        return y.astype(np.int64)
    places = {str(name): place for place, name in enumerate(classes)}
    unknown = sorted({str(name) for name in y.tolist()} - places.keys())
    if unknown:
        raise ValueError(f"expected classes among {list(places)}; got {', '.join(unknown)}.")
    return np.array([places[str(name)] for name in y.tolist()], dtype=np.int64)


def _aligned(
    y_true: ArrayLike, probabilities: ArrayLike, classes: Sequence[Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """True classes as columns of probabilities."""
    shares = np.asarray(probabilities, dtype=np.float64)
    if shares.ndim != 2 or len(shares) != np.size(y_true) or (len(classes) and len(classes) != shares.shape[1]):
        raise ValueError(
            f"probabilities must have a row for each of {np.size(y_true)} images and a column for each class; got "
            f"{shares.shape}."
        )
    return _positions(y_true, classes, shares.shape[1]), shares


def _same(y: NDArray, predicted: NDArray) -> NDArray[np.bool_]:
    """Which images were classified rightly."""
    if y.shape != predicted.shape or y.ndim != 1:
        raise ValueError(f"y_true and y_pred must be rows of one length; got shapes {y.shape} and {predicted.shape}.")
    if (y.dtype.kind in "iufb") != (predicted.dtype.kind in "iufb"):
        raise ValueError(f"y_true and y_pred must both be numbers or both be names; got {y.dtype} and {predicted.dtype}.")
    return np.asarray(y == predicted)
