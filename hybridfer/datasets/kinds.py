"""What a member of a source is, told by its name and its first bytes."""

from __future__ import annotations

from hybridfer.datasets.claims import is_image
from hybridfer.datasets.tables import first_line, read_header

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def is_named_image(name: str) -> bool:
    """Whether a name says that it is an image: what it holds is then told when it is decoded."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def kind_of(head: bytes) -> str:
    """Tell "image", "table" (a csv of pixels), "arrays" (an npz) and "other" by the first bytes."""
    if is_image(head):
        return "image"
    if read_header(first_line(head)):
        return "table"
    return "arrays" if head.startswith(b"PK") and b".npy" in head[:128] else "other"
