"""Embeddings on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from hybridfer.reporting.figures.layout import as_label
from hybridfer.reporting.figures.style import class_colour

# more dots are one blot
_MOST_DOTS = 4000
# of names of so many letters four fit side by side
_SHORT = 10
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def projection(ax: Axes, points: ArrayLike, labels: ArrayLike, classes: Sequence[str]) -> Axes:
    """Draw embeddings as dots on a plane, coloured by class.

    Dots of more than 4,000 images are drawn for evenly spaced ones of them.

    Parameters
    ----------
    ax : Axes
    points : array-like of shape (n, 2)
        Where the images lie, such as on the first two principal components.
    labels : array-like of shape (n,), integers
        Their classes, as positions in `classes`.
    classes : sequence of str
        Names of the classes.

    Raises
    ------
    ValueError
        If there is not one label for each point on the plane.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = projection(new_axes(), [[0, 1], [2, 3]], [0, 1], ["happy", "sad"])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['happy', 'sad']
    """
    points, labels = np.asarray(points, dtype=np.float64), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(f"points must be (n, 2) with n labels; got shapes {points.shape} and {labels.shape}.")
    shown = np.unique(np.linspace(0, max(len(points) - 1, 0), min(len(points), _MOST_DOTS)).astype(np.int64))
    points, labels = points[shown], labels[shown]
    dots: dict[str, Any] = {"s": float(np.clip(12000 / max(len(points), 1), 6, 26)), "linewidths": 0, "rasterized": True}
    for i in np.unique(labels):
        marker = _MARKERS[int(i) // 7 % len(_MARKERS)]
        x, y = points[labels == i].T
        ax.scatter(x, y, marker=marker, color=class_colour(int(i)), label=as_label(classes[i]), alpha=0.65, **dots)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    longest = max((len(classes[i]) for i in np.unique(labels)), default=0)
    legend = ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        ncols=4 if longest <= _SHORT else 2,
        columnspacing=1,
        handletextpad=0.1,
        markerscale=1.6,
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return ax
