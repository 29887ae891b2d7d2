"""Several runs side by side as a table for the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Sequence

from hybridfer.evaluation import wording
from hybridfer.reporting.columns import GAP, NONE
from hybridfer.reporting.paint import Paint, paint_with
from hybridfer.reporting.several.rows import RepeatedRow
from hybridfer.reporting.several.runs import RepeatedCNN, SeveralRuns
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

Cell = Callable[[RepeatedRow], str]

# lines longer than this are tiring to follow, however wide the window
_WIDEST = 100
_NAME = "pipeline"
# from left to right; in a narrow window the last ones are left out
_COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("twin-free %", lambda row: mean_and_deviation(row.twin_free) if row.twin_free else NONE),
    ("vs softmax", lambda row: NONE if row.lead is None else lead_and_deviation(row.lead)),
    ("p (Holm)", lambda row: NONE if row.lead is None else wording.p_value(row.lead.p_holm)),
    ("ahead in", lambda row: NONE if row.lead is None else str(row.lead.ahead)),
    ("trainings", trainings),
    ("whole %", lambda row: mean_and_deviation(row.whole)),
)
_LEAST_COLUMNS = 3


def comparison_text(runs: SeveralRuns, width: int | None = None, colour: bool | None = None) -> str:
    """Render several runs as a table with warnings above and the verdict below it.

    Parameters
    ----------
    runs : SeveralRuns
        What to show.
    width : int or None
        Columns to fit into; None takes the terminal's, at most 100.
    colour : bool or None
        Whether to use ANSI colours; None does where standard output is a terminal and NO_COLOR is not set.

    Returns
    -------
    str
        Lines of text without a newline at the end. A star marks heads that beat softmax beyond chance, where nothing has
        leaked.
    """
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) if width is None else width
    paint = paint_with(colour)
    alarm = "red" if runs.leaks else None
    notes = [note for note in (about_deviation(runs.cnns), about_test(runs.rows)) if note]
    lines = [
        *(paint(line, fg="yellow") for told in warnings(runs) for line in _broken(f"warning: {told}", width)),
        *_table(runs, width, paint),
        "",
        *(paint(line, dim=True) for note in notes for line in _broken(note, width)),
        "",
        *(paint(line, bold=True, fg=alarm) for line in _broken(verdict(runs), width)),
    ]
    return "\n".join(lines)


def _table(runs: SeveralRuns, width: int, paint: Paint) -> list[str]:
    """The headings, and a block of rows for each CNN."""
    name_width = max([len(_NAME), *(len(row.pipeline) + 2 for row in runs.rows)])
    columns = _fitting(runs.rows, width - name_width)
    widths = _widths(columns, runs.rows)
    titles = [title.rjust(wide) for (title, _), wide in zip(columns, widths, strict=True)]
    lines = [paint(GAP.join([_NAME.ljust(name_width), *titles]), dim=True)]
    for cnn in runs.cnns:
        lines += [paint(cnn.name, bold=True), *(paint(line, dim=True) for line in _seed_lines(cnn, width))]
        for row in cnn.rows:
            cells = [cell(row).rjust(wide) for (_, cell), wide in zip(columns, widths, strict=True)]
            starred = runs.stands_out(row)
            name = f"{'*' if starred else ' '} {row.pipeline}".ljust(name_width)
            lines.append(paint(GAP.join([name, *cells]), bold=starred or None))
    return lines


def _fitting(rows: Sequence[RepeatedRow], room: int) -> list[tuple[str, Cell]]:
    """Leave out the last columns until the others fit."""
    columns = list(_COLUMNS)
    while len(columns) > _LEAST_COLUMNS and sum(len(GAP) + wide for wide in _widths(columns, rows)) > room:
        columns.pop()
    return columns


def _broken(text: str, width: int) -> list[str]:
    """Break text into lines, but neither names nor equations; textwrap breaks at ASCII spaces alone."""
    lines = textwrap.wrap(wording.unbroken(text), width, break_on_hyphens=False)
    return [line.replace(wording.HARD_SPACE, " ") for line in lines]


def _widths(columns: Sequence[tuple[str, Cell]], rows: Sequence[RepeatedRow]) -> list[int]:
    return [max([len(title), *(len(cell(row)) for row in rows)]) for title, cell in columns]


def _seed_lines(cnn: RepeatedCNN, width: int) -> list[str]:
    """The runs of a CNN by their seeds."""
    heads = seeds([repeat.report.seed for repeat in cnn.repeats])
    text = f"seeds of the CNN: {seeds([repeat.run.training_seed for repeat in cnn.repeats])}; of the heads: {heads}"
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
