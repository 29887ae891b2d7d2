"""Drawn faces with planted faults."""

from dataclasses import replace

import numpy as np
import pytest

from hybridfer import Dataset, make_faces


@pytest.fixture(scope="session")
def faces() -> Dataset:
    return make_faces(140, random_state=7)


@pytest.fixture(scope="session")
def with_images():
    """Append images to a dataset; splits, labels and names may be told, and are those of train, 0 and a number otherwise."""

    def append(dataset: Dataset, images, *, splits=None, labels=None, names=None) -> Dataset:
        count = len(images)
        return replace(
            dataset,
            images=np.concatenate([dataset.images, np.stack(images)]),
            labels=np.concatenate([dataset.labels, np.array([0] * count if labels is None else labels, dtype=np.int64)]),
            splits=np.concatenate([dataset.splits, np.array(["train"] * count if splits is None else splits)]),
            names=np.concatenate(
                [dataset.names, np.array([f"added/{i:02d}.png" for i in range(count)] if names is None else names)]
            ),
        )

    return append
