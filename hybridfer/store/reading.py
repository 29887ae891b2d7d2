"""What a feature store gives: rows by digest, and recorded datasets as scikit-learn wants them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridfer.errors import StoreError, UnreadableStoreError
from hybridfer.store.index import RowIndex, refreshed
from hybridfer.store.key import StoreKey
from hybridfer.store.layout import given_folder, listings_folder
from hybridfer.store.listing import Listing, choose_listing, read_listing
from hybridfer.store.manifest import NAME, read_manifest
from hybridfer.store.report import ListingInfo, StoreInfo
from hybridfer.store.shard import SUFFIX, Digests, Features, as_digests, row_checksums, sealed_names

# A reader meets a compaction at most a few times in a row.
ATTEMPTS = 10
Result = TypeVar("Result")


class ReadableStore:
    """The reading half of `FeatureStore`, which needs neither a lock nor the right to write."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = given_folder(path)
        self._manifest = read_manifest(self.path)
        self._index = RowIndex.empty()
        self._listings: dict[str, Listing] = {}
        self.refresh()

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        # A worker opens the store anew: cheaper than to send the index, and never stale.
        return type(self), (self.path,)

    def __len__(self) -> int:
        return len(self._index.digests)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, rows={len(self)}, widths={self.widths})"

    @property
    def key(self) -> StoreKey:
        """What the features depend on."""
        return self._manifest.key

    @property
    def widths(self) -> dict[str, int]:
        """Columns of each layer that was asked for, in order: what `load` and `get` give where no layers are named."""
        return dict(zip(self._manifest.layers, self._manifest.widths, strict=False))

    @property
    def riding(self) -> dict[str, int]:
        """Columns of each layer that is kept beside these, and given only where it is named."""
        every = zip(self.key.layers, self._manifest.widths, strict=True)
        return {layer: width for layer, width in every if layer in self._manifest.riding}

    @property
    def n_features(self) -> int:
        """Columns of the layers that were asked for."""
        return sum(self.widths.values())

    @property
    def feature_names(self) -> list[str]:
        """Name of each of these columns, such as ``"embedding_0"``."""
        return [f"{layer}_{column}" for layer, width in self.widths.items() for column in range(width)]

    def layer(self, name: str) -> slice:
        """Tell which columns of a whole row belong to a layer.

        Raises
        ------
        StoreError
            If the store does not hold that layer.
        """
        return self._manifest.columns(name)

    def refresh(self) -> None:
        """See the shards that other processes sealed or compacted since.

        Raises
        ------
        StoreError
            If one of them is damaged.
        """
        for _ in range(ATTEMPTS):
            try:
                self._index = refreshed(self._index, self.path, self._manifest)
            except FileNotFoundError:
                continue
            return
        raise StoreError(f"{self.path} changes faster than it can be read. Try again when its writers have finished.")

    def missing(self, digests: Digests) -> NDArray[np.bool_]:
        """Tell which images have no features yet.

        Parameters
        ----------
        digests : ndarray of shape (n,), dtype "S16"
            What `hybridfer.digest.image_digests` gave.

        Returns
        -------
        ndarray of shape (n,), dtype bool
            True where a row is absent.
        """
        return self._index.find(as_digests(digests)) < 0

    def get(self, digests: Digests, layers: str | Sequence[str] | None = None) -> Features:
        """Read rows, in any order, with repeats where asked for.

        Parameters
        ----------
        digests : ndarray of shape (n,), dtype "S16"
            Which images.
        layers : str or sequence of str, default=None
            Which layers' columns, in this order; all of them for None, but for those that ride along.

        Returns
        -------
        ndarray of shape (n, d), dtype float32
            A row for each digest.

        Raises
        ------
        StoreError
            If a row is missing or a layer unknown.
        """
        digests = as_digests(digests)
        columns, width = self._manifest.selection(layers)

        def read() -> Features:
            index, positions = self._located(digests)
            out = np.empty((len(digests), width), dtype=np.float32)
            index.read(positions, columns, out)
            return out

        return self._despite_compaction(read)

    def get_checked(self, digests: Digests) -> tuple[Features, NDArray[np.bool_]]:
        """Read whole rows, and say which of them match their checksums.

        `get` leaves that to `verify`. Who writes rows on to another store, which seals them under checksums of its own,
        needs to know at once: damage would pass for good there ever after.

        Parameters
        ----------
        digests : ndarray of shape (n,), dtype "S16"
            Which images.

        Returns
        -------
        rows : ndarray of shape (n, d), dtype float32
            The columns of all of the key's layers.
        intact : ndarray of shape (n,), dtype bool
            False where a row is damaged.

        Raises
        ------
        StoreError
            If a row is missing.
        """
        digests = as_digests(digests)
        columns, width = self._manifest.selection(self.key.layers)

        def read() -> tuple[Features, NDArray[np.bool_]]:
            index, positions = self._located(digests)
            rows = np.empty((len(digests), width), dtype=np.float32)
            index.read(positions, columns, rows)
            return rows, row_checksums(digests, rows) == index.checksums(positions)

        return self._despite_compaction(read)

    def listings(self) -> tuple[Listing, ...]:
        """Give every recorded dataset, in the order of their digests.

        Raises
        ------
        StoreError
            If one is damaged.
        """
        names = sealed_names(listings_folder(self.path))
        for name in names:
            if name not in self._listings:
                try:
                    self._listings[name] = read_listing(listings_folder(self.path) / name)
                except UnreadableStoreError:
                    raise
                except StoreError as error:
                    raise StoreError(f"{error} Run: hybridfer store verify {self.path}") from error
        return tuple(self._listings[name] for name in names)

    def load(
        self,
        split: str | None = None,
        layers: str | Sequence[str] | None = None,
        source: str | None = None,
    ) -> tuple[Features, NDArray[np.int64]]:
        """Read a recorded dataset as scikit-learn wants it.

        Parameters
        ----------
        split : str, default=None
            Such as ``"train"``; the whole dataset for None.
        layers : str or sequence of str, default=None
            Which layers' columns; all of them for None, but for those that ride along.
        source : str, default=None
            Source, or first digits of the digest, of the dataset; needed only where several would do. Of one dataset that
            was recorded with coarser and with finer splits, as a benchmark carves validation from train, the finer ones
            count: otherwise train would hold the validation images too.

        Returns
        -------
        X : ndarray of shape (n, d), dtype float32
            Features, in the dataset's order.
        y : ndarray of shape (n,), dtype int64
            Labels: positions in `classes`, -1 where the class is not known.

        Raises
        ------
        StoreError
            If no dataset or several fit, or some of its images have no features yet.
        """
        listing = self._listing(split, source)
        rows = listing.within(split)
        return self.get(listing.digests[rows], layers), listing.labels[rows].copy()

    def names(self, split: str | None = None, source: str | None = None) -> NDArray[np.str_]:
        """Give the file names, shape (n,), that belong to the rows of ``load(split, source=source)``."""
        listing = self._listing(split, source)
        return listing.names[listing.within(split)].copy()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that labels stand for.

        Raises
        ------
        StoreError
            If no dataset was recorded, or several with different classes.
        """
        found = {listing.classes for listing in self.listings()}
        return found.pop() if len(found) == 1 else self._listing(None, None).classes

    def info(self) -> StoreInfo:
        """Take the inventory: rows, bytes, shards, layers, key, datasets."""
        listings = self.listings()
        kept = [self.path / NAME, *(listings_folder(self.path) / f"{listing.digest}{SUFFIX}" for listing in listings)]

        def count_bytes() -> int:
            return sum(file.stat().st_size for file in [*kept, *(shard.path for shard in self._index.shards)])

        size = self._despite_compaction(count_bytes)
        return StoreInfo(
            path=self.path,
            rows=len(self),
            bytes=size,
            shards=len(self._index.shards),
            widths=self.widths,
            riding=self.riding,
            key=self.key,
            listings=tuple(ListingInfo.of(listing) for listing in listings),
        )

    def _despite_compaction(self, read: Callable[[], Result]) -> Result:
        """Read, and start over with fresh shards where another process replaced the old ones meanwhile."""
        for _ in range(ATTEMPTS):
            try:
                return read()
            except FileNotFoundError:
                self.refresh()
        raise StoreError(f"{self.path} changes faster than it can be read. Try again when its writers have finished.")

    def _located(self, digests: Digests) -> tuple[RowIndex, NDArray[np.int64]]:
        """Find rows, looking for new shards where one is missing; refuses what is not there even then."""
        index = self._index
        positions = index.find(digests)
        if (positions < 0).any():
            self.refresh()
            index = self._index
            positions = index.find(digests)
        absent = np.flatnonzero(positions < 0)
        if len(absent):
            raise StoreError(
                f"{len(absent):,} of {len(digests):,} rows are not in {self.path}; the first is number {absent[0]}, "
                f"image {bytes(digests[absent[0]]).hex()}. Run: hybridfer extract DATA --store {self.path}"
            )
        return index, positions

    def _listing(self, split: str | None, source: str | None) -> Listing:
        """Choose the one recorded dataset that fits."""
        return choose_listing(self.path, self.listings(), split, source)
