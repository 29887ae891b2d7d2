"""What several runs say, with each training of the CNN counted once, however many seeds of heads it had."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class OverRuns:
    """A number in each of several runs, such as an accuracy, and its mean over the trainings of the CNN.

    Attributes
    ----------
    runs : tuple of float
        Of each run.
    trainings : tuple of float
        Of each set of weights the mean over its runs, in the order in which the runs have them.

    Examples
    --------
    >>> accuracies = OverRuns.of([0.60, 0.62, 0.65], ["a", "a", "b"])
    >>> accuracies.trainings, f"{accuracies.mean:.2f} {accuracies.deviation:.3f}"
    ((0.61, 0.65), '0.63 0.028')
    """

    runs: tuple[float, ...]
    trainings: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], weights: Sequence[str]) -> OverRuns:
        """Average over the runs that share weights.

        Parameters
        ----------
        values : sequence of float
            Of each run; at least one.
        weights : sequence of str
            Digest of the CNN's weights in each run.
        """
        return cls(tuple(values), tuple(average_by_weights(values, weights).tolist()))

    @property
    def repeated(self) -> tuple[float, ...]:
        """What varies: from training to training; where all runs share their weights, from one seed of heads to another."""
        return self.trainings if len(self.trainings) > 1 else self.runs

    @property
    def mean(self) -> float:
        """The mean over the trainings."""
        return statistics.fmean(self.trainings)

    @property
    def deviation(self) -> float | None:
        """The standard deviation (n - 1) of `repeated`; None where nothing is."""
        return statistics.stdev(self.repeated) if len(self.repeated) > 1 else None


def average_by_weights(values: ArrayLike, weights: Sequence[str]) -> NDArray[np.float64]:
    """Average over the runs that share the weights of their CNN.

    Parameters
    ----------
    values : array-like of shape (runs, ...)
        At least one run.
    weights : sequence of str
        Digest of the weights in each run.

    Returns
    -------
    ndarray of shape (trainings, ...), dtype float64
        In the order in which the runs have the weights.

    Examples
    --------
    >>> average_by_weights([[1, 0], [0, 0], [-1, 1]], ["a", "a", "b"]).tolist()
    [[0.5, 0.0], [-1.0, 1.0]]
    """
    values, digests = np.asarray(values, dtype=np.float64), np.asarray(weights)
    return np.stack([values[digests == digest].mean(axis=0) for digest in dict.fromkeys(weights)])
