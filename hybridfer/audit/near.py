"""Images that look alike but differ in their pixels: one photograph that was cropped, scaled, compressed or marked anew.

Three steps: hashes that differ in few bits, found without comparing all with all; a look at the pixels of those pairs;
groups of everything that is connected. Held are the hashes (8 bytes an image), a mask, two shelves of sorted hashes (see
`hybridfer.audit.matching`), and two numbers for each image that looks like another.

Measured on FER2013 without PrivateTest, which has 30,764 different images that are not blank: at 11 bits the hashes find
92 % of the pairs that a comparison of all pairs finds with a correlation above 0.83 and the same details. The ten largest
groups that come out, and 99 groups of two drawn at random, were looked at; each showed one photograph. Of other data
nobody knows: drawn faces, twins and the next frame of a film look alike too. Mirror images are not looked for; there are
about 40 such pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from hybridfer.audit.groups import Groups, equal_rows
from hybridfer.audit.hashing import perceptual_hashes
from hybridfer.audit.likeness import look_alike
from hybridfer.audit.matching import BUDGET, Pairs, Search, close_pairs, plan_search
from hybridfer.errors import DatasetError

#: Bits of 64. Of FER2013's pairs with the same details 21 % are within 3 bits, 65 % within 7, 92 % within 11. At 12
#: the search would cost several times as much, as one more bit is flipped in every band.
DISTANCE = 11
#: Images that are hashed, and pairs that are looked at, at a time: some megabytes a thread.
CHUNK = 128
#: Images that a thread is given at a time: what waits for a thread takes a kilobyte, however small it is.
TASK = 32 * CHUNK
#: Pairs whose pixels are looked at before connected images are told apart anew.
LOT = 2**15

_NONE: Pairs = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Matches:
    """What a search for near-duplicates came to.

    Attributes
    ----------
    groups : Groups
        Positions in the dataset; copies of a member's pixels are members too.
    search : Search
        How hashes were compared.
    pairs : int
        Pairs of different images whose hashes are within the distance.
    """

    groups: Groups
    search: Search
    pairs: int


def near_duplicates(
    images: NDArray[np.uint8],
    identical: Groups,
    blank: NDArray[np.bool_],
    distance: int = DISTANCE,
    *,
    n_jobs: int = 1,
    progress: bool = False,
    budget: int = BUDGET,
) -> Matches:
    """Find the groups of images that look alike but differ in their pixels.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8
    identical : Groups
        From `hybridfer.audit.groups.identical_images`; the first of each group stands for all.
    blank : ndarray of shape (n,), dtype bool
        Images that are left out, as all blank images look the same.
    distance : int
        Bits that hashes may differ in, 0..15.
    n_jobs : int
        Threads. The result does not depend on it.
    progress : bool
        Show bars on a terminal.
    budget : int
        Comparisons an image; see `hybridfer.audit.matching.plan_search`.

    Returns
    -------
    Matches

    Raises
    ------
    DatasetError
        If the distance is out of range.
    """
    if not 0 <= distance < 16:
        raise DatasetError(f"The distance of near-duplicates must be 0..15 of 64 bits; got {distance}.")
    compared = _different(identical, blank)
    shown = None if progress else True
    forest, pairs = _NONE, 0
    with ThreadPoolExecutor(n_jobs, thread_name_prefix="audit") as pool:
        hashes = _hashes(images, compared, pool, shown)
        search = plan_search(hashes, distance, budget, compared)
        with tqdm(
            total=search.candidates, desc="comparing", unit=" pairs", unit_scale=True, disable=shown, leave=False
        ) as bar:
            for first, second in _lots(close_pairs(hashes, search, bar.update, compared)):
                pairs += len(first)
                apart = _roots(forest, first) != _roots(forest, second)
                found = _confirmed(images, first[apart], second[apart], pool)
                forest = _grown(forest, found)
    return Matches(_groups(forest, identical), search, pairs)


def _different(identical: Groups, blank: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the images that show something, one of each group of copies."""
    different = ~blank
    different[identical.members] = False
    different[identical.firsts] = ~blank[identical.firsts]
    return different


def _hashes(
    images: NDArray[np.uint8], wanted: NDArray[np.bool_], pool: ThreadPoolExecutor, shown: bool | None
) -> NDArray[np.uint64]:
    """Hash the images that are wanted, on threads; the hashes of the others are 0."""
    hashes = np.zeros(len(images), dtype=np.uint64)

    def hashed(first: int) -> int:
        for start in range(first, min(first + TASK, len(images)), CHUNK):
            rows = start + np.flatnonzero(wanted[start : start + CHUNK])
            if len(rows):
                hashes[rows] = perceptual_hashes(images[rows])
        return int(wanted[first : first + TASK].sum())

    with tqdm(total=int(wanted.sum()), desc="hashing", unit=" images", disable=shown, leave=False) as bar:
        for count in pool.map(hashed, range(0, len(images), TASK)):
            bar.update(count)
    return hashes


def _lots(pairs: Iterable[Pairs]) -> Iterator[Pairs]:
    """Collect pairs into lots that are worth a pass over all that look alike, and no larger than they must be."""
    lot, count = np.empty((2, LOT), dtype=np.int64), 0
    for part in map(np.stack, pairs):
        while part.shape[1]:
            taken = part[:, : LOT - count]
            lot[:, count : count + taken.shape[1]] = taken
            count, part = count + taken.shape[1], part[:, taken.shape[1] :]
            if count == LOT:
                yield lot[0], lot[1]
                lot, count = np.empty_like(lot), 0
    if count:
        yield lot[0, :count], lot[1, :count]


def _confirmed(
    images: NDArray[np.uint8], first: NDArray[np.int64], second: NDArray[np.int64], pool: ThreadPoolExecutor
) -> Pairs:
    """Keep the pairs whose pixels agree."""

    def agreeing(start: int) -> NDArray[np.bool_]:
        part = slice(start, start + CHUNK)
        return look_alike(images, first[part], second[part])

    verdicts = list(pool.map(agreeing, range(0, len(first), CHUNK)))
    kept = np.concatenate(verdicts) if verdicts else np.zeros(0, dtype=bool)
    return first[kept], second[kept]


def _roots(forest: Pairs, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first image of what each image is connected with: itself, if it is in no tree."""
    known, roots = forest
    if not len(known):
        return positions
    places = np.minimum(np.searchsorted(known, positions), len(known) - 1)
    return np.where(known[places] == positions, roots[places], positions)


def _grown(forest: Pairs, pairs: Pairs) -> Pairs:
    """Add pairs to a forest: every image that is connected with another, ascending, and the first image of its tree."""
    ends = [np.concatenate([old, new]) for old, new in zip(forest, pairs, strict=True)]
    if not len(ends[0]):
        return forest
    known, places = np.unique(np.concatenate(ends), return_inverse=True)
    one, other = places.reshape(2, -1)
    edges = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(len(known), len(known)))
    trees = connected_components(edges, directed=False)[1]
    return known, known[np.unique(trees, return_index=True)[1]][trees]


def _groups(forest: Pairs, identical: Groups) -> Groups:
    """The trees of a forest, with all copies of their images."""
    known, roots = forest
    copies = np.delete(identical.members, identical.starts)
    homes = np.repeat(_roots(forest, identical.firsts), identical.sizes - 1)
    belong = np.isin(homes, roots)
    members, homes = np.concatenate([known, copies[belong]]), np.concatenate([roots, homes[belong]])
    order = np.argsort(members, kind="stable")
    found = equal_rows(homes[order])
    return Groups(members[order][found.members], found.starts)
