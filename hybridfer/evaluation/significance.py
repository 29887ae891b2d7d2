"""Whether one classifier is better than another on the same images, or only luckier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

#: Below this a corrected p-value counts as a difference beyond chance; Fisher's custom.
ALPHA = 0.05

Interval = tuple[float, float]


@dataclass(frozen=True)
class McNemar:
    """The exact McNemar test of two classifiers on the same images.

    Attributes
    ----------
    only_a, only_b : int
        Images that only the first, or only the second, classifier got right.
    p_value : float
        Two-sided exact binomial p-value of the discordant images; 1 where there are none.
    """

    only_a: int
    only_b: int
    p_value: float


def mcnemar_exact(y: ArrayLike, a: ArrayLike, b: ArrayLike) -> McNemar:
    """Test whether two classifiers are right equally often on the same images.

    Only the discordant images count, those that one classifier got right and the other wrong. If the two are equally
    good, each such image falls to either side like a fair coin. The test has no approximation in it, so it holds for
    few discordant images too.

    Parameters
    ----------
    y, a, b : array-like of shape (n,)
        The true classes, and the classes that the first and the second classifier predicted.

    Returns
    -------
    McNemar
        The two discordant counts and the p-value.

    Raises
    ------
    ValueError
        If the three have different lengths.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947) 153-157.

    Examples
    --------
    >>> mcnemar_exact([0, 0, 1, 1, 1], [0, 0, 1, 1, 1], [1, 1, 0, 0, 1])
    McNemar(only_a=4, only_b=0, p_value=0.125)
    """
    right_a, right_b = _right(y, a, b)
    only_a = int(np.count_nonzero(right_a & ~right_b))
    only_b = int(np.count_nonzero(right_b & ~right_a))
    p_value = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(only_a, only_b, float(p_value))


def holm(p_values: Sequence[float] | NDArray[np.float64], n_tests: int | None = None) -> NDArray[np.float64]:
    """Adjust p-values for having been several, after Holm.

    Holm's correction holds whatever the dependence between the tests is (heads on one embedding err together), and is
    never weaker than Bonferroni's.

    Parameters
    ----------
    p_values : array-like of shape (m,)
        P-values of one family of tests, in any order.
    n_tests : int, optional
        Size of the family, where the others of it were not made: as if they had come to 1 or less. m by default.

    Returns
    -------
    ndarray of shape (m,), dtype float64
        The adjusted p-values in the given order, at most 1; a test is significant where its own is below the level.

    Raises
    ------
    ValueError
        If a p-value lies outside 0 to 1 or is NaN, or the family is smaller than what is given of it.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979)
    65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005])
    array([0.03, 0.06, 0.06, 0.02])
    >>> holm([0.01, 0.04], n_tests=6)
    array([0.06, 0.2 ])
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p_values must be one row of numbers from 0 to 1; got {p_values!r}.")
    size = p.size if n_tests is None else n_tests
    if size < p.size:
        raise ValueError(f"n_tests must be at least the number of p_values, {p.size}; got {n_tests!r}.")
    order = np.argsort(p, kind="stable")
    stepped = p[order] * (size - np.arange(p.size))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def wilson_interval(correct: int, n: int, confidence: float = 0.95) -> Interval:
    """Give the score interval of a share, such as an accuracy.

    Parameters
    ----------
    correct, n : int
        How many of how many images were right; n is at least 1.
    confidence : float, default 0.95
        Coverage of the interval.

    Returns
    -------
    tuple of two floats
        Lower and upper end, as shares from 0 to 1.

    Raises
    ------
    ValueError
        If n is 0, or correct is not between 0 and n.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927) 209-212.

    Examples
    --------
    >>> low, high = wilson_interval(81, 263)
    >>> f"{low:.4f} {high:.4f}"
    '0.2553 0.3662'
    """
    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"correct must lie between 0 and n, and n be at least 1; got {correct} of {n}.")
    interval = binomtest(int(correct), int(n)).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def paired_difference_interval(y: ArrayLike, a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Interval:
    """Give an interval of the difference in accuracy, a less b, of two classifiers on the same images.

    Newcombe's method 10: the Wilson intervals of the two accuracies, joined with allowance for their correlation. It
    keeps its coverage near 0 and 1 and with few discordant images, where the textbook (Wald) interval does not.

    Parameters
    ----------
    y, a, b : array-like of shape (n,)
        The true classes, and the classes that the first and the second classifier predicted; n is at least 1.
    confidence : float, default 0.95
        Coverage of the interval.

    Returns
    -------
    tuple of two floats
        Lower and upper end, as shares from -1 to 1.

    Raises
    ------
    ValueError
        If the three have different lengths, or are empty.

    References
    ----------
    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Statistics in Medicine 17 (1998) 2635-2650.

    Examples
    --------
    >>> low, high = paired_difference_interval([1] * 10, [1] * 9 + [0], [1] * 6 + [0] * 4)
    >>> f"{low:+.2f} {high:+.2f}"
    '-0.07 +0.59'
    """
    right_a, right_b = _right(y, a, b)
    n, total_a, total_b = right_a.size, int(right_a.sum()), int(right_b.sum())
    low_a, high_a = wilson_interval(total_a, n, confidence)
    low_b, high_b = wilson_interval(total_b, n, confidence)
    accuracy_a, accuracy_b = total_a / n, total_b / n
    phi = _corrected_phi(int((right_a & right_b).sum()), total_a, total_b, n)
    below = _joined(accuracy_a - low_a, high_b - accuracy_b, phi)
    above = _joined(high_a - accuracy_a, accuracy_b - low_b, phi)
    difference = accuracy_a - accuracy_b
    return max(difference - below, -1.0), min(difference + above, 1.0)


def bootstrap_macro_f1(
    y: ArrayLike,
    prediction: ArrayLike,
    n_classes: int,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> Interval:
    """Give the percentile bootstrap interval of macro-F1.

    Macro-F1 depends on the images only through the confusion matrix, and the confusion matrix of images drawn with
    replacement is multinomial over the cells of the observed one. Drawing matrices is therefore the same bootstrap as
    drawing images, without touching an image.

    Each resample is averaged over the classes that occur in it, as the estimate is over those that occur in `y`: a class of
    few images that happens not to be drawn has no F1. Counting it as 0 would draw the interval down, away from the estimate.
    Images are drawn from all classes together and not within each: a test split is a sample of images in which the number of
    a class is chance too, and what a class of one image would add with that number held fast is no variation at all.

    Parameters
    ----------
    y, prediction : array-like of shape (n,), integers below `n_classes`
        The true and the predicted classes; n is at least 1.
    n_classes : int
        How many classes there are.
    confidence : float, default 0.95
        Coverage of the interval.
    n_resamples : int, default 1000
        Bootstrap samples to draw.
    random_state : int, default 0
        Seed of the draws; equal seeds give equal intervals.

    Returns
    -------
    tuple of two floats
        Lower and upper end, from 0 to 1.

    References
    ----------
    B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall (1993), chapter 13.

    Examples
    --------
    >>> y = [0, 1, 2] * 100
    >>> low, high = bootstrap_macro_f1(y, [0, 1, 1] * 100, n_classes=3)
    >>> bool(low < 0.5556 < high)
    True
    """
    y, prediction = np.asarray(y), np.asarray(prediction)
    # only cells that hold an image can be drawn: with many classes almost none of the matrix does
    cells, counts = np.unique(y * n_classes + prediction, return_counts=True)
    truth, predicted = np.divmod(cells, n_classes)
    classes = np.unique(truth)
    draws = np.random.default_rng(random_state).multinomial(y.size, counts / y.size, size=n_resamples)
    in_truth = (truth[:, None] == classes).astype(np.float64)
    in_prediction = (predicted[:, None] == classes).astype(np.float64)
    true_positives = draws @ (in_truth * in_prediction)
    support_and_predicted = draws @ (in_truth + in_prediction)
    f1 = 2 * true_positives / np.maximum(support_and_predicted, 1)
    macro_f1 = f1.mean(axis=1, where=draws @ in_truth > 0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(macro_f1, [tail, 1 - tail])
    return float(low), float(high)


def _right(y: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell for each image whether the first and whether the second classifier got it right."""
    y, a, b = np.asarray(y), np.asarray(a), np.asarray(b)
    if not y.shape == a.shape == b.shape or y.ndim != 1:
        raise ValueError(f"y, a and b must be rows of one length; got the shapes {y.shape}, {a.shape} and {b.shape}.")
    return a == y, b == y


def _corrected_phi(both: int, total_a: int, total_b: int, n: int) -> float:
    """Newcombe's continuity-corrected phi coefficient of being right; 0 where a classifier is always right or wrong."""
    margins = total_a * (n - total_a) * total_b * (n - total_b)
    if margins == 0:
        return 0.0
    only_a, only_b = total_a - both, total_b - both
    cross = both * (n - both - only_a - only_b) - only_a * only_b
    corrected = max(cross - n / 2, 0.0) if cross > 0 else float(cross)
    return corrected / margins**0.5


def _joined(one: float, other: float, phi: float) -> float:
    """Half-width of a difference from those of its two sides, which correlate by phi."""
    # rounding can leave a tiny negative where both sides are equal and phi is 1
    return max(one**2 - 2 * phi * one * other + other**2, 0.0) ** 0.5
