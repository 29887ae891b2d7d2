"""Images that belong together, as two flat arrays however many they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Values that are looked up at a time.
BLOCK = 2**15


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of two images or more.

    Attributes
    ----------
    members : ndarray of shape (m,), dtype int64
        Positions of the images: group after group, ascending within each.
    starts : ndarray of shape (g,), dtype int64
        Where in `members` each group begins.

    Examples
    --------
    >>> groups = equal_rows(np.array([7, 5, 7, 6, 5, 5]))
    >>> [group.tolist() for group in groups]
    [[1, 4, 5], [0, 2]]
    """

    members: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, group: int) -> NDArray[np.int64]:
        """Positions of one group's images."""
        if not 0 <= group < len(self):
            raise IndexError(f"group must lie in 0..{len(self) - 1}; got {group}.")
        start = self.starts[group]
        return self.members[start : start + self.sizes[group]]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return iter(np.split(self.members, self.starts[1:]) if len(self) else [])

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many images each group has, shape (g,)."""
        return np.diff(self.starts, append=len(self.members))

    @property
    def firsts(self) -> NDArray[np.int64]:
        """The first image of each group, shape (g,)."""
        return self.members[self.starts]

    def reordered(self, order: NDArray[np.int64]) -> Groups:
        """Put the groups into another order.

        Parameters
        ----------
        order : ndarray of shape (g,), dtype int64
            Which group comes where.

        Returns
        -------
        Groups
        """
        sizes = self.sizes[order]
        starts = np.cumsum(sizes) - sizes
        return Groups(self.members[np.repeat(self.starts[order] - starts, sizes) + np.arange(sizes.sum())], starts)

    def differ(self, values: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Mark the groups whose images differ in a value; images whose value is negative say nothing.

        Parameters
        ----------
        values : ndarray of shape (n,) of integers
            One value for each image of the dataset.

        Returns
        -------
        ndarray of shape (g,), dtype bool
        """
        if not len(self):
            return np.zeros(0, dtype=bool)
        mine = values[self.members]
        highest = np.maximum.reduceat(mine, self.starts)
        # where nothing is known, the lowest is the highest
        lowest = np.minimum.reduceat(np.where(mine < 0, np.iinfo(np.int64).max, mine), self.starts)
        return lowest < highest


def equal_rows(*columns: NDArray) -> Groups:
    """Group the rows that agree in every column, in O(n log n).

    Parameters
    ----------
    *columns : ndarray of shape (n,)
        Any values that can be sorted.

    Returns
    -------
    Groups
        In the order of the values; rows that are like no other are in none.
    """
    order = np.lexsort(columns)
    begins = np.zeros(len(order), dtype=bool)
    begins[:1] = True
    for column in columns:
        ordered = column[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=len(order))
    several = sizes > 1
    members = order[np.repeat(several, sizes)]
    return Groups(members, np.cumsum(sizes[several]) - sizes[several])


def identical_images(digests: NDArray[np.bytes_]) -> Groups:
    """Group the images whose pixels are the same, in O(n log n).

    Beside the digests this holds 8 bytes for each image, and some 60 for each image that has a copy.

    Parameters
    ----------
    digests : ndarray of shape (n,), dtype "S16"
        From `hybridfer.digest.image_digests`.

    Returns
    -------
    Groups
    """
    # numbers sort several times faster than strings, and keep the zero bytes at the end that NumPy's strings lose
    halves = np.ascontiguousarray(digests).view(np.uint64).reshape(-1, 2)
    # positions that were sorted with them would double the memory, and only those of copies are wanted
    chosen = _holding(halves[:, 0], _repeated(halves[:, 0]))
    groups = equal_rows(*halves[chosen].T)
    return Groups(chosen[groups.members], groups.starts)


def _repeated(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Values that occur several times, ascending."""
    ordered = np.sort(values)
    again = np.flatnonzero(ordered[1:] == ordered[:-1])
    return np.unique(ordered[again])


def _holding(values: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Positions of the values that are among some sorted ones."""
    found = np.zeros(len(values), dtype=bool)
    for start in range(0, len(values) if len(wanted) else 0, BLOCK):
        block = values[start : start + BLOCK]
        places = np.minimum(np.searchsorted(wanted, block), len(wanted) - 1)
        found[start : start + BLOCK] = wanted[places] == block
    return np.flatnonzero(found)
