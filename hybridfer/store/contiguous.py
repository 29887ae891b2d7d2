"""HDF5 files of unknown origin, read with suspicion: plain contiguous datasets or an error."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from hybridfer.errors import StoreError, UnreadableStoreError
from hybridfer.store.key import FORMAT_VERSION, refuse_newer

# What h5py raises on files that are truncated, forged or no HDF5 at all.
TROUBLE = (OSError, KeyError, RuntimeError, TypeError, ValueError, OverflowError, MemoryError, AttributeError)
# What the system says where the file itself may be sound.
REFUSALS = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open an immutable file for reading.

    Without a lock: the file never changes, and many network file systems refuse one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StoreError
        If HDF5 stumbles over its contents, at once or later inside the block.
    UnreadableStoreError
        If the system refuses to read it, or a newer hybridfer wrote it.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (FileNotFoundError, StoreError):
        raise
    except TROUBLE as error:
        if not path.exists():
            # HDF5 looks a file up again after it opened it; one that was compacted away in between is not damaged.
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        if isinstance(error, OSError) and error.errno in REFUSALS:
            reason = os.strerror(error.errno)
            raise UnreadableStoreError(f"{path} cannot be read: {reason}. Check permissions and the disk.") from error
        raise StoreError(f"{path} is truncated or damaged ({error}).") from error


@contextmanager
def created(path: Path) -> Iterator[h5py.File]:
    """Create a file stamped with the version of the store's format.

    Raises
    ------
    OSError
        If the disk is full or refuses.
    """
    try:
        with h5py.File(path, "w-", locking=False) as file:
            file.attrs["format"] = FORMAT_VERSION
            yield file
    except RuntimeError as error:
        # h5py's close says so when the disk is full.
        raise OSError(str(error)) from error


@dataclass(frozen=True)
class Block:
    """A contiguous dataset and where its bytes lie in the file."""

    dataset: h5py.Dataset
    offset: int


def require_members(file: h5py.File, names: set[str]) -> None:
    """Refuse a file that holds anything but the named datasets, or is of another format.

    Raises
    ------
    StoreError
        If it is.
    UnreadableStoreError
        If a newer hybridfer wrote it.
    """
    version = file.attrs.get("format")
    try:
        refuse_newer(version, FORMAT_VERSION)
    except UnreadableStoreError as error:
        raise UnreadableStoreError(f"{file.filename} cannot be read: {error}") from error
    if not isinstance(version, np.integer) or version != FORMAT_VERSION:
        raise StoreError(f"{file.filename} has format {version!r}; expected {FORMAT_VERSION}.")
    if file.userblock_size or set(file) != names:
        raise StoreError(f"{file.filename} must hold exactly {sorted(names)}; got {sorted(file)[:10]}.")


def attribute(file: h5py.File, name: str) -> str:
    """Read a text attribute of the file."""
    value = file.attrs.get(name)
    if not isinstance(value, str):
        raise StoreError(f"{file.filename} must have the text attribute {name!r}; got {value!r}.")
    return value


def block(file: h5py.File, name: str, kind: str, ndim: int) -> Block:
    """Look up a dataset and refuse all but plain, contiguous, allocated bytes inside this very file.

    Parameters
    ----------
    file : h5py.File
        An open file.
    name : str
        Name of the dataset.
    kind : str
        Its dtype, such as ``"<f4"``; ``"S"`` stands for byte strings of any fixed length.
    ndim : int
        Its number of dimensions.

    Raises
    ------
    StoreError
        If it is anything else: a link elsewhere, external or virtual storage, chunks, another dtype or shape.
    """
    where = f"{name!r} in {file.filename}"
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise StoreError(f"{where} is a link; expected a dataset of its own.")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise StoreError(f"{where} is a {type(dataset).__name__}; expected a dataset.")
    layout = dataset.id.get_create_plist().get_layout()
    if dataset.is_virtual or dataset.external or layout != h5py.h5d.CONTIGUOUS:
        raise StoreError(f"{where} is virtual, external, chunked or compressed; expected contiguous bytes.")
    fits = dataset.dtype.kind == "S" if kind == "S" else dataset.dtype == np.dtype(kind)
    if not fits or dataset.ndim != ndim:
        raise StoreError(f"{where} is {dataset.dtype} of shape {dataset.shape}; expected {kind} with {ndim} axes.")
    offset = dataset.id.get_offset()
    # math.prod: a forged shape overflows NumPy's integers.
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    # HDF5 gives no place to a dataset without elements.
    offset = 0 if size == 0 else offset
    if offset is None or offset + size > Path(file.filename).stat().st_size:
        raise StoreError(f"{where} of shape {dataset.shape} reaches beyond the end of the file.")
    return Block(dataset, offset)
