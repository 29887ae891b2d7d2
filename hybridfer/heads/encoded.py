"""Any labels for classifiers that know only the codes 0 to k-1."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data


class EncodedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier that gets its labels as codes 0 to k-1, and answers in the labels it was given.

    ``XGBClassifier`` refuses class names, and folds in which a class is missing; wrapped, it takes both.

    Parameters
    ----------
    estimator : classifier
        The classifier with ``predict_proba``; it is cloned in ``fit``.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; the columns of ``predict_proba`` are in this order.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> head = EncodedClassifier(LogisticRegression()).fit([[0.0], [1.0], [9.0]], ["sad", "sad", "happy"])
    >>> head.predict([[8.0]]).tolist()
    ['happy']
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit a clone of the classifier on the coded labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, float32 or float64.
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the rows.

        Returns
        -------
        EncodedClassifier
            The classifier itself.

        Raises
        ------
        ValueError
            If there is a single class, or no row with weight.
        """
        rows, labels = validate_data(self, X, y, dtype=(np.float32, np.float64))
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"expected at least 2 classes; got one class, {self.classes_[0]!r}.")
        weights = {} if sample_weight is None else {"sample_weight": _check_sample_weight(sample_weight, rows)}
        self.estimator_ = clone(self.estimator).fit(rows, codes, **weights)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Give the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(validate_data(self, X, reset=False, dtype=(np.float32, np.float64)))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the most probable label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels as they were given to ``fit``.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]

    def __sklearn_is_fitted__(self) -> bool:
        # a fit that fails leaves n_features_in_
        return hasattr(self, "estimator_")
