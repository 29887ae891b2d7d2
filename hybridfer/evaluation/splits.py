"""Three splits for the protocol: those that the source has, and those that must be carved from its train images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets import Dataset
from hybridfer.errors import DatasetError

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Splits:
    """A dataset with train, validation and test, and where the last two came from, in words."""

    dataset: Dataset
    validation_origin: str
    test_origin: str

    @property
    def test(self) -> Dataset:
        """The images that are scored once."""
        return self.dataset.split("test")

    def labels(self, split: str) -> NDArray[np.int64]:
        """Classes of a split's images, as positions."""
        return self.dataset.split(split).labels

    def digests(self, split: str) -> NDArray[np.bytes_]:
        """Digests of a split's images."""
        return self.dataset.digests[self.dataset.splits == split]


def three_splits(dataset: Dataset, random_state: int) -> Splits:
    """Carve the splits that a dataset lacks from its train images: test first, then validation.

    Parameters
    ----------
    dataset : Dataset
        With labels.
    random_state : int
        Seed of the draws.

    Raises
    ------
    DatasetError
        If there are no train images, test images have no labels, or a class is absent from train.
    """
    if not dataset.has_split("train"):
        raise DatasetError(f"{dataset.source} has no train images; a benchmark needs some to fit the heads on.")
    test_origin, validation_origin = "the source's own test split", "the source's own validation split"
    if not dataset.has_split("test"):
        dataset = dataset.with_split("test", TEST_SHARE, random_state)
        test_origin = f"{TEST_SHARE:.0%} of train, drawn by class (the source has no test split)"
    if not dataset.has_split("validation"):
        dataset = dataset.with_validation(VALIDATION_SHARE, random_state)
        validation_origin = f"{VALIDATION_SHARE:.0%} of train, drawn by class"
    if (dataset.labels < 0).any():
        unknown = int((dataset.labels < 0).sum())
        raise DatasetError(
            f"{unknown} images of {dataset.source} have no label, and cannot be scored. "
            "Give a source whose test images have labels."
        )
    absent = sorted(set(range(len(dataset.classes))) - set(dataset.split("train").labels.tolist()))
    if absent:
        names = [dataset.classes[label] for label in absent]
        raise DatasetError(f"train has no image of {names}. Leave these out with --classes, or add images.")
    return Splits(dataset, validation_origin, test_origin)
