from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hybridfer.digest import image_digests
from hybridfer.store import FeatureStore, StoreKey

WIDTHS = {"conv3": 3, "embedding": 5}


@pytest.fixture(scope="session")
def key() -> StoreKey:
    return StoreKey("ab" * 32, "compact", '{"size":48}', ("conv3", "embedding"), "single", "fp32")


@pytest.fixture(scope="session")
def rows() -> Callable:
    """Digests and features of the images numbered start to stop; one image's features are always the same."""

    def make(start: int, stop: int, width: int = 8):
        numbers = np.arange(start, stop)
        images = np.repeat(numbers, 4).astype("<i4").view(np.uint8).reshape(-1, 4, 4)
        features = np.sin(numbers[:, None] * 7.0 + np.arange(width)).astype(np.float32)
        return image_digests(images), features

    return make


@pytest.fixture
def store(tmp_path: Path, key: StoreKey) -> FeatureStore:
    return FeatureStore.create(tmp_path / "faces.store", key, WIDTHS)


@pytest.fixture
def riding(tmp_path: Path, key: StoreKey) -> FeatureStore:
    """A store of conv3 in which embedding rides along."""
    return FeatureStore.create(tmp_path / "riding.store", key, {"conv3": 3}, {"embedding": 5})


@pytest.fixture
def filled(store: FeatureStore, rows: Callable) -> FeatureStore:
    """A store of 30 images in three shards, with one dataset of two splits."""
    for start in (0, 10, 20):
        store.append(*rows(start, start + 10))
    digests, _ = rows(0, 30)
    splits = ["train"] * 20 + ["test"] * 10
    names = [f"{number:02}.png" for number in range(30)]
    store.record(digests, np.arange(30) % 2, splits, names, ("happy", "sad"), "faces.zip")
    return store


@pytest.fixture(scope="session")
def flip() -> Callable[[Path, int], None]:
    """Change one byte of a file."""

    def change(path: Path, offset: int) -> None:
        content = bytearray(path.read_bytes())
        content[offset] ^= 0x11
        path.write_bytes(content)

    return change
