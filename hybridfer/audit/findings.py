"""What an audit found, image by image: the report, the table of all groups and the cleaned index are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.groups import Groups
from hybridfer.audit.likeness import ALIKE, SHIFT
from hybridfer.audit.listing import KINDS, Listing, list_groups
from hybridfer.audit.near import Matches
from hybridfer.audit.report import AuditReport, Duplicates, NearDuplicates
from hybridfer.audit.worst import MOST_MEMBERS, worst_groups
from hybridfer.csv_layout import to_csv
from hybridfer.datasets.dataset import SPLITS, Dataset


@dataclass(frozen=True, eq=False)
class Findings:
    """What is wrong with a dataset, image by image.

    Attributes
    ----------
    dataset : Dataset
        What was audited.
    exact : Groups
        Identical images.
    near : Matches or None
        Near-duplicates; None where they were not looked for.
    asked : int
        Bits in which the hashes of near-duplicates were to differ at most.
    blank : ndarray of shape (n,), dtype bool
        Images that show nothing.

    Examples
    --------
    >>> from hybridfer import make_faces
    >>> from hybridfer.audit import find_faults
    >>> faces = make_faces(70, random_state=0)
    >>> twice = faces.subset(np.append(np.arange(70), [0, 0, 1]))
    >>> table = find_faults(twice, n_jobs=1).table()
    >>> for row in zip(table["group"], table["kind"], table["position"]):
    ...     print(*row)
    1 exact 0
    1 exact 70
    1 exact 71
    2 exact 1
    2 exact 72
    """

    dataset: Dataset
    exact: Groups
    near: Matches | None
    asked: int
    blank: NDArray[np.bool_]

    def report(self) -> AuditReport:
        """Sum up what was found, with the worst groups."""
        dataset, exact, blanks = self.dataset, self.exact, int(self.blank.sum())
        splits, counts = _split_numbers(dataset), _counts(dataset)
        return AuditReport(
            source=Path(dataset.source).name,
            n_images=len(dataset),
            classes=dataset.classes,
            counts=counts,
            imbalance=_imbalance(counts),
            exact=Duplicates(redundant=len(exact.members) - len(exact), **_tally(exact, splits, dataset.labels)),
            near=None if self.near is None else _told(self.near, self.asked, blanks, splits, dataset.labels),
            blanks=blanks,
            unreadable=tuple(map(str, dataset.problems)),
            worst=worst_groups(dataset, self._listing(splits), self.blank),
            unlabelled=int((dataset.labels < 0).sum()),
            blank_names=tuple(dataset.names[np.flatnonzero(self.blank)[:MOST_MEMBERS]].tolist()),
        )

    def table(self) -> dict[str, NDArray]:
        """List every group of identical images and of near-duplicates, and the blank images, the worst group first.

        Returns
        -------
        dict of str to ndarray of shape (m,)
            One entry an image and group, so that ``pandas.DataFrame(findings.table())`` is a table: ``group`` (a number from
            1), ``kind`` ("exact", "near" or "blank"), ``across_splits`` and ``conflicting_labels`` (bool, of the group),
            ``name``, ``split``, ``class`` ("" where there is no label) and ``position`` in the dataset. A near-duplicate
            that has copies, and a blank image that has, is in two groups.
        """
        listing = self._listing(_split_numbers(self.dataset))
        members, sizes = listing.groups.members, listing.groups.sizes
        return {
            "group": np.repeat(np.arange(1, len(listing) + 1), sizes),
            "kind": np.array(KINDS)[np.repeat(listing.kinds, sizes)],
            "across_splits": np.repeat(listing.across, sizes),
            "conflicting_labels": np.repeat(listing.conflicting, sizes),
            "name": self.dataset.names[members],
            "split": self.dataset.splits[members],
            "class": np.array([*self.dataset.classes, ""])[self.dataset.labels[members]],
            "position": members,
        }

    def to_csv(self) -> str:
        """Write `table` as comma-separated values with a line of headings; yes and no for truth, and no positions.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from hybridfer import make_faces
        >>> from hybridfer.audit import find_faults
        >>> twice = make_faces(70, random_state=0).subset([0, 1, 0])
        >>> twice = replace(twice, names=np.array(["a.png", "b.png", "c.png"]))
        >>> print(find_faults(twice, near=None, n_jobs=1).to_csv(), end="")
        group,kind,across_splits,conflicting_labels,name,split,class
        1,exact,no,no,a.png,train,angry
        1,exact,no,no,c.png,train,angry
        """
        table = self.table()
        del table["position"]
        columns = [np.where(column, "yes", "no") if column.dtype == bool else column for column in table.values()]
        return to_csv([table, *zip(*(column.tolist() for column in columns), strict=True)])

    def _listing(self, splits: NDArray[np.int8]) -> Listing:
        near = None if self.near is None else self.near.groups
        return list_groups(self.exact, near, self.blank, splits, self.dataset.labels)


def _split_numbers(dataset: Dataset) -> NDArray[np.int8]:
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
