"""The groups that are worth a look, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.groups import Groups
from hybridfer.audit.report import Group
from hybridfer.datasets.dataset import Dataset

MOST_GROUPS = 24
#: Images that a group lists; a dataset can hold thousands of copies of one image.
MOST_MEMBERS = 100

_WORDS = {"exact": "identical images", "near": "images of one photograph", "blank": "blank images"}
_FAULTS = {
    (True, True): "in several splits, with different labels",
    (True, False): "in several splits",
    (False, True): "with different labels",
    (False, False): "in one split, with one label",
}


@dataclass(frozen=True, eq=False)
class _Ranked:
    """A group before it is written out; sorts by `rank`."""

    kind: str
    members: NDArray[np.int64]
    across: bool
    conflicting: bool

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Those that straddle splits before those that do not, conflicting labels first, and the large ones of a kind."""
        harm = [(True, True), (True, False), (False, True), (False, False)].index((self.across, self.conflicting))
        return harm, list(_WORDS).index(self.kind), -len(self.members), int(self.members[0])


def worst_groups(
    dataset: Dataset,
    exact: Groups,
    near: Groups | None,
    blank: NDArray[np.bool_],
    splits: NDArray[np.int8],
) -> tuple[Group, ...]:
    """Choose the groups that do most harm.

    Parameters
    ----------
    dataset : Dataset
    exact : Groups
        Identical images; groups of blank ones are told as the one group of all blank images.
    near : Groups or None
        Near-duplicates.
    blank : ndarray of shape (n,), dtype bool
    splits : ndarray of shape (n,), dtype int8
        A number for each image's split.

    Returns
    -------
    tuple of Group
        At most `MOST_GROUPS`.
    """
    found = list(_ranked("exact", exact, splits, dataset.labels, ~blank))
    if near is not None:
        found += _ranked("near", near, splits, dataset.labels, ~blank)
    blanks = np.flatnonzero(blank)
    if len(blanks):
        found += _ranked("blank", Groups(blanks, np.zeros(1, dtype=np.int64)), splits, dataset.labels, blank)
    found.sort(key=lambda group: group.rank)
    return tuple(_written(dataset, group) for group in found[:MOST_GROUPS])


def _ranked(
    kind: str, groups: Groups, splits: NDArray[np.int8], labels: NDArray[np.int64], wanted: NDArray[np.bool_]
) -> Iterator[_Ranked]:
    across, conflicting = groups.differ(splits), groups.differ(labels)
    # the largest of each degree of harm are enough: a million groups need not become objects
    for degree in range(4):
        alike = np.flatnonzero((across + 2 * conflicting == degree) & wanted[groups.firsts])
        largest = alike[np.argsort(-groups.sizes[alike], kind="stable")[:MOST_GROUPS]]
        for group in largest.tolist():
            yield _Ranked(kind, groups[group], bool(across[group]), bool(conflicting[group]))


def _written(dataset: Dataset, group: _Ranked) -> Group:
    shown = group.members[:MOST_MEMBERS]
    words = np.array([*dataset.classes, ""])
    size = len(group.members)
    noun = _WORDS[group.kind] if size > 1 else _WORDS[group.kind].removesuffix("s")
    more = f"; the first {MOST_MEMBERS} are listed" if size > MOST_MEMBERS else ""
    return Group(
        kind=group.kind,
        reason=f"{size:,} {noun} {_FAULTS[group.across, group.conflicting]}{more}",
        names=tuple(dataset.names[shown].tolist()),
        splits=tuple(dataset.splits[shown].tolist()),
        classes=tuple(words[dataset.labels[shown]].tolist()),
        positions=tuple(shown.tolist()),
        size=size,
    )
