"""Shards of several stores or of one, joined: rows move only after they matched their checksums."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridfer.files import sync
from hybridfer.store.index import RowIndex
from hybridfer.store.layout import shards_folder
from hybridfer.store.manifest import Manifest
from hybridfer.store.shard import Digests, Features, Shard, write_shard

# A compacted shard's features at most; larger ones would not be read any faster.
SHARD_BYTES = 256 << 20

Piece = tuple[Shard, NDArray[np.bool_]]


def intact_rows(shard: Shard, kept: NDArray[np.bool_]) -> Iterator[tuple[Digests, Features]]:
    """Read the rows where the mask `kept`, shape (m,), is True, in blocks, each row checked."""
    if not kept.any():
        return
    for rows, features in shard.intact_blocks():
        if kept[rows].all():
            yield shard.digests[rows], features
        elif kept[rows].any():
            yield shard.digests[rows][kept[rows]], features[kept[rows]]


def compact_shards(store: Path, manifest: Manifest, index: RowIndex, shard_bytes: int) -> int:
    """Join shards smaller than `shard_bytes`, dropping rows that are stored twice; the caller holds the lock.

    New shards are sealed before the first old one is removed, so that a reader, or whoever comes after a kill, finds
    every row at least once.

    Returns
    -------
    int
        How many shards fewer there are.
    """
    small = _small_pieces(index, shard_bytes)
    if len(small) < 2:
        return 0
    written = set()
    for group in _groups(small, shard_bytes):
        digests = np.concatenate([shard.digests[kept] for shard, kept in group])
        if len(digests):
            blocks = (features for shard, kept in group for _, features in intact_rows(shard, kept))
            written.add(write_shard(shards_folder(store), manifest, digests, blocks))
    obsolete = {shard.path for shard, _ in small} - written
    for path in obsolete:
        path.unlink()
    sync(shards_folder(store))
    return len(small) - len(written)


def _small_pieces(index: RowIndex, shard_bytes: int) -> list[Piece]:
    """Pick the shards to join, each with a mask of the rows that the index uses."""
    pieces = []
    for number, shard in enumerate(index.shards):
        if len(shard) * shard.row_bytes < shard_bytes:
            kept = np.zeros(len(shard), dtype=bool)
            kept[index.row_of[index.shard_of == number]] = True
            pieces.append((shard, kept))
    return pieces


def _groups(pieces: list[Piece], shard_bytes: int) -> Iterator[list[Piece]]:
    """Divide pieces into groups that fill a shard each."""
    group: list[Piece] = []
    size = 0
    for shard, kept in pieces:
        needed = int(kept.sum()) * shard.row_bytes
        if group and size + needed > shard_bytes:
            yield group
            group, size = [], 0
        group.append((shard, kept))
        size += needed
    yield group
