"""The audit: what is wrong with a dataset, found without anybody looking at its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.blanks import blank_images
from hybridfer.audit.groups import Groups, identical_images
from hybridfer.audit.likeness import ALIKE, SHIFT
from hybridfer.audit.near import DISTANCE, Matches, near_duplicates
from hybridfer.audit.report import AuditReport, Duplicates, NearDuplicates
from hybridfer.audit.worst import worst_groups
from hybridfer.datasets.dataset import SPLITS, Dataset
from hybridfer.datasets.index import count_jobs
from hybridfer.datasets.read import Source, read_dataset


def audit_dataset(
    source: Source, *, near: int | None = DISTANCE, n_jobs: int | None = None, verbose: int = 0, **reading: Any
) -> AuditReport:
    """Look for duplicates, leaks between splits, conflicting labels, blank and unreadable images.

    Identical images are found by their digests, in O(n log n). Near-duplicates are found by a perceptual hash and confirmed
    by their pixels: see `hybridfer.audit.near` for what was measured on FER2013.

    Parameters
    ----------
    source : str, path or Dataset
        What `read_dataset` reads. What cannot be read is told in the report and stops nothing.
    near : int or None
        Bits of 64 in which the hashes of near-duplicates may differ, 0..15; None does not look for near-duplicates.
    n_jobs : int, optional
        Threads; all cores by default. The result does not depend on it.
    verbose : int
        1 shows bars on a terminal.
    **reading
        ``classes``, ``image_size``, ``mode``, ``test_split`` and ``index``, as for `read_dataset`.

    Returns
    -------
    AuditReport

    Raises
    ------
    DatasetError
        If nothing at all can be read, or images have several sizes and no ``image_size`` was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridfer import audit_dataset, make_faces
    >>> faces = make_faces(70, random_state=0)
    >>> twice = faces.subset(np.append(np.arange(70), [0, 0, 1]))
    >>> audit_dataset(twice, n_jobs=1).exact
    Duplicates(groups=2, images=5, redundant=3, across_splits=0, conflicting_labels=0)
    """
    dataset = read_dataset(source, **{**reading, "on_error": "skip"}, n_jobs=n_jobs)
    blank = blank_images(dataset.images)
    exact = identical_images(dataset.digests)
    splits = split_numbers(dataset)
    matches = None
    if near is not None:
        jobs, progress = count_jobs(n_jobs), verbose > 0
        matches = near_duplicates(dataset.images, exact, blank, near, n_jobs=jobs, progress=progress)
    counts = _counts(dataset)
    return AuditReport(
        source=Path(dataset.source).name,
        n_images=len(dataset),
        classes=dataset.classes,
        counts=counts,
        imbalance=_imbalance(counts),
        exact=Duplicates(redundant=len(exact.members) - len(exact), **_tally(exact, splits, dataset.labels)),
        near=None if matches is None else _told(matches, near or 0, int(blank.sum()), splits, dataset.labels),
        blanks=int(blank.sum()),
        unreadable=tuple(map(str, dataset.problems)),
        worst=worst_groups(dataset, exact, None if matches is None else matches.groups, blank, splits),
        unlabelled=int((dataset.labels < 0).sum()),
    )


def split_numbers(dataset: Dataset) -> NDArray[np.int8]:
    """Give each image the place of its split in train, validation, test."""
    return np.select([dataset.splits == split for split in SPLITS], np.arange(len(SPLITS), dtype=np.int8))


def _counts(dataset: Dataset) -> dict[str, tuple[int, ...]]:
    """Count the labelled images of each split by class."""
    known = {split: dataset.labels[(dataset.splits == split) & (dataset.labels >= 0)] for split in SPLITS}
    return {
        split: tuple(np.bincount(labels, minlength=len(dataset.classes)).tolist())
        for split, labels in known.items()
        if dataset.has_split(split)
    }


def _imbalance(counts: dict[str, tuple[int, ...]]) -> float:
    """How many times as many train images the largest class has as the smallest that has any."""
    rows = [counts["train"]] if "train" in counts else list(counts.values())
    present = [total for total in map(sum, zip(*rows, strict=True)) if total]
    return max(present) / min(present) if len(present) > 1 else 1.0


def _tally(groups: Groups, splits: NDArray[np.int8], labels: NDArray[np.int64]) -> dict[str, int]:
    """What both kinds of duplicates count."""
    return {
        "groups": len(groups),
        "images": len(groups.members),
        "across_splits": int(groups.differ(splits).sum()),
        "conflicting_labels": int(groups.differ(labels).sum()),
    }


def _told(matches: Matches, asked: int, blanks: int, splits: NDArray[np.int8], labels: NDArray[np.int64]) -> NearDuplicates:
    """Sum up the near-duplicates."""
    search = matches.search
    return NearDuplicates(
        method=_method(matches, asked, blanks),
        threshold=search.distance,
        candidates=search.candidates,
        pairs=matches.pairs,
        **_tally(matches.groups, splits, labels),
    )


def _method(matches: Matches, asked: int, blanks: int) -> str:
    """Say how near-duplicates were found, and what the search left out."""
    search = matches.search
    parts = [
        f"64-bit hashes of a cosine transform that differ in at most {search.distance} bits, found by multi-index hashing; "
        f"confirmed where details correlate by {ALIKE} or more at the best shift of up to {SHIFT} of 48 pixels"
    ]
    if search.distance < asked:
        parts.append(f"{asked} bits were asked for, but so many images look alike that this would have taken too long")
    if search.reach is not None:
        parts.append(
            f"each hash was compared with the next {search.reach:,} of its bucket alone, so that some pairs are missing"
        )
    if blanks:
        parts.append("blank images were left out")
    return "; ".join(parts)
