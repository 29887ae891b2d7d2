"""Several runs side by side: what is comparable together, with mean and deviation over the runs, and the rest apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from hybridfer.evaluation.published import PublishedComparison, compare_published
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row
from hybridfer.reporting.several_leads import Lead, corrected, lead_over_runs
from hybridfer.reporting.several_repeats import Repeat, SeveralError, partition, searched, told_differences


@dataclass(frozen=True)
class RepeatedRow:
    """A pipeline on a feature recipe, in all comparable runs that have it.

    Attributes
    ----------
    feature, pipeline : str
        Names of the two recipes; numbered where recipes of one name stand apart.
    is_softmax : bool
        Whether it is the CNN's own softmax.
    folders : tuple of str
        The runs.
    seeds : tuple of int
        The seed of heads and searches of each run.
    cnn_seeds : tuple of int or None
        The seed of the CNN's training of each run; None where the report does not tell.
    weights : int
        How many different weights the CNN had; with one, the runs differ in their heads alone.
    whole : tuple of float
        Accuracy on the whole test split, of each run.
    twin_free : tuple of float
        Accuracy on its twin-free part; empty where there is none.
    lead : Lead or None
        The comparison with softmax; None for softmax itself, and where there is nothing to compare with.
    """

    feature: str
    pipeline: str
    is_softmax: bool
    folders: tuple[str, ...]
    seeds: tuple[int, ...]
    cnn_seeds: tuple[int | None, ...]
    weights: int
    whole: tuple[float, ...]
    twin_free: tuple[float, ...]
    lead: Lead | None

    @property
    def decisive(self) -> tuple[float, ...]:
        """The accuracies that decide: on the twin-free part; on the whole where every image has a twin."""
        return self.twin_free or self.whole

    @property
    def name(self) -> str:
        """The row in words, such as "svm-rbf on compact"."""
        return f"{self.pipeline} on {self.feature}"


@dataclass(frozen=True, eq=False)
class RepeatedCNN:
    """A feature recipe in comparable runs.

    Attributes
    ----------
    name : str
        Of the recipe; numbered where it stands apart from runs of the same name.
    repeats : tuple of Repeat
        The CNN in each run.
    apart : str
        Why it stands apart; empty where it does not.
    rows : tuple of RepeatedRow
        Softmax first, then the heads, the best on the average first.
    remarks : tuple of str
        What was counted once, or stands apart within it.
    """

    name: str
    repeats: tuple[Repeat, ...]
    apart: str
    rows: tuple[RepeatedRow, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SeveralRuns:
    """Runs to be laid side by side.

    Attributes
    ----------
    names : tuple of str
        Of their folders.
    reports : tuple of BenchmarkReport
        Their reports with predictions, in the same order.

    Raises
    ------
    SeveralError
        If they are fewer than two, or a report has not the predictions of its rows.
    """

    names: tuple[str, ...]
    reports: tuple[BenchmarkReport, ...]

    def __post_init__(self) -> None:
        if len(self.reports) < 2:
            raise SeveralError(f"At least two runs are needed; got {len(self.reports)}.")

    @classmethod
    def read(cls, folders: Sequence[str | Path]) -> SeveralRuns:
        """Read the reports of several folders.

        Parameters
        ----------
        folders : sequence of str or Path
            Each holds a report.json and a predictions.npz.

        Raises
        ------
        SeveralError
            If a folder is named twice.
        HybridferError
            If a report cannot be read.
        """
        paths = [Path(folder) for folder in folders]
        resolved = [path.resolve() for path in paths]
        repeated = sorted({str(path) for path, place in zip(paths, resolved, strict=True) if resolved.count(place) > 1})
        if repeated:
            raise SeveralError(f"A run counts once; {', '.join(repeated)} stands among the folders several times.")
        return cls(tuple(map(str, paths)), tuple(BenchmarkReport.read(path) for path in paths))

    @cached_property
    def cnns(self) -> tuple[RepeatedCNN, ...]:
        """The feature recipes in the order in which the runs have them; those of one name that differ stand apart."""
        repeats = [
            Repeat(name, report, run)
            for name, report in zip(self.names, self.reports, strict=True)
            for run in report.features
        ]
        recipes = dict.fromkeys(repeat.run.recipe for repeat in repeats)
        found = [cnn for recipe in recipes for cnn in _cnns([repeat for repeat in repeats if repeat.run.recipe == recipe])]
        leads = iter(corrected([row.lead for cnn in found for row in cnn.rows]))
        return tuple(replace(cnn, rows=tuple(replace(row, lead=next(leads)) for row in cnn.rows)) for cnn in found)

    @property
    def rows(self) -> tuple[RepeatedRow, ...]:
        """All rows, CNN by CNN."""
        return tuple(row for cnn in self.cnns for row in cnn.rows)

    @property
    def published(self) -> tuple[tuple[str, PublishedComparison], ...]:
        """What is published of the recipes beside ours: each line after the name of its run."""
        return tuple(
            (name, line) for name, report in zip(self.names, self.reports, strict=True) for line in compare_published(report)
        )


def _cnns(repeats: Sequence[Repeat]) -> Iterator[RepeatedCNN]:
    """Lay the comparable runs of one recipe together, the most numerous first."""
    usual, *others = partition(repeats, lambda repeat: repeat.conditions)
    for number, members in enumerate([usual, *others], start=1):
        name = _numbered(usual[0].run.recipe, number)
        apart = ""
        if number > 1:
            differences = told_differences(members[0].conditions, usual[0].conditions)
            apart = f"{usual[0].run.recipe} of {_folders(members)} stands apart as {name}: {differences}."
        rows, remarks = _rows(name, members)
        yield RepeatedCNN(name, tuple(members), apart, rows, remarks)


def _rows(name: str, repeats: Sequence[Repeat]) -> tuple[tuple[RepeatedRow, ...], tuple[str, ...]]:
    """Collect each pipeline of comparable runs, and what is to be said of it."""
    rows: list[RepeatedRow] = []
    remarks: list[str] = []
    for pipeline in dict.fromkeys(row.pipeline for repeat in repeats for row in repeat.rows):
        members = [(repeat, row) for repeat in repeats for row in repeat.rows if row.pipeline == pipeline]
        usual, *others = partition(members, lambda member: searched(member[1]))
        for number, found in enumerate([usual, *others], start=1):
            called = _numbered(pipeline, number)
            if number > 1:
                differences = told_differences(searched(found[0][1]), searched(usual[0][1]))
                folders = _folders([repeat for repeat, _ in found])
                remarks.append(f"{pipeline} on {name} of {folders} stands apart as {called}: {differences}.")
            distinct, copies = _distinct(found)
            remarks += copies
            rows.append(_row(name, called, distinct))
    rows.sort(key=lambda row: (not row.is_softmax, -statistics.fmean(row.decisive)))
    # the same is said of a whole run once, not of each of its rows
    return tuple(rows), tuple(dict.fromkeys(remarks))


def _distinct(members: Sequence[tuple[Repeat, Row]]) -> tuple[list[tuple[Repeat, Row]], list[str]]:
    """Leave out runs that repeat the weights and the seed of another, and say so."""
    first: dict[tuple[str, int], tuple[Repeat, Row]] = {}
    copies = []
    for repeat, row in members:
        known = first.setdefault((repeat.run.weights_digest, repeat.report.seed), (repeat, row))[0]
        if known is not repeat:
            copies.append(
                f"{repeat.folder} has the weights of {repeat.run.recipe} and the seed of {known.folder}: what both have "
                "counts once."
            )
    return list(first.values()), copies


def _row(feature: str, pipeline: str, members: Sequence[tuple[Repeat, Row]]) -> RepeatedRow:
    """Collect one row."""
    repeats = [repeat for repeat, _ in members]
    return RepeatedRow(
        feature,
        pipeline,
        is_softmax=members[0][1].is_softmax,
        folders=tuple(repeat.folder for repeat in repeats),
        seeds=tuple(repeat.report.seed for repeat in repeats),
        cnn_seeds=tuple(repeat.run.training_seed for repeat in repeats),
        weights=len({repeat.run.weights_digest for repeat in repeats}),
        whole=tuple(row.whole.accuracy for _, row in members),
        twin_free=tuple(row.twin_free.accuracy for _, row in members if row.twin_free is not None),
        lead=lead_over_runs(members),
    )


def _numbered(name: str, number: int) -> str:
    """Name the second and further ones of a name apart."""
    return name if number == 1 else f"{name} ({number})"


def _folders(repeats: Sequence[Repeat]) -> str:
    return ", ".join(repeat.folder for repeat in repeats)
