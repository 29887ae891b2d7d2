"""The report of a benchmark as a value: everything that its pages show, and its own file format."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import InstanceOf

from hybridfer.errors import HybridferError
from hybridfer.evaluation import json_layout
from hybridfer.evaluation.environment import Environment
from hybridfer.evaluation.files import write_aside
from hybridfer.evaluation.predictions import ARRAYS_NAME, PredictionTable
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.twins import Leak
from hybridfer.evaluation.verdict import verdict

#: The version of the JSON layout that is written; docs/report-json.md says when it changes.
FORMAT_VERSION = 1
JSON_NAME = "report.json"


class ReportError(HybridferError, ValueError):
    """A report could not be read, or its parts do not belong together."""


@dataclass(frozen=True)
class DatasetSummary:
    """The images that a report is about.

    Attributes
    ----------
    source : str
        Name of the file, folder or generator; without the folders above it.
    classes : tuple of str
        Names of the classes, in the order of every per-class list of the report.
    image_shape : tuple of int
        Height, width and, where there are several, channels.
    counts : dict of str to tuple of int
        For each split the number of its images by class.
    test_split : str
        Which images were scored, in words, such as "PrivateTest".
    validation_origin : str
        Where the validation images came from, in words, such as "PublicTest" or "10 % of train, stratified".
    twins : int
        Test images whose pixels also occur in train or validation.
    twins_in_train, twins_in_validation : int
        How many of these occur in each; an image can be in both.
    problems : tuple of str
        One line for each image that was skipped, saying why.
    """

    source: str
    classes: tuple[str, ...]
    image_shape: tuple[int, ...]
    counts: dict[str, tuple[int, ...]]
    test_split: str
    validation_origin: str
    twins: int
    twins_in_train: int
    twins_in_validation: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """How the figures were made, in whole sentences for the reader.

    Attributes
    ----------
    network : str
        What the CNN was trained on and how its checkpoint was chosen.
    tuning : str
        On what the heads were tuned, and by which search.
    refit : str
        On what each head was fitted with the chosen parameters.
    scoring : str
        What was scored, and how often.
    """

    network: str
    tuning: str
    refit: str
    scoring: str


@dataclass(frozen=True)
class FeatureRun:
    """One feature recipe of the report: the CNN behind its rows, and what its features cost.

    Attributes
    ----------
    recipe, network : str
        Names of the recipe and of the network.
    weights_digest : str
        Digest of the weights.
    epochs : int or None
        Epochs that the weights were trained for; None where the weights do not say.
    layers : tuple of str
        The layers whose outputs are the features.
    views : str
        The views of each image that were embedded.
    n_features, parameters : int
        Length of a feature row; trainable parameters of the network.
    device : str
        What the CNN ran on.
    train_seconds : float or None
        Seconds that training took; None where the weights were loaded.
    extract_seconds : float
        Seconds that extraction took, or reading the store.
    images_per_second : float or None
        Throughput of the extraction; None where the store held every image.
    forward_passes : int
        Images that went through the CNN; 0 where the store held every image.
    leak : Leak or None
        Test images that the CNN was trained on; None where the weights do not say what they were trained on.
    """

    recipe: str
    network: str
    weights_digest: str
    epochs: int | None
    layers: tuple[str, ...]
    views: str
    n_features: int
    parameters: int
    device: str
    train_seconds: float | None
    extract_seconds: float
    images_per_second: float | None
    forward_passes: int
    leak: Leak | None


def utc_now() -> str:
    """The time in UTC as ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class BenchmarkReport:
    """A benchmark's result: rows of scores, and everything needed to judge and to repeat them.

    Attributes
    ----------
    command : str
        The command that made it, from `hybridfer.evaluation.environment.public_command`.
    seed : int
        The seed of training, searches and bootstrap.
    dataset : DatasetSummary
    protocol : Protocol
    features : tuple of FeatureRun
        One entry for each feature recipe.
    rows : tuple of Row
        One entry for each pipeline on each feature recipe, from `hybridfer.evaluation.rows.compare_rows`.
    environment : Environment
        Versions and the kind of machine.
    created : str
        When it was made: ISO 8601, UTC.
    format_version : int
        The version of the JSON layout.
    predictions : PredictionTable or None
        What was said of each test image. It has files of its own and is no part of the JSON.

    Raises
    ------
    ReportError
        If a row names a feature recipe that `features` lacks.
    """

    command: str
    seed: int
    dataset: DatasetSummary
    protocol: Protocol
    features: tuple[FeatureRun, ...]
    rows: tuple[Row, ...]
    environment: Environment = field(default_factory=Environment.current)
    created: str = field(default_factory=utc_now)
    format_version: int = FORMAT_VERSION
    predictions: InstanceOf[PredictionTable] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        known = [run.recipe for run in self.features]
        unknown = sorted({row.feature for row in self.rows} - set(known))
        if unknown:
            raise ReportError(f"rows must be of the feature recipes {known}; got {unknown}.")

    @property
    def verdict(self) -> str:
        """What the comparison with softmax came to, in a sentence or two; behind the leaks, should there be any."""
        return " ".join([*self.leaks, verdict(self.rows)])

    @property
    def leaks(self) -> tuple[str, ...]:
        """A warning for each CNN that was trained on images of the part that decides the comparison."""
        return tuple(_leaks(self.features))

    def rows_of(self, feature: str) -> tuple[Row, ...]:
        """Give the rows of one feature recipe: softmax first, then the heads, the best on the twin-free part first."""
        return tuple(sorted((row for row in self.rows if row.feature == feature), key=_rank))

    def to_json(self) -> str:
        """Write the report in the layout of docs/report-json.md, with the verdict in words.

        Returns
        -------
        str
            JSON that `from_json` reads.
        """
        values = json_layout.plain(self, skip=("predictions",))
        return json_layout.to_json({"format_version": values.pop("format_version"), "verdict": self.verdict, **values})

    @classmethod
    def from_json(cls, text: str | bytes) -> BenchmarkReport:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str or bytes
            The content of a report.json.

        Returns
        -------
        BenchmarkReport
            Equal to the one that was written, without its predictions.

        Raises
        ------
        ReportError
            If it is no JSON, is of a version that this hybridfer does not know, or a field is missing or wrong.
        """
        try:
            json_layout.check_version(text, FORMAT_VERSION)
            return json_layout.from_json(cls, text)
        except json_layout.LayoutError as error:
            raise ReportError(str(error)) from error

    def write(self, folder: str | Path) -> None:
        """Write report.json and, where the report has its predictions, predictions.csv and predictions.npz.

        The report is written last: where it stands, the predictions beside it are whole.

        Parameters
        ----------
        folder : str or Path
            Created where it is missing; earlier files of these names are replaced.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.predictions is not None:
            self.predictions.write(folder)
        write_aside(folder / JSON_NAME, self.to_json().encode())

    @classmethod
    def read(cls, folder: str | Path) -> BenchmarkReport:
        """Read a report and, where they stand beside it, its predictions.

        Raises
        ------
        ReportError
            If there is no report in the folder, or it cannot be read.
        """
        path = Path(folder) / JSON_NAME
        try:
            text = path.read_bytes()
        except OSError as error:
            raise ReportError(
                f"{path} could not be read ({error.strerror}). Run: hybridfer benchmark --out {folder}"
            ) from error
        try:
            report = cls.from_json(text)
        except ReportError as error:
            raise ReportError(f"{path}: {error}") from error
        has_predictions = (path.parent / ARRAYS_NAME).exists()
        return replace(report, predictions=PredictionTable.read(path.parent)) if has_predictions else report


def _rank(row: Row) -> tuple[bool, float]:
    """Softmax before heads, better before worse."""
    decisive = row.twin_free or row.whole
    return not row.is_softmax, -decisive.accuracy


def _leaks(features: Iterable[FeatureRun]) -> Iterable[str]:
    """Word the warning of each CNN that has seen decisive test images."""
    for run in features:
        if run.leak is not None and run.leak.twin_free:
            yield (
                f"Do not trust this comparison: the CNN of {run.recipe} was trained on "
                f"{run.leak.twin_free:,} of the twin-free test images (a leak)."
            )
