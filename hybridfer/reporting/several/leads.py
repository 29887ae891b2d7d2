"""Heads against the softmax of their CNN over several runs, tested for images and trainings both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hybridfer.evaluation.over_runs import OverRuns, average_by_weights, mean_lead_test
from hybridfer.evaluation.significance import ALPHA, Interval, holm
from hybridfer.reporting.several.repeats import RunRow


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
