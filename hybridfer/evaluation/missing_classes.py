"""Warnings of splits that lack some of the classes: what was scored or chosen there is not about all of them."""

from __future__ import annotations

from collections.abc import Iterable

from hybridfer import phrases
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.summary import DatasetSummary


def find_missing_classes(dataset: DatasetSummary, rows: Iterable[Row] = ()) -> tuple[str, ...]:
    """Word a warning for each part of the images that has none of some classes.

    Parameters
    ----------
    dataset : DatasetSummary
        The images of the report.
    rows : iterable of Row
        The rows of the report, which know the twin-free part of the test split.

    Returns
    -------
    tuple of str
        A sentence each; empty where test, its twin-free part and validation have images of every class.

    Examples
    --------
    >>> counts = {"train": (5, 5), "validation": (2, 2), "test": (5, 0)}
    >>> lacking = DatasetSummary("faces", ("happy", "sad"), (48, 48), counts, "test", "carved", 0, 0, 0)
    >>> find_missing_classes(lacking)[0][:65]
    'The test split has no image of sad: macro-F1 is the mean over the'
    """
    warnings = []
    in_test, in_validation = (_without_images(dataset, split) for split in ("test", "validation"))
    if in_test:
        warnings.append(_about_macro_f1("The test split", in_test, dataset))
    if in_twin_free := _without_twin_free_images(rows, in_test):
        warnings.append(_about_macro_f1("The twin-free part of the test split", in_twin_free, dataset, also=in_test))
    if in_validation:
        warnings.append(
            f"Validation has no image of {phrases.listed(in_validation)}: "
            "parameters and temperatures of the heads were chosen without regard to it."
        )
    return tuple(warnings)


def _without_images(dataset: DatasetSummary, split: str) -> list[str]:
    """The classes of which a split has no image; none where the split is not counted."""
    return [name for name, n in zip(dataset.classes, dataset.counts.get(split, ()), strict=False) if n == 0]


def _without_twin_free_images(rows: Iterable[Row], known: list[str]) -> list[str]:
    """The classes whose test images are all twins; the same in every row."""
    scores = next((row.twin_free for row in rows if row.twin_free is not None), None)
    return [] if scores is None else [one.name for one in scores.per_class if one.support == 0 and one.name not in known]


def _about_macro_f1(part: str, missing: list[str], dataset: DatasetSummary, also: Iterable[str] = ()) -> str:
    """What macro-F1 is without some classes."""
    n = len(dataset.classes)
    left = n - len({*missing, *also})
    return (
        f"{part} has no image of {phrases.listed(missing)}: macro-F1 is the mean over the {left} of {n} classes that occur "
        "in it, and is not comparable with one over all of them."
    )
