"""A warning of test splits too small to tell classifiers apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.rows import Row, count_comparisons
from hybridfer.evaluation.significance import ALPHA, wilson_interval

#: Test images below which it is warned; with as many, an accuracy near one half is known to 3 points to each side.
ENOUGH = 1000


def find_few_images(rows: Iterable[Row]) -> tuple[str, ...]:
    """Word a warning where few images decide: how vague accuracies are, and the lead below which no test can be won.

    To McNemar's exact test each image that only one of two classifiers gets right is the toss of a fair coin. The least
    lead that can pass it is that of a classifier which wins every toss; where both win some, it takes more.

    Parameters
    ----------
    rows : iterable of Row
        The rows of a report.

    Returns
    -------
    tuple of str
        A sentence; empty where 1,000 images or more decide, or none does.

    Examples
    --------
    >>> find_few_images([])
    ()
    """
    rows = tuple(rows)
    n = next((row.twin_free.n for row in rows if row.twin_free is not None), ENOUGH)
    if n >= ENOUGH:
        return ()
    low, high = wilson_interval(n // 2, n)
    told = f"Only {phrases.count(n, 'test image')} decide{'s' if n == 1 else ''}: an accuracy near 50 % would have "
    told += f"the 95 % interval {wording.interval((low, high))}"
    if tests := count_comparisons(rows):
        told += f", and {_least_lead(n, tests)} can be told from chance"
    return (f"{told}.",)


def _least_lead(n: int, tests: int) -> str:
    """Name the smallest lead that one of several tests could find beyond chance after Holm's correction."""
    needed = next(tosses for tosses in itertools.count(1) if tests * 2 * 0.5**tosses < ALPHA)
    return "no lead at all" if needed > n else f"no lead below {wording.gap(100 * needed / n)}"
