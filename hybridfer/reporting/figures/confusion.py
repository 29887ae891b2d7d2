"""Confusion matrices: what was taken for what, and how two classifiers differ in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from numpy.typing import ArrayLike, NDArray

from hybridfer import phrases
from hybridfer.reporting.figures.style import GAPS, PAPER, SHARES, ink_on, ink_on_gap

# with more classes the numbers would run into each other
_MOST_NUMBERED = 12
# with more classes a vector for each cell is larger than a picture
_MOST_VECTORS = 40


def confusion_matrix(ax: Axes, confusion: ArrayLike, classes: Sequence[str]) -> Axes:
    """Draw a confusion matrix: of each true class, the share that was taken for each class, in %.

    Parameters
    ----------
    ax : Axes
    confusion : array-like of shape (k, k), integers
        Images by true class (row) and predicted class (column).
    classes : sequence of k str
        Their names.

    Raises
    ------
    ValueError
        If the matrix does not belong to the classes.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = confusion_matrix(new_axes(), [[8, 2], [1, 9]], ["happy", "sad"])
    >>> [text.get_text() for text in ax.texts]
    ['80', '20', '10', '90']
    """
    shares = row_shares(confusion, len(classes))
    return _draw_cells(ax, shares, classes, SHARES, (0.0, 1.0), lambda share: f"{100 * share:.0f}", ink_on)


def confusion_difference(ax: Axes, confusion: ArrayLike, reference: ArrayLike, classes: Sequence[str]) -> Axes:
    """Draw how two confusion matrices of the same images differ, in percentage points of each true class.

    Blue is more than the reference and orange is less; on the diagonal more is better.

    Parameters
    ----------
    ax, confusion, classes
        As in `confusion_matrix`, with the same error.
    reference : array-like of shape (k, k), integers
        The other matrix.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = confusion_difference(new_axes(), [[9, 1], [1, 9]], [[8, 2], [1, 9]], ["happy", "sad"])
    >>> [text.get_text() for text in ax.texts]
    ['+10', '-10', '·', '·']
    """
    gaps = row_shares(confusion, len(classes)) - row_shares(reference, len(classes))
    reach = max(float(np.abs(gaps).max(initial=0)), 0.05)
    return _draw_cells(ax, gaps, classes, GAPS, (-reach, reach), _signed, ink_on_gap)


def row_shares(confusion: ArrayLike, k: int) -> NDArray[np.float64]:
    """Divide each row of a confusion matrix by its sum; rows without images stay 0."""
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.shape != (k, k):
        raise ValueError(f"confusion must have a row and a column for each of {k} classes; got shape {counts.shape}.")
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)


def _draw_cells(
    ax: Axes,
    values: NDArray[np.float64],
    classes: Sequence[str],
    colours: Colormap,
    ends: tuple[float, float],
    text: Callable[[float], str],
    ink: Callable[[float], str],
) -> Axes:
    """Draw a cell for each pair of classes, numbered where there are few."""
    k = len(classes)
    numbered = k <= _MOST_NUMBERED
    gap = 1.2 if numbered else 0
    mesh = ax.pcolormesh(
        values, cmap=colours, vmin=ends[0], vmax=ends[1], edgecolors=PAPER if gap else "face", linewidth=gap
    )
    mesh.set_rasterized(k > _MOST_VECTORS)
    if numbered:
        for (row, column), value in np.ndenumerate(values):
            colour = ink((value - ends[0]) / (ends[1] - ends[0]))
            ax.text(column + 0.5, row + 0.5, text(value), ha="center", va="center", color=colour, fontsize=7.5)
    middles = np.arange(k) + 0.5
    names = [phrases.printable(name) for name in classes]
    ax.set_xticks(middles, names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(middles, names)
    ax.set(xlim=(0, k), ylim=(k, 0), aspect="equal", xlabel="predicted", ylabel="true")
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return ax


def _signed(gap: float) -> str:
    """Percentage points with their sign; a dot where they round to nothing."""
    points = round(100 * gap)
    return f"{points:+d}" if points else "·"
