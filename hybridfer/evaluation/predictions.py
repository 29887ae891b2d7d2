"""What was said of each test image, kept beside the report: as a table for people, as arrays for programs."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridfer.csv_layout import to_csv
from hybridfer.digest import DIGEST
from hybridfer.errors import HybridferError
from hybridfer.evaluation.prediction import Key, Prediction
from hybridfer.files import write_aside
from hybridfer.npz_layout import read_npz

CSV_NAME = "predictions.csv"
ARRAYS_NAME = "predictions.npz"


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """The test images, and for each row of the report what it predicted.

    Attributes
    ----------
    names : ndarray of shape (n,), dtype str
        Names of the test images.
    labels : ndarray of shape (n,), dtype int64
        Their true classes, as positions in `classes`.
    digests : ndarray of shape (n,), dtype "S16"
        Digests of their pixels.
    twins : ndarray of shape (n,), dtype bool
        Whether their pixels also occur in the training or validation images.
    classes : tuple of k str
        Names of the classes.
    predicted : dict of (feature, pipeline) to ndarray of shape (n,), dtype int64
        Predicted classes.
    probabilities : dict of (feature, pipeline) to ndarray of shape (n, k), dtype float32
        Probabilities of the classes, of those rows that give them.
    projections : dict of str to ndarray of shape (n, 2), dtype float32
        By feature recipe: the embeddings of the images on their first two principal components.

    Raises
    ------
    ValueError
        If the lengths differ, a class is none of `classes`, or an array is of another shape.
    """

    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    digests: NDArray[np.bytes_]
    twins: NDArray[np.bool_]
    classes: tuple[str, ...]
    predicted: dict[Key, NDArray[np.int64]]
    probabilities: dict[Key, NDArray[np.float32]]
    projections: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        k, n = len(self.classes), len(self.labels)
        positions = (self.labels, *self.predicted.values())
        flat: list[NDArray[Any]] = [self.names, self.digests, self.twins, *positions]
        shapes: list[tuple[tuple[int, ...], NDArray[Any]]] = [
            *(((n,), array) for array in flat),
            *(((n, k), array) for array in self.probabilities.values()),
            *(((n, 2), array) for array in self.projections.values()),
        ]
        lengths = sorted({len(array) for _, array in shapes})
        if len(lengths) > 1:
            raise ValueError(f"Everything must be of the same test images; got the lengths {lengths}.")
        for shape, array in shapes:
            if array.shape != shape:
                raise ValueError(f"An array must be of shape {shape}; got {array.shape}.")
        for array in positions:
            _check_positions(array, k)

    @classmethod
    def collect(
        cls,
        y: ArrayLike,
        names: Sequence[str] | NDArray[np.str_],
        digests: NDArray[np.bytes_],
        twins: NDArray[np.bool_],
        predictions: Mapping[Key, Prediction],
        classes: Sequence[str],
        projections: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> PredictionTable:
        """Collect what `compare_rows` was given, with the names and digests of the images.

        Parameters
        ----------
        y, twins, predictions, classes
            As in `hybridfer.evaluation.rows.compare_rows`.
        names : sequence of n str
            Names of the test images.
        digests : ndarray of shape (n,), dtype "S16"
            Digests of the test images.
        projections : mapping of str to ndarray of shape (n, 2), optional
            By feature recipe, from `hybridfer.evaluation.projection.project`.

        Returns
        -------
        PredictionTable

        Raises
        ------
        ValueError
            If the lengths differ, a class is none of `classes`, or an array is of another shape.

        Examples
        --------
        >>> import numpy as np
        >>> table = PredictionTable.collect(
        ...     [1],
        ...     ["a.jpg"],
        ...     np.array([b"digest"], dtype="S16"),
        ...     np.array([False]),
        ...     {("tiny", "softmax"): Prediction(np.array([1]), np.array([[0.25, 0.75]]))},
        ...     ["happy", "sad"],
        ... )
        >>> print(table.to_csv().strip())
        name,label,twin,tiny/softmax,tiny/softmax confidence
        a.jpg,sad,no,sad,0.7500
        """
        return cls(
            names=np.asarray(names, dtype=np.str_),
            labels=np.asarray(y, dtype=np.int64),
            digests=np.asarray(digests, dtype=DIGEST),
            twins=np.asarray(twins, dtype=np.bool_),
            classes=tuple(classes),
            predicted={key: p.labels.astype(np.int64) for key, p in predictions.items()},
            probabilities={
                key: p.probabilities.astype(np.float32) for key, p in predictions.items() if p.probabilities is not None
            },
            projections={recipe: points.astype(np.float32) for recipe, points in (projections or {}).items()},
        )

    def to_csv(self) -> str:
        """Write a row an image: name, class, twin, and what each row of the report predicted, how confidently.

        Returns
        -------
        str
            The CSV text with a header; the confidence is empty where a head gives no probabilities.
        """
        classes = np.array(self.classes)
        columns = [self.names, classes[self.labels], np.where(self.twins, "yes", "no")]
        for key, predicted in self.predicted.items():
            columns += [classes[predicted], self._confidence(key)]
        return to_csv([["name", "label", "twin", *self._headings()], *zip(*columns, strict=True)])

    def write(self, folder: Path) -> None:
        """Write predictions.csv and predictions.npz into a folder.

        The arrays file holds names, labels, digests, twins, classes, `features` and `pipelines` (the rows of
        the report, in order), `predicted` of shape (rows, n) and, for each row i that has them, `probabilities_i`;
        `projected` (feature recipes) and `projection_i` of shape (n, 2) for each of these; no pickle.
        """
        arrays: dict[str, Any] = {
            "names": self.names,
            "labels": self.labels,
            "digests": self.digests,
            "twins": self.twins,
            "classes": np.array(self.classes, dtype=np.str_),
            "features": np.array([feature for feature, _ in self.predicted], dtype=np.str_),
            "pipelines": np.array([pipeline for _, pipeline in self.predicted], dtype=np.str_),
            "predicted": np.array(list(self.predicted.values()), dtype=np.int64).reshape(-1, len(self.labels)),
            "projected": np.array(list(self.projections), dtype=np.str_),
        }
        for i, key in enumerate(self.predicted):
            if key in self.probabilities:
                arrays[f"probabilities_{i}"] = self.probabilities[key]
        arrays |= {f"projection_{i}": points for i, points in enumerate(self.projections.values())}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_aside(folder / ARRAYS_NAME, buffer.getvalue())
        # a name that is no UTF-8 stays as its file system has it, so that it is found by it
        write_aside(folder / CSV_NAME, self.to_csv().encode("utf-8", "surrogateescape"))

    @classmethod
    def read(cls, folder: Path) -> PredictionTable:
        """Read predictions.npz from a folder that `write` wrote.

        Raises
        ------
        HybridferError
            If the file is missing, damaged or of another layout.
        """
        path = Path(folder) / ARRAYS_NAME
        try:
            arrays = read_npz(path)
            keys = list(zip(arrays["features"].tolist(), arrays["pipelines"].tolist(), strict=True))
            # files of format version 1 have no projections
            projected = arrays["projected"].tolist() if "projected" in arrays else []
            return cls(
                names=arrays["names"],
                labels=arrays["labels"],
                digests=arrays["digests"],
                twins=arrays["twins"],
                classes=tuple(arrays["classes"].tolist()),
                predicted=dict(zip(keys, arrays["predicted"], strict=True)),
                probabilities={
                    key: arrays[f"probabilities_{i}"] for i, key in enumerate(keys) if f"probabilities_{i}" in arrays
                },
                projections={recipe: arrays[f"projection_{i}"] for i, recipe in enumerate(projected)},
            )
        except (ValueError, TypeError) as error:
            raise HybridferError(f"{path} is no readable predictions file ({error}). Run the benchmark again.") from error

    def _headings(self) -> list[str]:
        """Two headings for each row of the report."""
        names = [f"{feature}/{pipeline}" for feature, pipeline in self.predicted]
        return [heading for name in names for heading in (name, f"{name} confidence")]

    def _confidence(self, key: Key) -> NDArray[np.str_]:
        """The probability of the predicted class, as text; empty where there is none."""
        predicted = self.predicted[key]
        if key not in self.probabilities:
            return np.full(len(predicted), "")
        chosen = self.probabilities[key][np.arange(len(predicted)), predicted]
        return np.char.mod("%.4f", chosen)


def _check_positions(positions: NDArray[np.int64], k: int) -> None:
    """Refuse classes that are no positions among k."""
    if positions.dtype.kind not in "iu":
        raise ValueError(f"Classes must be positions, integers; got {positions.dtype}.")
    strange = np.unique(positions[(positions < 0) | (positions >= k)])
    if strange.size:
        raise ValueError(f"Classes must be positions from 0 to {k - 1}; got {strange[:5].tolist()}.")
