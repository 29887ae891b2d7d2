"""Shares with their intervals: the rows of the table, and subgroups of the test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from hybridfer.evaluation.significance import Interval
from hybridfer.evaluation.subgroups import SubgroupScores
from hybridfer.reporting.figures.layout import MARKERS, as_label, legend_above, name_lines, offsets
from hybridfer.reporting.figures.style import ACCENT, COUNTER, MUTED, series_colours

_INTERVALS = "accuracy (%), 95 % interval"


def accuracy_intervals(
    ax: Axes,
    names: Sequence[str],
    accuracies: Sequence[float],
    intervals: Sequence[Interval],
    reference: Sequence[bool] | None = None,
) -> Axes:
    """Draw accuracies as dots with their 95 % intervals, one line each.

    Parameters
    ----------
    ax : Axes
    names : sequence of n str
        What was scored; the first stands on top.
    accuracies : sequence of n float
        Shares of right answers.
    intervals : sequence of n pairs of float
        Their intervals.
    reference : sequence of n bool, optional
        Which of them the others are held against, such as softmax; they are drawn as orange squares.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = accuracy_intervals(new_axes(), ["softmax", "forest"], [0.61, 0.62], [(0.6, 0.62), (0.6, 0.64)])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['softmax', 'forest']
    """
    marked = np.zeros(len(names), dtype=bool) if reference is None else np.asarray(reference, dtype=bool)
    for place, (accuracy, interval, is_reference) in enumerate(zip(accuracies, intervals, marked, strict=True)):
        colour, marker = (COUNTER, "s") if is_reference else (ACCENT, "o")
        _dot_with_interval(ax, place, accuracy, interval, colour, marker)
        _write_beside(ax, f"{100 * accuracy:.1f}", 100 * interval[1], place)
    name_lines(ax, names)
    ax.set_xlabel(_INTERVALS)
    ax.margins(x=0.14)
    return ax


def subgroup_bars(ax: Axes, subgroups: Mapping[str, Sequence[SubgroupScores]], reference: str | None = None) -> Axes:
    """Draw the accuracy on each subgroup with its interval, for one or more classifiers.

    Parameters
    ----------
    ax : Axes
    subgroups : mapping of str to sequence of SubgroupScores
        For each classifier, by its name, the same subgroups in the same order.
    reference : str, optional
        The classifier that the others are held against; it is orange.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> scores = [SubgroupScores("glasses", "yes", 40, 0.5, (0.35, 0.65))]
    >>> ax = subgroup_bars(new_axes(), {"softmax": scores})
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['glasses: yes (40)']
    """
    first, colours = next(iter(subgroups.values()), ()), series_colours(subgroups, reference)
    for i, ((label, members), offset) in enumerate(zip(subgroups.items(), offsets(len(subgroups), 0.5), strict=True)):
        colour, marker = colours[label], MARKERS[i % len(MARKERS)]
        for place, one in enumerate(members):
            label_once = as_label(label) if place == 0 else ""
            _dot_with_interval(ax, place + offset, one.accuracy, one.accuracy_interval, colour, marker, label_once)
    name_lines(ax, [f"{one.column}: {one.value} ({one.n:,})" for one in first])
    ax.set_xlabel(_INTERVALS)
    if len(subgroups) > 1:
        legend_above(ax, len(subgroups))
    return ax


def _dot_with_interval(
    ax: Axes, place: float, share: float, interval: Interval, colour: str, marker: str, label: str = ""
) -> None:
    """Draw one share, in %."""
    ax.plot([100 * interval[0], 100 * interval[1]], [place, place], color=colour, linewidth=1.3, solid_capstyle="butt")
    ax.plot([100 * share], [place], marker, color=colour, markersize=4.5, label=label or None)


def _write_beside(ax: Axes, text: str, x: float, y: float) -> None:
    """Write a number to the right of a point."""
    ax.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=6.5, color=MUTED)
