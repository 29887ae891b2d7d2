"""What a study has found, as values that need no Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hybridfer.json_layout import plain, to_json

FORMAT_VERSION = 1
ENDED = ("complete", "pruned", "failed")


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes
    ----------
    number : int
        In the order in which trials began, from 0.
    state : {"complete", "pruned", "failed", "running", "interrupted"}
        What became of it; one that was interrupted is tried again under another number.
    accuracy : float or None
        The best validation accuracy of its epochs; None where no epoch was finished.
    epochs : int
        Epochs that were finished.
    parameters : int or None
        Trainable parameters of its network.
    seconds : float or None
        How long it took.
    drawn : dict of str to object
        Its value of each axis of the space: arguments of the network, then fields of the training.
    coordinates : dict of str to object
        The same as single numbers: the length and the items of a list each by itself.
    curve : tuple of float
        Validation accuracy of each epoch.
    failure : str
        Why it failed; empty for all others.
    """

    number: int
    state: str
    accuracy: float | None
    epochs: int
    parameters: int | None
    seconds: float | None
    drawn: Mapping[str, Any]
    coordinates: Mapping[str, Any]
    curve: tuple[float, ...]
    failure: str = ""


@dataclass(frozen=True)
class SearchResult:
    """All trials of a study.

    Attributes
    ----------
    source : str
        What the images were read from.
    network : str
        The network whose arguments were searched.
    n_train, n_validation : int
        Number of images that each trial was trained on and judged by.
    fingerprint : str
        Names space and data together.
    trials : tuple of TrialRow
        By validation accuracy, the best first; those without one last.
    importances : dict of str to float
        Share of each coordinate in what decides the accuracy, the most important first; empty with fewer than two completed
        trials, or where all are alike.
    """

    source: str
    network: str
    n_train: int
    n_validation: int
    fingerprint: str
    trials: tuple[TrialRow, ...]
    importances: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> TrialRow | None:
        """The completed trial of the best validation accuracy; None where none was completed."""
        return next((trial for trial in self.trials if trial.state == "complete"), None)

    @property
    def ended(self) -> int:
        """Number of trials that came to an end of their own: complete, pruned or failed."""
        return sum(self.count(state) for state in ENDED)

    def trial(self, number: int) -> TrialRow:
        """Find a trial by its number."""
        return next(trial for trial in self.trials if trial.number == number)

    def count(self, state: str) -> int:
        """Number of trials in a state.

        Examples
        --------
        >>> SearchResult("faces", "tiny", 70, 15, "", ()).count("complete")
        0
        """
        return sum(trial.state == state for trial in self.trials)

    def to_json(self) -> str:
        """Write all of it as JSON.

        Examples
        --------
        >>> '"n_validation": 15' in SearchResult("faces", "tiny", 70, 15, "", ()).to_json()
        True
        """
        return to_json({"format_version": FORMAT_VERSION, **plain(self)})


def sorted_trials(trials: list[TrialRow]) -> tuple[TrialRow, ...]:
    """Put the most accurate first, of equal ones the earlier, and those without a figure last."""
    return tuple(sorted(trials, key=lambda trial: (trial.accuracy is None, -(trial.accuracy or 0.0), trial.number)))
