"""Heads against the softmax of their CNN over several runs, tested for images and runs both."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.significance import ALPHA, Interval, holm
from hybridfer.reporting.several_repeats import Repeat


@dataclass(frozen=True)
class Lead:
    """By how much a head leads the softmax of the same CNN, on the twin-free part of the test split.

    Attributes
    ----------
    points : tuple of float
        Accuracy of the head less that of softmax, in percentage points, of each run.
    points_interval : tuple of two floats
        95 % interval of the mean, in percentage points; for this head alone.
    p_value : float
        Of `mean_lead_test`; of one run alone, the exact McNemar test.
    p_holm : float
        The same after Holm's correction for all heads that are laid side by side.
    """

    points: tuple[float, ...]
    points_interval: Interval
    p_value: float
    p_holm: float

    @property
    def mean(self) -> float:
        """The mean over the runs, in percentage points."""
        return statistics.fmean(self.points)

    @property
    def ahead(self) -> int:
        """In how many runs the head is ahead."""
        return sum(points > 0 for points in self.points)

    @property
    def is_better(self) -> bool:
        """Whether the head beats softmax beyond chance."""
        return self.p_holm < ALPHA and self.mean > 0

    @property
    def is_worse(self) -> bool:
        """Whether softmax beats the head beyond chance."""
        return self.p_holm < ALPHA and self.mean < 0


def mean_lead_test(leads: ArrayLike, confidence: float = 0.95) -> tuple[Interval, float]:
    """Test whether a mean lead differs from 0, with images and runs both as a sample of what might have been drawn.

    Every run answers the same images, so that their McNemar tests cannot be pooled; and a test over images alone, such as a
    permutation of them, takes these very trainings for granted: where trainings differ by a point, it finds leads that are
    none two to six times as often as it says. The variance here is that between the images' means plus that between the
    runs' means. Both hold the luck of a single answer, so that the sum errs on the safe side. The degrees of freedom are
    Satterthwaite's, and the p-value is never below what an exact test of as many differing images could give.

    Parameters
    ----------
    leads : array-like of shape (runs, images)
        1 where only the head was right, -1 where only softmax was, 0 elsewhere; at least two runs and two images.
    confidence : float, default 0.95
        Coverage of the interval.

    Returns
    -------
    tuple of (two floats) and float
        The interval of the mean lead, as shares, and the two-sided p-value.

    Raises
    ------
    ValueError
        If there are fewer than two runs or two images.

    References
    ----------
    A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007) 386-411: variances of rows and columns that
    are both random. F. E. Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
    Bulletin 2 (1946) 110-114.

    Examples
    --------
    >>> runs = [[1] * 30 + [-1] * 10 + [0] * 60, [1] * 28 + [0] * 2 + [-1] * 8 + [0] * 62]
    >>> (low, high), p = mean_lead_test(runs)
    >>> f"{low:+.2f} {high:+.2f} {p:.3f}"
    '+0.09 +0.31 0.001'
    """
    leads = np.asarray(leads, dtype=np.float64)
    if leads.ndim != 2 or min(leads.shape) < 2:
        raise ValueError(f"leads must be of at least two runs and two images; got the shape {leads.shape}.")
    mean, n_runs, n_images = float(leads.mean()), *leads.shape
    of_runs, of_images = (float(stats.sem(leads.mean(axis=axis))) ** 2 for axis in (1, 0))
    variance = of_runs + of_images
    if variance == 0:
        return (mean, mean), _coins(leads) if mean else 1.0
    freedom = variance**2 / (of_runs**2 / (n_runs - 1) + of_images**2 / (n_images - 1))
    error = math.sqrt(variance)
    low, high = stats.t.interval(confidence, freedom, loc=mean, scale=error)
    p_value = 2 * float(stats.t.sf(abs(mean) / error, freedom))
    return (max(float(low), -1.0), min(float(high), 1.0)), max(p_value, _coins(leads))


def lead_over_runs(members: Sequence[tuple[Repeat, Row]]) -> Lead | None:
    """Compare a head with the softmax beside it.

    Parameters
    ----------
    members : sequence of (Repeat, Row)
        The head in each run; the runs are comparable.

    Returns
    -------
    Lead or None
        Not corrected yet; None for softmax, without softmax, and where fewer than two images decide.
    """
    versus = [row.versus_softmax for _, row in members if row.versus_softmax is not None]
    if len(versus) < len(members):
        return None
    if len(versus) == 1:
        return Lead((versus[0].points,), versus[0].points_interval, versus[0].p_value, versus[0].p_value)
    leads = np.array(
        [
            repeat.right(row).astype(np.int8) - repeat.right(repeat.softmax)
            for repeat, row in members
            if repeat.softmax is not None
        ]
    )
    if leads.shape[1] < 2:
        return None
    (low, high), p_value = mean_lead_test(leads)
    return Lead(tuple(one.points for one in versus), (100 * low, 100 * high), p_value, p_value)


def corrected(leads: Sequence[Lead | None]) -> list[Lead | None]:
    """Correct the p-values of all heads for their having been several.

    Examples
    --------
    >>> lead = Lead((1.0, 2.0), (0.5, 2.5), 0.03, 0.03)
    >>> [one and one.p_holm for one in corrected([lead, None, lead])]
    [0.06, None, 0.06]
    """
    adjusted = iter(holm([lead.p_value for lead in leads if lead is not None]).tolist())
    return [None if lead is None else replace(lead, p_holm=next(adjusted)) for lead in leads]


def _coins(leads: np.ndarray) -> float:
    """The smallest two-sided p-value that an exact test over as many differing images can give."""
    return 2.0 ** (1 - max(int(leads.any(axis=0).sum()), 1))
