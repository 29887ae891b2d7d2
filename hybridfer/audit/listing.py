"""Everything that an audit found, group by group, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.groups import Groups

#: Kinds of groups, in the order in which they are told where they do the same harm.
KINDS = ("exact", "near", "blank")


@dataclass(frozen=True, eq=False)
class Listing:
    """Groups of every kind, the worst first.

    Groups that straddle splits come before those that do not, and among both those with conflicting labels; then identical
    images before near-duplicates before blank images, and large groups before small ones.

    Attributes
    ----------
    groups : Groups
        Blank images are one group, be it of one image; those with copies are in a group of identical images too.
    kinds : ndarray of shape (g,), dtype int8
        Places in `KINDS`.
    across, conflicting : ndarray of shape (g,), dtype bool
        Whether a group has images in several splits, or with different labels.
    """

    groups: Groups
    kinds: NDArray[np.int8]
    across: NDArray[np.bool_]
    conflicting: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.groups)


def list_groups(
    exact: Groups,
    near: Groups | None,
    blank: NDArray[np.bool_],
    splits: NDArray[np.int8],
    labels: NDArray[np.int64],
) -> Listing:
    """Rank groups by the harm that they do.

    Parameters
    ----------
    exact : Groups
        Identical images.
    near : Groups or None
        Near-duplicates.
    blank : ndarray of shape (n,), dtype bool
    splits : ndarray of shape (n,), dtype int8
        A number for each image's split.
    labels : ndarray of shape (n,), dtype int64
        -1 where there is none.

    Returns
    -------
    Listing

    Examples
    --------
    >>> from hybridfer.audit.groups import equal_rows
    >>> exact = equal_rows(np.array([0, 1, 1, 0]))
    >>> listing = list_groups(exact, None, np.zeros(4, dtype=bool), np.array([0, 0, 0, 2]), np.array([5, 5, 5, 5]))
    >>> [group.tolist() for group in listing.groups], listing.across.tolist()
    ([[0, 3], [1, 2]], [True, False])
    """
    blanks = np.flatnonzero(blank)
    of_kinds = [exact, near, Groups(blanks, np.zeros(min(len(blanks), 1), dtype=np.int64))]
    found = [(kind, groups) for kind, groups in enumerate(of_kinds) if groups is not None]
    before = np.cumsum([0, *(len(groups.members) for _, groups in found)])
    together = Groups(
        np.concatenate([groups.members for _, groups in found]),
        np.concatenate([groups.starts + shift for (_, groups), shift in zip(found, before[:-1], strict=True)]),
    )
    kinds = np.repeat(np.array([kind for kind, _ in found], dtype=np.int8), [len(groups) for _, groups in found])
    across, conflicting = together.differ(splits), together.differ(labels)
    order = np.lexsort((together.firsts, -together.sizes, kinds, ~conflicting, ~across))
    return Listing(together.reordered(order), kinds[order], across[order], conflicting[order])
