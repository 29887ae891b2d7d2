"""Warnings of splits too small to tell classifiers apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.rows import Row, count_comparisons
from hybridfer.evaluation.significance import ALPHA, wilson_interval
from hybridfer.evaluation.summary import DatasetSummary

#: Images of a split below which it is warned; with as many, an accuracy near one half is known to 3 points to each side.
ENOUGH = 1000


def find_few_images(dataset: DatasetSummary, rows: Iterable[Row]) -> tuple[str, ...]:
    """Word warnings where few images decide: how vague accuracies are, and the lead below which no test can be won.

    To McNemar's exact test each image that only one of two classifiers gets right is the toss of a fair coin. The least
    lead that can pass it is that of a classifier which wins every toss; where both win some, or p-values are corrected for
    several tests, it takes more.

    Parameters
    ----------
    dataset : DatasetSummary
        The images of the report.
    rows : iterable of Row
        The rows of the report.

    Returns
    -------
    tuple of str
        A sentence of the test images that decide and one of the validation images that choose, where they are fewer than
        1,000.

    Examples
    --------
    >>> counts = {"train": (50, 50), "validation": (5, 5), "test": (0, 0)}
    >>> few = DatasetSummary("faces", ("happy", "sad"), (48, 48), counts, "test", "carved", 0, 0, 0)
    >>> find_few_images(few, [])
    ()
    """
    rows = tuple(rows)
    return (*_few_test_images(rows), *_few_validation_images(dataset.n_tuning, rows))


def _few_test_images(rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Warn of a test split whose twin-free part is small."""
    n = next((row.twin_free.n for row in rows if row.twin_free is not None), ENOUGH)
    if n >= ENOUGH:
        return ()
    low, high = wilson_interval(n // 2, n)
    told = f"Only {phrases.count(n, 'test image')} decide{'s' if n == 1 else ''}: an accuracy near 50 % would have "
    told += f"the 95 % interval {wording.interval((low, high))}"
    if count_comparisons(rows):
        told += f", and even a test by itself, corrected for no other, can tell {_least_lead(n)} from chance"
    return (f"{told}.",)


def _few_validation_images(n: int, rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Warn of a small validation split, where heads were chosen by it."""
    if not 0 < n < ENOUGH or all(row.is_softmax or row.validation_accuracy is None for row in rows):
        return ()
    return (
        f"Only {phrases.count(n, 'validation image')} choose{'s' if n == 1 else ''} heads and their parameters: of two "
        f"candidates, {_least_lead(n)} there can be told from chance.",
    )


def _least_lead(n: int) -> str:
    """Name the smallest lead that a single test could find beyond chance; Holm's correction leaves no smaller one."""
    needed = next(tosses for tosses in itertools.count(1) if 2 * 0.5**tosses < ALPHA)
    return "no lead at all" if needed > n else f"no lead below {wording.gap(100 * needed / n)}"
