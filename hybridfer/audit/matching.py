"""All pairs of hashes within a Hamming distance, without looking at all pairs: multi-index hashing.

Of two hashes that differ in at most d bits, one of four bands of 16 bits differs in at most d // 4 (pigeonholes). So each
band's values are looked up with up to d // 4 bits flipped, and nothing within the distance is missed (Norouzi, Punjani and
Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDS = 4
WIDTH = 16
BUCKETS = 2**WIDTH
#: Pairs that are expanded at a time: some megabytes.
LOT = 2**18
#: Hashes whose partners are looked up at a time.
BLOCK = 2**16
#: Comparisons an image that a search may cost. A comparison takes some 10 ns, so this keeps the time linear.
BUDGET = 20_000

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Search:
    """How hashes will be compared, decided by `plan_search` before a single pair is looked at.

    Attributes
    ----------
    distance : int
        Pairs that differ in at most this many of 64 bits are found.
    candidates : int
        Pairs of hashes that are compared; one that shares several bands is compared in each.
    reach : int or None
        None where every pair within the distance is found. Otherwise a hash is compared with this many of those that follow
        it in its bucket, as too many hashes share their bands.
    """

    distance: int
    candidates: int
    reach: int | None = None


def plan_search(hashes: NDArray[np.uint64], distance: int, budget: int = BUDGET) -> Search:
    """Find the largest distance, up to the one asked for, that a number of comparisons an image pays for.

    Parameters
    ----------
    hashes : ndarray of shape (n,), dtype uint64
    distance : int
        Bits that two hashes may differ in.
    budget : int
        Comparisons an image.

    Returns
    -------
    Search
    """
    sizes = [np.bincount(_band(hashes, band), minlength=BUCKETS) for band in range(BANDS)]
    for flips in range(distance // BANDS, -1, -1):
        reached = min(distance, BANDS * flips + BANDS - 1)
        candidates = sum(_count(size, mask) for size in sizes for mask in _masks(flips))
        if candidates <= budget * len(hashes):
            return Search(reached, candidates)
    reach = max(budget // BANDS, 1)
    return Search(reached, sum(_count_within(size, reach) for size in sizes), reach)


def close_pairs(
    hashes: NDArray[np.uint64], search: Search, compared: Callable[[int], object] | None = None
) -> Iterator[Pairs]:
    """Give all pairs within the distance, each once.

    Parameters
    ----------
    hashes : ndarray of shape (n,), dtype uint64
    search : Search
        From `plan_search`.
    compared : callable, optional
        Told how many pairs of hashes have been compared since it was told last.

    Yields
    ------
    first, second : ndarray of shape (m,), dtype int64
        Positions in `hashes`, ``first < second``; up to some hundred thousand pairs at a time.

    Examples
    --------
    >>> hashes = np.array([0b0000, 0b0111, 2**63, 2**64 - 1], dtype=np.uint64)
    >>> found = close_pairs(hashes, plan_search(hashes, 3))
    >>> sorted(pair for first, second in found for pair in zip(first.tolist(), second.tolist()))
    [(0, 1), (0, 2)]
    """
    flips = search.distance // BANDS
    for band in range(BANDS):
        keys = _band(hashes, band)
        order = np.lexsort((hashes, keys))
        ordered, keys = hashes[order], keys[order]
        sizes = np.bincount(keys, minlength=BUCKETS)
        for mask in _masks(flips):
            for left, right in _candidates(keys, sizes, mask, search.reach):
                near = _near(ordered[left], ordered[right], search.distance, band, flips)
                one, other = order[left[near]], order[right[near]]
                if compared is not None:
                    compared(len(left))
                yield np.minimum(one, other), np.maximum(one, other)


def _band(hashes: NDArray[np.uint64], band: int) -> NDArray[np.uint16]:
    """Cut a band out of hashes: bytes in memory order, which is the same for all."""
    return np.ascontiguousarray(hashes).view(np.uint16).reshape(-1, BANDS)[:, band]


def _masks(flips: int) -> list[int]:
    """The 16-bit numbers with at most `flips` bits, the empty one first."""
    masks = np.arange(BUCKETS, dtype=np.uint16)
    return masks[np.bitwise_count(masks) <= flips].tolist()


def _count(sizes: NDArray[np.int64], mask: int) -> int:
    """Pairs between each bucket and the one that differs from it by the mask."""
    pairs = sizes * (sizes - 1) if mask == 0 else sizes * sizes[np.arange(BUCKETS) ^ mask]
    return int(pairs.sum()) // 2


def _count_within(sizes: NDArray[np.int64], reach: int) -> int:
    """Pairs within each bucket that stand at most `reach` apart."""
    near = np.minimum(sizes, reach + 1)
    return int((near * (near - 1) // 2 + (sizes - near) * reach).sum())


def _candidates(keys: NDArray[np.uint16], sizes: NDArray[np.int64], mask: int, reach: int | None) -> Iterator[Pairs]:
    """Write out the pairs of rows whose sorted keys differ by the mask."""
    ends = np.cumsum(sizes)
    for start in range(0, len(keys), BLOCK):
        block = keys[start : start + BLOCK].astype(np.int64)
        if mask == 0:
            rows = np.arange(start, start + len(block))
            counts = ends[block] - rows - 1
            yield from _expanded(rows, rows + 1, counts if reach is None else np.minimum(counts, reach))
            continue
        # of two buckets the lower one looks the other up: the one that lacks the mask's highest bit
        lower = np.flatnonzero(block & (1 << (mask.bit_length() - 1)) == 0)
        partners = block[lower] ^ mask
        yield from _expanded(start + lower, ends[partners] - sizes[partners], sizes[partners])


def _expanded(rows: NDArray[np.int64], starts: NDArray[np.int64], counts: NDArray[np.int64]) -> Iterator[Pairs]:
    """Write out rows and their partners, about LOT pairs at a time."""
    some = counts > 0
    rows, starts, counts = rows[some], starts[some], counts[some]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.unique(np.searchsorted(ends, np.arange(LOT, total + LOT, LOT)) + 1)
    first = 0
    for last in np.minimum(cuts, len(rows)).tolist():
        part = slice(first, last)
        first = last
        number = int(counts[part].sum())
        if number:
            shift = starts[part] - (ends[part] - counts[part]) + (ends[part][0] - counts[part][0])
            yield np.repeat(rows[part], counts[part]), np.arange(number) + np.repeat(shift, counts[part])


def _near(left: NDArray[np.uint64], right: NDArray[np.uint64], distance: int, band: int, flips: int) -> NDArray[np.int64]:
    """Pairs within the distance that no earlier band has found."""
    differing = left ^ right
    near = np.flatnonzero(np.bitwise_count(differing) <= distance)
    for earlier in range(band):
        near = near[np.bitwise_count(_band(differing[near], earlier)) > flips]
    return near
