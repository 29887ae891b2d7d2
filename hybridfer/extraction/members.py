"""An ensemble's rows are made of its members' rows: those that stores hold, and the others from the members themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hybridfer.digest import image_digests
from hybridfer.errors import StoreError
from hybridfer.extraction.embedding import RowSource, alone
from hybridfer.extraction.keys import default_store_path, layer_widths, open_store, store_key
from hybridfer.extraction.memory import MEMORY, MemoryStore
from hybridfer.networks import Embedder, Network, Rescue, join_rows
from hybridfer.store import FeatureStore, is_store

log = logging.getLogger("hybridfer")


@dataclass(frozen=True)
class Kept:
    """A member's store in which its new rows are kept."""

    store: FeatureStore | MemoryStore


@dataclass(frozen=True)
class Lent:
    """A member's store that is only read, or none: new rows are used and not kept."""

    store: FeatureStore | None


# opens the store of a member, of its network, its embedder and the layers that are asked for
Shelf = Callable[[Network, Embedder, Sequence[str]], Kept | Lent]


def on_disk(network: Network, embedder: Embedder, asked: Sequence[str], *, root: Path | None = None) -> Kept:
    """Open a store on a shelf, by default that of `hybridfer.home.home`, or make it there."""
    path = default_store_path(store_key(network, embedder), network.name, root)
    # a store without the logits would lack them in the ensemble's rows
    return Kept(open_store(path, network, embedder, asked, without_riding=False))


def on_loan(network: Network, embedder: Embedder, asked: Sequence[str]) -> Lent:
    """Open a store on the shelf of `hybridfer.home.home` for reading, if it is there and sound enough to open."""
    key = store_key(network, embedder)
    path = default_store_path(key, network.name)
    try:
        found = FeatureStore(path) if is_store(path) else None
    except StoreError as error:
        log.warning("rows of %s are computed, as its store cannot be read: %s", network.name, error)
        found = None
    # a path names a key by its first digits alone
    return Lent(found if found is not None and found.key == key else None)


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

    Notes
    -----
    A member's store is that of the same layers in the same order, as every key goes by its layers. On disk ``"logits"``
    ride along: ensembles of ``"embedding"`` and of ``["embedding", "logits"]`` share their members' stores with those of
    either; one of ``["logits"]`` alone makes stores of logits alone for its members, and does not find the logits in stores
    that hold embeddings beside them. In memory nothing rides along, and each choice of layers is apart.
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
    def _members(self) -> list[_Member]:
        # not before the first image is lacking: beside an ensemble's store that holds everything no others are needed
        pairs = zip(self._network.members, self._embedder.members, strict=True)
        return [_Member(network, embedder, self._shelf(network, embedder, self._asked)) for network, embedder in pairs]

    def embed(self, images: NDArray, *, rescue: Rescue | None = None) -> dict[str, NDArray[np.float32]]:
        """Give the rows of images of shape (n, h, w) or (n, h, w, c), one array (n, d) for each layer.

        At an error nothing is handed to `rescue`: what a member has computed goes into its own store, if that keeps it.
        """
        digests = image_digests(images)
        found = [member.rows(images, digests) for member in self._members]
        self._embedder.images_embedded += int(np.any([computed for _, computed in found], axis=0).sum())
        return {layer: features.numpy() for layer, features in join_rows([rows for rows, _ in found]).items()}


class _Member:
    """A member of an ensemble: its rows are those that a store holds as they were written, and others it computes."""

    def __init__(self, network: Network, embedder: Embedder, source: Kept | Lent) -> None:
        self._embedder = embedder
        self._keeps = isinstance(source, Kept)
        key = store_key(network, embedder) if source.store is None else source.store.key
        self._widths = layer_widths(network, key.layers)
        self._width = sum(self._widths.values())
        self._store = MemoryStore(key, self._width) if source.store is None else source.store
        self._told_of_damage = False

    def rows(self, images: NDArray, digests: NDArray[np.bytes_]) -> tuple[dict[str, torch.Tensor], NDArray[np.bool_]]:
        """Give each layer's rows of some images, and tell for which they were computed."""
        rows = np.empty((len(images), self._width), dtype=np.float32)
        computed = self._fill_lacking(images, digests, rows)
        known = np.flatnonzero(~computed)
        rows[known], intact = self._stored(digests[known])
        damaged = known[~intact]
        if len(damaged):
            self._tell_of_damage()
            rows[damaged] = self._embedded(images[damaged])
            computed[damaged] = True
        ends = np.cumsum(list(self._widths.values()))[:-1]
        parts = np.split(rows, ends, axis=1)
        return {layer: torch.from_numpy(part) for layer, part in zip(self._widths, parts, strict=True)}, computed

    def _fill_lacking(self, images: NDArray, digests: NDArray[np.bytes_], rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Compute the rows that the store lacks, keep them there if it keeps any, and tell which they were."""
        lacking = self._store.missing(digests)
        # a store that holds everything is only read: no lock, no right to write
        if not self._keeps or not lacking.any():
            rows[lacking] = self._embedded(images[lacking])
            return lacking
        with alone(self._store):
            lacking = self._store.missing(digests)

            def rescue(features: dict[str, NDArray[np.float32]]) -> None:
                known = self._joined(features)
                with suppress(StoreError):
                    self._store.append(digests[lacking][: len(known)], known)

            rows[lacking] = self._embedded(images[lacking], rescue)
            self._store.append(digests[lacking], rows[lacking])
        return lacking

    def _embedded(self, images: NDArray, rescue: Rescue | None = None) -> NDArray[np.float32]:
        if not len(images):
            return np.empty((0, self._width), dtype=np.float32)
        return self._joined(self._embedder.embed(images, rescue=rescue))

    def _joined(self, features: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.hstack([features[layer] for layer in self._widths])

    def _stored(self, digests: NDArray[np.bytes_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read whole rows, and say which of them are what was written."""
        if isinstance(self._store, MemoryStore):
            return self._store.get(digests), np.ones(len(digests), dtype=bool)
        return self._store.get_checked(digests)

    def _tell_of_damage(self) -> None:
        """Warn once of a store: a row that is there already cannot be added, and only its user may move shards aside."""
        if isinstance(self._store, FeatureStore) and not self._told_of_damage:
            self._told_of_damage = True
            log.warning(
                "rows in %s do not match their checksums; they are computed anew for the ensemble, and the store is left as "
                "it is. Run: hybridfer store verify %s --quarantine",
                self._store.path,
                self._store.path,
            )
