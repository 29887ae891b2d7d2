"""The audit: what is wrong with a dataset, found without anybody looking at its images."""

from __future__ import annotations

from typing import Any

from hybridfer.audit.blanks import blank_images
from hybridfer.audit.findings import Findings
from hybridfer.audit.groups import identical_images
from hybridfer.audit.near import DISTANCE, near_duplicates
from hybridfer.audit.report import AuditReport
from hybridfer.datasets.index import count_jobs
from hybridfer.datasets.read import Source, read_dataset


def audit_dataset(
    source: Source, *, near: int | None = DISTANCE, n_jobs: int | None = None, verbose: int = 0, **reading: Any
) -> AuditReport:
    """Look for duplicates, leaks between splits, conflicting labels, blank and unreadable images, and sum up.

    Identical images are found by their digests, in O(n log n). Near-duplicates are found by a perceptual hash and confirmed
    by their pixels: see `hybridfer.audit.near` for what was measured on FER2013. Beside the dataset an
    image takes a digest of 16 bytes, a hash of 8 and a few marks: with all buffers 42 bytes where there are a million
    (``benchmarks/bench_audit.py``).

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
        Counts, and the worst groups; `find_faults` gives all groups.

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
    return find_faults(source, near=near, n_jobs=n_jobs, verbose=verbose, **reading).report()


def find_faults(
    source: Source, *, near: int | None = DISTANCE, n_jobs: int | None = None, verbose: int = 0, **reading: Any
) -> Findings:
    """Do what `audit_dataset` does, and keep which images are meant.

    Parameters
    ----------
    source, near, n_jobs, verbose, **reading
        As for `audit_dataset`.

    Returns
    -------
    Findings
        ``table()`` lists every group, ``to_csv()`` too; ``report()`` is what `audit_dataset` gives.

    Raises
    ------
    DatasetError
        As from `audit_dataset`.

    Examples
    --------
    >>> from hybridfer import make_faces
    >>> from hybridfer.audit import find_faults
    >>> found = find_faults(make_faces(70, random_state=0).subset([3, 4, 3]), n_jobs=1)
    >>> found.table()["position"].tolist()
    [0, 2]
    """
    dataset = read_dataset(source, **{**reading, "on_error": "skip"}, n_jobs=n_jobs)
    exact = identical_images(dataset.digests)
    blank = blank_images(dataset.images)
    if near is None:
        return Findings(dataset, exact, None, 0, blank)
    matches = near_duplicates(dataset.images, exact, blank, near, n_jobs=count_jobs(n_jobs), progress=verbose > 0)
    return Findings(dataset, exact, matches, near, blank)
