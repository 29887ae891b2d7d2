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
#: Share of the images that decide which may be copies of others of them: with as many, intervals are 3 % too narrow.
MOST_COPIES = 0.05


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
        A sentence each: of copies among the test images that decide; of these and of the validation images that choose,
        where they are fewer than 1,000.

    Examples
    --------
    >>> counts = {"train": (50, 50), "validation": (5, 5), "test": (0, 0)}
    >>> few = DatasetSummary("faces", ("happy", "sad"), (48, 48), counts, "test", "carved", 0, 0, 0)
    >>> find_few_images(few, [])
    ()
    """
    rows = tuple(rows)
    deciding = next((row.twin_free.n for row in rows if row.twin_free is not None), 0)
    distinct = deciding if dataset.distinct is None else min(dataset.distinct, deciding)
    return (
        *_copies(deciding, distinct),
        *_few_test_images(distinct, "different test image" if distinct < deciding else "test image", rows),
        *_few_validation_images(dataset.n_tuning, rows),
    )


def _copies(deciding: int, distinct: int) -> tuple[str, ...]:
    """Warn of a test split that holds many images more than once."""
    if deciding - distinct <= MOST_COPIES * deciding:
        return ()
    return (
        f"Of the {deciding:,} test images that decide only {distinct:,} differ from one another: intervals and tests take "
        "copies for independent images, and are surer than they may be. Score each image once.",
    )


def _few_test_images(n: int, noun: str, rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Warn of a test split whose twin-free part is small."""
    if not 0 < n < ENOUGH:
        return ()
    low, high = wilson_interval(n // 2, n)
    told = f"Only {phrases.count(n, noun)} decide{'s' if n == 1 else ''}: an accuracy near 50 % would have "
    told += f"the 95 % interval {wording.interval((low, high))}"
    if any(count_comparisons(rows)):
        told += f", and even a test by itself, corrected for no other, can tell {_least_lead(n)} from chance"
    return (f"{told}.",)


def _few_validation_images(n: int, rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Warn of a small validation split, where heads or their parameters were chosen by it."""
    heads = [row for row in rows if not row.is_softmax and row.validation_accuracy is not None]
    chosen = (["heads"] if len(heads) > 1 else []) + (["parameters"] if any(row.best_params for row in heads) else [])
    if not 0 < n < ENOUGH or not chosen:
        return ()
    return (
        f"Only {phrases.count(n, 'validation image')} choose{'s' if n == 1 else ''} {' and their '.join(chosen)}: of two "
        f"candidates, {_least_lead(n)} there can be told from chance.",
    )


def _least_lead(n: int) -> str:
    """Name the smallest lead that a single test could find beyond chance; Holm's correction leaves no smaller one."""
    needed = next(tosses for tosses in itertools.count(1) if 2 * 0.5**tosses < ALPHA)
    return "no lead at all" if needed > n else f"no lead below {wording.gap(100 * needed / n)}"
