"""One door for every source of images: recognised by content, with one set of options."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from hybridfer.datasets.classes import FER_CLASSES, order_classes, select_classes
from hybridfer.datasets.dataset import Dataset, Problem
from hybridfer.datasets.decode import MODES, Format, StoredImages
from hybridfer.datasets.faces import make_faces
from hybridfer.datasets.index import DatasetIndex, check_problems
from hybridfer.datasets.layout import resolve_splits
from hybridfer.datasets.records import Records, label_words
from hybridfer.datasets.selection import Selection, read_selection
from hybridfer.datasets.sources import read_source
from hybridfer.datasets.splits import LeftOut
from hybridfer.errors import DatasetError
from hybridfer.home import given_path

Source = str | os.PathLike[str] | Dataset


def read_dataset(
    source: Source,
    *,
    classes: str | Iterable[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    mode: str = "grey",
    test_split: str = "auto",
    index: str | os.PathLike[str] | None = None,
    on_error: str = "raise",
    n_jobs: int | None = None,
) -> Dataset:
    """Read face images from a folder, an archive, a csv, an npz, or draw them.

    Parameters
    ----------
    source : str, path or Dataset
        What the images are in is told by its content, not by its name:

        - a folder tree ``train/<class>/<image>``, also with validation (val, valid) and test, below any number of wrapping
          folders; or plain ``<class>/<image>``, which is all train;
        - Kaggle's fer2013.csv (emotion,pixels,Usage), train.csv and test.csv, the latter without labels;
        - a zip, tar, tar.gz, tar.xz or tar.bz2 of any of these, read without unpacking; a csv inside gzip;
        - an npz with ``images`` (or ``X``) and, optional, ``labels`` (or ``y``), ``classes``, ``splits`` and ``names``;
        - ``"faces"`` or ``"faces:3000"``: drawn by `make_faces` (a folder of that name is ``"./faces"``);
        - a Dataset, to which the options are applied.
    classes : str or iterable of str, optional
        Classes to keep: ``"happy,sad"`` or a list; synonyms will do. Images of other classes are left out; where a split may
        have to be carved, those of train are decoded all the same, as the split shall be that of all classes. Whatever order
        is written here, classes stand in FER's order with all others sorted behind.
    image_size : int or (int, int), optional
        Height and width to bring all images to. Needed where they have several sizes.
    mode : {"grey", "colour"}
        Colour is in the order red, green, blue.
    test_split : {"auto", "public", "private", "all"}
        Which of FER2013's test parts is scored: see `hybridfer.datasets.layout.resolve_splits`.
    index : path, optional
        A CSV file that says which images are kept, such as ``hybridfer audit --fix`` writes; the others are left out.
        It must name every image that is read, with the split and the class that the image has here.
    on_error : {"raise", "skip"}
        Whether unreadable images, wrong pixel counts, unknown labels, empty classes and the like are raised, all in one
        error, or left out and kept in `Dataset.problems`.
    n_jobs : int, optional
        Threads that decode; all cores by default. The result does not depend on it.

    Returns
    -------
    Dataset
        Ordered by member path, or by line.

    Raises
    ------
    DatasetError
        If the source is missing or not recognised, holds nothing readable, lacks a column, has members whose paths leave the
        archive, or has problems that are to raise; or if the index is one of other images.

    Examples
    --------
    >>> faces = read_dataset("faces:140", classes="happy, sadness")
    >>> faces.classes, sum(faces.counts()["train"].values())
    (('happy', 'sad'), 100)
    """
    if isinstance(source, Dataset) and index is None and _is_as_asked(source, classes, image_size, mode, test_split):
        check_problems(list(source.problems), source.source, on_error)
        return source
    dataset = _scan(source, classes, image_size, mode, test_split, index).read(on_error, n_jobs)
    # pixels of another shape have other digests
    if isinstance(source, Dataset) and source.left_out is not None and source.images.shape[1:] == dataset.images.shape[1:]:
        dataset = replace(dataset, left_out=_together(source.left_out, dataset.left_out))
    return dataset


def scan_dataset(
    source: Source,
    *,
    classes: str | Iterable[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    mode: str = "grey",
    test_split: str = "auto",
    index: str | os.PathLike[str] | None = None,
    on_error: str = "raise",
) -> DatasetIndex:
    """Look through a source without decoding its images, so that decoding can overlap with other work.

    Parameters
    ----------
    source, classes, image_size, mode, test_split, index
        As in `read_dataset`.
    on_error : {"raise", "skip"}
        What to do about problems that show without decoding; others are told by `DatasetIndex.decode`.

    Returns
    -------
    DatasetIndex
        In the order of `read_dataset`, and with every image that it would decode.

    Raises
    ------
    DatasetError
        As in `read_dataset`.

    Examples
    --------
    >>> index = scan_dataset("faces:40")
    >>> sum(len(batch.images) for batch in index.batches(16))
    40
    """
    scanned = _scan(source, classes, image_size, mode, test_split, index)
    check_problems(list(scanned.problems), scanned.source, on_error)
    return scanned


def _scan(
    source: Source,
    classes: str | Iterable[str] | None,
    image_size: int | tuple[int, int] | None,
    mode: str,
    test_split: str,
    index: str | os.PathLike[str] | None,
) -> DatasetIndex:
    """Records of any source, with options applied."""
    if mode not in MODES:
        raise DatasetError(f"mode must be among {', '.join(MODES)}; got {mode!r}.")
    form = Format(mode, _as_size(image_size))
    selection = None if index is None else read_selection(index)
    if isinstance(source, str) and source.partition(":")[0] == "faces":
        source = _draw(source, classes, form)
    label = source.source if isinstance(source, Dataset) else str(given_path(source))
    records = _from_dataset(source) if isinstance(source, Dataset) else read_source(given_path(source))
    return _index(records, label, classes, form, test_split, selection)


def _together(earlier: LeftOut, later: LeftOut | None) -> LeftOut:
    """What was left out when a dataset was read, and when some classes of it were taken."""
    if later is None:
        return earlier
    return LeftOut(*earlier.beside(later.digests, later.labels, later.classes), earlier.classes)


def _as_size(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    size = (image_size, image_size) if isinstance(image_size, int | np.integer) else tuple(image_size)
    if len(size) != 2 or not all(isinstance(side, int | np.integer) and 1 <= side <= 8192 for side in size):
        raise DatasetError(f"image_size must be a number of pixels or (height, width), each 1..8192; got {image_size!r}.")
    return int(size[0]), int(size[1])


def _draw(source: str, classes: str | Iterable[str] | None, form: Format) -> Dataset:
    """Draw what ``"faces:3000"`` asks for."""
    count = source.partition(":")[2] or "2000"
    if not count.isdigit():
        raise DatasetError(f"Drawn faces are asked for as faces or faces:3000; got {source!r}.")
    return make_faces(int(count), FER_CLASSES if classes is None else classes, form.image_size or 48)


def _is_as_asked(
    dataset: Dataset,
    classes: str | Iterable[str] | None,
    image_size: int | tuple[int, int] | None,
    mode: str,
    test: str,
) -> bool:
    """Whether no option would change anything."""
    return (
        classes is None
        and test == "auto"
        and _as_size(image_size) in (None, dataset.image_size)
        and dataset.channels == (1 if mode == "grey" else 3)
        and dataset.classes == order_classes(dataset.classes)
    )


def _from_dataset(dataset: Dataset) -> Records:
    words = np.array([*dataset.classes, ""])[dataset.labels].tolist()
    homes, usages = dataset.splits.tolist(), [""] * len(dataset)
    pixels = StoredImages(dataset.images)
    return Records(pixels, dataset.names.tolist(), words, homes, usages, dataset.problems, dataset.classes)


def _index(
    records: Records,
    source: str,
    classes: str | Iterable[str] | None,
    form: Format,
    test_split: str,
    selection: Selection | None,
) -> DatasetIndex:
    known, labels = label_words(records.words, records.classes)
    chosen = known if classes is None else select_classes(classes, known)
    kept = np.flatnonzero(np.isin(labels, [-1, *(known.index(name) for name in chosen)]))
    if not len(kept):
        raise DatasetError(f"{source} holds no image of {', '.join(chosen)}.")
    relabel = np.array([*(chosen.index(name) if name in chosen else -1 for name in known), -1], dtype=np.int64)
    splits = resolve_splits(records.homes, records.usages, test_split, source)
    empty = [(folder, word) for folder, word in records.empty if classes is None or _names(word, chosen)]
    problems = (*records.problems, *(Problem(folder, "is a class folder without any image") for folder, _ in empty))
    names = np.array(records.names)
    if selection is not None:
        words = np.array([*known, ""])[labels[kept]].tolist()
        kept = kept[selection.kept(names[kept].tolist(), splits[kept].tolist(), words, records.names, source)]
        problems = tuple(problem for problem in problems if not selection.drops(problem.where))
    size = form.image_size or records.pixels.first_size(kept)
    if size is None:
        raise DatasetError(f"{source} holds no image that can be read: none of {len(kept)} files is an image.")
    index = DatasetIndex(
        names=names[kept],
        labels=relabel[labels[kept]],
        splits=splits[kept],
        classes=chosen,
        source=source,
        image_size=size,
        form=form,
        problems=problems,
        pixels=records.pixels,
        pixel_rows=kept,
    )
    left_out = ~np.isin(labels, [-1, *(known.index(name) for name in chosen)]) & (splits == "train")
    if selection is not None:
        left_out &= [not selection.drops(name) for name in records.names]
    # nothing is carved where no split is missing
    if not left_out.any() or {"validation", "test"} <= set(index.splits.tolist()):
        return index
    rows = np.flatnonzero(left_out)
    others = replace(
        index, names=names[rows], labels=labels[rows], splits=splits[rows], classes=known, problems=(), pixel_rows=rows
    )
    return replace(index, left_out=others)


def _names(word: str, chosen: tuple[str, ...]) -> bool:
    return any(name in chosen for name in label_words([word])[0])
