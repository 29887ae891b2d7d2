"""One recorded dataset: which images, in which order, under which labels, splits and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import xxhash
from numpy.typing import ArrayLike, NDArray

from hybridfer.digest import DIGEST
from hybridfer.errors import StoreError
from hybridfer.phrases import listed
from hybridfer.store.contiguous import attribute, block, created, opened, require_members
from hybridfer.store.key import canonical_json
from hybridfer.store.sealing import aside, seal
from hybridfer.store.shard import SUFFIX, Digests

MEMBERS = {"digests", "labels", "splits", "names", "classes"}
TEXTS = ("splits", "names", "classes")
# Label of an image whose class is not known, as in Kaggle's test.csv.
UNLABELLED = -1


@dataclass(frozen=True, eq=False)
class Listing:
    """A dataset as a store remembers it.

    Attributes
    ----------
    digests : ndarray of shape (n,), dtype "S16"
        The images, in the dataset's order; twins repeat.
    labels : ndarray of shape (n,), dtype int64
        Position of each image's class in `classes`; -1 where it is not known.
    splits : ndarray of shape (n,), dtype str
        Split of each image, such as ``"train"``.
    names : ndarray of shape (n,), dtype str
        File name or line of each image.
    classes : tuple of str
        Names of the classes.
    source : str
        Where the dataset came from.
    digest : str
        Hash of all of the above, as 32 hex digits; the listing's file is named by it.

    Raises
    ------
    StoreError
        If the lengths differ or a label is no class.
    """

    digests: Digests
    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    names: NDArray[np.str_]
    classes: tuple[str, ...]
    source: str
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ("digests", "labels", "splits", "names")}
        if len(set(lengths.values())) != 1 or not len(self):
            raise StoreError(f"a listing needs one digest, label, split and name for each image; got {lengths}.")
        if self.labels.min() < UNLABELLED or self.labels.max() >= len(self.classes):
            raise StoreError(
                f"labels must lie between 0 and {len(self.classes) - 1}, or be {UNLABELLED} where unknown; "
                f"got {self.labels.min()} to {self.labels.max()}."
            )
        object.__setattr__(self, "digest", self._content_digest())

    def __len__(self) -> int:
        return len(self.digests)

    @classmethod
    def of(
        cls,
        digests: Digests,
        labels: ArrayLike,
        splits: ArrayLike,
        names: ArrayLike,
        classes: Sequence[str],
        source: str,
    ) -> Listing:
        """Build a listing from arrays or sequences of any suitable kind."""
        found = np.asarray(labels)
        if found.ndim != 1 or not (np.issubdtype(found.dtype, np.integer) or not found.size):
            raise StoreError(f"labels must be whole numbers, one an image; got {found.dtype} of shape {found.shape}.")
        return cls(
            digests, found.astype(np.int64), _texts(splits), _texts(names), tuple(map(str, classes)), _printable(source)
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Count the images of each class in each split; those without a label are under ``"?"``."""
        named = (*self.classes, "?")
        counted = Counter(zip(self.splits.tolist(), self.labels.tolist(), strict=True))
        found: dict[str, dict[str, int]] = {}
        for (split, label), count in sorted(counted.items()):
            found.setdefault(split, {})[named[label]] = count
        return found

    def divides(self, other: Listing) -> bool:
        """Tell whether this is the dataset that another is, with splits that lie within the other's, as carved ones do.

        Where it was read from makes no difference: a folder goes by several paths.
        """
        if (self.classes, len(self)) != (other.classes, len(other)):
            return False
        mine, theirs = (np.lexsort((item.names, item.digests)) for item in (self, other))
        same = ("digests", "labels", "names")
        if not all(np.array_equal(getattr(self, name)[mine], getattr(other, name)[theirs]) for name in same):
            return False
        pairs = set(zip(self.splits[mine].tolist(), other.splits[theirs].tolist(), strict=True))
        return len(pairs) == len({split for split, _ in pairs})

    def within(self, split: str | None) -> slice | NDArray[np.intp]:
        """Tell which images belong to a split; all of them for None."""
        return slice(None) if split is None else np.flatnonzero(self.splits == split)

    def _content_digest(self) -> str:
        """Hash the content, so that the same dataset is the same file."""
        state = xxhash.xxh3_128(np.ascontiguousarray(self.digests).data)
        state.update(self.labels.astype("<i8").data)
        state.update(canonical_json([self.splits.tolist(), self.names.tolist(), self.classes, self.source]).encode())
        return state.hexdigest()


def write_listing(folder: Path, listing: Listing) -> Path:
    """Write a listing under its digest, unless it is there already.

    Raises
    ------
    StoreError
        If the disk is full or refuses.
    """
    target = folder / f"{listing.digest}{SUFFIX}"
    if target.exists():
        return target
    try:
        with aside(folder) as partial:
            with created(partial) as file:
                file.create_dataset("digests", data=listing.digests)
                file.create_dataset("labels", data=listing.labels.astype("<i8"))
                _write_texts(file, "splits", listing.splits)
                _write_texts(file, "names", listing.names)
                _write_texts(file, "classes", _texts(listing.classes))
                file.attrs["source"] = listing.source
            seal(partial, target)
    except OSError as error:
        raise StoreError(f"No listing could be written to {folder}: {error}. Free space, or check permissions.") from error
    return target


def read_listing(path: Path) -> Listing:
    """Read a listing back.

    Raises
    ------
    StoreError
        If it is damaged or forged.
    """
    with opened(path) as file:
        require_members(file, MEMBERS)
        digests = block(file, "digests", DIGEST.str, 1).dataset[:]
        labels = block(file, "labels", "<i8", 1).dataset[:]
        splits, names, classes = (_read_texts(file, name) for name in TEXTS)
        source = attribute(file, "source")
    try:
        listing = Listing(digests, labels, splits, names, tuple(classes.tolist()), source)
    except StoreError as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    if listing.digest != path.stem:
        raise StoreError(f"{path} is damaged: its content does not match its name.")
    return listing


def choose_listing(store: Path, listings: Sequence[Listing], split: str | None, source: str | None) -> Listing:
    """Choose the one dataset that has the split and comes from the source, or whose digest begins with it.

    Of one dataset with coarser and with finer splits it is the finer, whichever split is asked for.

    Raises
    ------
    StoreError
        If none does, or several do, with what there is to choose from.
    """
    if not listings:
        raise StoreError(f"{store} has no recorded dataset. Run: hybridfer extract DATA --store {store}")
    found = [
        item for item in listings if source is None or item.source == _printable(source) or item.digest.startswith(source)
    ]
    found = [item for item in found if split is None or split in item.splits]
    finest = [item for item in found if all(item is other or item.divides(other) for other in found)]
    if finest:
        return finest[0]
    known = "; ".join(f"{item.source} ({item.digest[:8]}): {', '.join(item.counts())}" for item in listings)
    if not found:
        asked = {"split": split, "source": source}
        told = listed([f"the {name} {value!r}" for name, value in asked.items() if value is not None])
        raise StoreError(
            f"{store} has no recorded dataset of {told}. Ask for a source and a split that it has; it has {known}."
        )
    raise StoreError(f"several recorded datasets fit; {store} has {known}. Pass source= with a name or those digits.")


def _write_texts(file: h5py.File, name: str, texts: NDArray[np.str_]) -> None:
    """Write texts as UTF-8 of one length: contiguous bytes, where variable-length texts would be pointers."""
    # File names that are no UTF-8 come from the system as lone surrogates; they survive the way there and back.
    encoded = np.strings.encode(texts, "utf-8", "surrogatepass")
    kind = h5py.string_dtype("utf-8", max(1, encoded.dtype.itemsize))
    file.create_dataset(name, data=encoded.astype(kind))


def _read_texts(file: h5py.File, name: str) -> NDArray[np.str_]:
    """Read texts back, shape (n,)."""
    return np.strings.decode(block(file, name, "S", 1).dataset[:], "utf-8", "surrogatepass")


def _printable(source: str) -> str:
    """Spell out the bytes of a path that are no UTF-8, which an attribute of HDF5 must be."""
    return str(source).encode("utf-8", "backslashreplace").decode()


def _texts(values: ArrayLike) -> NDArray[np.str_]:
    """Make an array of texts, shape (n,)."""
    texts = np.asarray(values, dtype=np.str_)
    if texts.ndim != 1:
        raise StoreError(f"splits, names and classes must be one text an image or class; got shape {texts.shape}.")
    return texts
