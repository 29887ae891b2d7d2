"""npz files: arrays of images and labels, written with numpy.savez."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets.classes import FER_CLASSES
from hybridfer.datasets.dataset import Problem
from hybridfer.datasets.decode import StoredImages
from hybridfer.datasets.layout import usage_of_word
from hybridfer.datasets.records import Records
from hybridfer.errors import DatasetError
from hybridfer.npz_layout import NpzError, read_npz

_KEYS = {"images": ("images", "X"), "labels": ("labels", "y")}
#: What labels may be: truth values, whole and other numbers, bytes, words.
_LABEL_KINDS = "biufSU"

#: What is wrong, and with which row: names need not be unique.
Fault = tuple[int, str]


def read_arrays(source: Path | BinaryIO, name: str) -> Records:
    """Read an npz.

    Parameters
    ----------
    source : Path or BinaryIO
        Must hold ``images`` (or ``X``), uint8 of shape (n, h, w), (n, h, w, 1) or (n, h, w, 3), and may hold ``labels`` (or
        ``y``; positions or words), ``classes`` (words for positions; Kaggle's order where it is missing), ``splits`` and
        ``names``.
    name : str
        Put before positions: the first image is ``name[0]``.

    Returns
    -------
    Records

    Raises
    ------
    DatasetError
        If the images are missing or not uint8, or an array does not have one entry an image. Pickled objects are never
        loaded.
    """
    try:
        found = read_npz(source)
    except NpzError as error:
        raise DatasetError(f"{name} cannot be read as an npz ({error}).") from error
    images = _images(found, name)
    count = len(images)
    names = [str(entry) for entry in _column(found, "names", count, name)] or [f"{name}[{i}]" for i in range(count)]
    words, faults = _words(found, count, name)
    homes, usages = _split_words(found, count, name, faults)
    problems = tuple(Problem(names[row], what) for row, what in faults)
    bad = {row for row, _ in faults}
    good = [row for row in range(count) if row not in bad]
    if not good:
        raise DatasetError(f"{name} holds no image that can be used. {'; '.join(map(str, problems[:3]))}".rstrip())
    columns = (names, words, homes, usages)
    names, words, homes, usages = ([column[row] for row in good] for column in columns)
    return Records(StoredImages(images[good]), names, words, homes, usages, problems, _classes(found, name))


def _images(found: Mapping[str, NDArray], name: str) -> NDArray[np.uint8]:
    key = next((key for key in _KEYS["images"] if key in found), None)
    if key is None:
        raise DatasetError(f"{name} has no array 'images' (or 'X'); it has {', '.join(found) or 'none'}.")
    images = found[key]
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    shaped = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)
    if images.dtype != np.uint8 or not shaped:
        raise DatasetError(
            f"{name}: {key} must be uint8 of shape (n, h, w) or (n, h, w, 3); got {images.dtype} {images.shape}. "
            "Scale floats to 0..255 and save them as uint8."
        )
    return images


def _column(found: Mapping[str, NDArray], key: str, count: int, name: str) -> list:
    """One array as a list, empty where it is missing."""
    key = next((alias for alias in _KEYS.get(key, (key,)) if alias in found), key)
    if key not in found:
        return []
    if found[key].shape != (count,):
        raise DatasetError(f"{name}: {key} must have one entry for each of {count} images; got shape {found[key].shape}.")
    return _decoded(found[key]).tolist()


def _decoded(array: NDArray) -> NDArray:
    """Bytes as words."""
    return np.char.decode(array, "utf-8", "backslashreplace") if array.dtype.kind == "S" else array


def _classes(found: Mapping[str, NDArray], name: str) -> tuple[str, ...]:
    """The classes that the file names, if it does."""
    classes = np.atleast_1d(found.get("classes", np.array([], dtype=str)))
    if classes.ndim > 1:
        raise DatasetError(f"{name}: classes must be one word for each class; got an array of shape {classes.shape}.")
    return tuple(str(word) for word in _decoded(classes))


def _words(found: Mapping[str, NDArray], count: int, name: str) -> tuple[list[str], list[Fault]]:
    classes = _classes(found, name) or FER_CLASSES
    words, faults = [""] * count, []
    key = next((key for key in _KEYS["labels"] if key in found), "")
    if key and found[key].dtype.kind not in _LABEL_KINDS:
        raise DatasetError(f"{name}: {key} must be positions of classes or words; got {found[key].dtype}.")
    for row, label in enumerate(_column(found, "labels", count, name)):
        if isinstance(label, str):
            words[row] = label
        elif isinstance(label, float) and not label.is_integer():
            faults.append((row, f"unknown label {label}; expected an integer"))
        elif not -1 <= label < len(classes):
            faults.append((row, f"unknown label {label}; expected 0..{len(classes) - 1}, or -1 for unknown"))
        elif label >= 0:
            words[row] = classes[int(label)]
    return words, faults


def _split_words(found: Mapping[str, NDArray], count: int, name: str, faults: list[Fault]) -> tuple[list[str], list[str]]:
    homes, usages = ["train"] * count, [""] * count
    for row, word in enumerate(_column(found, "splits", count, name)):
        place = usage_of_word(str(word))
        if place is None:
            faults.append((row, f"unknown split {str(word)!r}; expected train, validation or test"))
        else:
            homes[row], usages[row] = place
    return homes, usages
