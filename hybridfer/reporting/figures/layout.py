"""What several figures share: axes as wide as a column, marks, legends above them, and lines with names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybridfer import phrases

#: Marks of the series of a figure, in order.
MARKERS = ("o", "s", "^", "D")


def new_axes(width: float = 3.5, height: float = 2.7) -> Axes:
    """Make the axes of a new figure, by default as wide as a column of a paper.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    Axes
        Its figure is ``.figure``, which `figure_svg` and `figure_png` write.

    Examples
    --------
    >>> new_axes().figure.get_size_inches().tolist()
    [3.5, 2.7]
    """
    return Figure(figsize=(width, height), layout="constrained").subplots()


def as_label(name: str) -> str:
    """Make a name one that a legend shows; matplotlib leaves out what begins with an underscore."""
    shown = phrases.printable(name)
    return f"\N{ZERO WIDTH SPACE}{shown}" if shown.startswith("_") else shown


def legend_above(ax: Axes, columns: int) -> None:
    """Put the legend above the axes, where nothing is drawn."""
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2, columnspacing=1.2, handletextpad=0.5
    )


def name_lines(ax: Axes, names: Sequence[str]) -> None:
    """Name what lies at 0, 1 and so on up the axes, the first on top."""
    ax.set_yticks(np.arange(len(names)), [phrases.printable(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")


def offsets(n: int, room: float) -> list[float]:
    """Spread n series evenly around a line."""
    return [(i - (n - 1) / 2) * room / max(n, 1) for i in range(n)]
