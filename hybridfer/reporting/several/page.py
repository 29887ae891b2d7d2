"""Several runs side by side as one page, with its figures and tables as files beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.over_runs import OverRuns
from hybridfer.files import write_text_aside
from hybridfer.home import given_path
from hybridfer.reporting.cells import NONE, Cell, Column, Table, number, p_value, word
from hybridfer.reporting.document import Document, Drawing, Part, Section
from hybridfer.reporting.page import FIGURES_NAME, write_figures
from hybridfer.reporting.page_tables import published_table
from hybridfer.reporting.several.figures import run_panels
from hybridfer.reporting.several.leads import Lead
from hybridfer.reporting.several.markdown import comparison_markdown
from hybridfer.reporting.several.repeats import Repeat
from hybridfer.reporting.several.rows import RepeatedRow
from hybridfer.reporting.several.runs import RepeatedCNN, SeveralRuns
from hybridfer.reporting.several.tables import comparison_csv, comparison_json, comparison_latex
from hybridfer.reporting.several.words import (
    about_deviation,
    about_test,
    lead_and_deviation,
    mean_and_deviation,
    trainings,
    verdict,
    warnings,
)

PAGE_NAME = "comparison.html"
MARKDOWN_NAME = "comparison.md"
JSON_NAME = "comparison.json"
CSV_NAME = "comparison.csv"
LATEX_NAME = "comparison.tex"
_FILES = (
    (MARKDOWN_NAME, "the tables of this page as text"),
    (JSON_NAME, "everything on this page with the figures of each run, for programs"),
    (f"{CSV_NAME}, {LATEX_NAME}", "the table for a spreadsheet and for LaTeX"),
    ("figures/", "each figure as SVG and as PNG of 300 dots an inch, on white"),
)
# enough of a digest to tell two weights apart at a glance; comparison.json has all of it
_DIGEST_LENGTH = 8


def write_comparison(runs: SeveralRuns, folder: str | Path) -> Path:
    """Write comparison.html with its figures in figures/, and the tables as comparison.md, .json, .csv and .tex.

    Parameters
    ----------
    runs : SeveralRuns
        What to show.
    folder : str or Path
        Created where it is missing; earlier files of these names are replaced.

    Returns
    -------
    Path
        The page, which is written last: where it stands, what is beside it is whole.
    """
    folder = given_path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    panels = list(run_panels(runs))
    svgs = write_figures(panels, folder / FIGURES_NAME)
    drawings: dict[str | None, list[Drawing]] = defaultdict(list)
    for panel, svg in zip(panels, svgs, strict=True):
        drawings[panel.feature].append(Drawing.of(panel, svg))
    for name, text in (
        (MARKDOWN_NAME, comparison_markdown(runs)),
        (JSON_NAME, comparison_json(runs)),
        (CSV_NAME, comparison_csv(runs)),
        (LATEX_NAME, comparison_latex(runs)),
        (PAGE_NAME, _document(runs, drawings).to_html()),
    ):
        write_text_aside(folder / name, text)
    return folder / PAGE_NAME


def _document(runs: SeveralRuns, drawings: Mapping[str | None, Sequence[Drawing]]) -> Document:
    """Word the page."""
    sources = dict.fromkeys(report.dataset.source for report in runs.reports)
    versions = dict.fromkeys(report.environment.hybridfer for report in runs.reports)
    commands = tuple((name, report.command) for name, report in zip(runs.names, runs.reports, strict=True))
    return Document(
        kicker="Runs side by side",
        title=phrases.listed(list(sources)),
        warnings=warnings(runs),
        verdict=wording.unbroken(verdict(runs)),
        byline=_byline(runs),
        footer=f"Made from reports of hybridfer {phrases.listed(list(versions))}. It loads nothing and sends nothing.",
        sections=(
            Section("table", "Mean and deviation", tuple(_comparisons(runs, drawings))),
            *_published(runs),
            Section("runs", "The runs", (Part(tables=(_run_table(runs.cnns),)), Part("Commands", facts=commands))),
            Section("files", "The files beside this page", (Part(facts=_FILES),)),
        ),
    )


def _comparisons(runs: SeveralRuns, drawings: Mapping[str | None, Sequence[Drawing]]) -> Iterator[Part]:
    """A table and its figures for each CNN, and what p-values and deviations mean."""
    several = len(runs.cnns) > 1
    for cnn in runs.cnns:
        table = _comparison_table(runs, cnn)
        yield Part(cnn.name if several else "", cnn.apart, tables=(table,), drawings=tuple(drawings.get(cnn.name, ())))
    notes = tuple(note for note in (about_test(runs.rows), about_deviation(runs.cnns)) if note)
    if notes:
        yield Part("How to read it", lines=notes)


def _published(runs: SeveralRuns) -> Iterator[Section]:
    """What the sources of the recipes publish, beside ours."""
    names, lines = [name for name, _ in runs.published], [line for _, line in runs.published]
    table = published_table(lines, names)
    if table is not None:
        yield Section("published", "Published figures beside ours", (Part(tables=(table,)),))


def _byline(runs: SeveralRuns) -> str:
    """What was scored on what, in numbers."""
    first = runs.reports[0].dataset
    if len({repeat.conditions["test images"] for cnn in runs.cnns for repeat in cnn.repeats}) > 1:
        return f"{len(runs.reports)} runs, scored on different test images."
    text = f"{len(runs.reports)} runs, scored on the same {phrases.count(first.n_test, 'test image')} ({first.test_split})"
    left = first.n_test - first.twins
    return f"{text}, {left:,} of them without a twin in train or validation." if first.twins else f"{text}."


def _comparison_table(runs: SeveralRuns, cnn: RepeatedCNN) -> Table:
    """Mean and deviation of each row, and its lead over softmax."""
    twins = any(repeat.report.dataset.twins for repeat in cnn.repeats)
    columns = (
        word("pipeline"),
        Column("accuracy", "%"),
        Column("vs softmax", "points, 95 %"),
        Column("p", "Holm"),
        Column("ahead in", "trainings" if any(row.weights > 1 for row in cnn.rows) else "runs"),
        Column("trainings"),
        *([Column("whole split", "accuracy, %")] if twins else []),
    )
    bold = "" if runs.leaks else "; bold: better than softmax at p below 0.05 after Holm's correction"
    caption = (
        f"{cnn.name}: mean ± standard deviation. Accuracy on the test split{' without its twins' if twins else ''}{bold}."
    )
    return Table(caption, columns, tuple(_row_cells(row, twins, runs.stands_out(row)) for row in cnn.rows), sortable=True)


def _row_cells(row: RepeatedRow, twins: bool, strong: bool) -> tuple[Cell, ...]:
    """One row of the table."""
    return (
        Cell(row.pipeline, strong=strong),
        _mean_cell(row.twin_free, strong),
        *_lead_cells(row.lead, strong),
        Cell(trainings(row), value=float(row.weights)),
        *([_mean_cell(row.whole)] if twins else []),
    )


def _lead_cells(lead: Lead | None, strong: bool) -> tuple[Cell, Cell, Cell]:
    """The comparison with softmax: points, p-value, and runs in which the head is ahead."""
    if lead is None:
        return Cell(NONE), Cell(NONE), Cell(NONE)
    interval = wording.points_interval(lead.points_interval)
    points = Cell(lead_and_deviation(lead), interval, lead.mean, strong)
    return points, p_value(lead.p_holm, strong), number(lead.ahead)


def _mean_cell(accuracies: OverRuns | None, strong: bool = False) -> Cell:
    """A mean with its deviation."""
    if accuracies is None:
        return Cell(NONE)
    return Cell(mean_and_deviation(accuracies), value=accuracies.mean, strong=strong)


def _run_table(cnns: Sequence[RepeatedCNN]) -> Table:
    """Each CNN of each run: seeds, weights, and when it was made."""
    columns = (
        word("folder"),
        word("CNN"),
        Column("seed", "of the CNN"),
        Column("seed", "of the heads"),
        word("weights"),
        Column("epochs"),
        word("made"),
    )
    rows = tuple(_run_cells(cnn, repeat) for cnn in cnns for repeat in cnn.repeats)
    return Table("The runs. Weights are named by the first digits of their digest.", columns, rows, sortable=True)


def _run_cells(cnn: RepeatedCNN, repeat: Repeat) -> tuple[Cell, ...]:
    """One CNN of one run."""
    return (
        Cell(repeat.folder),
        Cell(cnn.name),
        Cell("not told") if repeat.run.training_seed is None else number(repeat.run.training_seed),
        number(repeat.report.seed),
        Cell(repeat.run.weights_digest[:_DIGEST_LENGTH]),
        number(repeat.run.epochs),
        Cell(repeat.report.created.partition("+")[0].replace("T", " ")),
    )
