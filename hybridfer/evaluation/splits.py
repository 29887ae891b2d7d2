"""Three splits for the protocol: those that the source has, and those that must be carved from its train images."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets import Dataset
from hybridfer.datasets.splits import distinct_labels
from hybridfer.errors import DatasetError

log = logging.getLogger("hybridfer")

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2
# one for every run: a CNN trained elsewhere by the same rule must not have been trained on what heads are tuned on
CARVING_SEED = 0

#: A split, or those of its validation images that heads are tuned on.
Part = Literal["train", "validation", "tuning", "test"]


@dataclass(frozen=True, eq=False)
class Splits:
    """A dataset with train, validation and test.

    Heads are tuned on ``"tuning"``: the validation images whose pixels do not occur in train, as copies of what was learnt
    favour heads that learn by heart; all validation images where every one is such a copy.

    Attributes
    ----------
    dataset : Dataset
        Has all three.
    validation_origin, test_origin : str
        Where these two came from, in words.
    """

    dataset: Dataset
    validation_origin: str
    test_origin: str

    @property
    def test(self) -> Dataset:
        """The images that are scored once."""
        return self.dataset.split("test")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of each image, (h, w) or (h, w, c)."""
        return tuple(self.dataset.images.shape[1:])

    @cached_property
    def validation_copies(self) -> int:
        """Validation images whose pixels also occur in train; none where validation was carved from it."""
        return int((self.dataset.splits == "validation").sum() - self._fresh.sum())

    @property
    def tuning_remark(self) -> str:
        """Which validation images heads are not tuned on, in a sentence; empty where none is a copy."""
        n = len(self.digests("validation"))
        if self.validation_copies == n:
            return (
                f"All {n:,} validation images are copies of train images: heads are tuned and chosen on images that they "
                "have learnt, which favours those that learn by heart."
            )
        if self.validation_copies:
            return (
                f"{self.validation_copies:,} of {n:,} validation images are copies of train images: heads are tuned and "
                "chosen, and temperatures fitted, without them."
            )
        return ""

    def labels(self, part: Part) -> NDArray[np.int64]:
        """Classes of the images of a split or of ``"tuning"``, as positions."""
        return self.dataset.labels[self._of(part)]

    def digests(self, part: Part) -> NDArray[np.bytes_]:
        """Digests of the images of a split or of ``"tuning"``."""
        return self.dataset.digests[self._of(part)]

    def _of(self, part: Part) -> NDArray[np.bool_]:
        if part == "tuning" and self._fresh.any():
            return self._fresh
        return np.asarray(self.dataset.splits == ("validation" if part == "tuning" else part))

    @cached_property
    def _fresh(self) -> NDArray[np.bool_]:
        """Validation images whose pixels do not occur in train; every head asks for them several times."""
        fresh = self._of("validation").copy()
        fresh[fresh] = ~np.isin(self.digests("validation"), self.digests("train"))
        return fresh

    def summary(self) -> str:
        """Describe the dataset by the splits that are used, and say where they came from."""
        return f"{self.dataset.summary()}\nvalidation: {self.validation_origin}; test: {self.test_origin}"


def three_splits(dataset: Dataset, test_split: str = "auto") -> Splits:
    """Carve the splits that a dataset lacks from its train images: test first, then validation.

    Parameters
    ----------
    dataset : Dataset
        With labels.
    test_split : {"auto", "public", "private", "all"}
        What `read_dataset` was asked for; told as the test split's origin.

    Returns
    -------
    Splits

    Raises
    ------
    DatasetError
        If an image has no label, there are fewer than two classes, or train has too few images of one.

    Examples
    --------
    >>> from hybridfer.datasets import make_faces
    >>> splits = three_splits(make_faces(140))
    >>> splits.validation_origin, len(splits.test)
    ("the source's own validation split", 21)
    """
    check_trainable(dataset, ("validation", "test"))
    test_origin = _test_origin(dataset, test_split)
    validation_origin = "the source's own validation split"
    if not dataset.has_split("test"):
        dataset = dataset.with_split("test", TEST_SHARE, CARVING_SEED)
        test_origin = f"{TEST_SHARE:.0%} of train, drawn by class (the source has no test split)"
    if not dataset.has_split("validation"):
        dataset = dataset.with_validation(VALIDATION_SHARE, CARVING_SEED)
        validation_origin = f"{VALIDATION_SHARE:.0%} of train, drawn by class, at least one image of each"
    return Splits(dataset, validation_origin, test_origin)


def _test_origin(dataset: Dataset, test_split: str) -> str:
    """Say which images the source's own test split is made of, as far as that is known."""
    if test_split != "all":
        return {"public": "PublicTest", "private": "PrivateTest"}.get(test_split, "the source's own test split")
    names = dataset.names[dataset.splits == "test"]
    named = {part: np.char.find(names, part) >= 0 for part in ("PublicTest", "PrivateTest")}
    told = [part for part, images in named.items() if images.any()]
    if told and np.logical_or.reduce(list(named.values())).all():
        return " and ".join(told) + " together" * (len(told) > 1)
    # tables do not name their images after the parts, and other sources have none
    return "all test images of the source (of FER2013: PublicTest and PrivateTest together)"


def trained_and_watched(dataset: Dataset) -> Dataset:
    """Carve validation, and a test split where there is none, as a benchmark of the weights will, and log the counts.

    Raises
    ------
    DatasetError
        As in `three_splits`; the test images need no labels.
    """
    if not dataset.has_split("test"):
        # the very images that a benchmark of these weights will draw for its test split
        splits = three_splits(dataset)
        log.info("%s", splits.summary())
        return splits.dataset
    check_trainable(dataset)
    dataset = dataset.with_validation(VALIDATION_SHARE, CARVING_SEED)
    log.info("%s", dataset.summary())
    return dataset


def without_twins(splits: Splits) -> tuple[Splits, int]:
    """Remove from train and validation every image whose pixels also occur in the test split.

    It is done after splits were carved, so that the images that stay are in the split that they are in without it.

    Parameters
    ----------
    splits : Splits
        With all three splits.

    Returns
    -------
    tuple of Splits and int
        The splits without these images, and how many they were.

    Raises
    ------
    DatasetError
        If what is left does not do for training: train or validation are gone, or a class of train.

    Examples
    --------
    >>> from hybridfer.datasets import make_faces
    >>> splits, dropped = without_twins(three_splits(make_faces(140)))
    >>> dropped
    0
    """
    dataset = splits.dataset
    twins = (dataset.splits != "test") & np.isin(dataset.digests, splits.digests("test"))
    kept = dataset.subset(~twins)
    n = int(twins.sum())
    try:
        if not kept.has_split("validation"):
            raise DatasetError(f"{dataset.source} has no validation images left.")
        check_trainable(kept, ("validation", "test"))
    except DatasetError as error:
        raise DatasetError(
            f"{n:,} images of train and validation were to be dropped, as their pixels are in the test split too. "
            f"Then: {error}"
        ) from error
    return replace(splits, dataset=kept), n


def check_trainable(dataset: Dataset, others: tuple[str, ...] = ("validation",)) -> None:
    """Refuse a dataset whose train images do not do for training, or for carving the other splits that it lacks.

    Parameters
    ----------
    dataset : Dataset
        Before anything was carved.
    others : tuple of str
        The splits that are used beside train.

    Raises
    ------
    DatasetError
        If an image of these splits has no label, there are fewer than two classes, or train has too few images of one.
    """
    if not dataset.has_split("train"):
        raise DatasetError(f"{dataset.source} has no train images, and so nothing to learn from.")
    used = np.isin(dataset.splits, ("train", *others))
    unlabelled = dataset.splits[used & (dataset.labels < 0)]
    if len(unlabelled):
        where = " and ".join(np.unique(unlabelled).tolist())
        hint = " Give the train images alone, and a test split is drawn from them." if where == "test" else ""
        raise DatasetError(f"{len(unlabelled)} {where} images of {dataset.source} have no label; all need one.{hint}")
    if len(dataset.classes) < 2:
        raise DatasetError(f"{dataset.source} has the class {dataset.classes[0]!r} alone; at least two are needed.")
    lacking = [split for split in others if not dataset.has_split(split)]
    counts = _distinct_train_images(dataset)
    few = {name: count for name, count in counts.items() if count < 1 + len(lacking)}
    if few:
        told = ", ".join(f"{name} ({count})" for name, count in few.items())
        carving = f", as {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} drawn from them" if lacking else ""
        raise DatasetError(
            f"train needs at least {1 + len(lacking)} different images of every class{carving}; there are too few of "
            f"{told}. Leave these out with --classes, or add images."
        )


def _distinct_train_images(dataset: Dataset) -> dict[str, int]:
    """Count each class's train images, copies once.

    Of copies with several labels the first counts, by which `carved` draws them; a class of which none is left so is drawn
    with the others.
    """
    digests, labels, classes = dataset.drawn_from()
    k = len(classes)
    drawn = np.bincount(distinct_labels(digests, labels)[1], minlength=k)
    pairs = set(zip(labels.tolist(), digests.tolist(), strict=True))
    counts = np.where(drawn > 0, drawn, np.bincount([label for label, _ in pairs], minlength=k)).tolist()
    return {name: counts[classes.index(name)] for name in dataset.classes}
