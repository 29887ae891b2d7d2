"""An ensemble's rows are made of its members' rows: those that stores hold, and the others from the members themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..digest import image_digests
from ..networks import Embedder, Network, join_rows
from ..store import FeatureStore, StoreKey
from ..store.manifest import NAME
from .embedding import RowSource, alone, embed_missing
from .keys import default_store_path, layer_widths, open_store, store_key
from .memory import MEMORY, MemoryStore


@dataclass(frozen=True)
class Kept:
    """A member's store in which its new rows are kept."""

    store: FeatureStore | MemoryStore

    def store_for(self, digests: NDArray[np.bytes_]) -> FeatureStore | MemoryStore:
        """Give the store of some images."""
        return self.store


@dataclass(frozen=True)
class Lent:
    """A member's store that is only read, or none: new rows are used and not kept."""

    store: FeatureStore | None
    key: StoreKey
    n_features: int

    def store_for(self, digests: NDArray[np.bytes_]) -> MemoryStore:
        """Copy what is known of some images to where the rest of them may be added."""
        copy = MemoryStore(self.key, self.n_features)
        if self.store is not None:
            known = digests[~self.store.missing(digests)]
            copy.append(known, self.store.get(known, self.key.layers))
        return copy


# opens the store of a member, of its network, its embedder and the layers that are asked for
Shelf = Callable[[Network, Embedder, Sequence[str]], Kept | Lent]


def on_disk(network: Network, embedder: Embedder, asked: Sequence[str], *, root: Path | None = None) -> Kept:
    """Open a store on a shelf, by default that of `hybridfer.home.home`, or make it there."""
    path = default_store_path(store_key(network, embedder), network.name, root)
    return Kept(open_store(path, network, embedder, asked))


def on_loan(network: Network, embedder: Embedder, asked: Sequence[str]) -> Lent:
    """Open a store on the shelf of `hybridfer.home.home` for reading, if it is there."""
    key = store_key(network, embedder)
    path = default_store_path(key, network.name)
    found = FeatureStore(path) if (path / NAME).exists() else None
    # a path names a key by its first digits alone
    same = found is not None and found.key == key
    return Lent(found if same else None, key, sum(layer_widths(network, key.layers).values()))


def in_memory(network: Network, embedder: Embedder, asked: Sequence[str]) -> Kept:
    """Open the store that a featurizer of the network alone keeps in memory."""
    return Kept(MEMORY.open(store_key(network, embedder, asked), layer_widths(network, asked)))


def row_source(network: Network, embedder: Embedder, asked: Sequence[str], shelf: Shelf) -> RowSource:
    """Choose what gives the rows that a store lacks.

    Parameters
    ----------
    network, embedder : Network, Embedder
        What embeds.
    asked : sequence of str
        The layers that are asked for, first among the embedder's.
    shelf : {on_disk, on_loan, in_memory}
        Where the stores of an ensemble's members lie: `on_disk` where its own lies on a shelf, `on_loan` where it is a store
        of a path of its own, `in_memory` where it is kept there.

    Returns
    -------
    Embedder or MemberRows
        The embedder itself, or of an ensemble what asks its members' stores first.
    """
    return MemberRows(network, embedder, asked, shelf) if network.members else embedder


class MemberRows:
    """Gives an ensemble's rows in its embedder's place, so that no row of a member is computed twice.

    What a member's store lacks is kept in it at once, lot by lot. Whoever asks holds the lock of the ensemble's store; here
    those of its members are taken one after another, each for one lot. Nobody waits for a lock while holding a member's, so
    that processes that embed ensembles and their members at once never block one another for good.

    Parameters
    ----------
    network, embedder, asked, shelf
        As for `row_source`.
    """

    def __init__(self, network: Network, embedder: Embedder, asked: Sequence[str], shelf: Shelf) -> None:
        self._network = network
        self._embedder = embedder
        self._asked = tuple(asked)
        self._shelf = shelf

    @property
    def images_embedded(self) -> int:
        """How many images have gone through one member or more, as the ensemble's embedder counts them."""
        return self._embedder.images_embedded

    @cached_property
    def _sources(self) -> list[Kept | Lent]:
        # not before the first image is lacking: beside an ensemble's store that holds everything no others are needed
        pairs = zip(self._network.members, self._embedder.members, strict=True)
        return [self._shelf(network, embedder, self._asked) for network, embedder in pairs]

    def embed(self, images: NDArray) -> dict[str, NDArray[np.float32]]:
        """Give the rows of images of shape (n, h, w) or (n, h, w, c), one array (n, d) for each layer."""
        digests = image_digests(images)
        computed = np.zeros(len(digests), dtype=bool)
        rows = []
        for network, embedder, source in zip(self._network.members, self._embedder.members, self._sources, strict=True):
            store = source.store_for(digests)
            computed |= _fill(store, images, digests, embedder)
            rows.append(_by_layer(store, digests, layer_widths(network, store.key.layers)))
        self._embedder.images_embedded += int(computed.sum())
        return {layer: features.numpy() for layer, features in join_rows(rows).items()}


def _fill(
    store: FeatureStore | MemoryStore, images: NDArray, digests: NDArray[np.bytes_], embedder: Embedder
) -> NDArray[np.bool_]:
    """Compute the rows that a store lacks, and tell which they were."""
    lacking = store.missing(digests)
    # a store that holds everything is only read: no lock, no right to write
    if lacking.any():
        with alone(store):
            lacking = store.missing(digests)
            embed_missing([images], store, embedder)
    return lacking


def _by_layer(
    store: FeatureStore | MemoryStore, digests: NDArray[np.bytes_], widths: dict[str, int]
) -> dict[str, torch.Tensor]:
    """Read whole rows and cut them into layers."""
    rows = store.get(digests) if isinstance(store, MemoryStore) else store.get(digests, list(widths))
    ends = np.cumsum(list(widths.values()))[:-1]
    parts = np.split(rows, ends, axis=1)
    return {layer: torch.from_numpy(part) for layer, part in zip(widths, parts, strict=True)}
