"""One group of bars a class: how many images it has, and how well it is recognised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hybridfer.evaluation.metrics import ClassScores
from hybridfer.reporting.figures.layout import as_label, legend_above, name_lines, offsets
from hybridfer.reporting.figures.style import MUTED, series_colours

_THICKNESS = 0.8


def class_histogram(
    ax: Axes, classes: Sequence[str], counts: Mapping[str, Sequence[int]], reference: str | None = None
) -> Axes:
    """Draw how many images each class has, in one or more collections such as before and after balancing.

    Parameters
    ----------
    ax : Axes
    classes : sequence of k str
        Names of the classes.
    counts : mapping of str to sequence of k int
        For each collection, by its name, images by class.
    reference : str, optional
        The collection that the others are held against; it is orange.

    Raises
    ------
    ValueError
        If a collection does not count each class.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = class_histogram(new_axes(), ["happy", "sad"], {"as read": [70, 30], "balanced": [70, 70]})
    >>> [int(bar.get_width()) for bar in ax.patches]
    [70, 30, 70, 70]
    """
    for name, numbers in counts.items():
        if len(numbers) != len(classes):
            raise ValueError(f"{name} must count each of {len(classes)} classes; got {len(numbers)} counts.")
    _grouped_bars(ax, classes, counts, "{:,.0f}", reference)
    ax.set_xlabel("images")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return ax


def per_class_bars(
    ax: Axes, scores: Mapping[str, Sequence[ClassScores]], measure: str = "f1", reference: str | None = None
) -> Axes:
    """Draw a measure of each class, for one or more classifiers side by side.

    Parameters
    ----------
    ax : Axes
    scores : mapping of str to sequence of ClassScores
        For each classifier, by its name, the scores of the classes in the same order.
    measure : {"f1", "precision", "recall"}
        What to draw, in %.
    reference : str, optional
        The classifier that the others are held against; it is orange.

    Raises
    ------
    ValueError
        If the measure is none of these.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = per_class_bars(new_axes(), {"softmax": [ClassScores("happy", 0.8, 0.9, 0.85, 40)]})
    >>> float(ax.patches[0].get_width())
    85.0
    """
    titles = {"f1": "F1", "precision": "precision", "recall": "recall"}
    if measure not in titles:
        raise ValueError(f"measure must be among {list(titles)}; got {measure!r}.")
    names = [one.name for one in next(iter(scores.values()), ())]
    # of a class without an image nothing was measured: it has no bar
    shares = {
        label: [100 * float(getattr(one, measure)) if one.support else math.nan for one in classes]
        for label, classes in scores.items()
    }
    _grouped_bars(ax, names, shares, "{:.0f}", reference)
    ax.set(xlabel=f"{titles[measure]} (%)", xlim=(0, 108))
    return ax


def _grouped_bars(
    ax: Axes, names: Sequence[str], groups: Mapping[str, Sequence[float]], text: str, reference: str | None
) -> None:
    """Draw lying bars with their numbers, the first class on top."""
    thickness = _THICKNESS / max(len(groups), 1)
    places, colours = np.arange(len(names)), series_colours(groups, reference)
    for (label, numbers), offset in zip(groups.items(), offsets(len(groups), _THICKNESS), strict=True):
        bars = ax.barh(places + offset, numbers, thickness * 0.92, color=colours[label], label=as_label(label))
        ax.bar_label(
            bars, labels=["" if math.isnan(n) else text.format(n) for n in numbers], padding=2, fontsize=6.5, color=MUTED
        )
    name_lines(ax, names)
    ax.margins(x=0.12)
    if len(groups) > 1:
        legend_above(ax, len(groups))
