"""Images that live on the device, and batches of them: no worker processes, no copies from the host."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset


class DeviceImages(Dataset):
    """A whole split on the device: pixels as they came (uint8: 66 MB for FER2013), and class indices.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        uint8, or float in [0, 1].
    labels : ndarray of shape (n,), int64
        Class indices.
    device : torch.device
        Where they are to live.
    """

    def __init__(self, images: NDArray, labels: NDArray[np.int64], device: torch.device) -> None:
        # joblib hands large arrays to its workers as read-only maps, which torch warns of
        self.images = torch.as_tensor(np.require(images, requirements=["C", "W"]), device=device)
        self.labels = torch.as_tensor(labels, device=device)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.images[index], self.labels[index]


class DeviceBatches:
    """Iterate over `DeviceImages`, shuffled by a generator or in order; each batch is (images, labels).

    Parameters
    ----------
    dataset : DeviceImages
        What to iterate over.
    batch_size : int
        Images a batch. A last batch of one image joins the one before it, as BatchNorm has no variance over one.
    generator : torch.Generator, optional
        Shuffles anew in each epoch; in order without it.
    """

    def __init__(self, dataset: DeviceImages, batch_size: int, generator: torch.Generator | None = None) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        return len(self._bounds()) - 1

    @property
    def images(self) -> int:
        """Images of an epoch."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[Any]:
        for positions in self._positions():
            yield self.dataset[positions]

    def _positions(self) -> Iterator[torch.Tensor]:
        """Positions of each batch's images among those of the epoch."""
        device = self.dataset.images.device
        order = torch.arange(self.images, device=device)
        if self.generator is not None:
            order = torch.randperm(self.images, generator=self.generator, device=device)
        for start, stop in pairwise(self._bounds()):
            yield order[start:stop]

    def _bounds(self) -> list[int]:
        bounds = [*range(0, self.images, self.batch_size), self.images]
        if len(bounds) > 2 and bounds[-1] - bounds[-2] == 1:
            del bounds[-2]
        return bounds
