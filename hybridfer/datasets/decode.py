"""From encoded bytes to uint8 pixels with OpenCV, which lets go of the GIL: threads fill all cores."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets.claims import END_OF_JPEG, UNREADABLE, check_claims
from hybridfer.datasets.containers import Blob, Container
from hybridfer.datasets.dataset import Problem
from hybridfer.errors import DatasetError

MODES = ("grey", "colour")
_FLAGS = {"grey": cv2.IMREAD_GRAYSCALE, "colour": cv2.IMREAD_COLOR_RGB}


@dataclass(frozen=True, eq=False)
class Decoded:
    """Some decoded images.

    `images` has shape (m, h, w) or (m, h, w, 3); `rows`, shape (m,), are their positions in the index they came from;
    `problems` tell of the others; `odd_sizes` counts images of another (h, w), which no `image_size` asked to resize.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    problems: tuple[Problem, ...] = ()
    odd_sizes: Counter[tuple[int, int]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Format:
    """What decoded images shall look like."""

    mode: str = "grey"
    image_size: tuple[int, int] | None = None

    def shape(self, size: tuple[int, int]) -> tuple[int, ...]:
        """The shape of one image of a size."""
        return size if self.mode == "grey" else (*size, 3)


class Pixels(Protocol):
    """Images that can be had by row, from any thread and in any order."""

    def first_size(self, rows: NDArray[np.int64]) -> tuple[int, int] | None:
        """Height and width of the first readable image among `rows`."""

    def decode(
        self, rows: NDArray[np.int64], size: tuple[int, int], form: Format, out: NDArray[np.uint8] | None = None
    ) -> Decoded:
        """The images of `rows`, at `size`; if `out` is given, each is written to its place there."""


def decode_image(blob: Blob, mode: str = "grey") -> NDArray[np.uint8]:
    """Decode one image.

    Parameters
    ----------
    blob : bytes or memoryview
        An encoded image: JPEG, PNG, BMP, GIF, WebP, TIFF or PNM.
    mode : {"grey", "colour"}

    Returns
    -------
    ndarray of shape (h, w) or (h, w, 3), dtype uint8
        Colour is in the order red, green, blue.

    Raises
    ------
    DatasetError
        If it is no image, or only a part of one, or claims more pixels than any face has.

    Examples
    --------
    >>> png = cv2.imencode(".png", np.full((2, 3), 7, dtype=np.uint8))[1]
    >>> decode_image(png.tobytes()).tolist()
    [[7, 7, 7], [7, 7, 7]]
    """
    check_claims(blob)
    try:
        image: NDArray | None = cv2.imdecode(np.frombuffer(blob, np.uint8), _FLAGS[mode])
    except cv2.error:
        image = None
    if image is None:
        raise DatasetError(UNREADABLE)
    return np.asarray(image, dtype=np.uint8)


def _told(error: DatasetError | cv2.error) -> str:
    """Say in our words what is wrong with an image; OpenCV's are about its source files."""
    return str(error) if isinstance(error, DatasetError) else UNREADABLE


def resize(image: NDArray, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale one image to (height, width): by area on the way down, bilinearly on the way up."""
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=method), dtype=np.uint8)


@dataclass(frozen=True)
class EncodedImages:
    """Image files in a container: row i is member `members[i]`."""

    container: Container
    members: NDArray[np.int64]

    def first_size(self, rows: NDArray[np.int64]) -> tuple[int, int] | None:
        """Height and width of the first readable image among `rows`."""
        for row in rows:
            try:
                height, width = decode_image(self.container.read(self.members[row])).shape
            except DatasetError:
                continue
            return height, width
        return None

    def decode(
        self, rows: NDArray[np.int64], size: tuple[int, int], form: Format, out: NDArray[np.uint8] | None = None
    ) -> Decoded:
        """The images of `rows`, at `size`; if `out` is given, each is written to its place there."""
        shape = form.shape(size)
        images = np.empty((len(rows), *shape), dtype=np.uint8) if out is None else out
        good = np.ones(len(rows), dtype=bool)
        problems, odd = [], Counter[tuple[int, int]]()
        read, flag = self.container.read, _FLAGS[form.mode]
        imdecode, frombuffer, uint8 = cv2.imdecode, np.frombuffer, np.dtype(np.uint8)
        checked = b"?"
        for position, member in enumerate(self.members[rows].tolist()):
            try:
                # decode_image spelled out: to call it for each image takes 2 % of the time that 48 x 48 pixels take;
                # JPEGs of one encoder and size begin alike, so that one in many is looked at
                blob = read(member)
                if blob[-2:] != END_OF_JPEG or blob[: len(checked)] != checked:
                    checked = check_claims(blob)
                image = imdecode(frombuffer(blob, uint8), flag)
                if image is None:
                    raise DatasetError(UNREADABLE)
            except (DatasetError, cv2.error) as error:
                good[position] = False
                problems.append(Problem(self.container.names[member], _told(error)))
                continue
            if image.shape == shape:
                images[position] = image
            elif form.image_size:
                images[position] = resize(image, size)
            else:
                good[position] = False
                odd[image.shape[:2]] += 1
        if not good.all():
            images = images[good]
        return Decoded(images, np.flatnonzero(good), tuple(problems), odd)


@dataclass(frozen=True)
class StoredImages:
    """Images in memory already, of one size: (n, h, w) or (n, h, w, 3)."""

    array: NDArray[np.uint8] = field(repr=False)

    def first_size(self, rows: NDArray[np.int64]) -> tuple[int, int] | None:
        """Height and width of all images; None where there are none."""
        return (self.array.shape[1], self.array.shape[2]) if len(rows) else None

    def decode(
        self, rows: NDArray[np.int64], size: tuple[int, int], form: Format, out: NDArray[np.uint8] | None = None
    ) -> Decoded:
        """The images of `rows`, at `size`; if `out` is given, each is written to its place there."""
        images = self.array[rows]
        if not len(rows):
            return Decoded(np.empty((0, *form.shape(size)), dtype=np.uint8), np.arange(0))
        if images.ndim == 4 and form.mode == "grey":
            images = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])
        elif images.ndim == 3 and form.mode == "colour":
            images = np.repeat(images[..., None], 3, axis=-1)
        if images.shape[1:3] != size:
            images = np.stack([resize(image, size) for image in images])
        if out is not None:
            out[:] = images
        return Decoded(images, np.arange(len(rows)))
