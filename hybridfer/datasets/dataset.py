"""Labelled images in memory, with their splits: the value that every later step takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridfer import phrases
from hybridfer.datasets.splits import LeftOut, carved
from hybridfer.digest import image_digests
from hybridfer.errors import DatasetError

#: The splits in the order in which they are told.
SPLITS = ("train", "validation", "test")
UNKNOWN = "unknown"
#: Problems that are named where not all of them are asked for.
NAMED = 3


@dataclass(frozen=True)
class Problem:
    """Something in a source that could not be used.

    Attributes
    ----------
    where : str
        File name or line number, such as ``"train/happy/a.jpg"`` or ``"fer2013.csv:12"``.
    what : str
        What is wrong with it, as one sentence without a full stop.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return phrases.printable(f"{self.where}: {self.what}")


def describe_skipped(problems: Sequence[Problem]) -> str:
    """Name the first three of what was left out of a source, and say where all are named.

    Examples
    --------
    >>> print(describe_skipped([Problem("a.png", "is empty")]))
    1 problem was skipped: a.png: is empty
    """
    if len(problems) == 1:
        return f"1 problem was skipped: {problems[0]}"
    lines = [f"{len(problems):,} problems were skipped:", *(f"  {problem}" for problem in problems[:NAMED])]
    if len(problems) > NAMED:
        lines.append(f"  and {len(problems) - NAMED:,} more; hybridfer audit DATA --json names all")
    return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Face images with their labels and splits.

    Attributes
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8
        Grey images, or colour images in the order red, green, blue.
    labels : ndarray of shape (n,), dtype int64
        Positions in `classes`; -1 where the label is unknown, as in Kaggle's test.csv.
    splits : ndarray of shape (n,), dtype str
        ``"train"``, ``"validation"`` or ``"test"``.
    names : ndarray of shape (n,), dtype str
        Where each image came from: ``"test/angry/PublicTest_1.jpg"``, ``"fer2013.csv:12"``.
    classes : tuple of str
        Class names: FER words in Kaggle's order first, all others sorted behind them.
    source : str
        What the images were read from.
    problems : tuple of Problem
        What was left out because it could not be used.
    left_out : LeftOut or None
        Train images of the source's other classes, where `read_dataset` was asked for some of them and splits may have to be
        carved: they are the same then as of all classes. Of what `subset` takes away nothing is known.

    Raises
    ------
    DatasetError
        If the parts do not fit each other.

    Examples
    --------
    >>> from hybridfer.datasets import make_faces
    >>> faces = make_faces(70, classes=("happy", "sad"), random_state=0)
    >>> len(faces), faces.image_size, faces.channels
    (70, (48, 48), 1)
    >>> X, y = faces.arrays("test")
    >>> X.shape == (len(y), 48, 48)
    True
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    names: NDArray[np.str_]
    classes: tuple[str, ...]
    source: str
    problems: tuple[Problem, ...] = ()
    left_out: LeftOut | None = None

    def __post_init__(self) -> None:
        self._check_images()
        self._check_columns()
        if len(set(self.classes)) != len(self.classes):
            raise DatasetError(f"classes must differ from each other; got {', '.join(self.classes)}.")
        if len(self) and not (self.labels.min() >= -1 and self.labels.max() < len(self.classes)):
            raise DatasetError(
                f"labels must be positions in {len(self.classes)} classes or -1; "
                f"got values from {self.labels.min()} to {self.labels.max()}."
            )
        strange = set(np.unique(self.splits).tolist()) - set(SPLITS)
        if strange:
            raise DatasetError(f"splits must be among {', '.join(SPLITS)}; got {', '.join(sorted(strange))}.")

    def _check_images(self) -> None:
        shape, dtype = np.shape(self.images), getattr(self.images, "dtype", type(self.images))
        grey, colour = len(shape) == 3, len(shape) == 4 and shape[-1] == 3
        if dtype != np.uint8 or not (grey or colour):
            raise DatasetError(f"images must be uint8 of shape (n, h, w) or (n, h, w, 3); got {dtype} {shape}.")

    def _check_columns(self) -> None:
        columns = {"labels": (self.labels, "i"), "splits": (self.splits, "U"), "names": (self.names, "U")}
        for name, (column, kind) in columns.items():
            if np.shape(column) != (len(self.images),) or column.dtype.kind != kind:
                raise DatasetError(
                    f"{name} must be one {'integer' if kind == 'i' else 'string'} for each of {len(self.images)} images; "
                    f"got {column.dtype} of shape {np.shape(column)}."
                )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Dataset({self.source!r}, {len(self)} images {self.images.shape[1:]}, classes={self.classes})"

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of every image, in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return 1 if self.images.ndim == 3 else 3

    @cached_property
    def digests(self) -> NDArray[np.bytes_]:
        """One 16-byte digest of each image's pixels, computed once: see `hybridfer.digest.image_digests`."""
        return image_digests(self.images)

    def subset(self, index: ArrayLike | slice) -> Dataset:
        """Keep some of the images.

        Parameters
        ----------
        index : array-like of int or bool, or slice
            Positions, or a mask of shape (n,).

        Returns
        -------
        Dataset
            With the same classes, source and problems.
        """
        rows = index if isinstance(index, slice) else np.asarray(index)
        if isinstance(rows, np.ndarray) and rows.size == 0:
            rows = rows.astype(np.int64)
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            splits=self.splits[rows],
            names=self.names[rows],
        )

    def has_split(self, name: str) -> bool:
        """Whether any image belongs to the split."""
        return bool((self.splits == name).any())

    def split(self, name: str) -> Dataset:
        """Keep one split.

        Parameters
        ----------
        name : {"train", "validation", "test"}

        Returns
        -------
        Dataset

        Raises
        ------
        DatasetError
            If no image belongs to it; the message names the splits that exist.
        """
        return self.subset(self._members(name))

    def split_labels(self, name: str) -> NDArray[np.int64]:
        """Labels of one split, without a copy of its images; a split that is missing is an error as in `split`."""
        return self.labels[self._members(name)]

    def split_digests(self, name: str) -> NDArray[np.bytes_]:
        """Digests of one split, likewise."""
        return self.digests[self._members(name)]

    def _members(self, name: str) -> NDArray[np.bool_]:
        """Which images belong to a split, once it is sure that there are any."""
        members = self.splits == name
        if not members.any():
            existing = ", ".join(split for split in SPLITS if self.has_split(split)) or "none at all"
            raise DatasetError(f"{self.source} has no {name!r} split; it has {existing}.")
        return np.asarray(members)

    def arrays(self, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels of one split, as scikit-learn takes them.

        Parameters
        ----------
        split : {"train", "validation", "test"}

        Returns
        -------
        X : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8
        y : ndarray of shape (n,), dtype int64

        Raises
        ------
        DatasetError
            If no image belongs to the split.
        """
        part = self.split(split)
        return part.images, part.labels

    def counts(self) -> dict[str, dict[str, int]]:
        """Count images for each split that exists and each class.

        Returns
        -------
        dict of str to dict of str to int
            Classes that a split lacks count 0; images without a label count as ``"unknown"``, only where there are any.
        """
        told = {}
        for split in filter(self.has_split, SPLITS):
            labels = self.labels[self.splits == split]
            tally = np.bincount(labels + 1, minlength=len(self.classes) + 1).tolist()
            told[split] = dict(zip(self.classes, tally[1:], strict=True)) | ({UNKNOWN: tally[0]} if tally[0] else {})
        return told

    def with_validation(self, fraction: float = 0.1, random_state: int = 0) -> Dataset:
        """Carve a validation split from train, stratified by class, where none exists.

        Parameters
        ----------
        fraction : float
            Share of the train images that become validation, between 0 and 1.
        random_state : int
            Seed of the draw.

        Returns
        -------
        Dataset
            The dataset itself if it has a validation split already; otherwise one whose images, in the same order, differ
            in their split only.

        Raises
        ------
        DatasetError
            If there is no train split, or a class has too few train images to appear in both parts.
        """
        if self.has_split("validation"):
            return self
        return self.with_split("validation", fraction, random_state)

    def with_split(self, split: str, fraction: float, random_state: int = 0) -> Dataset:
        """Carve a split from train: stratified by class, copies of one image kept together.

        The choice depends on the images' pixels, not on their order, nor on which classes `read_dataset` was asked for.

        Parameters
        ----------
        split : {"validation", "test"}
            Which split to make.
        fraction : float
            Share of the train images that it gets, between 0 and 1.
        random_state : int
            Seed of the draw.

        Returns
        -------
        Dataset
            The same images in the same order, some of them in another split.

        Raises
        ------
        DatasetError
            If there is no train split, or a class has too few train images to appear in both parts.
        """
        train = np.flatnonzero(self._members("train"))
        digests, labels, classes = self.drawn_from()
        chosen = carved(digests, labels, fraction, random_state, required=[classes.index(name) for name in self.classes])
        splits = self.splits.astype(f"<U{max(len(known) for known in SPLITS)}")
        splits[train[chosen[: len(train)]]] = split
        left_out = None if self.left_out is None else self.left_out.subset(~chosen[len(train) :])
        return replace(self, splits=splits, left_out=left_out)

    def drawn_from(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64], tuple[str, ...]]:
        """Give what a split is carved from: the train images, and behind them those of classes that were left out.

        Returns
        -------
        digests : ndarray of shape (n,), dtype "S16"
        labels : ndarray of shape (n,), dtype int64
            Positions in `classes`.
        classes : tuple of str
            Those of the dataset, and those that were left out.
        """
        train = self.splits == "train"
        own = self.digests[train], self.labels[train], self.classes
        return own if self.left_out is None else (*self.left_out.beside(*own), self.left_out.classes)

    def summary(self) -> str:
        """Describe the dataset in a few lines of plain text."""
        height, width = self.image_size
        kind = "grey" if self.channels == 1 else "colour"
        counts = self.counts()
        columns = list(self.classes) + ([UNKNOWN] if any(UNKNOWN in row for row in counts.values()) else [])
        rows: list[list[str | int]] = [["", "all", *columns]]
        rows += [[split, sum(row.values()), *(row.get(column, 0) for column in columns)] for split, row in counts.items()]
        lines = [f"{self.source}: {len(self)} {kind} images of {height}x{width}, {len(self.classes)} classes"]
        lines += [f"{first:<10} " + " ".join(f"{cell:>8}" for cell in cells) for first, *cells in rows]
        if self.problems:
            lines.append(describe_skipped(self.problems))
        return "\n".join(lines)
