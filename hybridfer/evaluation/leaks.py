"""Warnings of a comparison that cannot be trusted, as what was scored had been seen before."""

from __future__ import annotations

from collections.abc import Iterable

from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.summary import DatasetSummary

_WARNING = "Do not trust this comparison:"


def find_leaks(dataset: DatasetSummary, features: Iterable[FeatureRun]) -> tuple[str, ...]:
    """Word a warning for each way in which images of the test split, or of validation, were seen before.

    Heads have seen the twins, which do not decide; but where most of the test split are twins, it is no test split: training
    images were passed for one. A CNN has seen what its weights file names; it is told of where such images decide.

    Parameters
    ----------
    dataset : DatasetSummary
        The images of the report.
    features : iterable of FeatureRun
        The CNNs of the report.

    Returns
    -------
    tuple of str
        A sentence each; empty where all is well.

    Examples
    --------
    >>> counts = {"train": (5, 5), "validation": (2, 2), "test": (5, 5)}
    >>> same = DatasetSummary("faces", ("happy", "sad"), (48, 48), counts, "test", "carved", 10, 10, 0)
    >>> find_leaks(same, [])[0][:81]
    'Do not trust this comparison: 10 of 10 test images are also training images: what'
    """
    leaks = []
    if dataset.n_test and dataset.n_test - dataset.twins < dataset.n_test / 2:
        leaks.append(
            f"{_WARNING} {dataset.twins:,} of {dataset.n_test:,} test images are also training images: what is scored "
            "here is how well they are known by heart (a leak)."
        )
    hint = " Train it without them, or leave the twins in train." if dataset.dropped_twins else ""
    leaks += [
        f"{_WARNING} the CNN of {run.recipe} was trained on {run.leak.twin_free:,} of the twin-free test images "
        f"(a leak).{hint}"
        for run in features
        if run.leak is not None and run.leak.twin_free
    ]
    leaks += [
        f"Do not trust how the heads were tuned: the CNN of {run.recipe} was trained on {run.validation_leak:,} of the "
        f"{dataset.n_validation:,} validation images (a leak). "
        "Give a validation split that it has not seen, or train it anew."
        for run in features
        if run.validation_leak
    ]
    return tuple(leaks)
