"""What folder and file names say: which split and which class an image belongs to, and what is to be passed over."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridfer.errors import DatasetError

TEST_SPLITS = ("auto", "public", "private", "all")

_HOMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
_USAGES = {"training": "train", "publictest": "public", "privatetest": "private"}
_PREFIX = re.compile(r"(Training|PublicTest|PrivateTest)(?![A-Za-z])", re.IGNORECASE)
_UNWANTED = re.compile(r"(?:^|/)(?:\.|(?:thumbs\.db|desktop\.ini|__macosx)(?:/|$))", re.IGNORECASE)


class Place(NamedTuple):
    """What the folders above an image say: its split and its class, "" where they say nothing."""

    home: str
    class_name: str


def is_unwanted(path: str) -> bool:
    """Whether a path is litter of an operating system: __MACOSX, Thumbs.db, or anything that starts with a dot."""
    return _UNWANTED.search(path) is not None


@lru_cache(maxsize=4096)
def place_of(folder: str) -> Place:
    """Read split and class off the folders above an image.

    The innermost train, validation or test folder names the split and the folder below it the class, so that any number of
    folders may wrap the tree. Without such a folder, the class is the innermost folder.
    """
    parts = [part for part in folder.split("/") if part]
    for depth in reversed(range(len(parts))):
        usage = _USAGES.get(parts[depth].lower())
        home = _HOMES.get(parts[depth].lower()) or ("train" if usage == "train" else usage)
        if home:
            return Place(home, parts[depth + 1] if depth + 1 < len(parts) else "")
    return Place("", parts[-1] if parts else "")


def class_folder_of(folder: str) -> str:
    """The path of the class folder that `folder` is or lies in; "" where there is none."""
    place = place_of(folder)
    if not place.class_name:
        return ""
    parts = folder.split("/")
    if not place.home:
        return folder
    last = max(depth for depth in range(1, len(parts)) if place_of("/".join(parts[:depth])) == Place(place.home, ""))
    return "/".join(parts[: last + 1])


def usage_of_file(name: str) -> str:
    """Read FER2013's Usage off a file name such as ``PublicTest_123.jpg``: train, public, private or ""."""
    match = _PREFIX.match(name)
    return _USAGES[match[1].lower()] if match else ""


def usage_of_word(word: str) -> tuple[str, str] | None:
    """Read home and usage off a word in a Usage column; None for a word that means neither."""
    key = word.strip().lower()
    if key in _USAGES:
        return "", _USAGES[key]
    return (_HOMES[key], "") if key in _HOMES else None


def resolve_splits(homes: list[str], usages: list[str], test_split: str, source: str) -> NDArray[np.str_]:
    """Decide the split of every image.

    Parameters
    ----------
    homes : list of str
        What folders say: train, validation, test, or "".
    usages : list of str
        What FER2013's Usage says: train, public, private, or "".
    test_split : {"auto", "public", "private", "all"}
        Which of FER2013's two test parts is scored. auto: PrivateTest is test and PublicTest validation; where one of them
        stands alone it is test, unless its folder calls it validation. public, private: that one is test, the other one
        validation. all: both are test.
    source : str
        Named in errors.

    Returns
    -------
    ndarray of shape (n,), dtype str

    Raises
    ------
    DatasetError
        If `test_split` asks for a part that the source does not have.

    Notes
    -----
    Where any folder contradicts a Usage (a Training image in a test folder), someone has drawn splits anew: folders then
    decide alone.
    """
    if test_split not in TEST_SPLITS:
        raise DatasetError(f"test_split must be among {', '.join(TEST_SPLITS)}; got {test_split!r}.")
    home, usage = np.array(homes, dtype="<U10"), np.array(usages, dtype="<U10")
    in_public, in_private = (home == "public", home == "private")
    usage[in_public], usage[in_private] = "public", "private"
    home[in_public | in_private] = ""
    if _contradict(home, usage):
        usage[:] = ""
    public, private = usage == "public", usage == "private"
    if test_split in ("public", "private") and not (usage == test_split).any():
        raise DatasetError(f"test_split={test_split!r} asks for {test_split.title()}Test images; {source} has none.")
    splits = np.where(home != "", home, "train").astype("<U10")
    splits[private] = "validation" if test_split == "public" else "test"
    if test_split in ("public", "all"):
        splits[public] = "test"
    elif test_split == "private" or private.any():
        splits[public] = "validation"
    else:
        splits[public] = np.where(home[public] == "validation", "validation", "test")
    return splits


def _contradict(home: NDArray, usage: NDArray) -> bool:
    """Whether any folder says something that FER2013's Usage rules out."""
    held_out = (home == "validation") | (home == "test")
    tested = (usage == "public") | (usage == "private")
    moved = ((usage == "train") & held_out) | (tested & (home == "train")) | ((usage == "private") & (home == "validation"))
    return bool(moved.any())
