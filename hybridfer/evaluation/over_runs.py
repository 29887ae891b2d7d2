"""What several runs say, with each training of the CNN counted once, however many seeds of heads it had."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hybridfer.evaluation.significance import Interval


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


def mean_lead_test(leads: ArrayLike, confidence: float = 0.95) -> tuple[Interval, float]:
    """Test whether a mean lead differs from 0, with images and trainings both as a sample of what might have been drawn.

    Every training answers the same images, so that their McNemar tests cannot be pooled; and a test over images alone, such
    as a permutation of them, takes these very trainings for granted: where trainings differ by a point, it finds leads that
    are none two to six times as often as it says. The variance here is that between the images' means plus that between the
    trainings' means, and the degrees of freedom are Satterthwaite's. The p-value is never below what an exact test of as
    many differing images could give.

    Where trainings differ little, the test is on the safe side, as both variances hold the luck of a single answer. Where
    they differ more than images do, it is not: the variance between a few trainings is ill known, and leads that are none
    pass for p < 0.05 in up to 13 % of comparisons with two trainings, 8 % with three and 6 % with five.

    Of one training only the images are a sample, so that nothing is told of further trainings.

    Parameters
    ----------
    leads : array-like of shape (trainings, images)
        1 where only the head was right, -1 where only softmax was, 0 elsewhere, or the mean of these over runs that share
        their weights; at least one training and two images.
    confidence : float, default 0.95
        Coverage of the interval.

    Returns
    -------
    tuple of (two floats) and float
        The interval of the mean lead, as shares, and the two-sided p-value.

    Raises
    ------
    ValueError
        If there is no training, or there are fewer than two images.

    References
    ----------
    A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007) 386-411: variances of rows and columns that
    are both random. F. E. Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
    Bulletin 2 (1946) 110-114.

    Examples
    --------
    >>> trainings = [[1] * 30 + [-1] * 10 + [0] * 60, [1] * 28 + [0] * 2 + [-1] * 8 + [0] * 62]
    >>> (low, high), p = mean_lead_test(trainings)
    >>> f"{low:+.2f} {high:+.2f} {p:.3f}"
    '+0.09 +0.31 0.001'
    """
    leads = np.asarray(leads, dtype=np.float64)
    if leads.ndim != 2 or leads.shape[0] < 1 or leads.shape[1] < 2:
        raise ValueError(f"leads must be of at least one training and two images; got the shape {leads.shape}.")
    mean = float(leads.mean())
    # of one training there is no variance between trainings
    samples = [means for means in (leads.mean(axis=1), leads.mean(axis=0)) if means.size > 1]
    variances = [float(stats.sem(means)) ** 2 for means in samples]
    variance = sum(variances)
    if variance == 0:
        return (mean, mean), _coins(leads) if mean else 1.0
    parts = zip(variances, samples, strict=True)
    freedom = variance**2 / sum(part**2 / (means.size - 1) for part, means in parts)
    error = math.sqrt(variance)
    low, high = stats.t.interval(confidence, freedom, loc=mean, scale=error)
    p_value = 2 * float(stats.t.sf(abs(mean) / error, freedom))
    return (max(float(low), -1.0), min(float(high), 1.0)), max(p_value, _coins(leads))


def _coins(leads: np.ndarray) -> float:
    """The smallest two-sided p-value that an exact test over as many differing images can give."""
    return 2.0 ** (1 - max(int(leads.any(axis=0).sum()), 1))
