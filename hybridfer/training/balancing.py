"""Balancing by augmentation: rare classes are shown more often, as changed copies of their images."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hybridfer.datasets.classes import FER_CLASSES
from hybridfer.training.batches import DeviceBatches, DeviceImages
from hybridfer.training.parameters import check_balance

log = logging.getLogger("hybridfer")


def added_counts(balance: Any, labels: NDArray[np.int64], classes: Sequence[Any]) -> NDArray[np.int64]:
    """Count the images that balancing adds to each class in every epoch.

    Parameters
    ----------
    balance : "match-majority", mapping of class to int, or None
        As for `CNNClassifier`.
    labels : ndarray of shape (n,), int64
        Class indices of the training images: what is left of them where validation images were held out, as the numbers
        of a mapping are added to that part.
    classes : sequence
        Each index's class.

    Returns
    -------
    ndarray of shape (n_classes,), int64

    Raises
    ------
    RecipeError
        If `balance` is none of these, or names a class that there is not.

    Examples
    --------
    >>> added_counts({"disgust": 3}, np.array([0, 0, 0, 0, 1]), ["happy", "disgust"])
    array([0, 3])
    >>> added_counts("match-majority", np.array([0, 0, 0, 0, 1]), ["happy", "disgust"])
    array([0, 3])
    """
    check_balance(balance, classes)
    counts = np.bincount(labels, minlength=len(classes))
    if balance == "match-majority":
        return counts.max() - counts
    wanted = balance or {}
    return np.array([wanted.get(label, 0) for label in classes], dtype=np.int64)


def balance_of(balance: Any, classes: Sequence[Any]) -> Any:
    """Keep of a recipe's balance what goes with the classes at hand.

    Recipes name FER's seven classes, and datasets may hold fewer of them: such a class has no images to add copies of, and
    is left out with a message, which is a warning where nothing is left. Any other name is taken for a mistake.

    Raises
    ------
    RecipeError
        If a name is neither among the classes nor among FER's.
    """
    if not isinstance(balance, Mapping):
        return balance
    absent = [label for label in balance if label not in classes]
    check_balance({label: count for label, count in balance.items() if label not in FER_CLASSES}, classes)
    kept = {label: count for label, count in balance.items() if label in classes}
    if absent and not kept:
        log.warning(
            "balance adds nothing: it names %s, and there are images of %s alone. Where labels are numbers of classes, give "
            "labels that are their names.",
            ", ".join(map(str, absent)),
            ", ".join(map(str, classes)),
        )
    elif absent:
        log.info("balance: %s left out, as there are no images of it", ", ".join(map(str, absent)))
    return kept or None


class BalancedBatches(DeviceBatches):
    """Batches of an epoch that holds every image once and so many of each class once more.

    The added images of a class are its own images, each as often as any other to within one, and in each epoch others of
    them. Batches mark them, so that they can be augmented differently.

    Parameters
    ----------
    dataset : DeviceImages
        What to iterate over.
    batch_size : int
        Images a batch, as for `DeviceBatches`.
    generator : torch.Generator
        Draws the added images and shuffles.
    added : sequence of int
        How many images to add to each class.
    """

    def __init__(self, dataset: DeviceImages, batch_size: int, generator: torch.Generator, added: Sequence[int]) -> None:
        super().__init__(dataset, batch_size, generator)
        self.added = [
            (torch.nonzero(dataset.labels == label).flatten(), int(count)) for label, count in enumerate(added) if count
        ]

    @property
    def images(self) -> int:
        """Images of an epoch."""
        return len(self.dataset) + sum(count for _, count in self.added)

    def __iter__(self) -> Iterator[Any]:
        n, device = len(self.dataset), self.dataset.images.device
        rows = torch.cat([torch.arange(n, device=device), *(self._drawn(own, count) for own, count in self.added)])
        for positions in self._positions():
            images, labels = self.dataset[rows[positions]]
            yield {"images": images, "added": positions >= n}, labels

    def _drawn(self, own: torch.Tensor, count: int) -> torch.Tensor:
        """Draw rows of one class, each equally often; only the remainder is left to chance."""
        times, rest = divmod(count, len(own))
        order = torch.randperm(len(own), generator=self.generator, device=own.device)
        return torch.cat([own.repeat(times), own[order[:rest]]])
