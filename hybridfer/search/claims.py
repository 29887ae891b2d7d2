"""Who tries what: processes share the number of trials, and what was interrupted is tried again."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from hybridfer.errors import RecipeError, require

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SAMPLERS = ("random", "tpe")
PRUNERS = ("median", "none")
# trials that run to their end before any is pruned, and the share of the epochs in which none is
UNPRUNED_TRIALS, UNPRUNED_SHARE = 5, 0.2
# user attributes of a trial
FAILURE, INTERRUPTED, RETRY_OF, KILLED = "failure", "interrupted", "retry_of", "killed"
# a trial whose process was killed so often may be what kills it
MOST_KILLS = 2


def build_sampler(name: str, seed: int, begun: int) -> BaseSampler:
    """Build the sampler of one trial.

    Each trial has a seed of its own, made of the study's and of how many trials were begun before: so a search that was
    interrupted goes on with new draws, and a random search draws the same trials by however many processes.

    Raises
    ------
    RecipeError
        If there is no such sampler.
    """
    samplers = require("optuna.samplers", extra="search")
    if name not in SAMPLERS:
        raise RecipeError(f"sampler must be among {list(SAMPLERS)}; got {name!r}.")
    own = int(np.random.SeedSequence([seed, begun]).generate_state(1)[0])
    return samplers.RandomSampler(own) if name == "random" else samplers.TPESampler(seed=own)


def build_pruner(name: str, epochs: int) -> BasePruner:
    """Build the pruner: ``"median"`` ends a trial whose best epoch is below the median of all completed trials' same epoch.

    Raises
    ------
    RecipeError
        If there is no such pruner.
    """
    pruners = require("optuna.pruners", extra="search")
    if name not in PRUNERS:
        raise RecipeError(f"pruner must be among {list(PRUNERS)}; got {name!r}.")
    if name == "none":
        return pruners.NopPruner()
    # epochs are counted from 1
    first = 1 + max(1, round(UNPRUNED_SHARE * epochs))
    return pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS, n_warmup_steps=first)


def count_begun(study: Study) -> int:
    """Count the trials that a study has or will have without any more draws, and queue what was interrupted.

    The lock of the study is held meanwhile.

    Parameters
    ----------
    study : optuna.Study
        To count in.

    Returns
    -------
    int
        Trials that were completed, pruned, failed by what they drew, or are running.
    """
    optuna = require("optuna", extra="search")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    trials = study.get_trials(deepcopy=False)
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in trials:
        if was_abandoned(trial) and trial.number not in retried:
            study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number, KILLED: kills(trial)})
    return sum(trial.state.name != "WAITING" and not was_abandoned(trial) for trial in trials)


def was_abandoned(trial: FrozenTrial) -> bool:
    """Whether a trial came to no end for reasons that are not its own: it was interrupted, or its process killed."""
    if trial.state.name != "FAIL" or FAILURE in trial.user_attrs:
        return False
    return INTERRUPTED in trial.user_attrs or kills(trial) < MOST_KILLS


def kills(trial: FrozenTrial) -> int:
    """How often the process of a trial, or of the one that it tries again, was killed."""
    before = int(trial.user_attrs.get(KILLED, 0))
    told = FAILURE in trial.user_attrs or INTERRUPTED in trial.user_attrs
    return before + (trial.state.name == "FAIL" and not told)
