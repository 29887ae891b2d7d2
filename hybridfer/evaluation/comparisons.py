"""Tests between the rows of a report: each head against its softmax, each row against the best, each corrected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridfer.evaluation.prediction import Key
from hybridfer.evaluation.significance import (
    ALPHA,
    Interval,
    holm,
    mcnemar_exact,
    paired_difference_interval,
)


class PairFigures(NamedTuple):
    """What comes of comparing two rows, as yet without a correction for other comparisons.

    Attributes
    ----------
    points : float
        Accuracy of the first less that of the second, in percentage points.
    points_interval : tuple of two floats
        Newcombe's 95 % interval of that difference, in percentage points.
    only_first, only_second : int
        Images that only one of the two got right.
    p_value : float
        Exact two-sided McNemar test.
    """

    points: float
    points_interval: Interval
    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True)
class SoftmaxComparison:
    """A head against the softmax of the same CNN, on the twin-free part of the test split.

    Attributes
    ----------
    points : float
        Accuracy of the head less that of softmax, in percentage points.
    points_interval : tuple of two floats
        Newcombe's 95 % interval of that difference, in percentage points; for this comparison alone.
    only_head, only_softmax : int
        Images that only the head, or only softmax, got right.
    p_value : float
        Exact two-sided McNemar test.
    p_holm : float
        The same after Holm's correction for all heads of the report that are held against a softmax.
    """

    points: float
    points_interval: Interval
    only_head: int
    only_softmax: int
    p_value: float
    p_holm: float

    @property
    def is_better(self) -> bool:
        """Whether the head beats softmax beyond chance."""
        return self.p_holm < ALPHA and self.points > 0

    @property
    def is_worse(self) -> bool:
        """Whether softmax beats the head beyond chance."""
        return self.p_holm < ALPHA and self.points < 0


@dataclass(frozen=True)
class BestComparison:
    """A row against the best row of the report, on the twin-free part of the test split.

    The best row is the one with the highest accuracy on these very images. Being chosen by them it is favoured by chance, so
    the comparison describes the table; it proves nothing about other images.

    Attributes
    ----------
    best : str
        Name of the best row.
    points : float
        Accuracy of this row less that of the best, in percentage points; never above 0.
    points_interval : tuple of two floats
        Newcombe's 95 % interval of that difference, in percentage points; for this comparison alone.
    only_this, only_best : int
        Images that only this row, or only the best, got right.
    p_value : float
        Exact two-sided McNemar test.
    p_holm : float
        The same after Holm's correction for all pairs of rows of the report: any of them might have been the best.
    """

    best: str
    points: float
    points_interval: Interval
    only_this: int
    only_best: int
    p_value: float
    p_holm: float

    @property
    def is_worse(self) -> bool:
        """Whether the best row beats this one beyond chance."""
        return self.p_holm < ALPHA and self.points < 0


def row_name(key: Key) -> str:
    """Name a row in words.

    Examples
    --------
    >>> row_name(("compact", "svm-rbf"))
    'svm-rbf on compact'
    """
    feature, pipeline = key
    return f"{pipeline} on {feature}"


def compare_pair(y: NDArray[np.integer], a: NDArray[np.integer], b: NDArray[np.integer]) -> PairFigures:
    """Compare what two rows predicted.

    Parameters
    ----------
    y, a, b : ndarray of shape (n,), integers
        The true classes, and what the first and the second row predicted; n is at least 1.

    Returns
    -------
    PairFigures
        The first less the second.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([0, 0, 1, 1])
    >>> figures = compare_pair(y, y, 1 - y)
    >>> figures.points, figures.only_first, figures.only_second, figures.p_value
    (100.0, 4, 0, 0.125)
    """
    test, (low, high) = mcnemar_exact(y, a, b), paired_difference_interval(y, a, b)
    points = 100 * (test.only_a - test.only_b) / y.size
    return PairFigures(points, (100 * low, 100 * high), test.only_a, test.only_b, test.p_value)


def compare_with_softmax_and_best(
    y: NDArray[np.integer], labels: Mapping[Key, NDArray[np.integer]], softmax: Mapping[str, Key]
) -> tuple[dict[Key, SoftmaxComparison], dict[Key, BestComparison]]:
    """Test every head against the softmax of its CNN, and every row against the best one.

    Parameters
    ----------
    y : ndarray of shape (n,), integers
        True classes of the images that decide.
    labels : mapping of (feature, pipeline) to ndarray of shape (n,), integers
        What each row predicted.
    softmax : mapping of str to (feature, pipeline)
        For each feature recipe its softmax row, where it has one.

    Returns
    -------
    tuple of two dicts
        By (feature, pipeline): the comparisons with softmax, of heads that have one beside them, and those with the best
        row, of all others; corrected as `corrected` says. Both are empty where there is no image.
    """
    if y.size == 0 or not labels:
        return {}, {}
    best = max(labels, key=lambda key: np.count_nonzero(labels[key] == y))
    against_softmax = {key: softmax[key[0]] for key in labels if key[0] in softmax and key != softmax[key[0]]}
    against_best = [key for key in labels if key != best]
    return corrected(
        {key: _with_softmax(compare_pair(y, labels[key], labels[own])) for key, own in against_softmax.items()},
        {key: _with_best(best, compare_pair(y, labels[key], labels[best])) for key in against_best},
        len(labels),
    )


def corrected(
    with_softmax: Mapping[Key, SoftmaxComparison], with_best: Mapping[Key, BestComparison], n_rows: int
) -> tuple[dict[Key, SoftmaxComparison], dict[Key, BestComparison]]:
    """Correct p-values by Holm's method, in two families.

    That heads are held against their softmax is decided before anything is scored: these tests are one family. Which row is
    the best is seen on the very images of the test, so that a test against it counts as one of all pairs of rows.

    Parameters
    ----------
    with_softmax, with_best : mapping of (feature, pipeline) to comparison
        Whose ``p_value`` is known.
    n_rows : int
        Rows of the report.

    Returns
    -------
    tuple of two dicts
        The same with their ``p_holm``.
    """
    planned = holm([one.p_value for one in with_softmax.values()])
    found = holm([one.p_value for one in with_best.values()], n_tests=math.comb(n_rows, 2))
    return (
        {key: replace(one, p_holm=float(p)) for (key, one), p in zip(with_softmax.items(), planned, strict=True)},
        {key: replace(one, p_holm=float(p)) for (key, one), p in zip(with_best.items(), found, strict=True)},
    )


def _with_softmax(figures: PairFigures) -> SoftmaxComparison:
    """A head against its softmax, as yet without a correction."""
    return SoftmaxComparison(
        points=figures.points,
        points_interval=figures.points_interval,
        only_head=figures.only_first,
        only_softmax=figures.only_second,
        p_value=figures.p_value,
        p_holm=figures.p_value,
    )


def _with_best(best: Key, figures: PairFigures) -> BestComparison:
    """A row against the best one, as yet without a correction."""
    return BestComparison(
        best=row_name(best),
        points=figures.points,
        points_interval=figures.points_interval,
        only_this=figures.only_first,
        only_best=figures.only_second,
        p_value=figures.p_value,
        p_holm=figures.p_value,
    )
