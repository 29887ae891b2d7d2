"""The choice of a head's parameters, made on the validation split alone."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from hybridfer.heads.needs import most_needed, part_candidates

Strategy = Literal["grid", "halving", "random", "off"]
Refit = Literal["train", "train+validation"]
Grids = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]]

# a round of halving has a third of the rows of the next, and hands a third of its candidates on
_FACTOR = 3


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
    left_out : tuple of str
        Settings, such as ``"n_neighbors = 150"``, whose candidates were not tried, as they need more training rows or
        columns than there are.
    """

    best_params: dict[str, Any]
    validation_accuracy: float
    candidates: tuple[Candidate, ...]
    seconds: float
    strategy: Strategy
    estimator: Pipeline
    refit: Refit
    refit_seconds: float
    left_out: tuple[str, ...] = ()

    @property
    def told_apart(self) -> bool:
        """Whether validation preferred any candidate to another that was fitted on as many rows."""
        scores = {(candidate.rows, candidate.score) for candidate in self.candidates}
        return len(scores) > len({rows for rows, _ in scores})


@dataclass(frozen=True, eq=False)
class _Splits:
    X_train: NDArray[Any]
    y_train: NDArray[Any]
    X_val: NDArray[Any]
    y_val: NDArray[Any]

    def joined(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.concatenate([self.X_train, self.X_val]), np.concatenate([self.y_train, self.y_val])


@dataclass(frozen=True, eq=False)
class _Search:
    """What is tried, on which rows, and by how many workers."""

    pipeline: Pipeline
    candidates: tuple[dict[str, Any], ...]
    splits: _Splits
    n_iter: int
    n_jobs: int
    random_state: int

    def score(self, candidates: Sequence[dict[str, Any]], rows: NDArray[np.int64] | None = None) -> tuple[Candidate, ...]:
        """Fit candidates on training rows, all of them by default, and score each on the validation split."""
        splits = self.splits
        if rows is not None:
            splits = replace(splits, X_train=splits.X_train[rows], y_train=splits.y_train[rows])
        tasks = (delayed(_try_out)(self.pipeline, params, splits) for params in candidates)
        return tuple(Parallel(n_jobs=self.n_jobs)(tasks))


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
        training rows and the better third of them on three times as many, until the last round has all rows, always scored
        on the whole validation split; ``"off"`` fits the pipeline's own parameters. Candidates that need more training rows
        or columns than there are, such as 150 neighbours among 84 rows, are left out, and no round of halving has fewer
        rows than any of the others needs.
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
        If the strategy or ``refit`` is unknown, if there are too few rows or columns for all candidates, or if one cannot be
        fitted for another reason.

    Warns
    -----
    Warning
        Whatever the last fit of the winner warns of. What is warned of while candidates are tried is not passed on.

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
    ordered, left_out = part_candidates(pipeline, _candidates(grid, strategy), *splits.X_train.shape)
    if not ordered:
        rows, columns = splits.X_train.shape
        raise ValueError(f"{rows} rows of {columns} columns are too few for {', '.join(left_out)}")
    if len(ordered) == 1:
        found = _fit_only(pipeline, ordered[0], splits, strategy, refit)
        return replace(found, left_out=left_out)

    n_jobs = min(effective_n_jobs(n_jobs), len(ordered))
    started = time.perf_counter()
    search = _Search(_one_core_each(pipeline, n_jobs), tuple(ordered), splits, n_iter, n_jobs, random_state)
    candidates = _SEARCHES[strategy](search)
    best = _best(candidates, ordered)
    seconds = time.perf_counter() - started
    estimator, refit_seconds = _fit(pipeline, best.params, splits, refit)
    return SearchResult(best.params, best.score, candidates, seconds, strategy, estimator, refit, refit_seconds, left_out)


def _candidates(grid: Grids, strategy: Strategy) -> list[dict[str, Any]]:
    """Everything that is to be tried; the pipeline's own parameters where that is nothing."""
    return [{}] if strategy == "off" or not grid else list(ParameterGrid(grid))


def _search_grid(search: _Search) -> tuple[Candidate, ...]:
    return search.score(search.candidates)


def _search_random(search: _Search) -> tuple[Candidate, ...]:
    single = [{name: [value] for name, value in params.items()} for params in search.candidates]
    drawn = ParameterSampler(single, min(search.n_iter, len(single)), random_state=search.random_state)
    return search.score(list(drawn))


def _search_halving(search: _Search) -> tuple[Candidate, ...]:
    # scikit-learn's own would draw validation rows too, has fewer than all rows in its last round, and knows of no needs
    y, candidates = search.splits.y_train, search.candidates
    least = max(most_needed(search.pipeline, candidates, "rows"), 2 * len(np.unique(y)))
    drawn = _drawn_order(y, search.random_state)
    tried: list[Candidate] = []
    for rows in _rounds(len(candidates), len(y), least):
        scored = search.score(candidates, drawn[:rows])
        tried += scored
        ranked = sorted(scored, key=lambda candidate: -candidate.score)
        candidates = tuple(candidate.params for candidate in ranked[: math.ceil(len(ranked) / _FACTOR)])
    return tuple(tried)


def _rounds(n_candidates: int, n_rows: int, least: int) -> list[int]:
    """Rows of each round: all in the last, and no more rounds than leave a choice to it."""
    rounds = [n_rows]
    while n_candidates >= _FACTOR ** len(rounds) and rounds[0] > least:
        rounds.insert(0, max(n_rows // _FACTOR ** len(rounds), least))
    return rounds


def _drawn_order(y: NDArray[Any], random_state: int) -> NDArray[np.int64]:
    """Rows in a random order whose first are of one class each: heads refuse rows of a single class."""
    order = np.random.default_rng(random_state).permutation(len(y))
    firsts = np.sort(np.unique(y[order], return_index=True)[1])
    return np.concatenate([order[firsts], np.delete(order, firsts)])


_SEARCHES: dict[str, Callable[[_Search], tuple[Candidate, ...]]] = {
    "grid": _search_grid,
    "random": _search_random,
    "halving": _search_halving,
}


def _try_out(pipeline: Pipeline, params: dict[str, Any], splits: _Splits) -> Candidate:
    """Fit and score a candidate, in silence: what a loser warns of is no news, and workers would print it."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator, _ = _fit(pipeline, params, splits, "train")
        score = float(accuracy_score(splits.y_val, estimator.predict(splits.X_val)))
    return Candidate(params, score, time.perf_counter() - started, len(splits.y_train))


def _best(candidates: Sequence[Candidate], ordered: Sequence[dict[str, Any]]) -> Candidate:
    """Find the best of the last round; of equals, the first in the grid."""
    last_round = [candidate for candidate in candidates if candidate.rows == candidates[-1].rows]
    return min(last_round, key=lambda candidate: (-candidate.score, ordered.index(candidate.params)))


def _fit_only(pipeline: Pipeline, params: dict[str, Any], splits: _Splits, strategy: Strategy, refit: Refit) -> SearchResult:
    """Fit a single candidate once: there is nothing to choose, and its fit on train is the refit."""
    if refit == "train+validation":
        tried = _try_out(pipeline, params, splits)
        estimator, fit_seconds = _fit(pipeline, params, splits, refit)
    else:
        estimator, fit_seconds = _fit(pipeline, params, splits, refit)
        started = time.perf_counter()
        score = float(accuracy_score(splits.y_val, estimator.predict(splits.X_val)))
        tried = Candidate(params, score, fit_seconds + time.perf_counter() - started, len(splits.y_train))
    return SearchResult(params, tried.score, (tried,), tried.seconds, strategy, estimator, refit, fit_seconds)


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
