"""The few images that a report's page shows: confident errors, and the worst groups that the audit found."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from hybridfer import json_layout
from hybridfer.errors import HybridferError
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.rows import Key, Row, preferred_head
from hybridfer.files import write_aside
from hybridfer.npz_layout import read_npz

if TYPE_CHECKING:
    from hybridfer.audit.report import AuditReport, Group

GALLERY_NAME = "gallery.npz"
#: Errors of each row, and members of each group, that are kept.
MOST_ERRORS = 24
MOST_MEMBERS = 6
#: Larger images are reduced to this many pixels a side.
LARGEST_SIDE = 96
FORMAT = 1


@dataclass(frozen=True)
class ConfidentError:
    """A test image that was taken for another class.

    Attributes
    ----------
    image : int
        Position in `Gallery.images`.
    name : str
        Name of the test image.
    true, predicted : str
        Its class, and the one it was taken for.
    confidence : float
        Probability of the predicted class.
    """

    image: int
    name: str
    true: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class RowErrors:
    """The most confident errors of one row of the report, the most confident first.

    Attributes
    ----------
    feature, pipeline : str
        The row.
    n_errors : int
        Test images it got wrong.
    shown : tuple of ConfidentError
        The most confident of these; one of images with the same pixels.
    """

    feature: str
    pipeline: str
    n_errors: int
    shown: tuple[ConfidentError, ...]


@dataclass(frozen=True)
class GroupMember:
    """An image of an audit group.

    Attributes
    ----------
    image : int
        Position in `Gallery.images`.
    name, split, label : str
        Where it came from, the split and the class it stands in.
    """

    image: int
    name: str
    split: str
    label: str


@dataclass(frozen=True)
class ShownGroup:
    """A group that the audit found, such as copies of one image.

    Attributes
    ----------
    kind, reason : str
        As in `hybridfer.audit.report.Group`.
    size : int
        Images that the audit lists of the group.
    members : tuple of GroupMember
        The first of these.
    """

    kind: str
    reason: str
    size: int
    members: tuple[GroupMember, ...]


@dataclass(frozen=True)
class GalleryIndex:
    """What the images of a gallery are."""

    format: int = FORMAT
    errors: tuple[RowErrors, ...] = ()
    groups: tuple[ShownGroup, ...] = ()


@dataclass(frozen=True, eq=False)
class Gallery:
    """Thumbnails and what they show.

    Attributes
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8
        At most 96 pixels a side.
    index : GalleryIndex
        The errors and groups, which name images by their position.

    Raises
    ------
    ValueError
        If the index names an image that is not there.
    """

    images: NDArray[np.uint8]
    index: GalleryIndex = field(default_factory=GalleryIndex)

    def __post_init__(self) -> None:
        shown = [error.image for row in self.index.errors for error in row.shown]
        shown += [member.image for group in self.index.groups for member in group.members]
        strange = [position for position in shown if not 0 <= position < len(self.images)]
        if strange:
            raise ValueError(f"image positions must be below {len(self.images)}; got {strange[:5]}.")

    def errors_of(self, row: Row) -> RowErrors | None:
        """Find the errors of a row; None where none were kept."""
        return next((e for e in self.index.errors if (e.feature, e.pipeline) == (row.feature, row.pipeline)), None)

    @classmethod
    def collect(
        cls,
        predictions: PredictionTable,
        rows: Sequence[Row],
        test_images: NDArray[np.uint8],
        audit: AuditReport | None = None,
        images: NDArray[np.uint8] | None = None,
    ) -> Gallery:
        """Pick the most confident errors of each CNN's softmax and preferred head, and members of the worst audit groups.

        Parameters
        ----------
        predictions : PredictionTable
            Of the report. Rows without probabilities have no confident errors.
        rows : sequence of Row
            Of the report.
        test_images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8
            The test images, in the order of `predictions`.
        audit : AuditReport, optional
            What the audit of the dataset found.
        images : ndarray of shape (m, h, w) or (m, h, w, 3), dtype uint8, optional
            All images of the audited dataset, which the positions of the audit's groups refer to.

        Returns
        -------
        Gallery

        Raises
        ------
        ValueError
            If the test images are not those of the predictions.

        Examples
        --------
        >>> import numpy as np
        >>> from hybridfer.evaluation.rows import Prediction, compare_rows
        >>> sure = {("tiny", "softmax"): Prediction(np.array([1, 1]), np.array([[0.1, 0.9], [0.4, 0.6]]), is_softmax=True)}
        >>> y, twins, digests = np.array([0, 1]), np.zeros(2, dtype=bool), np.array([b"a", b"b"], dtype="S16")
        >>> table = PredictionTable.collect(y, ["a.jpg", "b.jpg"], digests, twins, sure, ["happy", "sad"])
        >>> rows = compare_rows(y, twins, sure, ["happy", "sad"])
        >>> gallery = Gallery.collect(table, rows, np.zeros((2, 48, 48), dtype=np.uint8))
        >>> gallery.index.errors[0].shown[0].predicted
        'sad'
        """
        if len(test_images) != len(predictions.labels):
            raise ValueError(f"There must be an image for each of {len(predictions.labels)} labels; got {len(test_images)}.")
        album = _Album(test_images)
        errors = tuple(
            _row_errors(album, predictions, (row.feature, row.pipeline))
            for row in _shown_rows([row for row in rows if (row.feature, row.pipeline) in predictions.probabilities])
        )
        groups: tuple[ShownGroup, ...] = ()
        if audit is not None and images is not None:
            album.open(images)
            groups = tuple(_shown_group(album, group) for group in audit.worst)
        return cls(album.thumbnails(), GalleryIndex(FORMAT, errors, groups))

    def write(self, folder: str | Path) -> None:
        """Write gallery.npz into a folder that exists: the images, and the index as JSON; no pickle."""
        buffer = io.BytesIO()
        index = np.array(json_layout.to_json(json_layout.plain(self.index)))
        np.savez_compressed(buffer, images=self.images, index=index)
        write_aside(Path(folder) / GALLERY_NAME, buffer.getvalue())

    @classmethod
    def read(cls, folder: str | Path) -> Gallery | None:
        """Read gallery.npz from a folder; None where there is none.

        Raises
        ------
        HybridferError
            If the file is damaged or of another layout.
        """
        path = Path(folder) / GALLERY_NAME
        if not path.exists():
            return None
        try:
            arrays = read_npz(path)
            images, index = arrays["images"], json_layout.from_json(GalleryIndex, str(arrays["index"]))
            if index.format != FORMAT or images.dtype != np.uint8 or images.ndim not in (3, 4):
                raise ValueError(f"format {index.format}, images {images.dtype} of shape {images.shape}")
            return cls(images, index)
        except ValueError as error:
            raise HybridferError(
                f"{path} is no readable gallery ({error}). Remove it to do without the images, or run the benchmark again."
            ) from error


class _Album:
    """Keeps each image once, small."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._kept: list[NDArray[np.uint8]] = []
        self._empty = thumbnail(images[0])[None][:0] if len(images) else images
        self.open(images)

    def open(self, images: NDArray[np.uint8]) -> None:
        """Take images from another array from now on."""
        self._images = images
        self._places: dict[int, int] = {}

    def place(self, position: int) -> int:
        """Keep an image, and say where it stands."""
        if position not in self._places:
            self._places[position] = len(self._kept)
            self._kept.append(thumbnail(self._images[position]))
        return self._places[position]

    def thumbnails(self) -> NDArray[np.uint8]:
        """All that was kept."""
        return np.stack(self._kept) if self._kept else self._empty


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce an image to at most 96 pixels a side; smaller ones stay as they are.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, 3), dtype uint8

    Returns
    -------
    ndarray of dtype uint8

    Examples
    --------
    >>> import numpy as np
    >>> thumbnail(np.zeros((192, 96), dtype=np.uint8)).shape
    (96, 48)
    """
    height, width = image.shape[:2]
    scale = LARGEST_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _shown_rows(rows: Sequence[Row]) -> list[Row]:
    """Softmax and the head that validation preferred, of each CNN's rows that give probabilities."""
    shown = []
    for feature in dict.fromkeys(row.feature for row in rows):
        own = [row for row in rows if row.feature == feature]
        softmax = next((row for row in own if row.is_softmax), None)
        shown += [row for row in (softmax, preferred_head(own)) if row is not None]
    return shown


def _row_errors(album: _Album, predictions: PredictionTable, key: Key) -> RowErrors:
    """Keep the most confident errors of a row."""
    predicted = predictions.predicted[key]
    wrong = np.flatnonzero(predicted != predictions.labels)
    confidence = predictions.probabilities[key][wrong, predicted[wrong]]
    ranked = wrong[np.argsort(-confidence, kind="stable")]
    firsts = np.sort(np.unique(predictions.digests[ranked], return_index=True)[1])[:MOST_ERRORS]
    shown = tuple(
        ConfidentError(
            image=album.place(int(i)),
            name=str(predictions.names[i]),
            true=predictions.classes[predictions.labels[i]],
            predicted=predictions.classes[predicted[i]],
            confidence=float(predictions.probabilities[key][i, predicted[i]]),
        )
        for i in ranked[firsts]
    )
    return RowErrors(*key, n_errors=int(wrong.size), shown=shown)


def _shown_group(album: _Album, group: Group) -> ShownGroup:
    """Keep the first members of an audit group."""
    parts = list(zip(group.positions, group.names, group.splits, group.classes, strict=True))
    members = tuple(GroupMember(album.place(i), name, split, label) for i, name, split, label in parts[:MOST_MEMBERS])
    return ShownGroup(group.kind, group.reason, size=group.size, members=members)
