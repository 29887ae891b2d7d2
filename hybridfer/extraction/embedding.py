"""Images go in, absent rows are computed once, and a store holds them all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import Protocol

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from tqdm.auto import tqdm

from hybridfer.digest import DIGEST, image_digests
from hybridfer.extraction.memory import MemoryStore
from hybridfer.extraction.progress import Milestones
from hybridfer.networks import Rescue
from hybridfer.store import FeatureStore, StoreKey
from hybridfer.store.layout import unwritable

log = logging.getLogger("hybridfer")

# rows sealed at once: what a kill may cost (Ctrl-C does not), and what the forward pass works on while the last is written
LOT = 2048
# seconds after which whoever waits for another process is told so
PATIENCE = 2.0

Write = Callable[[NDArray[np.bytes_], NDArray[np.float32]], None]


class RowStore(Protocol):
    """What embedding asks of a store."""

    @property
    def key(self) -> StoreKey:
        """What the features depend on; its layers are those of a row."""

    def missing(self, digests: NDArray[np.bytes_]) -> NDArray[np.bool_]:
        """Say for each digest whether its row is absent."""

    def append(self, digests: NDArray[np.bytes_], features: NDArray[np.float32]) -> int:
        """Keep rows."""


class RowSource(Protocol):
    """What gives rows: an `Embedder`, or what takes its place."""

    @property
    def images_embedded(self) -> int:
        """How many images have gone through the network so far."""

    def embed(self, images: NDArray, *, rescue: Rescue | None = None) -> dict[str, NDArray[np.float32]]:
        """Give for each layer an array (n, d); before an error goes up, what is known of the first images may be rescued."""


def blocks_of(images: NDArray, size: int = LOT) -> Iterator[NDArray]:
    """Cut an array of images into blocks."""
    return (images[start : start + size] for start in range(0, len(images), size))


def read_ahead(blocks: Iterator[NDArray]) -> Iterator[NDArray]:
    """Read the first lot of images before anything is made for its rows; give all blocks."""
    first: list[NDArray] = []
    while sum(map(len, first)) < LOT and (block := next(blocks, None)) is not None:
        first.append(block)
    return chain(first, blocks)


def embed_missing(
    blocks: Iterable[NDArray], store: RowStore, embedder: RowSource, *, total: int | None = None, progress: bool = False
) -> NDArray[np.bytes_]:
    """Send the images whose rows a store lacks through the network, each distinct image once.

    While one lot is in the network, the blocks after it are decoded (by whoever yields them) and the lot before it is
    written. Where an error or Ctrl-C ends the pass, the rows that it has given are written before that goes on up.

    Parameters
    ----------
    blocks : iterable of ndarray
        Images (n, h, w) or (n, h, w, c), uint8 or float32.
    store : FeatureStore or MemoryStore
        Where rows are looked for and kept.
    embedder : Embedder or what `row_source` gives
        Gives the rows; it may give more layers than the store keeps.
    total : int, optional
        Number of images, for the bar.
    progress : bool
        Show a bar on a terminal; elsewhere log a message now and then.

    Returns
    -------
    ndarray of shape (n,), dtype "S16"
        Digests of all images, in order.
    """
    seen: list[NDArray[np.bytes_]] = []
    taken: set[bytes] = set()
    lot, layers = _Lot(), store.key.layers
    milestones = Milestones(total)
    with (
        _writing(store) as write,
        tqdm(total=total, desc="embed", unit=" images", disable=None if progress else True, leave=False) as bar,
    ):
        for block in blocks:
            digests = image_digests(block)
            seen.append(digests)
            new = _first_seen(digests, store.missing(digests), taken)
            lot.add(block[new], digests[new])
            while lot.images >= LOT:
                write(*lot.embedded(embedder, layers, write))
            bar.update(len(block))
            if progress and bar.disable:
                milestones.advance(len(block))
        while lot.images:
            write(*lot.embedded(embedder, layers, write))
    return np.concatenate(seen) if seen else np.empty(0, dtype=DIGEST)


@contextmanager
def alone(store: FeatureStore | MemoryStore) -> Iterator[None]:
    """Hold back other processes and threads that would embed into the same store, so that no image is embedded twice.

    Raises
    ------
    StoreError
        If the store's folder cannot be written to.
    """
    if isinstance(store, MemoryStore):
        with store.embedding:
            yield
        return
    lock = FileLock(store.path / "embedding.lock", poll_interval=0.05)
    try:
        _acquire(lock, store)
    except OSError as error:
        raise unwritable(store.path, error) from error
    try:
        store.refresh()
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, store: FeatureStore) -> None:
    """Wait for a store's lock, and say so where it takes long."""
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        log.info("waiting for another process that embeds into %s", store.path)
        lock.acquire()


class _Lot:
    """Images that wait for the network until there are enough of them for full batches."""

    def __init__(self) -> None:
        self.images = 0
        self._parts: list[tuple[NDArray, NDArray[np.bytes_]]] = []

    def add(self, images: NDArray, digests: NDArray[np.bytes_]) -> None:
        if len(images):
            self._parts.append((images, digests))
            self.images += len(images)

    def embedded(
        self, embedder: RowSource, layers: tuple[str, ...], write: Write
    ) -> tuple[NDArray[np.bytes_], NDArray[np.float32]]:
        """Take the waiting images, up to one lot, through the network; write what an error leaves of it."""
        images = np.concatenate([part for part, _ in self._parts])
        digests = np.concatenate([part for _, part in self._parts])
        rest = slice(LOT, None)
        self._parts = [(images[rest], digests[rest])] if len(images) > LOT else []
        self.images = max(0, len(images) - LOT)

        def rescue(rows: dict[str, NDArray[np.float32]]) -> None:
            features = np.hstack([rows[layer] for layer in layers])
            write(digests[: len(features)], features)

        rows = embedder.embed(images[:LOT], rescue=rescue)
        return digests[:LOT], np.hstack([rows[layer] for layer in layers])


def _first_seen(digests: NDArray[np.bytes_], missing: NDArray[np.bool_], taken: set[bytes]) -> NDArray[np.intp]:
    """Return positions of the missing images that no earlier position, here or in an earlier block, stands for."""
    new = []
    for position in np.flatnonzero(missing):
        digest = digests[position].item()
        if digest not in taken:
            taken.add(digest)
            new.append(position)
    return np.array(new, dtype=np.intp)


@contextmanager
def _writing(store: RowStore) -> Iterator[Write]:
    """Give a function that writes rows on another thread, at most one lot behind, and to its end at errors too."""
    with ThreadPoolExecutor(1, thread_name_prefix="write") as pool:
        pending: list[Future[int]] = []

        def write(digests: NDArray[np.bytes_], features: NDArray[np.float32]) -> None:
            # before the wait for the lot before it, which Ctrl-C may end
            pending.append(pool.submit(store.append, digests, features))
            while len(pending) > 1:
                pending.pop(0).result()

        yield write
        while pending:
            pending.pop(0).result()
