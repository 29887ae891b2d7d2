from collections.abc import Callable

import numpy as np
import pytest
import torch

from hybridfer import CNNClassifier, FeatureRecipe, make_faces
from hybridfer.networks import Network, save_network


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


@pytest.fixture(scope="session")
def shades() -> tuple[np.ndarray, np.ndarray]:
    """Noise of three brightnesses: what a small network learns in a second."""
    y = np.arange(120) % 3
    noise = np.random.default_rng(0).integers(0, 40, size=(120, 16, 16))
    return (noise + np.array([30, 110, 190])[y][:, None, None]).astype(np.uint8), y


@pytest.fixture(scope="session")
def master(shades, quick) -> CNNClassifier:
    """Knows the shades."""
    X, y = shades
    return quick(max_epochs=12, learning_rate=0.01, schedule="one-cycle").fit(X[:90], y[:90], validation=(X[90:], y[90:]))


@pytest.fixture
def saved(tmp_path) -> Callable[..., str]:
    def save(network: Network, name: str = "saved.safetensors") -> str:
        return str(save_network(network, tmp_path / name, overwrite=True))

    return save


@pytest.fixture(scope="session")
def dataset():
    """Drawn faces of three classes."""
    return make_faces(90, classes=("happy", "sad", "surprise"), image_size=16, random_state=0).with_validation()


@pytest.fixture(scope="session")
def recipe():
    """Make a feature recipe that trains in a moment."""

    def make(**training) -> FeatureRecipe:
        return FeatureRecipe(
            name="mine", network="tiny", image_size=16, training={"max_epochs": 1, "batch_size": 32, **training}
        )

    return make
