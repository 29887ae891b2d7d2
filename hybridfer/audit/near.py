"""Photographs that a dataset holds several times over, with other pixels: cropped, scaled, compressed or marked anew.

Three steps: hashes that differ in few bits, found without comparing all with all; a look at the pixels of those pairs;
groups of everything that is connected. Nothing but the hashes (8 bytes an image) and a few numbers for each image is held.

Measured on FER2013 without PrivateTest, which has 30,764 different images that are not blank: at 11 bits the hashes find
92 % of the pairs that a comparison of all pairs finds with a correlation above 0.83 and the same details. The ten largest
groups that come out, and 99 groups of two drawn at random, were looked at; each showed one photograph. Mirror images are
not looked for; there are about 40 such pairs.
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
from hybridfer.audit.likeness import same_photograph
from hybridfer.audit.matching import BUDGET, Pairs, Search, close_pairs, plan_search
from hybridfer.errors import DatasetError

#: Bits of 64. Of FER2013's pairs with the same details 21 % are within 3 bits, 65 % within 7, 92 % within 11. At 12
#: the search would cost several times as much, as one more bit is flipped in every band.
DISTANCE = 11
CHUNK = 512
#: Pairs whose pixels are looked at before connected images are told apart anew.
LOT = 2**16


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
    """Find the groups of images that are one photograph but differ in their pixels.

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
    different = ~blank
    different[identical.members] = False
    different[identical.firsts] = ~blank[identical.firsts]
    positions = np.flatnonzero(different)
    shown = None if progress else True
    with ThreadPoolExecutor(n_jobs, thread_name_prefix="audit") as pool:
        hashes = _hashes(images, positions, pool, shown)
        search = plan_search(hashes, distance, budget)
        component, pairs = np.arange(len(positions)), 0
        with tqdm(
            total=search.candidates, desc="comparing", unit=" pairs", unit_scale=True, disable=shown, leave=False
        ) as bar:
            for first, second in _lots(close_pairs(hashes, search, bar.update)):
                pairs += len(first)
                apart = component[first] != component[second]
                found = _confirmed(images, positions, first[apart], second[apart], pool)
                component = _joined(component, *found)
    return Matches(_groups(component, positions, identical, len(images)), search, pairs)


def _hashes(
    images: NDArray[np.uint8], positions: NDArray[np.int64], pool: ThreadPoolExecutor, shown: bool | None
) -> NDArray[np.uint64]:
    """Hash the images at some positions, on threads."""
    starts = range(0, len(positions), CHUNK)
    hashes = np.empty(len(positions), dtype=np.uint64)
    parts = pool.map(lambda start: perceptual_hashes(images[positions[start : start + CHUNK]]), starts)
    with tqdm(total=len(positions), desc="hashing", unit=" images", disable=shown, leave=False) as bar:
        for start, part in zip(starts, parts, strict=True):
            hashes[start : start + CHUNK] = part
            bar.update(len(part))
    return hashes


def _lots(pairs: Iterable[Pairs]) -> Iterator[Pairs]:
    """Collect pairs into lots that are worth a pass over all images, and no larger than they must be."""
    collected: list[Pairs] = []
    for part in pairs:
        collected.append(part)
        if sum(len(first) for first, _ in collected) >= LOT:
            yield _concatenated(collected)
            collected = []
    if collected:
        yield _concatenated(collected)


def _concatenated(pairs: list[Pairs]) -> Pairs:
    first, second = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return first, second


def _confirmed(
    images: NDArray[np.uint8],
    positions: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    pool: ThreadPoolExecutor,
) -> Pairs:
    """Keep the pairs whose pixels agree."""

    def alike(start: int) -> NDArray[np.bool_]:
        part = slice(start, start + CHUNK)
        return same_photograph(images, positions[first[part]], positions[second[part]])

    verdicts = list(pool.map(alike, range(0, len(first), CHUNK)))
    kept = np.concatenate(verdicts) if verdicts else np.zeros(0, dtype=bool)
    return first[kept], second[kept]


def _joined(component: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join the components that pairs connect; each takes the number of one of them."""
    involved, places = np.unique(component[np.concatenate([first, second])], return_inverse=True)
    one, other = places.reshape(2, -1)
    edges = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(len(involved), len(involved)))
    joined = connected_components(edges, directed=False)[1] if len(involved) else places
    renamed = np.arange(len(component))
    renamed[involved] = involved[np.unique(joined, return_index=True)[1]][joined]
    return renamed[component]


def _groups(component: NDArray[np.int64], positions: NDArray[np.int64], identical: Groups, count: int) -> Groups:
    """Components of two different images or more, with all copies of these."""
    several = np.bincount(component, minlength=1)[component] > 1
    belongs = np.full(count, -1)
    belongs[positions[several]] = component[several]
    belongs[identical.members] = np.repeat(belongs[identical.firsts], identical.sizes)
    chosen = np.flatnonzero(belongs >= 0)
    found = equal_rows(belongs[chosen])
    return Groups(chosen[found.members], found.starts)
