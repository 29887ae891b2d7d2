"""One sealed, immutable file of feature rows, and the checks that tell whether a byte of it changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import ArrayLike, NDArray

from hybridfer.digest import DIGEST
from hybridfer.errors import StoreError
from hybridfer.store.contiguous import attribute, block, created, opened, require_members
from hybridfer.store.manifest import Manifest
from hybridfer.store.sealing import aside, seal

SUFFIX = ".h5"
MEMBERS = {"features", "digests", "checksums"}
# Large enough that the disk is busy, small enough that several fit into any machine's memory.
BLOCK_BYTES = 32 << 20

Digests = NDArray[np.bytes_]
Features = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Shard:
    """A sealed shard: its rows' identities in memory, its features on disk.

    Attributes
    ----------
    path : Path
        The file.
    digests : ndarray of shape (m,), dtype "S16"
        Which image each row belongs to.
    checksums : ndarray of shape (m,), dtype uint64
        What `row_checksums` gave when the rows were written.
    width : int
        Columns of a row.
    offset : int
        Where the features' bytes begin in the file.
    """

    path: Path
    digests: Digests
    checksums: NDArray[np.uint64]
    width: int
    offset: int

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of features."""
        return self.width * 4

    def mapped(self) -> Features:
        """Map the features, shape (m, width), into memory.

        Raises
        ------
        FileNotFoundError
            If the shard is gone, because another process compacted the store.
        StoreError
            If the file is shorter than it was.
        """
        if self.path.stat().st_size < self.offset + len(self) * self.row_bytes:
            # Touching a page beyond the end would kill the process.
            raise StoreError(f"{self.path} has been truncated. Run: hybridfer store verify {self.path.parent.parent}")
        return np.memmap(self.path, dtype="<f4", mode="r", offset=self.offset, shape=(len(self), self.width))

    def checked_blocks(self) -> Iterator[tuple[slice, Features, NDArray[np.intp]]]:
        """Read the features in blocks of bounded size; yields the rows' place, the rows, and which of them are damaged.

        Read through HDF5, not mapped: a failing disk then is an error and not a dead process.
        """
        step = max(1, BLOCK_BYTES // self.row_bytes)
        with opened(self.path) as file:
            features = block(file, "features", "<f4", 2).dataset
            for start in range(0, len(self), step):
                rows = slice(start, min(start + step, len(self)))
                found = features[rows]
                wrong = row_checksums(self.digests[rows], found) != self.checksums[rows]
                yield rows, found, start + np.flatnonzero(wrong)

    def intact_blocks(self) -> Iterator[tuple[slice, Features]]:
        """Read the features in blocks, so that damage is never copied under a fresh checksum.

        Raises
        ------
        StoreError
            At the first damaged row.
        """
        for rows, features, damaged in self.checked_blocks():
            if len(damaged):
                raise StoreError(
                    f"{self.path}: row {damaged[0]} does not match its checksum. "
                    f"Run: hybridfer store verify {self.path.parent.parent}"
                )
            yield rows, features


def as_digests(digests: ArrayLike) -> Digests:
    """Take digests of images as one array of shape (n,), dtype "S16".

    Raises
    ------
    StoreError
        If they are anything else.
    """
    found = np.asarray(digests)
    if found.ndim != 1 or (found.size and (found.dtype.kind != "S" or found.dtype.itemsize > DIGEST.itemsize)):
        raise StoreError(
            f"digests must be 16 bytes each, dtype 'S16', in one axis; got {found.dtype} of shape {found.shape}. "
            "Use hybridfer.digest.image_digests."
        )
    return np.ascontiguousarray(found, dtype=DIGEST)


def row_checksums(digests: Digests, features: Features) -> NDArray[np.uint64]:
    """Hash each row of features, shape (m, d), with XXH3-64; seeded by its digest, so that swapped rows are found."""
    halves = np.ascontiguousarray(digests).view("<u8").reshape(-1, 2)
    seeds = (halves[:, 0] ^ halves[:, 1]).tolist()
    rows = np.ascontiguousarray(features, dtype="<f4")
    checksums = [xxhash.xxh3_64_intdigest(row, seed=seed) for row, seed in zip(rows, seeds, strict=True)]
    return np.array(checksums, dtype="<u8")


def contents_seal(key: str, width: int, digests: Digests, checksums: NDArray[np.uint64]) -> str:
    """Hash everything in a shard but the features, which the checksums stand for."""
    state = xxhash.xxh3_128(f"{key} {width} {len(digests)}".encode())
    state.update(np.ascontiguousarray(digests).data)
    state.update(np.ascontiguousarray(checksums).data)
    return state.hexdigest()


def file_digest(path: Path) -> str:
    """Hash a file's bytes with XXH3-128; a shard is named by it."""
    state = xxhash.xxh3_128()
    with path.open("rb", buffering=0) as stream:
        while piece := stream.read(1 << 20):
            state.update(piece)
    return state.hexdigest()


def write_shard(folder: Path, manifest: Manifest, digests: Digests, blocks: Iterable[Features]) -> Path:
    """Seal one shard.

    Parameters
    ----------
    folder : Path
        The store's folder of shards.
    manifest : Manifest
        The store's key and widths.
    digests : ndarray of shape (m,), dtype "S16"
        One digest a row.
    blocks : iterable of ndarray of shape (?, width), dtype float32
        The m rows, in order, in blocks of any size.

    Returns
    -------
    Path
        The shard, named by its own bytes: writers never collide, and a changed byte anywhere contradicts the name.

    Raises
    ------
    StoreError
        If the disk is full or refuses; nothing is left behind then.
    """
    try:
        with aside(folder) as partial:
            _write(partial, manifest, digests, blocks)
            target = folder / f"{file_digest(partial)}{SUFFIX}"
            seal(partial, target)
    except OSError as error:
        raise StoreError(f"No shard could be written to {folder}: {error}. Free space, or check permissions.") from error
    return target


def _write(path: Path, manifest: Manifest, digests: Digests, blocks: Iterable[Features]) -> None:
    """Write an unfinished shard, block by block."""
    key, width = manifest.key.digest, manifest.width
    checksums = np.empty(len(digests), dtype="<u8")
    with created(path) as file:
        features = file.create_dataset("features", shape=(len(digests), width), dtype="<f4")
        start = 0
        for rows in blocks:
            end = start + len(rows)
            features[start:end] = rows
            checksums[start:end] = row_checksums(digests[start:end], rows)
            start = end
        file.create_dataset("digests", data=digests)
        file.create_dataset("checksums", data=checksums)
        file.attrs["key"] = key
        file.attrs["seal"] = contents_seal(key, width, digests, checksums)


def read_shard(path: Path, manifest: Manifest | None) -> Shard:
    """Open a sealed shard, reading all but its features.

    Parameters
    ----------
    path : Path
        The file.
    manifest : Manifest or None
        The key and widths it must have been written for; None where they are not known.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StoreError
        If it is damaged, forged, or was written for another key or width.
    """
    with opened(path) as file:
        require_members(file, MEMBERS)
        features = block(file, "features", "<f4", 2)
        digests = block(file, "digests", DIGEST.str, 1).dataset
        checksums = block(file, "checksums", "<u8", 1).dataset
        rows, columns = features.dataset.shape
        if rows < 1 or columns < 1 or digests.shape != (rows,) or checksums.shape != (rows,):
            raise StoreError(f"{path} has {features.dataset.shape} features for {digests.shape} digests.")
        found_key, found_seal = attribute(file, "key"), attribute(file, "seal")
        shard = Shard(path, digests[:], checksums[:], columns, features.offset)
    if found_seal != contents_seal(found_key, columns, shard.digests, shard.checksums):
        raise StoreError(f"{path} is damaged: its digests and checksums do not match its seal.")
    if manifest and (found_key, columns) != (manifest.key.digest, manifest.width):
        raise StoreError(
            f"{path} was written for other features: key {found_key[:12]} with {columns} columns; "
            f"expected {manifest.key.digest[:12]} with {manifest.width}."
        )
    return shard


def sealed_names(folder: Path) -> list[str]:
    """List the shards of a folder, sorted, as they stood at one moment.

    A listing is no snapshot: while another process compacts, it may miss both the new shard and an old one. Two
    listings that agree cannot, since the new shard is there before the first old one goes.
    """
    before: list[str] | None = None
    while True:
        # A copy of a store may have lost its empty folders.
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX)) if folder.is_dir() else []
        if names == before:
            return names
        before = names
