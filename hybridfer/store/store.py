"""The feature store: rows of features, found by the pixels they came from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from hybridfer.errors import StoreError
from hybridfer.store.joining import SHARD_BYTES, compact_shards, intact_rows
from hybridfer.store.key import StoreKey
from hybridfer.store.layout import given_folder, listings_folder, shards_folder, writing
from hybridfer.store.listing import Listing, write_listing
from hybridfer.store.manifest import Manifest, is_store, lay_out, read_manifest
from hybridfer.store.reading import ReadableStore
from hybridfer.store.report import VerifyReport
from hybridfer.store.shard import Digests, Features, as_digests, read_shard, write_shard
from hybridfer.store.verification import verify_store


class FeatureStore(ReadableStore):
    """Rows of features on disk, each kept under the digest of the image it was computed from.

    A row is never stored twice and never computed twice: a fold, a subset or another order of images already seen is
    found again. Readers take no lock and always see a consistent store, however many processes write to it or are killed
    while they do.

    Parameters
    ----------
    path : str or path-like
        A store that exists; `create` makes a new one.

    Attributes
    ----------
    path : Path
        The store's folder.
    key : StoreKey
        What the features depend on.
    widths : dict of str to int
        Columns of each layer, in order.
    riding : dict of str to int
        Columns of each layer that is kept beside these and read only by name.

    Raises
    ------
    StoreError
        If `path` holds no store, or one of its shards is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from hybridfer.digest import image_digests
    >>> from hybridfer.store import FeatureStore, StoreKey
    >>> images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2)
    >>> digests = image_digests(images)
    >>> key = StoreKey("0" * 64, "compact", "{}", ("embedding",), "single", "fp32")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = FeatureStore.create(folder, key, {"embedding": 4})
    ...     added = store.append(digests, np.ones((3, 4), dtype=np.float32))
    ...     splits, names = ["train", "train", "test"], ["a.png", "b.png", "c.png"]
    ...     store.record(digests, [0, 1, 1], splits, names, ["happy", "sad"], "faces")
    ...     X, y = FeatureStore(folder).load(split="train")
    >>> added, X.shape, X.dtype, y
    (3, (2, 4), dtype('float32'), array([0, 1]))
    """

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        key: StoreKey,
        widths: Mapping[str, int],
        riding: Mapping[str, int] | None = None,
    ) -> FeatureStore:
        """Make a store, or open the one that is there when it holds the same kind of features.

        Any number of processes may create one store at once, and a creation that was killed is finished by the next.

        Parameters
        ----------
        path : str or path-like
            A folder that is new, empty, or this store.
        key : StoreKey
            What the features depend on.
        widths : mapping of str to int
            Columns of each of the key's layers.
        riding : mapping of str to int, optional
            Columns of the last of the key's layers instead, where nobody asked for them: `load` and `get` give them only by
            name. It is settled when the store is made; of one that is there it changes nothing.

        Returns
        -------
        FeatureStore
            The store.

        Raises
        ------
        StoreError
            If there is a store of other features, with a sentence for each field that differs, or a folder of
            other things.
        """
        folder, wanted = given_folder(path), Manifest.of(key, widths, riding or {})
        if not is_store(folder):
            lay_out(folder, wanted)
        if differing := read_manifest(folder).difference(wanted):
            raise StoreError(
                f"{folder} holds other features and was left as it is. {'. '.join(differing)}. Choose another --store."
            )
        return cls(folder)

    def append(self, digests: Digests, features: Features) -> int:
        """Seal rows as one shard; it exists wholly or not at all.

        Rows that are present already, or repeated within the call, are dropped.

        Parameters
        ----------
        digests : ndarray of shape (n,), dtype "S16"
            Which images.
        features : ndarray of shape (n, d), dtype float32
            Their whole rows: the columns of all layers, all finite.

        Returns
        -------
        int
            Number of rows that were added.

        Raises
        ------
        StoreError
            If dtype or shape differ, a value is not finite, or the disk is full.
        """
        digests = as_digests(digests)
        self._require_features(digests, features)
        with writing(self.path):
            self.refresh()
            fresh = self._index.fresh(digests)
            if not fresh.any():
                return 0
            if not fresh.all():
                digests, features = digests[fresh], features[fresh]
            shard = write_shard(shards_folder(self.path), self._manifest, digests, [features])
            self._index = self._index.extended([read_shard(shard, self._manifest)])
        return len(digests)

    def record(
        self,
        digests: Digests,
        labels: ArrayLike,
        splits: ArrayLike,
        names: ArrayLike,
        classes: Sequence[str],
        source: str,
    ) -> None:
        """Remember a dataset, so that `load` gives its features and labels; the same dataset is remembered once.

        Parameters
        ----------
        digests : ndarray of shape (n,), dtype "S16"
            The images, in order; they need not have features yet.
        labels : array-like of shape (n,)
            Positions in `classes`; -1 where the class is not known.
        splits, names : array-like of shape (n,)
            Split and file name of each image.
        classes : sequence of str
            Names of the classes.
        source : str
            Where the dataset came from.

        Raises
        ------
        StoreError
            If lengths differ, a label is no class, or the disk is full.
        """
        listing = Listing.of(as_digests(digests), labels, splits, names, classes, source)
        with writing(self.path):
            write_listing(listings_folder(self.path), listing)

    def verify(self, *, quarantine: bool = False) -> VerifyReport:
        """Check every byte; `verify_store` does so for a store that is too damaged to open.

        Parameters
        ----------
        quarantine : bool, default=False
            Move damaged files to ``damaged/``, so that their rows are computed again.

        Returns
        -------
        VerifyReport
            The findings.
        """
        report = verify_store(self.path, quarantine=quarantine)
        if quarantine:
            self._listings.clear()
            self.refresh()
        return report

    def merge(self, *others: FeatureStore | str | os.PathLike[str]) -> int:
        """Add the rows and datasets of other stores of the same key; what is there already stays.

        Parameters
        ----------
        *others : FeatureStore or path-like
            Stores, left as they are.

        Returns
        -------
        int
            Number of rows that were added.

        Raises
        ------
        StoreError
            If a store's key differs (before anything is written), or one of its rows is damaged.
        """
        stores = [other if isinstance(other, FeatureStore) else FeatureStore(other) for other in others]
        for other in stores:
            self.require_same_key(other)
        return sum(self._absorb(other) for other in stores)

    def require_same_key(self, other: FeatureStore) -> None:
        """Refuse a store whose rows cannot stand beside those of this one.

        Raises
        ------
        StoreError
            If the features of the two depend on anything else, with what it is.
        """
        if differing := self._manifest.difference(other._manifest):
            raise StoreError(f"{other.path} cannot be merged into {self.path}. {'. '.join(differing)}.")

    def compact(self) -> int:
        """Join small shards to large ones; readers and killed compactions do no harm.

        Returns
        -------
        int
            How many shards fewer there are.

        Raises
        ------
        StoreError
            If a row is damaged; the old shards all stay then.
        """
        with writing(self.path):
            self.refresh()
            fewer = compact_shards(self.path, self._manifest, self._index, SHARD_BYTES)
            self.refresh()
        return fewer

    def _require_features(self, digests: Digests, features: Features) -> None:
        """Refuse features that do not fit the digests or the store."""
        expected = (len(digests), self._manifest.width)
        got = getattr(features, "dtype", None), np.shape(features)
        if got != (np.float32, expected):
            raise StoreError(f"features must be float32 of shape {expected}; got {got[0]} of shape {got[1]}.")
        finite = np.isfinite(features)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise StoreError(
                f"features must be finite; row {row} is {features[row, column]} in {self._manifest.column_name(column)}. "
                "Check the network's weights, or compute in a wider precision."
            )

    def _absorb(self, other: FeatureStore) -> int:
        """Copy what another store has and this one lacks."""
        added = 0

        def copy() -> None:
            nonlocal added
            for shard in other._index.shards:
                for digests, features in intact_rows(shard, self.missing(shard.digests)):
                    added += self.append(digests, features)

        other._despite_compaction(copy)
        with writing(self.path):
            for listing in other.listings():
                write_listing(listings_folder(self.path), listing)
        return added
