"""The report of a benchmark as a value: everything that its pages show, and its own file format."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from pydantic import InstanceOf

from hybridfer import json_layout
from hybridfer.audit.report import AuditReport
from hybridfer.errors import HybridferError
from hybridfer.evaluation.chosen import ChosenHead
from hybridfer.evaluation.environment import Environment
from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.few_images import find_few_images
from hybridfer.evaluation.gallery import Gallery
from hybridfer.evaluation.leaks import find_leaks
from hybridfer.evaluation.missing_classes import find_missing_classes
from hybridfer.evaluation.near_twins import find_near_twins
from hybridfer.evaluation.predictions import ARRAYS_NAME, PredictionTable
from hybridfer.evaluation.rows import Row, corrected_anew
from hybridfer.evaluation.summary import DatasetSummary, Protocol
from hybridfer.evaluation.verdict import verdict
from hybridfer.files import write_aside
from hybridfer.home import given_path

#: The version of the JSON layout that is written; docs/report-json.md says when it changes.
FORMAT_VERSION = 3
#: Earlier versions, whose reports lack what was added and are read with nothing in its place.
OLDER_VERSIONS = (1, 2)
JSON_NAME = "report.json"


class ReportError(HybridferError, ValueError):
    """A report could not be read, or its parts do not belong together."""


def utc_now() -> str:
    """The time in UTC as ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class ReportView:
    """How reports are shown where they are printed; `hybridfer.reporting.display` has the one that is used.

    Attributes
    ----------
    text, html : callable
        Take a report and give what ``print`` and a notebook show of it.
    """

    text: Callable[[BenchmarkReport], str]
    html: Callable[[BenchmarkReport], str]


@dataclass(frozen=True)
class BenchmarkReport:
    """A benchmark's result: rows of scores, and everything needed to judge and to repeat them.

    Attributes
    ----------
    command : str
        The command that made it, from `hybridfer.evaluation.environment.public_command`.
    seed : int
        The seed of heads, searches and bootstrap; a training has its own, `FeatureRun.training_seed`.
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
    audit : AuditReport or None
        Duplicates, conflicting labels and blanks in the dataset as it was read; None where nobody looked for them.
    format_version : int
        The version of the JSON layout.
    predictions : PredictionTable or None
        What was said of each test image. It has files of its own and is no part of the JSON.
    gallery : Gallery or None
        The few images that the page shows. It has a file of its own and is no part of the JSON.
    chosen : ChosenHead or None
        The head that validation chose against every softmax, from `hybridfer.evaluation.chosen.compare_chosen`; None where
        there is none, and in reports of before it was told.

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
    audit: AuditReport | None = None
    format_version: int = FORMAT_VERSION
    predictions: InstanceOf[PredictionTable] | None = field(default=None, compare=False, repr=False)
    gallery: InstanceOf[Gallery] | None = field(default=None, compare=False, repr=False)
    chosen: ChosenHead | None = None

    #: Given from above, as what is evaluated knows nothing of how it is reported; without it a report is printed as a value.
    view: ClassVar[ReportView | None] = None

    def __post_init__(self) -> None:
        known = [run.recipe for run in self.features]
        unknown = sorted({row.feature for row in self.rows} - set(known))
        if unknown:
            raise ReportError(f"rows must be of the feature recipes {known}; got {unknown}.")

    def __str__(self) -> str:
        return repr(self) if self.view is None else self.view.text(self)

    def _repr_html_(self) -> str | None:
        """Give the table that a notebook shows."""
        return None if self.view is None else self.view.html(self)

    @property
    def verdict(self) -> str:
        """What the comparison with softmax came to, in a sentence or two; behind the leaks, should there be any."""
        return " ".join([*self.leaks, verdict(self.rows)])

    @property
    def leaks(self) -> tuple[str, ...]:
        """A warning for each way in which a CNN or the heads have seen what decides the comparison."""
        return find_leaks(self.dataset, self.features)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of near-duplicates across splits, of few images that decide or choose, and of parts without a class."""
        return (
            *find_near_twins(self.dataset, self.audit),
            *find_few_images(self.dataset, self.rows),
            *find_missing_classes(self.dataset, self.rows),
        )

    def stands_out(self, row: Row) -> bool:
        """Whether a row beats its softmax beyond chance, and nothing has leaked."""
        return row.versus_softmax is not None and row.versus_softmax.is_better and not self.leaks

    def rows_of(self, feature: str) -> tuple[Row, ...]:
        """Give the rows of one feature recipe: softmax first, then the heads, the best on the twin-free part first."""
        return tuple(sorted((row for row in self.rows if row.feature == feature), key=_rank))

    def to_json(self) -> str:
        """Write the report in the layout of docs/report-json.md, with the verdict, the leaks and the warnings in words.

        Returns
        -------
        str
            JSON that `from_json` reads.
        """
        values = json_layout.plain(self, skip=("predictions", "gallery"))
        head = {
            "format_version": values.pop("format_version"),
            "verdict": self.verdict,
            "leaks": list(self.leaks),
            "warnings": list(self.warnings),
        }
        return json_layout.to_json({**head, **values})

    @classmethod
    def from_json(cls, text: str | bytes) -> BenchmarkReport:
        """Read what `to_json` wrote, of this format version or an earlier one.

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
            json_layout.check_version(text, FORMAT_VERSION, *OLDER_VERSIONS)
            report = json_layout.from_json(cls, text)
            rows = report.rows if report.format_version == FORMAT_VERSION else corrected_anew(report.rows)
            return replace(report, rows=rows, format_version=FORMAT_VERSION)
        except json_layout.LayoutError as error:
            raise ReportError(str(error)) from error

    def write(self, folder: str | Path) -> None:
        """Write report.json and, where the report has them, predictions.csv, predictions.npz and gallery.npz.

        The report is written last: where it stands, what is beside it is whole.

        Parameters
        ----------
        folder : str or Path
            Created where it is missing; earlier files of these names are replaced.
        """
        folder = given_path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.predictions is not None:
            self.predictions.write(folder)
        if self.gallery is not None:
            self.gallery.write(folder)
        write_aside(folder / JSON_NAME, self.to_json().encode())

    @classmethod
    def read(cls, folder: str | Path) -> BenchmarkReport:
        """Read a report and, where they stand beside it, its predictions and its gallery.

        Raises
        ------
        ReportError
            If there is no report in the folder, or it cannot be read.
        """
        path = given_path(folder) / JSON_NAME
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
        predictions = PredictionTable.read(path.parent) if (path.parent / ARRAYS_NAME).exists() else None
        return replace(report, predictions=predictions, gallery=Gallery.read(path.parent))


def _rank(row: Row) -> tuple[bool, float]:
    """Softmax before heads, better before worse."""
    decisive = row.twin_free or row.whole
    return not row.is_softmax, -decisive.accuracy
