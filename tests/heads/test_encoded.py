"""Any labels for classifiers that want codes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from hybridfer.heads import EncodedClassifier, build_estimator

xgboost = pytest.importorskip("xgboost")


@parametrize_with_checks(
    [
        EncodedClassifier(LogisticRegression()),
        EncodedClassifier(xgboost.XGBClassifier(n_estimators=5, n_jobs=1)),
    ]
)
def test_scikit_learns_checks_hold(estimator, check):
    check(estimator)


@pytest.mark.parametrize("labels", [["angry", "happy", "sad"], [1, 5, 9], [True, False, True]])
def test_boosted_trees_answer_in_the_labels_they_were_given(labels):
    codes = np.arange(90) % 3
    X, y = np.eye(3, dtype=np.float32)[codes], np.array(labels)[codes]
    head = build_estimator("xgboost", {"n_estimators": 5})

    head.fit(X, y)

    assert head.score(X, y) == 1.0
    assert head.classes_.tolist() == sorted(set(labels))
    np.testing.assert_array_equal(head.classes_[head.predict_proba(X).argmax(axis=1)], y)


def test_fitting_leaves_the_given_classifier_as_it_was():
    head = build_estimator("xgboost", {"n_estimators": 2})
    before = clone(head).get_params()

    head.fit(np.eye(3).repeat(4, axis=0), np.arange(3).repeat(4))

    after = head.get_params()
    assert {name: str(value) for name, value in after.items()} == {name: str(value) for name, value in before.items()}


def test_sample_weights_reach_the_classifier():
    X, y = np.zeros((4, 1)), ["happy", "happy", "happy", "sad"]
    head = EncodedClassifier(LogisticRegression())

    assert head.fit(X, y).predict(X[:1]).tolist() == ["happy"]
    assert head.fit(X, y, sample_weight=[1, 1, 1, 30]).predict(X[:1]).tolist() == ["sad"]
