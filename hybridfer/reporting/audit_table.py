"""The audit for the terminal: plain ASCII, aligned, no wider than the window."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from hybridfer import phrases
from hybridfer.audit.advice import advice
from hybridfer.audit.report import AuditReport, NearDuplicates
from hybridfer.reporting.paint import Paint, paint_with

# lines longer than this are tiring to follow, however wide the window
_WIDEST = 100
_GAP = "  "
#: Blank images, and things that could not be used, that are named; the JSON has more.
_TOLD = 5


def render_audit(report: AuditReport, width: int | None = None, colour: bool | None = None) -> str:
    """Render an audit: images by class and split, what was found, and what to do about it.

    Parameters
    ----------
    report : AuditReport
    width : int or None
        Columns to fit into; None takes the terminal's, at most 100.
    colour : bool or None
        Whether to use ANSI colours; None does where standard output is a terminal and NO_COLOR is not set.

    Returns
    -------
    str
        Lines of text, ending in a newline.
    """
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) if width is None else width
    paint = paint_with(colour)
    report = _printable(report)
    images, classes = phrases.count(report.n_images, "image"), phrases.count(len(report.classes), "class", "classes")
    told = f"{images} of {classes}" if report.has_labels else f"{images} without labels"
    blocks = [
        [paint(f"{report.source}: {told}", bold=True)],
        _counts(report, paint) if report.has_labels else [],
        _findings(report, paint),
        _others(report),
        [paint(line, dim=True) for line in _about_near(report.near, width)],
        _advice(report, width, paint),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _printable(report: AuditReport) -> AuditReport:
    """Spell out what names of files and folders could do to a terminal."""
    return replace(
        report,
        source=phrases.printable(report.source),
        classes=tuple(map(phrases.printable, report.classes)),
        unreadable=tuple(map(phrases.printable, report.unreadable)),
        blank_names=tuple(map(phrases.printable, report.blank_names)),
    )


def _counts(report: AuditReport, paint: Paint) -> list[str]:
    """Images by class, a line each, and by split."""
    rows = [
        [name, *(f"{counts[position]:,}" for counts in report.counts.values())]
        for position, name in enumerate(report.classes)
    ]
    rows.append(["all", *(f"{sum(counts):,}" for counts in report.counts.values())])
    return _aligned(["class", *report.counts], rows, paint)


def _findings(report: AuditReport, paint: Paint) -> list[str]:
    """Duplicates of both kinds, side by side."""
    across = "groups across splits" if "test" in report.counts else "groups across splits (no test split yet)"
    rows = [
        ["groups", f"{report.exact.groups:,}"],
        ["images in them", f"{report.exact.images:,}"],
        ["copies to spare", f"{report.exact.redundant:,}"],
        [across, f"{report.exact.across_splits:,}"],
        ["groups whose labels differ", f"{report.exact.conflicting_labels:,}"],
    ]
    if report.near is None:
        return _aligned(["", "identical"], rows, paint)
    near = report.near
    figures = [f"{count:,}" for count in (near.groups, near.images, near.across_splits, near.conflicting_labels)]
    figures.insert(2, "-")
    return _aligned(
        ["", "identical", "near-duplicates"], [[*row, cell] for row, cell in zip(rows, figures, strict=True)], paint
    )


def _others(report: AuditReport) -> list[str]:
    """Blanks, imbalance, and what could not be used, with the first of its names."""
    return [
        f"blank images      {report.blanks:,}",
        *_first(report.blank_names, report.blanks),
        f"without a label   {report.unlabelled:,}",
        *([f"train imbalance   {report.imbalance:.1f} : 1"] if report.has_labels else []),
        f"files of no use   {len(report.unreadable):,}",
        *_first(report.unreadable, len(report.unreadable)),
    ]


def _first(lines: Sequence[str], count: int) -> list[str]:
    """The first of some lines, and how many more there are."""
    told = [f"  {line}" for line in lines[:_TOLD]]
    return [*told, f"  ... and {count - len(told):,} more"] if told and count > len(told) else told


def _about_near(near: NearDuplicates | None, width: int) -> list[str]:
    """How near-duplicates were found."""
    if near is None:
        return ["Near-duplicates were not looked for."]
    compared, close = phrases.count(near.candidates, "comparison"), phrases.count(near.pairs, "pair")
    text = f"near-duplicates: {near.method}. {compared} of hashes, {close} within reach."
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _advice(report: AuditReport, width: int, paint: Paint) -> list[str]:
    """What to do, a paragraph for each kind of finding."""
    sentences = advice(report)
    if not sentences:
        return [paint("Nothing to mend.", fg="green")]
    return [
        paint(line, fg="yellow")
        for sentence in sentences
        for line in textwrap.wrap(sentence, width, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    ]


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint) -> list[str]:
    """A table whose first column is words and whose others are figures."""
    widths = [max(len(row[i]) for row in [headings, *rows] if i < len(row)) for i in range(len(headings))]
    lines = [
        _GAP.join(
            cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        for row in [headings, *rows]
    ]
    return [paint(lines[0].rstrip(), dim=True), *lines[1:]]
