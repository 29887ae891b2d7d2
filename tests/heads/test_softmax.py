"""The network's own softmax as a scikit-learn classifier."""

import warnings

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from hybridfer.heads import SoftmaxHead


class ClassScores(TransformerMixin, BaseEstimator):
    """Stands for a network: one column for each class, whatever the columns that come in."""

    def fit(self, X, y):
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classifier_ = LogisticRegression().fit(X, y)
        return self

    def transform(self, X):
        check_is_fitted(self)
        return self.classifier_.predict_log_proba(validate_data(self, X, reset=False))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


NOT_LOGITS = "the check's columns are no logits: they are not as many as its classes, which fit refuses"
FITS_IN_PLACE = "scikit-learn's Pipeline fits the steps it was given"
IN_PLACE = ["check_estimators_overwrite_params", "check_dont_overwrite_parameters"]
OTHER_COLUMNS = [
    "check_estimators_overwrite_params",
    "check_estimators_fit_returns_self",
    "check_readonly_memmap_input",
    "check_n_features_in_after_fitting",
    "check_positive_only_tag_during_fit",
    "check_estimators_dtypes",
    "check_dtype_object",
    "check_pipeline_consistency",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_classifiers_classes",
    "check_classifiers_train",
]


def expected_failures(estimator):
    if isinstance(estimator, SoftmaxHead):
        return dict.fromkeys(OTHER_COLUMNS, NOT_LOGITS)
    return dict.fromkeys(IN_PLACE, FITS_IN_PLACE)


@parametrize_with_checks(
    [SoftmaxHead(), make_pipeline(ClassScores(), SoftmaxHead())], expected_failed_checks=expected_failures
)
def test_scikit_learns_checks_hold(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.fixture
def logits():
    rng = np.random.default_rng(0)
    labels = np.array(["fear", "happy", "sad"])[np.arange(90) % 3]
    scores = rng.normal(size=(90, 3)).astype(np.float32)
    scores[np.arange(90), np.arange(90) % 3] += 2.0
    return scores, labels


def test_probabilities_and_predictions_are_those_of_the_logits(logits):
    X, y = logits
    head = SoftmaxHead().fit(X, y)

    np.testing.assert_allclose(np.log(head.predict_proba(X)), log_softmax(X, axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(head.decision_function(X), X)
    np.testing.assert_array_equal(head.predict(X), np.array(["fear", "happy", "sad"])[X.argmax(axis=1)])
    assert head.predict_proba(X).dtype == np.float32


def test_huge_logits_do_not_overflow():
    head = SoftmaxHead().fit(np.eye(2), [0, 1])

    np.testing.assert_array_equal(head.predict_proba([[1e30, -1e30]]), [[1.0, 0.0]])


def test_nothing_is_learned_from_the_labels(logits):
    X, y = logits
    shuffled = np.random.default_rng(1).permutation(y)

    np.testing.assert_array_equal(SoftmaxHead().fit(X, y).predict(X), SoftmaxHead().fit(X, shuffled).predict(X))


def test_named_columns_keep_the_networks_order_and_classes_that_y_lacks(logits):
    X, y = logits
    names = ["happy", "sad", "fear"]
    network = X[:, [1, 2, 0]]
    some = y != "sad"

    head = clone(SoftmaxHead(classes=names)).fit(network[some], y[some])

    assert head.classes_.tolist() == names
    np.testing.assert_array_equal(head.predict(network), SoftmaxHead().fit(X, y).predict(X))


def test_columns_in_another_order_than_the_sorted_labels_are_warned_of(logits):
    X, y = logits

    with pytest.warns(UserWarning, match="classes="):
        SoftmaxHead().fit(X[:, [1, 2, 0]], y)


def test_a_network_near_chance_is_not_warned_of():
    X, y = np.random.default_rng(0).normal(size=(500, 7)), np.arange(500) % 7

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SoftmaxHead().fit(X, y)


def test_columns_that_are_not_one_for_each_class_are_refused(logits):
    X, y = logits

    with pytest.raises(ValueError, match="n_features = 3 for 2 classes"):
        SoftmaxHead().fit(X[y != "sad"], y[y != "sad"])
    with pytest.raises(ValueError, match=r"got \['sad'\] as well"):
        SoftmaxHead(classes=["fear", "happy", "angry"]).fit(X, y)


def test_columns_with_one_name_are_refused():
    with pytest.raises(ValueError, match=r"expected a class once each; got \['a', 'a', 'b'\]"):
        SoftmaxHead(classes=["a", "a", "b"]).fit([[1.0, 0, 0], [0, 0, 1.0]], ["a", "b"])
