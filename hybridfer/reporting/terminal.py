"""The report as a table for the terminal: plain ASCII, aligned, no wider than the window."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.report import BenchmarkReport, FeatureRun
from hybridfer.evaluation.rows import Row, best_row, count_comparisons
from hybridfer.reporting.chosen_words import chosen_lines
from hybridfer.reporting.columns import (
    GAP,
    Column,
    column_widths,
    fit_columns,
    part_spans,
    span_width,
    table_columns,
)
from hybridfer.reporting.paint import Paint, paint_with
from hybridfer.reporting.shown import ordered_rows

# lines longer than this are tiring to follow, however wide the window
_WIDEST = 100
_NAME = "pipeline"


def render_table(report: BenchmarkReport, width: int | None = None, colour: bool | None = None) -> str:
    """Render the rows of a report as a table, below it the verdict and how the head that validation chose did.

    Within a feature recipe softmax comes first, then the heads, the best first. A star marks the best head where it
    beats softmax beyond chance. In a narrow window the less important columns give way.

    Parameters
    ----------
    report : BenchmarkReport
        What to show.
    width : int or None
        Columns to fit into; None takes the terminal's, at most 100.
    colour : bool or None
        Whether to use ANSI colours; None does where standard output is a terminal and NO_COLOR is not set.

    Returns
    -------
    str
        Lines of text, ending in a newline.

    See Also
    --------
    hybridfer.reporting.markdown.render_markdown : The whole report.
    """
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) if width is None else width
    paint = paint_with(colour)
    rows = ordered_rows(report)
    name_width = max(len(_NAME), *(len(_row_name(row, starred=False)) for row in rows), 0)
    columns = fit_columns(table_columns(report), rows, width - name_width)
    alarm = "red" if report.leaks else None
    lines = [
        *_table(report, columns, rows, name_width, width, paint),
        "",
        *(paint(line, dim=True) for line in _legend(report, columns, width)),
        *(paint(line, fg="yellow") for line in _wrapped(_warnings(report, rows), width)),
        "",
        *(paint(line, bold=True, fg=alarm) for line in _wrapped([report.verdict], width)),
        *(paint(line, fg=alarm) for line in _wrapped(chosen_lines(report), width, hanging="    ")),
    ]
    return "\n".join(lines) + "\n"


def _table(
    report: BenchmarkReport, columns: Sequence[Column], rows: Sequence[Row], name_width: int, width: int, paint: Paint
) -> list[str]:
    """The headings, and a block of rows for each feature recipe."""
    widths = column_widths(columns, rows)
    parts = [columns[first].part.ljust(span_width(widths[first:last])) for first, last in part_spans(columns)]
    titles = [column.title.rjust(width) for column, width in zip(columns, widths, strict=True)]
    lines = [
        paint(GAP.join([" " * name_width, *parts]).rstrip(), dim=True),
        paint(GAP.join([_NAME.ljust(name_width), *titles]), dim=True),
    ]
    for run in report.features:
        members = report.rows_of(run.recipe)
        best = best_row(members)
        lines += _describe(run, width, paint)
        for row in members:
            starred = row is best and report.stands_out(row)
            cells = [column.cell(row).rjust(width) for column, width in zip(columns, widths, strict=True)]
            line = GAP.join([_row_name(row, starred).ljust(name_width), *cells])
            lines.append(paint(line, bold=starred or None, fg=_row_colour(report, row)))
    return lines


def _row_name(row: Row, starred: bool) -> str:
    """A row's name, behind room for the star."""
    return f"{'*' if starred else ' '} {phrases.printable(row.pipeline)}"


def _row_colour(report: BenchmarkReport, row: Row) -> str | None:
    """Green for better than softmax beyond chance, red for worse."""
    if report.stands_out(row):
        return "green"
    return "red" if row.versus_softmax is not None and row.versus_softmax.is_worse else None


def _describe(run: FeatureRun, width: int, paint: Paint) -> list[str]:
    """What stands behind a feature recipe, in a few words."""
    network = "" if run.network == run.recipe else f"{run.network}, "
    parameters = f"{network}{run.parameters:,} trainable parameters"
    text = f"{run.recipe}: {parameters}, {run.n_features:,} features of {' + '.join(run.layers)}"
    first, *others = textwrap.wrap(text, width, subsequent_indent="  ")
    name = len(run.recipe)
    return [paint(first[:name], bold=True) + paint(first[name:], dim=True), *(paint(line, dim=True) for line in others)]


def _legend(report: BenchmarkReport, columns: Sequence[Column], width: int) -> list[str]:
    """What the headings mean, of the columns that are shown."""
    titles = {column.title for column in columns}
    heads, _ = count_comparisons(report.rows)
    any_better = any(map(report.stands_out, report.rows))
    meanings = {
        "accuracy": "% of the images" + (", with Wilson's 95 % interval" if "accuracy [95 %]" in titles else ""),
        "F1": "macro-F1" if "F1" in titles else "",
        "vs softmax": "points of accuracy above the softmax of the same CNN" if "vs softmax" in titles else "",
        "p (Holm)": f"exact McNemar test, {_corrected(heads)}" if "p (Holm)" in titles else "",
        "twin-free": _about_twin_free(report.dataset.twins),
        "whole split": _about_twins(report.dataset.twins),
        "seconds": "search, fit and prediction" if "seconds" in titles else "",
        "*": "the best of its CNN, and better than softmax beyond chance" if any_better else "",
    }
    return [
        line
        for name, meaning in meanings.items()
        for line in textwrap.wrap(meaning, width, initial_indent=f"{name:<13}", subsequent_indent=" " * 13)
    ]


def _corrected(heads: int) -> str:
    """For how many tests p-values were corrected."""
    return "the report's only one" if heads == 1 else f"corrected for the {heads:,} heads that are held against a softmax"


def _about_twin_free(twins: int) -> str:
    """What decides."""
    return "test images whose pixels are in neither train nor validation; they decide" if twins else ""


def _about_twins(twins: int) -> str:
    """Why the whole split is not what decides."""
    return f"with the {phrases.count(twins, 'image')} whose pixels are in train or validation too: twins" if twins else ""


def _warnings(report: BenchmarkReport, rows: Sequence[Row]) -> list[str]:
    """What the reader should know of the images and of single rows."""
    told = [*report.warnings, *(f"{row.name}: {warning}" for row in rows for warning in row.warnings)]
    return [f"warning: {warning}" for warning in told] + _audit_warning(report)


def _audit_warning(report: BenchmarkReport) -> list[str]:
    """What the audit found that bears on a comparison, in a sentence; nothing where the data are clean."""
    audit = report.audit
    if audit is None:
        return []
    found = [
        (audit.exact.across_splits, "group", "of identical images across splits"),
        (audit.exact.conflicting_labels, "group", "with conflicting labels"),
        (audit.blanks, "blank image", ""),
    ]
    told = [f"{phrases.count(n, noun)} {how}".rstrip() for n, noun, how in found if n]
    return [f"audit: {', '.join(told)}; see report.md"] if told else []


def _wrapped(paragraphs: Sequence[str], width: int, hanging: str = "") -> list[str]:
    """Break paragraphs into lines, of which those after the first are indented, but no p-value."""
    # textwrap breaks at ASCII spaces only
    bound = [wording.unbroken(text) for text in paragraphs]
    return [
        line.replace(wording.HARD_SPACE, " ")
        for text in bound
        for line in textwrap.wrap(text, width, subsequent_indent=hanging)
    ]
