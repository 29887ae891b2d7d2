"""The check of a whole store, down to the last byte; it works on stores that are too damaged to open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridfer.digest import DIGEST
from hybridfer.errors import StoreError, UnreadableStoreError
from hybridfer.files import sync
from hybridfer.home import given_path
from hybridfer.store.layout import damaged_folder, listings_folder, shards_folder, unfinished, writing
from hybridfer.store.listing import Listing, read_listing
from hybridfer.store.manifest import Manifest, read_manifest
from hybridfer.store.report import VerifyReport
from hybridfer.store.shard import Digests, file_digest, read_shard, sealed_names

# Rows of one shard that are named one by one; what is beyond is counted.
NAMED_ROWS = 10


@dataclass(frozen=True, eq=False)
class ShardFindings:
    """What was found out about one shard."""

    path: Path
    digests: Digests
    checksums: NDArray[np.uint64]
    problems: tuple[str, ...]


def verify_store(path: str | os.PathLike[str], *, quarantine: bool = False) -> VerifyReport:
    """Check every byte of a store: its key, each row against its checksum, each file against its name.

    Unlike ``FeatureStore(path).verify()`` this works on a store that no longer opens. Readers and writers may go on
    beside it.

    Parameters
    ----------
    path : str or path-like
        A store.
    quarantine : bool, default=False
        Move damaged shards and listings to ``damaged/`` inside the store, so that it opens again and the next
        extraction computes their rows anew.

    Returns
    -------
    VerifyReport
        The findings; ``ok`` is True where nothing is damaged.

    Raises
    ------
    StoreError
        If there is no store at `path`.
    UnreadableStoreError
        If a newer hybridfer wrote it, or the system refuses to read a part of it: no sign of damage.

    Examples
    --------
    >>> import tempfile
    >>> from hybridfer.store import FeatureStore, StoreKey
    >>> key = StoreKey("0" * 64, "compact", "{}", ("embedding",), "single", "fp32")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = FeatureStore.create(folder, key, {"embedding": 4})
    ...     verify_store(folder).ok
    True
    """
    store = given_path(path)
    manifest, problems = _checked_manifest(store)
    shards = list(_checked_shards(store, manifest))
    conflicts = dict(_conflicts(shards))
    listings = list(_checked_listings(store))
    damaged = [shard.path for shard in shards if shard.problems or shard.path in conflicts]
    damaged += [file for file, listing in listings if isinstance(listing, StoreError)]
    problems += [problem for shard in shards for problem in shard.problems]
    problems += list(conflicts.values())
    problems += [str(listing) for _, listing in listings if isinstance(listing, StoreError)]
    known = _all_digests([shard for shard in shards if shard.path not in damaged])
    return VerifyReport(
        path=store,
        rows=sum(len(shard.digests) for shard in shards),
        shards=len(shards),
        problems=tuple(problems),
        incomplete=tuple(_incomplete([item for _, item in listings if isinstance(item, Listing)], known)),
        leftovers=tuple(str(file.relative_to(store)) for file in unfinished(store)),
        quarantined=tuple(_move_aside(store, damaged)) if quarantine and damaged else (),
    )


def _checked_manifest(store: Path) -> tuple[Manifest | None, list[str]]:
    """Read key.json; a damaged one is a finding, and a folder without shards is no store."""
    try:
        return read_manifest(store), []
    except UnreadableStoreError:
        raise
    except StoreError as error:
        if not shards_folder(store).is_dir():
            raise
        return None, [str(error)]


def _checked_shards(store: Path, manifest: Manifest | None) -> Iterator[ShardFindings]:
    """Check each shard, and those that a compaction put in the place of one that vanished meanwhile."""
    folder = shards_folder(store)
    seen: set[str] = set()
    pending = sealed_names(folder)
    while pending:
        vanished = False
        for name in pending:
            seen.add(name)
            try:
                yield _checked_shard(folder / name, manifest)
            except FileNotFoundError:
                vanished = True
        pending = [name for name in sealed_names(folder) if name not in seen] if vanished else []


def _checked_shard(path: Path, manifest: Manifest | None) -> ShardFindings:
    """Check one shard: its structure and seal, each row, and its bytes as a whole."""
    try:
        shard = read_shard(path, manifest)
        damaged = np.concatenate([found for _, _, found in shard.checked_blocks()])
    except (FileNotFoundError, UnreadableStoreError):
        raise
    except StoreError as error:
        return ShardFindings(path, np.empty(0, DIGEST), np.empty(0, np.uint64), (str(error),))
    problems = [
        f"{path}: row {row} (image {bytes(shard.digests[row]).hex()}) does not match its checksum."
        for row in damaged[:NAMED_ROWS]
    ]
    if len(damaged) > NAMED_ROWS:
        problems.append(f"{path}: {len(damaged) - NAMED_ROWS} more rows do not match their checksums.")
    if not problems and file_digest(path) != path.stem:
        problems.append(f"{path}: its bytes do not match its name: it was changed outside of the rows.")
    return ShardFindings(path, shard.digests, shard.checksums, tuple(problems))


def _conflicts(shards: list[ShardFindings]) -> Iterator[tuple[Path, str]]:
    """Find rows that are stored twice with different features; equal digests then have different checksums."""
    sound = [shard for shard in shards if not shard.problems]
    digests = _all_digests(sound)
    if not len(digests):
        return
    checksums = np.concatenate([shard.checksums for shard in sound])
    owners = np.repeat(np.arange(len(sound)), [len(shard.digests) for shard in sound])
    order = np.argsort(digests, kind="stable")
    digests, checksums, owners = digests[order], checksums[order], owners[order]
    _, group = np.unique(digests, return_inverse=True)
    first = np.searchsorted(group, group)
    differs = checksums != checksums[first]
    for place in np.flatnonzero(differs):
        image = bytes(digests[place]).hex()
        for owner in (owners[first[place]], owners[place]):
            yield sound[owner].path, f"{sound[owner].path}: image {image} is stored twice with different features."


def _all_digests(shards: list[ShardFindings]) -> Digests:
    """Join the digests of some shards."""
    return np.concatenate([np.empty(0, DIGEST), *(shard.digests for shard in shards)])


def _checked_listings(store: Path) -> Iterator[tuple[Path, Listing | StoreError]]:
    """Read each listing, or say why it cannot be."""
    folder = listings_folder(store)
    for name in sealed_names(folder):
        try:
            yield folder / name, read_listing(folder / name)
        except UnreadableStoreError:
            raise
        except StoreError as error:
            yield folder / name, error


def _incomplete(listings: list[Listing], known: Digests) -> Iterator[str]:
    """Count the images of each listing that have no features yet."""
    for listing in listings:
        absent = int((~np.isin(listing.digests, known)).sum())
        if absent:
            where = f"{listing.source} ({listing.digest[:8]})"
            yield f"{where}: {absent:,} of {len(listing):,} images have no features yet."


def _move_aside(store: Path, files: list[Path]) -> Iterator[str]:
    """Move files to the folder of damaged ones."""
    target = damaged_folder(store)
    with writing(store):
        target.mkdir(exist_ok=True)
        for file in files:
            # It may be gone: a compaction that ran meanwhile.
            if file.exists():
                os.replace(file, target / file.name)
                yield str(file.relative_to(store))
        sync(target)
        for folder in {file.parent for file in files}:
            sync(folder)
