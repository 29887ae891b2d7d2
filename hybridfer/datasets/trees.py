"""Trees of image files: train/happy/a.jpg, or happy/a.jpg, below any number of wrapping folders."""

from __future__ import annotations

import logging
import os
import re

import numpy as np

from hybridfer import phrases
from hybridfer.datasets.classes import class_key
from hybridfer.datasets.containers import Container
from hybridfer.datasets.dataset import Problem
from hybridfer.datasets.decode import EncodedImages
from hybridfer.datasets.layout import Place, class_folder_of, place_of, usage_of_file
from hybridfer.datasets.records import Records
from hybridfer.errors import DatasetError

log = logging.getLogger("hybridfer")

TOLD = 3
_LIKE_A_SPLIT = re.compile("(?<![a-z])(?:train|val|test)", re.IGNORECASE)


def read_tree(container: Container, members: list[int]) -> Records:
    """Read classes and splits off the paths of image files; no image is decoded yet.

    Parameters
    ----------
    container : Container
        Folder or archive.
    members : list of int
        Those of its members that are images.

    Returns
    -------
    Records

    Raises
    ------
    DatasetError
        If no image stands in a class folder.
    """
    problems = [Problem(name, what) for name, what in container.broken]
    split_at_all = any(place_of(folder).home for folder in _folders_of(container, members))
    kept, names, words, homes, usages = [], [], [], [], []
    for member in members:
        path = container.names[member]
        folder, _, file = path.rpartition("/")
        place, usage = place_of(folder), usage_of_file(file)
        fault = _fault(place, usage, split_at_all)
        if fault:
            problems.append(Problem(path, fault))
            continue
        kept.append(member)
        names.append(path)
        words.append(place.class_name)
        homes.append(place.home)
        usages.append(usage)
    if not kept:
        raise DatasetError(
            f"{container.label} holds {len(members)} images but no class folders. Expected train/<class>/<image> or "
            "<class>/<image>."
        )
    if not any(homes) and not any(usages):
        _warn_of_splits(container.label, _folders_of(container, kept))
    pixels = EncodedImages(container, np.array(kept, dtype=np.int64))
    return Records(pixels, names, words, homes, usages, tuple(problems), empty=_empty_classes(container, kept))


def _folders_of(container: Container, members: list[int]) -> set[str]:
    return {container.names[member].rpartition("/")[0] for member in members}


def _fault(place: Place, usage: str, split_at_all: bool) -> str:
    """Why an image's place says too little; "" where it says enough."""
    if split_at_all and not place.home and not usage:
        return "stands outside the train, validation and test folders"
    # Kaggle hands out test images without labels: they lie in the test folder itself.
    if not place.class_name and place.home != "test":
        return "stands in no class folder"
    return ""


def _warn_of_splits(label: str, folders: set[str]) -> None:
    """Say which folders look like splits, by their names and as they hold the same classes, and are all taken as train."""
    above: dict[str, set[str]] = {}
    for folder in folders:
        parent, _, word = folder.rpartition("/")
        above.setdefault(class_key(word), set()).add(parent)
    parents = sorted({parent for repeated in above.values() if len(repeated) > 1 for parent in repeated})
    if any(_LIKE_A_SPLIT.search(os.path.basename(parent)) for parent in parents):
        log.warning(
            "%s of %s hold the same classes and are all taken as train. If they are splits, call them train, validation and "
            "test.",
            phrases.listed([*parents[:TOLD], *(["..."] if len(parents) > TOLD else [])]),
            label,
        )


def _empty_classes(container: Container, members: list[int]) -> tuple[tuple[str, str], ...]:
    """Folders that stand beside class folders and hold no image."""
    filled = {class_folder_of(folder) for folder in _folders_of(container, members)} - {""}
    beside = {folder.rpartition("/")[0] for folder in filled}
    above = {folder[:end] for folder in filled for end in range(len(folder)) if folder[end] == "/"}
    folders = {*container.folders, *(name.rpartition("/")[0] for name in container.names)} - {""}
    empty = [
        folder
        for folder in sorted(folders - filled - above)
        if folder.rpartition("/")[0] in beside and class_folder_of(folder) == folder
    ]
    return tuple((folder, place_of(folder).class_name) for folder in empty)
