"""Several runs side by side: what is comparable together, with mean and deviation over the runs, and the rest apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from hybridfer import phrases
from hybridfer.evaluation.published import PublishedComparison, compare_published
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.home import given_path
from hybridfer.reporting.several.leads import corrected
from hybridfer.reporting.several.repeats import Repeat, SeveralError, partition, told_differences
from hybridfer.reporting.several.rows import RepeatedRow, RowsAndRemarks, numbered


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
            Each holds a report.json and a predictions.npz; it is named by the shortest end of its path that tells it from
            the others.

        Raises
        ------
        SeveralError
            If a folder is named twice.
        HybridferError
            If a report cannot be read.
        """
        paths = [given_path(folder) for folder in folders]
        resolved = [path.resolve() for path in paths]
        repeated = sorted({str(path) for path, place in zip(paths, resolved, strict=True) if resolved.count(place) > 1})
        if repeated:
            raise SeveralError(f"A run counts once; {', '.join(repeated)} stands among the folders several times.")
        return cls(_short_names(resolved), tuple(BenchmarkReport.read(path) for path in paths))

    @cached_property
    def cnns(self) -> tuple[RepeatedCNN, ...]:
        """The feature recipes in the order in which the runs have them; those of one name that differ stand apart."""
        repeats = [
            Repeat(name, report, run)
            for name, report in zip(self.names, self.reports, strict=True)
            for run in report.features
        ]
        recipes = dict.fromkeys(repeat.run.recipe for repeat in repeats)
        found = [
            cnn for recipe in recipes for cnn in _recipe_cnns([repeat for repeat in repeats if repeat.run.recipe == recipe])
        ]
        leads = iter(corrected([row.lead for cnn in found for row in cnn.rows]))
        return tuple(replace(cnn, rows=tuple(replace(row, lead=next(leads)) for row in cnn.rows)) for cnn in found)

    @property
    def rows(self) -> tuple[RepeatedRow, ...]:
        """All rows, CNN by CNN."""
        return tuple(row for cnn in self.cnns for row in cnn.rows)

    @property
    def leaks(self) -> tuple[str, ...]:
        """The leaks of the reports, each after the names of the runs that have it; of all runs, without names."""
        leaking: dict[str, list[str]] = defaultdict(list)
        for name, report in zip(self.names, self.reports, strict=True):
            for leak in report.leaks:
                leaking[leak].append(name)
        alike = len(self.reports)
        return tuple(leak if len(names) == alike else f"{phrases.listed(names)}: {leak}" for leak, names in leaking.items())

    def stands_out(self, row: RepeatedRow) -> bool:
        """Whether a row is marked as one that beats softmax: beyond chance, and where nothing has leaked."""
        return row.lead is not None and row.lead.is_better and not self.leaks

    @property
    def published(self) -> tuple[tuple[str, PublishedComparison], ...]:
        """What is published of the recipes beside ours: each line after the name of its run."""
        return tuple(
            (name, line) for name, report in zip(self.names, self.reports, strict=True) for line in compare_published(report)
        )


def _recipe_cnns(repeats: Sequence[Repeat]) -> Iterator[RepeatedCNN]:
    """Lay the comparable runs of one recipe together, the most numerous first."""
    usual, *others = partition(repeats, lambda repeat: repeat.conditions)
    recipe = usual[0].run.recipe
    for number, members in enumerate([usual, *others], start=1):
        name = numbered(recipe, number)
        apart = ""
        if members is not usual:
            folders = ", ".join(repeat.folder for repeat in members)
            differences = told_differences(members[0].conditions, usual[0].conditions)
            apart = f"{recipe} of {folders} stands apart as {name}: {differences}."
        collected = RowsAndRemarks.of(name, members)
        yield RepeatedCNN(name, tuple(members), apart, collected.rows, collected.remarks)


def _short_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Name each path by as many of its last parts as tell it from the others: what is above is its owner's alone.

    Examples
    --------
    >>> _short_names([Path("/home/ada/a"), Path("/home/ada/b")])
    ('a', 'b')
    >>> _short_names([Path("/home/ada/0/run"), Path("/home/ada/1/run")])
    ('0/run', '1/run')
    """
    return tuple(_short_name(path, [other for other in paths if other != path]) for path in paths)


def _short_name(path: Path, others: Sequence[Path]) -> str:
    """The shortest end of a path that no other path has."""
    tails = (path.parts[-length:] for length in range(1, len(path.parts) + 1))
    alone = (tail for tail in tails if all(other.parts[-len(tail) :] != tail for other in others))
    return str(Path(*next(alone, path.parts)))
