"""From Optuna's study to a `SearchResult`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from hybridfer.datasets import Dataset
from hybridfer.errors import require
from hybridfer.search.claims import FAILURE, was_abandoned
from hybridfer.search.result import SearchResult, TrialRow, sorted_trials
from hybridfer.search.space import SearchSpace
from hybridfer.search.study import OpenStudy
from hybridfer.search.trial import DRAWN, PARAMETERS, SECONDS

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "RUNNING": "running", "FAIL": "failed"}


def read_result(opened: OpenStudy, space: SearchSpace, dataset: Dataset, weigh: bool = False) -> SearchResult:
    """Read all trials of a study that were begun.

    Parameters
    ----------
    opened : OpenStudy
        To read.
    space, dataset : SearchSpace, Dataset
        What it is of.
    weigh : bool
        Work out how much each coordinate matters, which takes a moment.

    Returns
    -------
    SearchResult
    """
    trials = opened.study.get_trials(deepcopy=False)
    return SearchResult(
        source=dataset.source,
        network=space.network,
        n_train=int((dataset.splits == "train").sum()),
        n_validation=int((dataset.splits == "validation").sum()),
        fingerprint=opened.fingerprint,
        trials=sorted_trials([_row(trial) for trial in trials if trial.state.name in _STATES]),
        importances=_importances(opened.study) if weigh else {},
    )


def _row(trial: FrozenTrial) -> TrialRow:
    curve = tuple(accuracy for _, accuracy in sorted(trial.intermediate_values.items()))
    state, failure = _STATES[trial.state.name], str(trial.user_attrs.get(FAILURE, ""))
    if was_abandoned(trial):
        state = "interrupted"
    elif state == "failed" and not failure:
        failure = "its process was killed more than once"
    return TrialRow(
        number=trial.number,
        state=state,
        accuracy=max(curve, default=None),
        epochs=len(curve),
        parameters=trial.user_attrs.get(PARAMETERS),
        seconds=trial.user_attrs.get(SECONDS),
        drawn=trial.user_attrs.get(DRAWN, {}),
        coordinates=dict(trial.params),
        curve=curve,
        failure=failure,
    )


def _importances(study: Study) -> dict[str, float]:
    """Weigh the coordinates as Optuna does by default; nothing where it finds too little to weigh them by."""
    values = {trial.value for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"}
    if len(values) < 2:
        return {}
    importance = require("optuna.importance", extra="search")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        shares = importance.get_param_importances(study)
    if any("importances will be equal" in str(warning.message) for warning in told):
        return {}
    return {name: float(share) for name, share in shares.items()}
