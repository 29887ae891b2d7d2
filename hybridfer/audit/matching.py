"""All pairs of hashes within a Hamming distance, without looking at all pairs: multi-index hashing.

Of two hashes that differ in at most d bits, one of four bands of 16 bits differs in at most d // 4 (pigeonholes). So each
band's values are looked up with up to d // 4 bits flipped, and nothing within the distance is missed (Norouzi, Punjani and
Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014).

A sorted copy of all hashes with their rows would take more memory than the hashes. So they are sorted by the shelf, which
holds the hashes whose band begins with the same bits; at most two of sixteen are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

BANDS = 4
WIDTH = 16
BUCKETS = 2**WIDTH
#: Pairs that are expanded at a time: what a core's own cache holds.
LOT = 2**15
#: Hashes that are looked at at a time.
BLOCK = 2**15
#: Hashes a shelf, until there are 2**SHELF_BITS shelves. Each is filled anew for each of its neighbours: more shelves would
#: cost more passes over the hashes than they save memory.
SHELF = 2**15
SHELF_BITS = 4
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


@dataclass(frozen=True, eq=False)
class _Shelf:
    """The hashes whose band begins with the same bits, sorted."""

    rows: NDArray[np.int32]
    #: turned until the band stands in the highest bits: that leaves distances as they are
    hashes: NDArray[np.uint64]
    #: what is left of the band
    keys: NDArray[np.uint16]
    sizes: NDArray[np.int64]
    ends: NDArray[np.int64]


def plan_search(
    hashes: NDArray[np.uint64], distance: int, budget: int = BUDGET, wanted: NDArray[np.bool_] | None = None
) -> Search:
    """Find the largest distance, up to the one asked for, that a number of comparisons an image pays for.

    Parameters
    ----------
    hashes : ndarray of shape (n,), dtype uint64
    distance : int
        Bits that two hashes may differ in.
    budget : int
        Comparisons an image.
    wanted : ndarray of shape (n,), dtype bool, optional
        Which hashes are compared; all by default.

    Returns
    -------
    Search
    """
    sizes = _sizes(hashes, wanted)
    count = int(sizes[0].sum())
    for flips in range(distance // BANDS, -1, -1):
        reached = min(distance, BANDS * flips + BANDS - 1)
        candidates = sum(_count(size, mask) for size in sizes for mask in _masks(flips, WIDTH))
        if candidates <= budget * count:
            return Search(reached, candidates)
    reach = max(budget // BANDS, 1)
    return Search(reached, sum(_count_within(size, reach) for size in sizes), reach)


def close_pairs(
    hashes: NDArray[np.uint64],
    search: Search,
    compared: Callable[[int], object] | None = None,
    wanted: NDArray[np.bool_] | None = None,
) -> Iterator[Pairs]:
    """Give all pairs within the distance, each once.

    Parameters
    ----------
    hashes : ndarray of shape (n,), dtype uint64
    search : Search
        From `plan_search`.
    compared : callable, optional
        Told how many pairs of hashes have been compared since it was told last.
    wanted : ndarray of shape (n,), dtype bool, optional
        Which hashes are compared; all by default.

    Yields
    ------
    first, second : ndarray of shape (m,), dtype int64
        Positions in `hashes`, ``first < second``; some of the pairs at a time.

    Examples
    --------
    >>> hashes = np.array([0b0000, 0b0111, 2**63, 2**64 - 1], dtype=np.uint64)
    >>> found = close_pairs(hashes, plan_search(hashes, 3))
    >>> sorted(pair for first, second in found for pair in zip(first.tolist(), second.tolist()))
    [(0, 1), (0, 2)]
    """
    flips = search.distance // BANDS
    for band, one, other, mask in _meetings(hashes, flips, wanted):
        for left, times, right in _candidates(one, other, mask, search.reach):
            differing = np.repeat(one.hashes[left], times) ^ other.hashes[right]
            near = _near(differing, search.distance, band, flips)
            if compared is not None:
                compared(len(right))
            if len(near):
                first = one.rows[np.repeat(left, times)[near]].astype(np.int64)
                second = other.rows[right[near]].astype(np.int64)
                yield np.minimum(first, second), np.maximum(first, second)


def _meetings(
    hashes: NDArray[np.uint64], flips: int, wanted: NDArray[np.bool_] | None
) -> Iterator[tuple[int, _Shelf, _Shelf, int]]:
    """Bring every two shelves together whose numbers differ by few bits, with each mask that is left for their keys."""
    bits = min(max(len(hashes) // SHELF, 1).bit_length() - 1, SHELF_BITS)
    for band, number in product(range(BANDS), range(2**bits)):
        one = _shelf(hashes, band, number, bits, wanted)
        for apart in _masks(flips, bits):
            # of two shelves the lower one looks the other up
            if number ^ apart >= number:
                other = one if apart == 0 else _shelf(hashes, band, number ^ apart, bits, wanted)
                for mask in _masks(flips - apart.bit_count(), WIDTH - bits):
                    yield band, one, other, mask


def _shelf(hashes: NDArray[np.uint64], band: int, number: int, bits: int, wanted: NDArray[np.bool_] | None) -> _Shelf:
    """Take the hashes whose band begins with a number, and sort them."""
    parts = []
    for start in range(0, len(hashes), BLOCK):
        block = slice(start, start + BLOCK)
        here = _band(hashes[block], band) >> (WIDTH - bits) == number
        found = np.flatnonzero(here if wanted is None else here & wanted[block])
        parts.append((found + start).astype(np.int32))
    rows = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
    turned = _turned(hashes[rows], band)
    order = np.argsort(turned, kind="stable")
    turned = turned[order]
    keys = (_band(turned, BANDS - 1) & (2 ** (WIDTH - bits) - 1)).astype(np.uint16)
    sizes = np.bincount(keys, minlength=2 ** (WIDTH - bits))
    return _Shelf(rows[order], turned, keys, sizes, np.cumsum(sizes))


def _turned(hashes: NDArray[np.uint64], band: int) -> NDArray[np.uint64]:
    """Rotate hashes until a band stands in the highest bits."""
    left = np.uint64(WIDTH * (BANDS - 1 - band))
    return hashes if left == 0 else hashes << left | hashes >> (np.uint64(BANDS * WIDTH) - left)


def _band(hashes: NDArray[np.uint64], band: int) -> NDArray[np.uint16]:
    """Cut a band out of hashes: 0 has the lowest bits."""
    return hashes.astype("<u8", copy=False).view("<u2").reshape(-1, BANDS)[:, band]


def _masks(flips: int, width: int) -> list[int]:
    """The numbers of so many bits of which at most `flips` are set, 0 first."""
    masks = np.arange(2**width, dtype=np.uint32)
    return masks[np.bitwise_count(masks) <= flips].tolist()


def _sizes(hashes: NDArray[np.uint64], wanted: NDArray[np.bool_] | None) -> list[NDArray[np.int64]]:
    """How many hashes have each value of each band."""
    sizes = [np.zeros(BUCKETS, dtype=np.int64) for _ in range(BANDS)]
    for start in range(0, len(hashes), BLOCK):
        block = slice(start, start + BLOCK)
        chosen = hashes[block] if wanted is None else hashes[block][wanted[block]]
        for band, size in enumerate(sizes):
            size += np.bincount(_band(chosen, band), minlength=BUCKETS)
    return sizes


def _count(sizes: NDArray[np.int64], mask: int) -> int:
    """Pairs between each bucket and the one that differs from it by the mask."""
    pairs = sizes * (sizes - 1) if mask == 0 else sizes * sizes[np.arange(BUCKETS) ^ mask]
    return int(pairs.sum()) // 2


def _count_within(sizes: NDArray[np.int64], reach: int) -> int:
    """Pairs within each bucket that stand at most `reach` apart."""
    near = np.minimum(sizes, reach + 1)
    return int((near * (near - 1) // 2 + (sizes - near) * reach).sum())


def _candidates(
    one: _Shelf, other: _Shelf, mask: int, reach: int | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Write out the pairs of places on two shelves whose keys differ by the mask."""
    for start in range(0, len(one.keys), BLOCK):
        keys = one.keys[start : start + BLOCK].astype(np.int64)
        places = np.arange(start, start + len(keys))
        if one is other and mask == 0:
            counts = one.ends[keys] - places - 1
            yield from _expanded(places, places + 1, counts if reach is None else np.minimum(counts, reach))
            continue
        if one is other:
            # of two buckets the lower one looks the other up: the one that lacks the mask's highest bit
            lower = keys & (1 << (mask.bit_length() - 1)) == 0
            keys, places = keys[lower], places[lower]
        partners = keys ^ mask
        yield from _expanded(places, other.ends[partners] - other.sizes[partners], other.sizes[partners])


def _expanded(
    places: NDArray[np.int64], starts: NDArray[np.int64], counts: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Write out each place's partners, about LOT pairs at a time: places, how many partners each has, and the partners."""
    some = counts > 0
    places, starts, counts = places[some], starts[some], counts[some]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.unique(np.searchsorted(ends, np.arange(LOT, total + LOT, LOT)) + 1)
    first = 0
    for last in np.minimum(cuts, len(places)).tolist():
        part = slice(first, last)
        before = int(ends[first - 1]) if first else 0
        first = last
        times = counts[part]
        if len(times):
            number = int(times.sum())
            yield places[part], times, np.arange(number) + np.repeat(starts[part] - (ends[part] - times) + before, times)


def _near(differing: NDArray[np.uint64], distance: int, band: int, flips: int) -> NDArray[np.int64]:
    """Pairs within the distance that no earlier band has found."""
    near = np.flatnonzero(np.bitwise_count(differing) <= distance)
    for earlier in range(band):
        # a hash has been turned: the band in question comes last, those before it in front of it
        near = near[np.bitwise_count(_band(differing[near], (earlier - band - 1) % BANDS)) > flips]
    return near
