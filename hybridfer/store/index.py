"""Where each distinct row lies: one sorted array of digests over all shards, searched in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridfer.digest import DIGEST
from hybridfer.errors import StoreError, UnreadableStoreError
from hybridfer.store.layout import shards_folder
from hybridfer.store.manifest import Manifest
from hybridfer.store.shard import BLOCK_BYTES, Digests, Features, Shard, read_shard, sealed_names

Columns = Sequence[tuple[slice, slice]]


@dataclass(frozen=True, eq=False)
class RowIndex:
    """The distinct rows of a store; a value, replaced as a whole when shards come or go.

    Attributes
    ----------
    shards : tuple of Shard
        The shards, in the order in which they were met.
    digests : ndarray of shape (n,), dtype "S16"
        Distinct digests, sorted.
    shard_of : ndarray of shape (n,), dtype int64
        Position in `shards` of each row's shard.
    row_of : ndarray of shape (n,), dtype int64
        Each row's place in its shard.
    """

    shards: tuple[Shard, ...]
    digests: Digests
    shard_of: NDArray[np.int64]
    row_of: NDArray[np.int64]

    @classmethod
    def empty(cls) -> RowIndex:
        """Index no shards."""
        return cls((), np.empty(0, DIGEST), np.empty(0, np.int64), np.empty(0, np.int64))

    def extended(self, shards: Sequence[Shard]) -> RowIndex:
        """Index further shards as well; of rows that are stored twice the first met counts."""
        if not shards:
            return self
        sizes = [len(shard) for shard in shards]
        digests, first = np.unique(np.concatenate([shard.digests for shard in shards]), return_index=True)
        shard_of = len(self.shards) + np.repeat(np.arange(len(shards)), sizes)[first]
        row_of = np.concatenate([np.arange(size) for size in sizes])[first]
        fresh = self.find(digests) < 0
        places = np.searchsorted(self.digests, digests[fresh])
        return RowIndex(
            self.shards + tuple(shards),
            np.insert(self.digests, places, digests[fresh]),
            np.insert(self.shard_of, places, shard_of[fresh]),
            np.insert(self.row_of, places, row_of[fresh]),
        )

    def find(self, digests: Digests) -> NDArray[np.int64]:
        """Look rows up: their positions in this index, shape (n,), -1 where absent."""
        if not len(self.digests):
            return np.full(len(digests), -1, dtype=np.int64)
        # Sorted queries walk through memory instead of jumping about: a million of them take a third of the time.
        order = np.argsort(digests)
        places = np.empty(len(digests), dtype=np.int64)
        places[order] = np.searchsorted(self.digests, digests[order])
        places[places == len(self.digests)] = 0
        return np.where(self.digests[places] == digests, places, -1)

    def fresh(self, digests: Digests) -> NDArray[np.bool_]:
        """Mark the rows to add, shape (n,): absent here, and not met before among `digests`."""
        mask = np.zeros(len(digests), dtype=bool)
        mask[np.unique(digests, return_index=True)[1]] = True
        return mask & (self.find(digests) < 0)

    def read(self, positions: NDArray[np.int64], columns: Columns, out: Features) -> None:
        """Fill `out`, shape (n, d), with the rows at `positions`.

        Parameters
        ----------
        positions : ndarray of shape (n,)
            What `find` gave, none of them -1.
        columns : sequence of pairs of slices
            Columns of a stored row, and where they stand in `out`.
        out : ndarray of shape (n, d), dtype float32
            Is written.

        Raises
        ------
        FileNotFoundError
            If a shard is gone, because another process compacted the store.
        """
        if not len(positions):
            return
        shard_of, row_of = self.shard_of[positions], self.row_of[positions]
        order = np.argsort(shard_of, kind="stable")
        wanted, starts = np.unique(shard_of[order], return_index=True)
        for number, places in zip(wanted, np.split(order, starts[1:]), strict=True):
            mapped = self.shards[number].mapped()
            step = max(1, BLOCK_BYTES // self.shards[number].row_bytes)
            for start in range(0, len(places), step):
                some = places[start : start + step]
                _copy(mapped, row_of[some], out, some, columns)

    def checksums(self, positions: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Gather what the rows at `positions`, none of them -1, hashed to when they were written."""
        shard_of, row_of = self.shard_of[positions], self.row_of[positions]
        found = np.empty(len(positions), dtype=np.uint64)
        for number in np.unique(shard_of):
            places = shard_of == number
            found[places] = self.shards[number].checksums[row_of[places]]
        return found


def refreshed(index: RowIndex, store: Path, manifest: Manifest) -> RowIndex:
    """Index the shards that are there now, reading only those not met before.

    Raises
    ------
    FileNotFoundError
        If a shard vanished between being listed and being read.
    StoreError
        If one is damaged, with the command that says more.
    """
    folder = shards_folder(store)
    names = sealed_names(folder)
    known = {shard.path.name: shard for shard in index.shards}
    try:
        met = [read_shard(folder / name, manifest) for name in names if name not in known]
    except UnreadableStoreError:
        raise
    except StoreError as error:
        raise StoreError(f"{error} Run: hybridfer store verify {store}") from error
    if known.keys() <= set(names):
        return index.extended(met)
    kept = [known[name] for name in names if name in known]
    return RowIndex.empty().extended(sorted(kept + met, key=lambda shard: shard.path))


def _copy(source: Features, rows: NDArray[np.int64], out: Features, places: NDArray[np.int64], columns: Columns) -> None:
    """Copy some rows; consecutive ones as one block, several times faster than one by one."""
    read, write = _as_slice(rows), _as_slice(places)
    for stored, wanted in columns:
        out[write, wanted] = source[:, stored][read]


def _as_slice(indices: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Turn consecutive indices into a slice."""
    if indices[-1] - indices[0] == len(indices) - 1 and (np.diff(indices) == 1).all():
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices
