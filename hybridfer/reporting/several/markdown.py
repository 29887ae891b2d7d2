"""Several runs side by side as Markdown."""

from __future__ import annotations

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.reporting.gfm import NONE, escape, fence, section, table
from hybridfer.reporting.published_table import LEGEND, published_table
from hybridfer.reporting.several.rows import RepeatedRow
from hybridfer.reporting.several.runs import SeveralRuns
from hybridfer.reporting.several.words import (
    about_deviation,
    about_test,
    lead_and_deviation,
    mean_and_deviation,
    seeds,
    trainings,
    verdict,
    warnings,
)

_HEADER = ("CNN", "pipeline", "trainings", "without twins", "vs softmax", "95 %", "p (Holm)", "whole split")


def comparison_markdown(runs: SeveralRuns) -> str:
    """Render the tables of several runs.

    Parameters
    ----------
    runs : SeveralRuns
        What to show.

    Returns
    -------
    str
        GitHub-flavoured Markdown: verdict, warnings, the table, what is published beside ours, and how to repeat the runs.
    """
    sources = dict.fromkeys(report.dataset.source for report in runs.reports)
    told = "\n".join(f"- {escape(warning)}" for warning in warnings(runs))
    sections = [
        f"# Runs side by side: {escape(phrases.listed(list(sources)))}",
        f"**{escape(verdict(runs))}**",
        f"Warnings:\n\n{told}" if told else "",
        section("Mean and deviation", _table(runs)),
        section("Published figures beside ours", _published(runs)),
        section("The runs", _runs(runs)),
    ]
    return "\n\n".join(part for part in sections if part) + "\n"


def _table(runs: SeveralRuns) -> str:
    """A line for each row, in bold where a head stands out; then what the columns mean."""
    notes = [
        "Accuracy in %, on the test images without a twin and on the whole split; *vs softmax*: points of accuracy above "
        "the softmax of the same CNN, without twins.",
        about_deviation(runs.cnns),
        about_test(runs.rows),
    ]
    lines = [_cells(row, bold=runs.stands_out(row)) for row in runs.rows]
    return "\n\n".join([table(_HEADER, 2, lines), " ".join(note for note in notes if note)])


def _cells(row: RepeatedRow, bold: bool) -> list[str]:
    lead = row.lead
    cells = [
        escape(row.feature),
        escape(row.pipeline),
        trainings(row),
        mean_and_deviation(row.twin_free) if row.twin_free else NONE,
        NONE if lead is None else lead_and_deviation(lead),
        NONE if lead is None else wording.points_interval(lead.points_interval),
        NONE if lead is None else wording.p_value(lead.p_holm),
        mean_and_deviation(row.whole),
    ]
    return [f"**{cell}**" for cell in cells] if bold else cells


def _published(runs: SeveralRuns) -> str:
    """What the sources of the recipes publish; nothing where they publish nothing."""
    if not runs.published:
        return ""
    names, lines = [name for name, _ in runs.published], [line for _, line in runs.published]
    return f"{published_table(lines, names)}\n\n{LEGEND}"


def _runs(runs: SeveralRuns) -> str:
    """Seeds and epochs of each CNN of each run, and the commands."""
    lines = [
        [
            escape(repeat.folder),
            escape(cnn.name),
            seeds([repeat.run.training_seed]),
            str(repeat.report.seed),
            NONE if repeat.run.epochs is None else f"{repeat.run.epochs:,}",
        ]
        for cnn in runs.cnns
        for repeat in cnn.repeats
    ]
    commands = "\n".join(dict.fromkeys(report.command for report in runs.reports))
    header = ("run", "CNN", "seed of the CNN", "seed of the heads", "epochs")
    return f"{table(header, 2, lines)}\n\n{fence(commands, 'sh')}"
