"""A store that lives as long as the process: the same few methods as `FeatureStore`, without a file."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from hybridfer.store import StoreKey

log = logging.getLogger("hybridfer")

# features that one process keeps before it forgets the store used longest ago
KEPT_BYTES = 1 << 30


class MemoryStore:
    """Rows of features by the digest of their image, in memory; threads may share it.

    Parameters
    ----------
    key : StoreKey
        What the features depend on.
    n_features : int
        Columns.

    Attributes
    ----------
    embedding : Lock
        Held by the thread that computes absent rows, so that no other computes them too.
    """

    def __init__(self, key: StoreKey, n_features: int) -> None:
        self.key = key
        self.n_features = n_features
        self.embedding = Lock()
        self._changing = Lock()
        self._position: dict[bytes, int] = {}
        # rows beyond those kept await more: their pages take no memory before they are written
        self._rows = np.empty((0, n_features), dtype=np.float32)

    def __len__(self) -> int:
        return len(self._position)

    @property
    def nbytes(self) -> int:
        """Bytes of features kept."""
        return len(self) * self.n_features * np.dtype(np.float32).itemsize

    def missing(self, digests: NDArray[np.bytes_]) -> NDArray[np.bool_]:
        """Say for each digest whether its row is absent."""
        return np.array([digest not in self._position for digest in digests.tolist()], dtype=bool)

    def append(self, digests: NDArray[np.bytes_], features: NDArray[np.float32]) -> int:
        """Keep rows of shape (n, n_features); return how many were new."""
        with self._changing:
            new: dict[bytes, int] = {}
            for row, digest in enumerate(digests.tolist()):
                if digest not in self._position:
                    new.setdefault(digest, row)
            start, end = len(self), len(self) + len(new)
            self._reserve(end)
            self._rows[start:end] = features[list(new.values())]
            # last of all, so that no digest is known without its row
            self._position.update(zip(new, range(start, end), strict=True))
        return len(new)

    def get(self, digests: NDArray[np.bytes_]) -> NDArray[np.float32]:
        """Return rows of shape (n, n_features) in the order of the digests."""
        with self._changing:
            places = [self._position[digest] for digest in digests.tolist()]
            return self._rows[np.array(places, dtype=np.intp)]

    def _reserve(self, n_rows: int) -> None:
        """Make room for so many rows; twice as much each time, so that a row is moved once or twice in all."""
        if n_rows > len(self._rows):
            grown = np.empty((max(n_rows, 2 * len(self._rows)), self.n_features), dtype=np.float32)
            grown[: len(self._rows)] = self._rows
            self._rows = grown


class MemoryStores:
    """The stores of one process, by key.

    When they outgrow the memory allowed, those used longest ago are forgotten, with a warning once. The one that is asked
    for never is, even where it outgrows the memory alone: whoever goes through all of its images again would find none.

    Parameters
    ----------
    kept_bytes : int
        Bytes of features that are kept from one use to the next.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self.kept_bytes = kept_bytes
        self._stores: OrderedDict[str, MemoryStore] = OrderedDict()
        self._lock = Lock()
        self._has_warned = False

    def open(self, key: StoreKey, widths: Mapping[str, int]) -> MemoryStore:
        """Return the key's store, a new one at first."""
        with self._lock:
            opened = self._stores.setdefault(key.digest, MemoryStore(key, sum(widths.values())))
            self._stores.move_to_end(key.digest)
            while self._outgrown() and len(self._stores) > 1:
                self._warn()
                self._stores.popitem(last=False)
            if self._outgrown():
                self._warn()
            return opened

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._stores.clear()

    def _outgrown(self) -> bool:
        return sum(store.nbytes for store in self._stores.values()) > self.kept_bytes

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "Features in memory take more than %.3g GiB: those of other networks, layers or views are forgotten, and "
                "computed anew where they are asked for again. Give store='FOLDER' to keep all of them on disk.",
                self.kept_bytes / (1 << 30),
            )


MEMORY = MemoryStores()
