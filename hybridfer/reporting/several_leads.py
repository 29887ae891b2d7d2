"""Heads against the softmax of their CNN over several runs, tested for images and trainings both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hybridfer.evaluation.significance import ALPHA, Interval, holm
from hybridfer.reporting.several_repeats import RunRow
from hybridfer.reporting.several_trainings import OverRuns, average_by_weights


@dataclass(frozen=True)
class Lead:
    """By how much a head leads the softmax of the same CNN, on the twin-free part of the test split.

    Attributes
    ----------
    points : OverRuns
        Accuracy of the head less that of softmax, in percentage points.
    points_interval : tuple of two floats
        95 % interval of the mean, in percentage points; for this head alone.
    p_value : float
        Of `mean_lead_test`, with each set of weights as a training; of one run alone, the exact McNemar test.
    p_holm : float
        The same after Holm's correction for all heads that are laid side by side.
    """

    points: OverRuns
    points_interval: Interval
    p_value: float
    p_holm: float

    @property
    def mean(self) -> float:
        """The mean over the trainings, in percentage points."""
        return self.points.mean

    @property
    def ahead(self) -> int:
        """In how many trainings the head is ahead; where all runs share their weights, in how many runs."""
        return sum(points > 0 for points in self.points.repeated)

    @property
    def is_better(self) -> bool:
        """Whether the head beats softmax beyond chance."""
        return self.p_holm < ALPHA and self.mean > 0

    @property
    def is_worse(self) -> bool:
        """Whether softmax beats the head beyond chance."""
        return self.p_holm < ALPHA and self.mean < 0


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


def lead_over_runs(members: Sequence[RunRow]) -> Lead | None:
    """Compare a head with the softmax beside it, each training of the CNN counting once.

    Parameters
    ----------
    members : sequence of RunRow
        The head in each run; the runs are comparable.

    Returns
    -------
    Lead or None
        Not corrected yet; None for softmax, without softmax, and where fewer than two images decide.
    """
    versus = [member.row.versus_softmax for member in members if member.row.versus_softmax is not None]
    leads = [member.lead for member in members if member.lead is not None]
    if not len(versus) == len(leads) == len(members):
        return None
    weights = [member.weights for member in members]
    points = OverRuns.of([one.points for one in versus], weights)
    if len(members) == 1:
        return Lead(points, versus[0].points_interval, versus[0].p_value, versus[0].p_value)
    if leads[0].size < 2:
        return None
    (low, high), p_value = mean_lead_test(average_by_weights(leads, weights))
    return Lead(points, (100 * low, 100 * high), p_value, p_value)


def corrected(leads: Sequence[Lead | None]) -> list[Lead | None]:
    """Correct the p-values of all heads for their having been several.

    Examples
    --------
    >>> lead = Lead(OverRuns((1.0, 2.0), (1.0, 2.0)), (0.5, 2.5), 0.03, 0.03)
    >>> [one and one.p_holm for one in corrected([lead, None, lead])]
    [0.06, None, 0.06]
    """
    adjusted = iter(holm([lead.p_value for lead in leads if lead is not None]).tolist())
    return [None if lead is None else replace(lead, p_holm=next(adjusted)) for lead in leads]


def _coins(leads: np.ndarray) -> float:
    """The smallest two-sided p-value that an exact test over as many differing images can give."""
    return 2.0 ** (1 - max(int(leads.any(axis=0).sum()), 1))
