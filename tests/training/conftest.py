from collections.abc import Callable

import numpy as np
import pytest
import torch

from hybridfer import CNNClassifier, make_faces


@pytest.fixture(scope="session")
def faces() -> tuple[np.ndarray, np.ndarray]:
    """A few small faces of four classes."""
    drawn = make_faces(96, classes=("happy", "sad", "neutral", "surprise"), image_size=16, random_state=0)
    return drawn.images, drawn.labels


@pytest.fixture(scope="session")
def quick() -> Callable[..., CNNClassifier]:
    """A training of a few seconds at most; parameters may be changed."""

    def make(**parameters) -> CNNClassifier:
        settings = {
            "network": "tiny",
            "image_size": 16,
            "max_epochs": 2,
            "batch_size": 32,
            "validation_fraction": 0.25,
            "device": "cpu",
            "verbose": 0,
        }
        return CNNClassifier(**{**settings, **parameters})

    return make


@pytest.fixture(scope="session")
def weights() -> Callable[[CNNClassifier], list[torch.Tensor]]:
    def of(classifier: CNNClassifier) -> list[torch.Tensor]:
        return list(classifier.network_.module.state_dict().values())

    return of
