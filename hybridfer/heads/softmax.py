"""The CNN's own classifier as a head: logits in, probabilities out."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data


class SoftmaxHead(ClassifierMixin, BaseEstimator):
    """The softmax of a network's logits, as a scikit-learn classifier that learns nothing.

    It stands in a pipeline where any other head stands, so that the network's own predictions go through the same code,
    the same images and the same scores as the heads that are compared with it.

    Parameters
    ----------
    classes : array-like of shape (n_classes,) or None
        The label of each column of logits, in the columns' order. None takes the labels seen in ``fit``, sorted, which
        is right for integer codes 0 to k-1; the labels must then be as many as the columns.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The label of each column.
    n_features_in_ : int
        Number of columns, equal to the number of classes.

    Warns
    -----
    UserWarning
        If the columns would agree with the labels far better in another order, as happens with class names whose
        alphabetical order is not the network's.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    >>> head = SoftmaxHead().fit(logits, ["happy", "sad"])
    >>> head.predict(logits).tolist()
    ['happy', 'sad']
    >>> head.predict_proba(logits).round(2).tolist()
    [[0.88, 0.12], [0.27, 0.73]]
    """

    def __init__(self, classes: ArrayLike | None = None) -> None:
        self.classes = classes

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Record which label belongs to which column; the logits are only looked at to find a wrong order.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_classes)
            Logits.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        SoftmaxHead
            The head itself.

        Raises
        ------
        ValueError
            If the columns are not as many as the classes, a class stands there twice, or a label is not among ``classes``.
        """
        logits, labels = validate_data(self, X, y)
        check_classification_targets(labels)
        seen = unique_labels(labels)
        classes = seen if self.classes is None else np.asarray(self.classes)
        if len(classes) != logits.shape[1]:
            raise ValueError(
                f"expected one logit for each class; got n_features = {logits.shape[1]} for {len(classes)} classes "
                f"({len(seen)} of them in y). Embed the layer 'logits', and name its columns with classes=."
            )
        if len(set(classes.tolist())) < len(classes):
            raise ValueError(f"expected a class once each; got {classes.tolist()}.")
        if strange := sorted(set(seen.tolist()) - set(classes.tolist())):
            raise ValueError(f"expected labels among {classes.tolist()}; got {strange} as well.")
        self.classes_ = classes
        self._warn_of_another_order(logits, labels)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Give the logits back.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_classes)
            Logits.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            The logits; for two classes the second less the first, as scikit-learn has it.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Turn logits into probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_classes)
            Logits.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities; rows sum to one.
        """
        return softmax(self._logits(X), axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give each row the label of its largest logit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_classes)
            Logits.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        columns = self._logits(X).argmax(axis=1)
        return self.classes_[columns]

    def __sklearn_is_fitted__(self) -> bool:
        # a fit that fails leaves n_features_in_
        return hasattr(self, "classes_")

    def _logits(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        return validate_data(self, X, reset=False)

    def _warn_of_another_order(self, logits: NDArray[Any], labels: NDArray[Any]) -> None:
        position = {label: index for index, label in enumerate(self.classes_.tolist())}
        counts = np.zeros((len(position), len(position)), dtype=np.int64)
        np.add.at(counts, (logits.argmax(axis=1), [position[label] for label in labels.tolist()]), 1)
        given = np.trace(counts) / len(labels)
        best = counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels)
        # an untrained network is near chance in every order; a misnamed one is far better in another
        if best > 0.5 and best > 2 * given:
            warnings.warn(
                f"The columns of logits agree with the labels for {given:.0%} of the rows, and for {best:.0%} in "
                f"another order than {self.classes_.tolist()}; name the columns with classes=.",
                stacklevel=3,
            )
