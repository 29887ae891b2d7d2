"""The search itself: trials are begun in turn, until the study has as many as it shall have."""

from __future__ import annotations

import os
import time

from hybridfer.datasets import Dataset
from hybridfer.errors import DatasetError, require
from hybridfer.home import given_path
from hybridfer.networks import choose_device
from hybridfer.search.claims import build_pruner, build_sampler, count_begun
from hybridfer.search.loading import load_space
from hybridfer.search.progress import SearchBar
from hybridfer.search.reading import read_result
from hybridfer.search.result import SearchResult
from hybridfer.search.space import SearchSpace, check_space
from hybridfer.search.study import OpenStudy, opened_study
from hybridfer.search.trial import Objective, TrialFailedError


def run_search(
    dataset: Dataset,
    space: str | os.PathLike[str] | SearchSpace = "grigorasi",
    *,
    study: str | os.PathLike[str],
    trials: int = 20,
    sampler: str = "random",
    pruner: str = "median",
    seed: int = 0,
    timeout: float | None = None,
    device: str = "auto",
    verbose: int = 1,
) -> SearchResult:
    """Search the hyperparameters of a network by its validation accuracy.

    Several processes may search in one study file at once: they share the number of trials. A study that was interrupted
    goes on with what it has not finished.

    Parameters
    ----------
    dataset : Dataset
        With splits train and validation; the test split is not looked at.
    space : str, Path or SearchSpace
        As `load_space` takes it.
    study : str or Path
        SQLite file that keeps the trials.
    trials : int
        Trials that the study shall have in all, those of earlier runs and of other processes among them.
    sampler : {"random", "tpe"}
        How trials are drawn.
    pruner : {"median", "none"}
        ``"median"`` ends a trial whose best epoch so far is below the median that completed trials had in the same epoch;
        the first 5 trials, and the first fifth of the epochs of any, are left alone.
    seed : int
        Of the draws; trainings are seeded by the space.
    timeout : float, optional
        No further trial is begun after so many minutes.
    device : str
        As for `hybridfer.CNNClassifier`.
    verbose : int
        1 shows a bar on a terminal, and a line a trial elsewhere.

    Returns
    -------
    SearchResult
        Of all trials that the study has. The accuracy of the best is that of the luckiest as well as the best: score it on
        images that nothing was chosen by.

    Raises
    ------
    MissingExtraError
        If Optuna is not installed.
    RecipeError
        If the space is wrong, or names a network or an argument that there is not; see `check_space`.
    WeightsError
        If weights that trainings start with, or learn from, are missing or damaged.
    StudyError
        If the file holds another search.
    """
    require("optuna", extra="search")
    space = load_space(space)
    for split in ("train", "validation"):
        if not dataset.has_split(split):
            raise DatasetError(f"{dataset.source} has no {split} images; carve some with Dataset.with_validation().")
    check_space(space, len(dataset.classes))
    choose_device(device)
    deadline = None if timeout is None else time.monotonic() + 60 * timeout
    with opened_study(given_path(study), space, dataset) as opened:
        opened.study.pruner = build_pruner(pruner, space.training.max_epochs)
        before = read_result(opened, space, dataset)
        best = before.best.accuracy if before.best else None
        with SearchBar(trials, before.ended, best, verbose) as bar:
            objective = Objective(space, dataset, device, bar, on_drawn=opened.lock.release)
            while deadline is None or time.monotonic() < deadline:
                number = _try_one(opened, objective, trials, sampler, seed)
                if number is None:
                    break
                now = read_result(opened, space, dataset)
                bar.finished(now.trial(number), now.ended)
        return read_result(opened, space, dataset, weigh=True)


def _try_one(opened: OpenStudy, objective: Objective, trials: int, sampler: str, seed: int) -> int | None:
    """Run one more trial and give its number, or None where all are begun."""
    study, numbers = opened.study, []
    # from the count until the trial has drawn its values, which other processes then count and draw apart from
    opened.lock.acquire()
    try:
        begun = count_begun(study)
        if begun >= trials:
            return None
        study.sampler = build_sampler(sampler, seed, begun)
        study.optimize(
            objective,
            n_trials=1,
            catch=(TrialFailedError,),
            callbacks=[lambda _, trial: numbers.append(trial.number)],
        )
    finally:
        opened.lock.release()
    return numbers[0]
