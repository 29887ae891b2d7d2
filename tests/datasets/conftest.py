"""Sources in every format, built from drawn faces; PNG keeps the pixels, so that what is read can be compared exactly."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybridfer.datasets import Dataset, make_faces

KAGGLE = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}


@pytest.fixture(scope="session")
def faces() -> Dataset:
    return make_faces(84, random_state=3)


@pytest.fixture(scope="session")
def png() -> Callable[[np.ndarray], bytes]:
    return lambda image: cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture
def tree(faces: Dataset, png: Callable[[np.ndarray], bytes], tmp_path: Path) -> Path:
    """train/<class>/*.png, validation/... and test/..."""
    root = tmp_path / "tree"
    for image, label, split, row in zip(faces.images, faces.labels, faces.splits, range(len(faces)), strict=True):
        path = root / str(split) / faces.classes[label] / f"{row:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))
    return root


@pytest.fixture(scope="session")
def csv_of() -> Callable[..., str]:
    """Kaggle's csv of a dataset: columns emotion, pixels and, unless told otherwise, Usage."""

    def write(dataset: Dataset, header: str = "emotion,pixels,Usage", end: str = "\n") -> str:
        lines = [header]
        for image, label, split in zip(dataset.images, dataset.labels, dataset.splits, strict=True):
            cells = {"emotion": str(label), "pixels": " ".join(map(str, image.ravel())), "usage": KAGGLE[str(split)]}
            lines.append(",".join(cells[column.strip().strip('"').strip().lower()] for column in header.split(",")))
        return end.join(lines) + end

    return write


@pytest.fixture
def pack() -> Callable[[Path, Path], Path]:
    """Pack a folder into an archive whose suffix says which."""

    def archive(folder: Path, target: Path) -> Path:
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        if target.suffix == ".zip":
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
                for path in paths:
                    file.write(path, path.relative_to(folder))
            return target
        mode = {".gz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2", ".tar": "w"}[target.suffix]
        with tarfile.open(target, mode) as file:
            for path in paths:
                file.add(path, path.relative_to(folder))
        return target

    return archive


@pytest.fixture(scope="session")
def same() -> Callable[[Dataset, Dataset], bool]:
    """Whether two datasets hold the same images with the same labels and splits, in whatever order."""

    def rows(dataset: Dataset) -> list[tuple[bytes, str, str]]:
        words = [dataset.classes[label] if label >= 0 else "" for label in dataset.labels]
        return sorted(zip(dataset.digests.tolist(), words, dataset.splits.tolist(), strict=True))

    return lambda one, other: rows(one) == rows(other)
