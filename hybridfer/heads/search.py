"""The choice of a head's parameters, made on the validation split alone."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, ParameterGrid, PredefinedSplit, RandomizedSearchCV
from sklearn.pipeline import Pipeline

Strategy = Literal["grid", "halving", "random", "off"]
Refit = Literal["train", "train+validation"]
Grids = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]]


@dataclass(frozen=True)
class Candidate:
    """One set of parameters that was tried.

    Parameters
    ----------
    params : dict of str to object
        The parameters.
    score : float
        Accuracy on the whole validation split.
    seconds : float
        Time to fit and to score.
    rows : int
        Training rows that it was fitted on: fewer than all of them in the early rounds of halving.
    """

    params: dict[str, Any]
    score: float
    seconds: float
    rows: int


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    best_params : dict of str to object
        The parameters with the best validation accuracy; of equals, the first in the grid.
    validation_accuracy : float
        Their accuracy on the validation split, after a fit on training rows alone.
    candidates : tuple of Candidate
        Everything that was tried, in the order of the search.
    seconds : float
        Wall time of the search.
    strategy : {"grid", "halving", "random", "off"}
        How it was searched.
    estimator : Pipeline
        The pipeline with ``best_params``, fitted on the splits that ``refit`` names.
    refit : {"train", "train+validation"}
        What ``estimator`` was fitted on.
    refit_seconds : float
        Wall time of that fit.
    """

    best_params: dict[str, Any]
    validation_accuracy: float
    candidates: tuple[Candidate, ...]
    seconds: float
    strategy: Strategy
    estimator: Pipeline
    refit: Refit
    refit_seconds: float


@dataclass(frozen=True, eq=False)
class _Splits:
    X_train: NDArray[Any]
    y_train: NDArray[Any]
    X_val: NDArray[Any]
    y_val: NDArray[Any]

    def joined(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.concatenate([self.X_train, self.X_val]), np.concatenate([self.y_train, self.y_val])


@dataclass(frozen=True, eq=False)
class _WholeValidation:
    """A scorer that keeps to the validation split, whatever rows a search hands it."""

    X: NDArray[Any]
    y: NDArray[Any]

    def __call__(self, estimator: Any, X: NDArray[Any], y: NDArray[Any]) -> float:
        return float(accuracy_score(self.y, estimator.predict(self.X)))


def search_head(
    pipeline: Pipeline,
    grid: Grids,
    X_train: NDArray[Any],
    y_train: NDArray[Any],
    X_val: NDArray[Any],
    y_val: NDArray[Any],
    *,
    strategy: Strategy = "grid",
    n_iter: int = 10,
    n_jobs: int | None = None,
    random_state: int = 0,
    refit: Refit = "train",
) -> SearchResult:
    """Try a grid of parameters: fitted on the training rows, scored on the validation rows.

    There is no cross-validation: a network separates the images that it was trained on better than any others, so folds
    made of them would choose for embeddings that no new image has.

    Parameters
    ----------
    pipeline : Pipeline
        The head's pipeline, as of ``build_head``; it is cloned, never fitted.
    grid : mapping of str to sequence, or sequence of such mappings
        Values to try, by the pipeline's parameter names, as of ``search_grid``. Empty: the pipeline's own parameters.
    X_train : ndarray of shape (n_train, n_features)
        Training embeddings.
    y_train : ndarray of shape (n_train,)
        Training labels.
    X_val : ndarray of shape (n_val, n_features)
        Validation embeddings.
    y_val : ndarray of shape (n_val,)
        Validation labels.
    strategy : {"grid", "halving", "random", "off"}
        ``"grid"`` tries everything; ``"random"`` draws ``n_iter`` candidates; ``"halving"`` fits all candidates on few
        training rows and the better third of them on three times as many, until one round has all rows, always scored
        on the whole validation split; ``"off"`` fits the pipeline's own parameters.
    n_iter : int
        Candidates that ``"random"`` draws at most.
    n_jobs : int or None
        Candidates fitted at once, -1 for as many as there are cores. With more than one, each of them runs on one core.
    random_state : int
        Seed of ``"random"`` and of the rows that ``"halving"`` draws.
    refit : {"train", "train+validation"}
        What the winner is fitted on in the end. Heads refitted on both splits have seen the rows that chose them, so
        ``validation_accuracy`` is always that of a fit on training rows.

    Returns
    -------
    SearchResult
        The winner, fitted, and every candidate with its score and time.

    Raises
    ------
    ValueError
        If the strategy or ``refit`` is unknown, or if a candidate cannot be fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridfer.heads import build_head, search_grid
    >>> X, y = np.repeat(np.eye(3, dtype=np.float32), 40, axis=0), np.repeat(["happy", "sad", "fear"], 40)
    >>> found = search_head(build_head("svm-linear"), search_grid("svm-linear"), X, y, X, y)
    >>> found.best_params, found.validation_accuracy
    ({'head__C': 0.001}, 1.0)
    """
    if strategy not in get_args(Strategy):
        raise ValueError(f"strategy must be among {list(get_args(Strategy))}; got {strategy!r}.")
    if refit not in get_args(Refit):
        raise ValueError(f"refit must be among {list(get_args(Refit))}; got {refit!r}.")
    splits = _Splits(*(np.asarray(part) for part in (X_train, y_train, X_val, y_val)))
    ordered = [{}] if strategy == "off" or not grid else list(ParameterGrid(grid))
    if len(ordered) == 1:
        return _fit_only(pipeline, ordered[0], splits, strategy, refit)

    n_jobs = min(effective_n_jobs(n_jobs), len(ordered))
    started = time.perf_counter()
    search = _SEARCHES[strategy](_one_core_each(pipeline, n_jobs), grid, splits, n_iter, n_jobs, random_state)
    best, candidates = _read_results(search.cv_results_, ordered, len(splits.y_train))
    seconds = time.perf_counter() - started
    estimator, refit_seconds = _fit(pipeline, best.params, splits, refit)
    return SearchResult(best.params, best.score, candidates, seconds, strategy, estimator, refit, refit_seconds)


def _search_grid(
    pipeline: Pipeline, grid: Grids, splits: _Splits, n_iter: int, n_jobs: int, random_state: int
) -> GridSearchCV:
    return GridSearchCV(pipeline, grid, **_on_validation(splits, n_jobs)).fit(*splits.joined())


def _search_random(
    pipeline: Pipeline, grid: Grids, splits: _Splits, n_iter: int, n_jobs: int, random_state: int
) -> RandomizedSearchCV:
    drawn = {"n_iter": min(n_iter, len(ParameterGrid(grid))), "random_state": random_state}
    return RandomizedSearchCV(pipeline, grid, **drawn, **_on_validation(splits, n_jobs)).fit(*splits.joined())


def _search_halving(pipeline: Pipeline, grid: Grids, splits: _Splits, n_iter: int, n_jobs: int, random_state: int) -> Any:
    # experimental in scikit-learn: this import is what adds the class to model_selection
    importlib.import_module("sklearn.experimental.enable_halving_search_cv")
    from sklearn.model_selection import HalvingGridSearchCV

    # over a PredefinedSplit it would draw a part of the validation rows in each round too, few of them in the first
    rows = np.arange(len(splits.y_train))
    return HalvingGridSearchCV(
        pipeline,
        grid,
        cv=[(rows, rows)],
        scoring=_WholeValidation(splits.X_val, splits.y_val),
        refit=False,
        return_train_score=False,
        error_score="raise",
        n_jobs=n_jobs,
        random_state=random_state,
    ).fit(splits.X_train, splits.y_train)


_SEARCHES = {"grid": _search_grid, "random": _search_random, "halving": _search_halving}


def _on_validation(splits: _Splits, n_jobs: int) -> dict[str, Any]:
    fold = np.repeat([-1, 0], [len(splits.y_train), len(splits.y_val)])
    return {
        "cv": PredefinedSplit(fold),
        "scoring": "accuracy",
        "refit": False,
        "error_score": "raise",
        "n_jobs": n_jobs,
    }


def _read_results(
    results: dict[str, Any], ordered: list[dict[str, Any]], n_train: int
) -> tuple[Candidate, tuple[Candidate, ...]]:
    """Read every candidate, and the best of the last round; of equals, the first in the grid."""
    seconds = results["mean_fit_time"] + results["mean_score_time"]
    rows = results.get("n_resources", [n_train] * len(seconds))
    columns = zip(results["params"], results["mean_test_score"], seconds, rows, strict=True)
    candidates = tuple(Candidate(params, float(score), float(time), int(n)) for params, score, time, n in columns)
    last_round = [candidate for candidate in candidates if candidate.rows == candidates[-1].rows]
    best = min(last_round, key=lambda candidate: (-candidate.score, ordered.index(candidate.params)))
    return best, candidates


def _fit_only(pipeline: Pipeline, params: dict[str, Any], splits: _Splits, strategy: Strategy, refit: Refit) -> SearchResult:
    """Fit a single candidate once: there is nothing to choose, and its fit on train is the refit."""
    started = time.perf_counter()
    estimator, fit_seconds = _fit(pipeline, params, splits, "train")
    score = float(accuracy_score(splits.y_val, estimator.predict(splits.X_val)))
    seconds = time.perf_counter() - started
    candidates = (Candidate(params, score, seconds, len(splits.y_train)),)
    if refit == "train+validation":
        estimator, fit_seconds = _fit(pipeline, params, splits, refit)
    return SearchResult(params, score, candidates, seconds, strategy, estimator, refit, fit_seconds)


def _fit(pipeline: Pipeline, params: dict[str, Any], splits: _Splits, on: Refit) -> tuple[Pipeline, float]:
    X, y = (splits.X_train, splits.y_train) if on == "train" else splits.joined()
    started = time.perf_counter()
    estimator = clone(pipeline).set_params(**params).fit(X, y)
    return estimator, time.perf_counter() - started


def _one_core_each(pipeline: Pipeline, n_jobs: int) -> Pipeline:
    """Keep heads that have workers of their own from starting them in each of the search's workers."""
    single = clone(pipeline)
    if n_jobs > 1:
        # those that were given none keep none: some heads warn of any number
        parallel = [name for name, jobs in single.get_params().items() if name.endswith("__n_jobs") and jobs is not None]
        single.set_params(**dict.fromkeys(parallel, 1))
    return single
