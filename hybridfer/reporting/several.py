"""Several runs side by side: models, heads and seeds, with mean and standard deviation over the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybridfer.errors import HybridferError
from hybridfer.evaluation import wording
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row
from hybridfer.files import write_aside
from hybridfer.reporting import figures
from hybridfer.reporting.cells import NONE, Cell, Column, Table, number, word
from hybridfer.reporting.document import Document, Drawing, Part, Section
from hybridfer.reporting.page import write_figures
from hybridfer.reporting.panels import Panel, axes, short_name

COMPARISON_NAME = "comparison.html"


class SeveralError(HybridferError, ValueError):
    """Runs cannot be laid side by side."""


@dataclass(frozen=True)
class RepeatedRow:
    """A pipeline on a feature recipe, in all the runs that have it.

    Attributes
    ----------
    feature, pipeline : str
        Names of the two recipes.
    is_softmax : bool
        Whether it is the CNN's own softmax.
    seeds : tuple of int
        The seed of each run.
    weights : int
        How many different weights the CNN had; with one, the runs differ in their heads alone.
    whole : tuple of float
        Accuracy on the whole test split, of each run.
    twin_free : tuple of float
        Accuracy on its twin-free part; empty where there is none.
    """

    feature: str
    pipeline: str
    is_softmax: bool
    seeds: tuple[int, ...]
    weights: int
    whole: tuple[float, ...]
    twin_free: tuple[float, ...]

    @property
    def decisive(self) -> tuple[float, ...]:
        """The accuracies that decide: on the twin-free part; on the whole where every image has a twin."""
        return self.twin_free or self.whole

    @property
    def name(self) -> str:
        """The row in words, such as "svm-rbf on compact"."""
        return f"{self.pipeline} on {self.feature}"


@dataclass(frozen=True)
class SeveralRuns:
    """Runs on the same test images.

    Attributes
    ----------
    names : tuple of str
        Of their folders.
    reports : tuple of BenchmarkReport
        Their reports, in the same order.

    Raises
    ------
    SeveralError
        If they are fewer than two, or were not scored on the same test images.
    """

    names: tuple[str, ...]
    reports: tuple[BenchmarkReport, ...]

    def __post_init__(self) -> None:
        if len(self.reports) < 2:
            raise SeveralError(f"At least two runs are needed; got {len(self.reports)}.")
        first = _table(self.names[0], self.reports[0])
        for name, report in zip(self.names[1:], self.reports[1:], strict=True):
            _check_same_images(self.names[0], first, name, _table(name, report))

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
            If a folder is named twice, or the runs were not scored on the same test images.
        HybridferError
            If a report cannot be read.
        """
        paths = [Path(folder) for folder in folders]
        resolved = [path.resolve() for path in paths]
        repeated = sorted({str(path) for path, place in zip(paths, resolved, strict=True) if resolved.count(place) > 1})
        if repeated:
            raise SeveralError(f"A run counts once; {', '.join(repeated)} stands among the folders several times.")
        return cls(tuple(map(str, paths)), tuple(BenchmarkReport.read(path) for path in paths))

    @property
    def rows(self) -> tuple[RepeatedRow, ...]:
        """Each pipeline on each feature recipe; softmax first, then the heads, the best on the average first."""
        keys = dict.fromkeys((row.feature, row.pipeline) for report in self.reports for row in report.rows)
        repeated = [self._repeated(*key) for key in keys]
        order = list(dict.fromkeys(row.feature for row in repeated))
        return tuple(
            sorted(repeated, key=lambda row: (order.index(row.feature), not row.is_softmax, -statistics.fmean(row.decisive)))
        )

    def _repeated(self, feature: str, pipeline: str) -> RepeatedRow:
        """Collect one row of the runs that have it."""
        found: list[tuple[BenchmarkReport, Row]] = [
            (report, row)
            for report in self.reports
            for row in report.rows
            if (row.feature, row.pipeline) == (feature, pipeline)
        ]
        weights = {run.weights_digest for report, _ in found for run in report.features if run.recipe == feature}
        return RepeatedRow(
            feature,
            pipeline,
            is_softmax=found[0][1].is_softmax,
            seeds=tuple(report.seed for report, _ in found),
            weights=len(weights),
            whole=tuple(row.whole.accuracy for _, row in found),
            twin_free=tuple(row.twin_free.accuracy for _, row in found if row.twin_free is not None),
        )


def mean_and_deviation(accuracies: Sequence[float]) -> str:
    """Write the mean of accuracies in %, and their standard deviation in points where there are several.

    Parameters
    ----------
    accuracies : sequence of float
        Shares.

    Examples
    --------
    >>> mean_and_deviation([0.60, 0.62]), mean_and_deviation([0.615])
    ('61.0 ± 1.4', '61.5')
    """
    if not accuracies:
        return NONE
    mean = wording.percent(statistics.fmean(accuracies))
    return mean if len(accuracies) < 2 else f"{mean} ± {100 * statistics.stdev(accuracies):.1f}"


def comparison_text(runs: SeveralRuns) -> str:
    """The table for a terminal.

    Parameters
    ----------
    runs : SeveralRuns
        What to show.

    Returns
    -------
    str
        Lines of plain text.
    """
    header = ["CNN", "pipeline", "runs", "seeds", "twin-free %", "whole %"]
    lines = [
        [
            row.feature,
            row.pipeline,
            str(len(row.seeds)),
            _seeds(row),
            mean_and_deviation(row.twin_free),
            mean_and_deviation(row.whole),
        ]
        for row in runs.rows
    ]
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in [header, *lines]
    ]
    return "\n".join([table[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *table[1:], "", _remark(runs)])


def write_comparison(runs: SeveralRuns, folder: str | Path) -> Path:
    """Write comparison.html, and its figures into figures/.

    Parameters
    ----------
    runs : SeveralRuns
        What to show.
    folder : str or Path
        Created where it is missing; earlier files of these names are replaced.

    Returns
    -------
    Path
        The page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    panels = list(_panels(runs))
    svgs = write_figures(panels, folder / "figures")
    drawings = tuple(Drawing.of(panel, svg) for panel, svg in zip(panels, svgs, strict=True))
    path = folder / COMPARISON_NAME
    write_aside(path, _document(runs, drawings).to_html().encode())
    return path


def _document(runs: SeveralRuns, drawings: tuple[Drawing, ...]) -> Document:
    """The page."""
    dataset, n = runs.reports[0].dataset, len(_table(runs.names[0], runs.reports[0]).labels)
    leaks = [f"{name}: {leak}" for name, report in zip(runs.names, runs.reports, strict=True) for leak in report.leaks]
    made = runs.reports[0].environment.hybridfer
    return Document(
        kicker="Runs side by side",
        title=dataset.source,
        warnings=tuple(leaks),
        verdict=_best(runs.rows),
        byline=f"{len(runs.reports)} runs, scored on the same {n:,} test images ({dataset.test_split}).",
        footer=f"Made from reports of hybridfer {made}. It loads nothing and sends nothing.",
        sections=(
            Section("table", "Mean and deviation", (Part(tables=(_comparison_table(runs.rows),), drawings=drawings),)),
            Section("runs", "The runs", (Part(tables=(_run_table(runs),), text=_remark(runs)),)),
        ),
    )


def _panels(runs: SeveralRuns) -> Iterable[Panel]:
    """A dot for each run."""
    rows = runs.rows
    with figures.house_style():
        figure, ax = axes(height=0.8 + 0.26 * len(rows))
        names = [f"{short_name(row.pipeline)} · {short_name(row.feature)}" for row in rows]
        figures.run_dots(ax, names, [row.decisive for row in rows])
    caption = "Accuracy of each run on the part that decides, and the mean of the runs."
    yield Panel("runs", "table", None, caption, f"Dots in {wording.count(len(rows), 'line')}. {_best(rows)}", figure)


def _best(rows: Sequence[RepeatedRow]) -> str:
    """The row with the highest mean."""
    best = max(rows, key=lambda row: statistics.fmean(row.decisive))
    runs = wording.count(len(best.seeds), "run")
    return f"The highest mean accuracy is that of {best.name}: {mean_and_deviation(best.decisive)} % over {runs}."


def _comparison_table(rows: Sequence[RepeatedRow]) -> Table:
    """Mean and deviation of each row."""
    columns = (
        word("pipeline"),
        word("CNN"),
        Column("runs"),
        word("seeds"),
        Column("weights", "different ones"),
        Column("twin-free part", "accuracy, %"),
        Column("whole split", "accuracy, %"),
    )
    lines = tuple(
        (
            Cell(row.pipeline),
            Cell(row.feature),
            number(len(row.seeds)),
            Cell(_seeds(row)),
            number(row.weights),
            _mean_cell(row.twin_free),
            _mean_cell(row.whole),
        )
        for row in rows
    )
    caption = "Mean accuracy over the runs, and ± their standard deviation (n - 1) in points where there are several."
    return Table(caption, columns, lines, sortable=True)


def _run_table(runs: SeveralRuns) -> Table:
    """What each run was."""
    columns = (word("folder"), Column("seed"), word("made"), word("command"))
    lines = tuple(
        (Cell(name), number(report.seed), Cell(report.created), Cell(report.command))
        for name, report in zip(runs.names, runs.reports, strict=True)
    )
    return Table("The runs and the commands that made them.", columns, lines)


def _mean_cell(accuracies: Sequence[float]) -> Cell:
    return Cell(mean_and_deviation(accuracies), value=statistics.fmean(accuracies) if accuracies else None)


def _seeds(row: RepeatedRow) -> str:
    return ", ".join(map(str, row.seeds))


def _remark(runs: SeveralRuns) -> str:
    """What the deviation holds."""
    same = [row.feature for row in runs.rows if row.weights == 1 and len(row.seeds) > 1]
    if not same:
        return "The deviation holds the training of the CNN and of the heads."
    names = ", ".join(dict.fromkeys(same))
    return f"The runs share the weights of {names}: their deviation holds the heads alone, not the training of the CNN."


def _table(name: str, report: BenchmarkReport) -> PredictionTable:
    """The predictions of a run, by which its test images are known."""
    if report.predictions is None:
        raise SeveralError(f"{name} has no predictions.npz, so that its test images are not known. Run the benchmark again.")
    return report.predictions


def _check_same_images(first_name: str, first: PredictionTable, name: str, table: PredictionTable) -> None:
    """Refuse to average over different images, classes or twins."""
    checks: tuple[tuple[str, Callable[[PredictionTable], object]], ...] = (
        ("classes", lambda one: one.classes),
        ("test images", lambda one: one.digests.tolist()),
        ("labels of the test images", lambda one: one.labels.tolist()),
        ("twin-free parts", lambda one: one.twins.tolist()),
    )
    for what, of in checks:
        if of(first) != of(table):
            n, m = len(np.asarray(first.labels)), len(np.asarray(table.labels))
            raise SeveralError(
                f"{first_name} ({n:,} test images) and {name} ({m:,}) have different {what}: means over them would mean "
                "nothing. Compare runs of one dataset, read and split alike."
            )
