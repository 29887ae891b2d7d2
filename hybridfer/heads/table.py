"""The closed tables of scalers and heads that a recipe can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import MinMaxScaler, Normalizer, PowerTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from hybridfer.errors import RecipeError, require
from hybridfer.heads.encoded import EncodedClassifier
from hybridfer.heads.softmax import SoftmaxHead
from hybridfer.suggestion import suggest

Parameters = Mapping[str, Any]


def _svm(parameters: Parameters, random_state: int, n_jobs: int | None, device: str) -> BaseEstimator:
    # a kernel cache of 1000 MB holds the rows of FER2013 that a fit returns to; scikit-learn's 200 MB do not
    return _make(SVC, {"cache_size": 1000, "random_state": random_state}, parameters)


def _linear_svc(parameters: Parameters, random_state: int, n_jobs: int | None, device: str) -> BaseEstimator:
    return _make(LinearSVC, {"dual": False, "random_state": random_state}, parameters)


def _forest(parameters: Parameters, random_state: int, n_jobs: int | None, device: str) -> BaseEstimator:
    return _make(RandomForestClassifier, {"n_jobs": n_jobs, "random_state": random_state}, parameters)


def _xgboost(parameters: Parameters, random_state: int, n_jobs: int | None, device: str) -> BaseEstimator:
    classifier = require("xgboost", extra="xgboost").XGBClassifier
    placed = {"device": device if device.startswith("cuda") else "cpu"}
    return EncodedClassifier(_make(classifier, {"n_jobs": n_jobs, "random_state": random_state, **placed}, parameters))


def _logistic(parameters: Parameters, random_state: int, n_jobs: int | None, device: str) -> BaseEstimator:
    return _make(LogisticRegression, {"max_iter": 1000, "random_state": random_state}, parameters)


def _knn(parameters: Parameters, random_state: int, n_jobs: int | None, device: str) -> BaseEstimator:
    # trees do not help in hundreds of dimensions
    return _make(KNeighborsClassifier, {"algorithm": "brute", "n_jobs": n_jobs}, parameters)


def _softmax(parameters: Parameters, random_state: int, n_jobs: int | None, device: str) -> BaseEstimator:
    return _make(SoftmaxHead, {}, parameters)


def _make(estimator: type[BaseEstimator], defaults: Parameters, parameters: Parameters) -> BaseEstimator:
    known = estimator().get_params(deep=False)
    for name in parameters:
        if name not in known:
            raise RecipeError(f"{estimator.__name__} has no parameter {name!r}; {suggest(name, known)}")
    return estimator(**{**defaults, **parameters})


HEADS: dict[str, Callable[[Parameters, int, int | None, str], BaseEstimator]] = {
    "svm": _svm,
    "linear-svc": _linear_svc,
    "forest": _forest,
    "xgboost": _xgboost,
    "logistic": _logistic,
    "knn": _knn,
    "softmax": _softmax,
}

SCALERS: dict[str, Callable[[], BaseEstimator]] = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "l2": Normalizer,
    "power": PowerTransformer,
}


def build_estimator(
    head: str, parameters: Parameters, *, random_state: int = 0, n_jobs: int | None = None, device: str = "cpu"
) -> BaseEstimator:
    """Build the classifier that a recipe's ``head`` names.

    Parameters
    ----------
    head : str
        A key of ``HEADS``.
    parameters : mapping of str to object
        The classifier's parameters; they win over hybridfer's own defaults.
    random_state : int
        Seed, for heads that draw random numbers.
    n_jobs : int or None
        Workers, for heads that can use several.
    device : str
        Device of the network, such as ``"cpu"`` or ``"cuda"``; boosted trees are grown there.

    Returns
    -------
    BaseEstimator
        An unfitted scikit-learn classifier.

    Raises
    ------
    RecipeError
        If the head or one of the parameters is unknown; the message names the nearest known one.
    MissingExtraError
        If the head needs a package that is not installed.

    Examples
    --------
    >>> build_estimator("svm", {"C": 3.0}).C
    3.0
    """
    if head not in HEADS:
        raise RecipeError(f"There is no head {head!r}; {suggest(head, HEADS)}")
    return HEADS[head](parameters, random_state, n_jobs, device)
