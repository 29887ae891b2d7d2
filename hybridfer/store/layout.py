"""Where things lie in a store's folder, and the lock that its writers take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from hybridfer.errors import StoreError
from hybridfer.home import given_path
from hybridfer.store.sealing import leftovers

LOCK = "lock"
# Far longer than any shard takes; the lock of a writer that was killed is free at once.
LOCK_SECONDS = 600.0


def given_folder(store: str | os.PathLike[str]) -> Path:
    """Folder of a store that was given by hand.

    Raises
    ------
    StoreError
        If none was given: an empty path would be the folder that one happens to be in.
    """
    if not os.fspath(store):
        raise StoreError(
            "a store's path must name a folder; got an empty one. Give the folder that hybridfer extract wrote."
        )
    return given_path(store)


def shards_folder(store: Path) -> Path:
    """Folder of the sealed shards."""
    return store / "shards"


def listings_folder(store: Path) -> Path:
    """Folder of the recorded datasets."""
    return store / "listings"


def damaged_folder(store: Path) -> Path:
    """Folder to which damaged files are moved."""
    return store / "damaged"


def unfinished(store: Path) -> list[Path]:
    """List the partial files of writers that were killed or are at work."""
    return [file for folder in (store, shards_folder(store), listings_folder(store)) for file in leftovers(folder)]


def unwritable(store: Path, error: OSError) -> StoreError:
    """Say that a store's folder takes no files."""
    return StoreError(f"{store} cannot be written to: {error}. Check permissions.")


@contextmanager
def writing(store: Path) -> Iterator[None]:
    """Hold the store's only lock; readers need none.

    Since every file is written under the lock, a partial one that stands there when the lock was won belongs to a
    writer that was killed, and is removed.

    Raises
    ------
    StoreError
        If another process holds the lock for ten minutes, or the folder cannot be written to.
    """
    lock = FileLock(store / LOCK, poll_interval=0.01)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise StoreError(f"{store} has been locked by another process for {LOCK_SECONDS:.0f} seconds.") from error
    except OSError as error:
        raise unwritable(store, error) from error
    try:
        for file in unfinished(store):
            file.unlink(missing_ok=True)
        for folder in (shards_folder(store), listings_folder(store)):
            os.makedirs(folder, exist_ok=True)
        yield
    finally:
        lock.release()
