"""Figures of several runs side by side: accuracies, and leads over softmax."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from hybridfer.evaluation import wording
from hybridfer.evaluation.significance import Interval
from hybridfer.reporting import figures
from hybridfer.reporting.figures.layout import name_lines, offsets
from hybridfer.reporting.figures.style import ACCENT, COUNTER, INK, MUTED
from hybridfer.reporting.panels import Panel, axes, short_name
from hybridfer.reporting.several.leads import Lead
from hybridfer.reporting.several.rows import RepeatedRow
from hybridfer.reporting.several.runs import RepeatedCNN, SeveralRuns
from hybridfer.reporting.several.words import lead_and_deviation, mean_and_deviation

# runs of one line stand above one another, so that equal ones do not hide each other
_SPREAD = 0.6
_MEAN = 0.36
_UNFIT = re.compile(r"[^A-Za-z0-9._+-]+")
_LONGEST = 100


def run_panels(runs: SeveralRuns) -> Iterator[Panel]:
    """Draw for each CNN the accuracy in every training, and how far each head was ahead of softmax in it.

    Parameters
    ----------
    runs : SeveralRuns
        What to draw.

    Yields
    ------
    Panel
        Of leads only where a head stands beside a softmax.
    """
    with figures.house_style():
        for number, cnn in enumerate(runs.cnns, start=1):
            # names of recipes are their makers'; the number keeps apart what is alike without its odd letters
            stem = f"{number}-{_UNFIT.sub('-', cnn.name).strip('-.')[:_LONGEST]}"
            yield _accuracies(cnn, stem)
            heads = [(row, row.lead) for row in cnn.rows if row.lead is not None]
            if heads:
                yield _leads(cnn, heads, stem)


def runs_by_line(
    ax: Axes,
    names: Sequence[str],
    values: Sequence[Sequence[float]],
    intervals: Sequence[Interval] | None = None,
    *,
    signed: bool = False,
) -> Axes:
    """Draw the values of repeated runs as dots, a line each, with their mean as an upright stroke and in figures.

    Parameters
    ----------
    ax : Axes
        To draw on.
    names : sequence of n str
        What was run; the first stands on top.
    values : sequence of n sequences of float
        One value each run, in % or points.
    intervals : sequence of n pairs of float, optional
        Of the means.
    signed : bool
        Whether means are written as differences, with their sign.

    Returns
    -------
    Axes
        `ax`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = runs_by_line(Figure().subplots(), ["softmax", "forest"], [[60, 62], [61, 65]])
    >>> [text.get_text() for text in ax.texts]
    ['61.0', '63.0']
    """
    for place, found in enumerate(values):
        heights = [place + offset for offset in offsets(len(found), _SPREAD)]
        ax.scatter(found, heights, s=12, color=ACCENT, linewidths=0, zorder=3)
        mean = statistics.fmean(found)
        if len(found) > 1:
            ax.plot([mean, mean], [place - _MEAN, place + _MEAN], color=INK, linewidth=1.2, solid_capstyle="butt")
        if intervals is not None:
            ax.plot(intervals[place], [place, place], color=MUTED, linewidth=0.9)
        text = wording.points(mean) if signed else f"{mean:.1f}"
        # in a column of their own, where no dot can be
        ax.annotate(text, (1, place), (4, 0), ("axes fraction", "data"), "offset points", va="center", fontsize=7, color=INK)
    name_lines(ax, names)
    return ax


def _accuracies(cnn: RepeatedCNN, stem: str) -> Panel:
    """The accuracy of each row in each training."""
    rows = cnn.rows
    figure, ax = axes(height=_height(rows))
    percentages = [[100 * accuracy for accuracy in row.decisive.repeated] for row in rows]
    runs_by_line(ax, [short_name(row.pipeline) for row in rows], percentages)
    for dots, row in zip(ax.collections, rows, strict=True):
        dots.set_color(COUNTER if row.is_softmax else ACCENT)
    ax.set_xlabel("accuracy (%)")
    alt = "; ".join(f"{row.pipeline} {mean_and_deviation(row.decisive)} %" for row in rows)
    repeated = _repeated(rows)
    caption = f"{cnn.name}: a dot for the accuracy in each {repeated}, a stroke for the mean. Orange: the CNN's own softmax."
    return Panel(f"runs-{stem}", "table", cnn.name, caption, f"Mean accuracies: {alt}.", figure)


def _leads(cnn: RepeatedCNN, heads: Sequence[tuple[RepeatedRow, Lead]], stem: str) -> Panel:
    """How far each head was ahead of softmax in each training."""
    figure, ax = axes(height=_height(heads))
    names, leads = [short_name(row.pipeline) for row, _ in heads], [lead for _, lead in heads]
    runs_by_line(ax, names, [lead.points.repeated for lead in leads], [lead.points_interval for lead in leads], signed=True)
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    ax.set_xlabel("points above softmax")
    alt = "; ".join(f"{row.pipeline} {lead_and_deviation(lead)}" for row, lead in heads)
    repeated = _repeated([row for row, _ in heads])
    caption = f"{cnn.name}: by how much each head led softmax in each {repeated}, the mean, and the mean's 95 % interval."
    return Panel(f"leads-{stem}", "table", cnn.name, caption, f"Mean points above softmax: {alt}.", figure)


def _repeated(rows: Sequence[RepeatedRow]) -> str:
    """What a dot stands for."""
    averaged = any(len(row.folders) > row.weights > 1 for row in rows)
    return "training (the mean of the runs that share its weights)" if averaged else "run"


def _height(lines: Sequence[object]) -> float:
    """The height of a figure of so many lines, in inches."""
    return 0.7 + 0.26 * len(lines)
