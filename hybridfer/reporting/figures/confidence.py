"""Confidence: whether it can be believed, and what is gained by listening to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from hybridfer.evaluation.calibration import ReliabilityBin
from hybridfer.evaluation.selective import SelectiveCurve
from hybridfer.reporting.figures.layout import MARKERS, as_label, legend_above
from hybridfer.reporting.figures.style import MUTED, series_colours

# area of the marker of a bin that holds every image, in square points
_LARGEST = 130


def reliability_diagram(ax: Axes, bins: Mapping[str, Sequence[ReliabilityBin]], reference: str | None = None) -> Axes:
    """Draw how often a classifier is right against how sure it is; on the diagonal the two agree.

    Parameters
    ----------
    ax : Axes
    bins : mapping of str to sequence of ReliabilityBin
        For each set of confidences, by its name, such as before and after temperature scaling. The larger a marker, the
        more images are in its bin.
    reference : str, optional
        The set that the others are held against; it is orange.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> bins = [ReliabilityBin(low=0.6, high=0.8, n=10, confidence=0.75, accuracy=0.5)]
    >>> ax = reliability_diagram(new_axes(), {"softmax": bins})
    >>> ax.get_xlabel()
    'confidence (%)'
    """
    ax.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    colours = series_colours(bins, reference)
    for i, (label, members) in enumerate(bins.items()):
        confidence = np.array([100 * one.confidence for one in members])
        accuracy = np.array([100 * one.accuracy for one in members])
        share = np.array([one.n for one in members]) / max(sum(one.n for one in members), 1)
        colour, marker = colours[label], MARKERS[i % len(MARKERS)]
        ax.plot(
            confidence, accuracy, color=colour, linewidth=1.1, marker=marker, markersize=2.5, label=as_label(label), zorder=2
        )
        ax.scatter(confidence, accuracy, s=_LARGEST * share, color=colour, marker=marker, alpha=0.45, linewidths=0, zorder=3)
    ax.set(xlim=(0, 100), ylim=(0, 101), xlabel="confidence (%)", ylabel="accuracy (%)")
    ax.set_aspect("equal")
    legend_above(ax, 1)
    return ax


def selective_curve(ax: Axes, curves: Mapping[str, SelectiveCurve], reference: str | None = None) -> Axes:
    """Draw the accuracy that is left when only the most confident images are answered.

    Parameters
    ----------
    ax : Axes
    curves : mapping of str to SelectiveCurve
        For each classifier, by its name.
    reference : str, optional
        The classifier that the others are held against; it is orange.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = selective_curve(new_axes(), {"softmax": SelectiveCurve((0.5, 1.0), (0.9, 0.7), (0.8, 0.2))})
    >>> ax.lines[0].get_ydata().tolist()
    [90.0, 70.0]
    """
    colours = series_colours(curves, reference)
    for i, (label, curve) in enumerate(curves.items()):
        shares, accuracies = 100 * np.asarray(curve.shares), 100 * np.asarray(curve.accuracies)
        marker = MARKERS[i % len(MARKERS)]
        ax.plot(shares, accuracies, color=colours[label], marker=marker, markersize=3, label=as_label(label))
    ax.set(xlim=(0, 102), xlabel="images answered, the most confident first (%)", ylabel="accuracy (%)")
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, min(top, 100.5))
    legend_above(ax, 2)
    return ax
