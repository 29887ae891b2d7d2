from pathlib import Path

import numpy as np
import pytest

from hybridfer.digest import image_digests
from hybridfer.networks import Rescue, catalogue_network, save_network


class Sums:
    """Embeds an image as the sum of its pixels, and remembers what it was given."""

    layers = ("embedding",)

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def embed(self, images: np.ndarray, *, rescue: Rescue | None = None) -> dict[str, np.ndarray]:
        self.batches.append(images)
        return {"embedding": images.reshape(len(images), -1).sum(axis=1, dtype=np.float32)[:, None]}

    @property
    def seen(self) -> list[bytes]:
        return [digest for batch in self.batches for digest in image_digests(batch).tolist()]


@pytest.fixture
def sums() -> Sums:
    return Sums()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_network(catalogue_network("tiny"), path)
    return path


@pytest.fixture(scope="session")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "other.safetensors"
    save_network(catalogue_network("tiny", random_state=1), path)
    return path
