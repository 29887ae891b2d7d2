"""Tests between the rows of a report: each head against its softmax, each row against the best, all corrected together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

#: Two rows whose answers are compared: the first less the second.
Pair = tuple[Key, Key]


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
        The same after Holm's correction for all comparisons of the report, those with the best row included.
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
        The same after Holm's correction for all comparisons of the report, those with softmax included.
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

    Holm's correction is made over all of these tests together. Two rows that meet twice, as the best head and its softmax
    do, are one test.

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
        row, of all others. Both are empty where there is no image.
    """
    if y.size == 0 or not labels:
        return {}, {}
    best = max(labels, key=lambda key: np.count_nonzero(labels[key] == y))
    against_softmax = {key: (key, softmax[key[0]]) for key in labels if key[0] in softmax and key != softmax[key[0]]}
    against_best = {key: (key, best) for key in labels if key != best}
    pairs = dict.fromkeys([*against_softmax.values(), *against_best.values()])
    compared = {(one, other): compare_pair(y, labels[one], labels[other]) for one, other in pairs}
    corrected = _corrected(compared)
    return (
        {key: _with_softmax(compared[pair], corrected[frozenset(pair)]) for key, pair in against_softmax.items()},
        {key: _with_best(best, compared[pair], corrected[frozenset(pair)]) for key, pair in against_best.items()},
    )


def _with_softmax(figures: PairFigures, p_holm: float) -> SoftmaxComparison:
    """A head against its softmax."""
    return SoftmaxComparison(
        points=figures.points,
        points_interval=figures.points_interval,
        only_head=figures.only_first,
        only_softmax=figures.only_second,
        p_value=figures.p_value,
        p_holm=p_holm,
    )


def _with_best(best: Key, figures: PairFigures, p_holm: float) -> BestComparison:
    """A row against the best one."""
    return BestComparison(
        best=row_name(best),
        points=figures.points,
        points_interval=figures.points_interval,
        only_this=figures.only_first,
        only_best=figures.only_second,
        p_value=figures.p_value,
        p_holm=p_holm,
    )


def _corrected(compared: Mapping[Pair, PairFigures]) -> dict[frozenset[Key], float]:
    """Correct p-values for all pairs of rows; the test of a pair is the same from either side."""
    by_pair = {frozenset(pair): figures.p_value for pair, figures in compared.items()}
    return dict(zip(by_pair, holm(list(by_pair.values())).tolist(), strict=True))
