"""The groups that are worth a look, the worst first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.listing import KINDS, Listing
from hybridfer.audit.report import Group
from hybridfer.datasets.dataset import Dataset

MOST_GROUPS = 24
#: Images that a group lists; a dataset can hold thousands of copies of one image.
MOST_MEMBERS = 100

_WORDS = {"exact": "identical images", "near": "images that look alike", "blank": "blank images"}
_FAULTS = {
    (True, True): "in several splits, with different labels",
    (True, False): "in several splits",
    (False, True): "with different labels",
    (False, False): "in one split, with one label",
}


def worst_groups(dataset: Dataset, listing: Listing, blank: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Write out the groups that do most harm.

    Parameters
    ----------
    dataset : Dataset
    listing : Listing
        Groups of identical blank images are told as the one group of all blank images.
    blank : ndarray of shape (n,), dtype bool

    Returns
    -------
    tuple of Group
        At most `MOST_GROUPS`.
    """
    told = (listing.kinds != KINDS.index("exact")) | ~blank[listing.groups.firsts]
    return tuple(_written(dataset, listing, group) for group in np.flatnonzero(told)[:MOST_GROUPS].tolist())


def _written(dataset: Dataset, listing: Listing, group: int) -> Group:
    members = listing.groups[group]
    kind = KINDS[listing.kinds[group]]
    shown = members[:MOST_MEMBERS]
    words = np.array([*dataset.classes, ""])
    size = len(members)
    noun = _WORDS[kind] if size > 1 else _WORDS[kind].removesuffix("s")
    more = f"; the first {MOST_MEMBERS} are listed" if size > MOST_MEMBERS else ""
    fault = _FAULTS[bool(listing.across[group]), bool(listing.conflicting[group])]
    return Group(
        kind=kind,
        reason=f"{size:,} {noun} {fault}{more}",
        names=tuple(dataset.names[shown].tolist()),
        splits=tuple(dataset.splits[shown].tolist()),
        classes=tuple(words[dataset.labels[shown]].tolist()),
        positions=tuple(shown.tolist()),
        size=size,
    )
