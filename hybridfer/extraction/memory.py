"""A store that lives as long as the process: the same few methods as `FeatureStore`, without a file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ..store import StoreKey

# rows of features that one process keeps before it forgets the store used longest ago
KEPT_BYTES = 1 << 30


class MemoryStore:
    """Rows of features by the digest of their image, in memory.

    Parameters
    ----------
    n_features : int
        Columns.
    """

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self._position: dict[bytes, int] = {}
        self._blocks: list[NDArray[np.float32]] = []

    def __len__(self) -> int:
        return len(self._position)

    @property
    def nbytes(self) -> int:
        """Bytes of features kept."""
        return sum(block.nbytes for block in self._blocks)

    def missing(self, digests: NDArray[np.bytes_]) -> NDArray[np.bool_]:
        """Say for each digest whether its row is absent."""
        return np.array([digest not in self._position for digest in digests.tolist()], dtype=bool)

    def append(self, digests: NDArray[np.bytes_], features: NDArray[np.float32]) -> int:
        """Keep rows of shape (n, n_features); return how many were new."""
        start, new = len(self), list[int]()
        for row, digest in enumerate(digests.tolist()):
            if digest not in self._position:
                self._position[digest] = start + len(new)
                new.append(row)
        self._blocks.append(features[new])
        return len(new)

    def get(self, digests: NDArray[np.bytes_]) -> NDArray[np.float32]:
        """Return rows of shape (n, n_features) in the order of the digests."""
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        if not self._blocks:
            return np.empty((0, self.n_features), dtype=np.float32)
        return self._blocks[0][[self._position[digest] for digest in digests.tolist()]]


class MemoryStores:
    """The stores of one process, by key; those used longest ago are forgotten when they outgrow the memory allowed."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self.kept_bytes = kept_bytes
        self._stores: OrderedDict[str, MemoryStore] = OrderedDict()
        self._lock = Lock()

    def open(self, key: StoreKey, widths: Mapping[str, int]) -> MemoryStore:
        """Return the key's store, a new one at first."""
        with self._lock:
            store = self._stores.setdefault(key.digest, MemoryStore(sum(widths.values())))
            self._stores.move_to_end(key.digest)
            while len(self._stores) > 1 and sum(kept.nbytes for kept in self._stores.values()) > self.kept_bytes:
                self._stores.popitem(last=False)
            return store

    def clear(self) -> None:
        """Forget everything."""
        self._stores.clear()


MEMORY = MemoryStores()
