"""npz files of unknown origin, read whole or refused: one reader, as numpy fails on damaged ones by errors of many kinds."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

# RuntimeError is zipfile's word for encrypted members and unknown compressions, MemoryError comes of an array that claims
# too much, and TypeError of a file that is an array by itself
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


class NpzError(ValueError):
    """A file is no npz, is damaged, or lacks an array; the message says what is wrong, but not with which file."""


class Arrays(dict[str, NDArray]):
    """Arrays by name; NpzError says which is missing."""

    def __missing__(self, name: str) -> NDArray:
        raise NpzError(f"it has no array {name!r}")


def read_npz(source: Path | BinaryIO) -> Arrays:
    """Read all arrays of an npz; pickled objects are never loaded.

    Parameters
    ----------
    source : Path or BinaryIO
        Of what `numpy.savez` or `numpy.savez_compressed` wrote.

    Returns
    -------
    Arrays
        The arrays by name.

    Raises
    ------
    NpzError
        If the file is missing, damaged or something else, or if an array claims more than the memory holds.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.savez(file, labels=[1, 0])
    >>> _ = file.seek(0)
    >>> read_npz(file)["labels"].tolist()
    [1, 0]
    """
    try:
        if isinstance(source, Path):
            # opened here: np.load leaves a damaged archive open
            with source.open("rb") as file:
                return _loaded(file)
        return _loaded(source)
    except _UNREADABLE as error:
        raise NpzError(str(error) or type(error).__name__) from error


def _loaded(file: BinaryIO) -> Arrays:
    with np.load(file, allow_pickle=False) as arrays:
        return Arrays((name, arrays[name]) for name in arrays.files)
