from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from hybridfer import make_faces
from hybridfer.datasets import Dataset
from hybridfer.networks import Preprocessing, catalogue_network, save_network
from hybridfer.search import SearchSpace


@pytest.fixture(scope="session")
def faces() -> Dataset:
    """Small faces of two classes, with all three splits."""
    return make_faces(90, classes=("happy", "sad"), image_size=16, random_state=0).with_validation()


@pytest.fixture(autouse=True)
def unsynced_studies():
    """Studies of tests need not outlive a power cut: syncing each write is most of what they take."""

    def begin(connection, _record):
        connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", begin)
    yield
    sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", begin)


@pytest.fixture
def small() -> SearchSpace:
    """Networks of a few weights, trained for two epochs."""
    return SearchSpace(
        image_size=16,
        network_arguments={"dense": 8},
        training={"max_epochs": 2, "batch_size": 32},
        space={
            "network_arguments": {
                "filters": {"length": {"low": 1, "high": 3}, "each": {"low": 4, "high": 8, "step": 4}},
                "conv_dropout": {"low": 0.0, "high": 0.3, "step": 0.1},
            },
            "training": {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}},
        },
    )


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "study.sqlite"


@pytest.fixture
def save_tiny() -> Callable[..., Path]:
    """Writes weights of a network that knows the classes of the faces: of each seed others."""

    def save(path: Path, seed: int = 0) -> Path:
        network = catalogue_network("tiny", n_classes=2, preprocessing=Preprocessing((16, 16)), random_state=seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        return save_network(replace(network, classes=("happy", "sad")), path, overwrite=True)

    return save
