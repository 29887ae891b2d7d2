"""How figures look: few colours, safe for colour-blind readers, whose lightness can be turned over for dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.colors import LinearSegmentedColormap

#: Text and lines; numbers beside them; rules behind them; the page; numbers on a strong colour.
INK, MUTED, RULE, PAPER, ON_STRONG = "#1b1d1f", "#5c6167", "#d8dbdf", "#ffffff", "#fdfdfd"
#: The series of a figure, in order: what a reader came for is blue, what it is held against orange.
ACCENT, COUNTER, THIRD, FOURTH = "#0b62a4", "#c8570c", "#3d8f6f", "#8a5a9e"
SERIES = (ACCENT, COUNTER, THIRD, FOURTH)
#: Okabe and Ito's palette without yellow and black, which are lost on white and on dark pages; then grey.
#: M. Okabe and K. Ito, "Color universal design", 2008.
CLASS_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c")

#: From none (pale) to all (blue); from less (orange) to more (blue).
SHARES = LinearSegmentedColormap.from_list("shares", ["#f5f8fb", "#9fc3e0", "#0a4a80"])
GAPS = LinearSegmentedColormap.from_list("gaps", ["#a8480a", "#e9b58d", "#f7f8f9", "#9fc3e0", "#0b5794"])

_STYLE = matplotlib.RcParams(
    {
        "axes.axisbelow": True,
        "axes.edgecolor": MUTED,
        "axes.facecolor": PAPER,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.labelsize": 8,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlesize": 8.5,
        "axes.titleweight": "bold",
        "figure.facecolor": PAPER,
        "font.family": "DejaVu Sans",
        "font.size": 8,
        "grid.color": RULE,
        "grid.linewidth": 0.5,
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "legend.labelcolor": INK,
        "lines.linewidth": 1.5,
        "savefig.facecolor": PAPER,
        "svg.fonttype": "path",
        "svg.hashsalt": "hybridfer",
        "text.color": INK,
        "text.parse_math": False,
        "xtick.color": MUTED,
        "xtick.labelcolor": INK,
        "xtick.labelsize": 7.5,
        "xtick.major.size": 0,
        "ytick.color": MUTED,
        "ytick.labelcolor": INK,
        "ytick.labelsize": 7.5,
        "ytick.major.size": 0,
    }
)


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the report's style while the block runs.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> with house_style():
    ...     axes = Figure().subplots()
    >>> axes.spines["top"].get_visible()
    False
    """
    with matplotlib.rc_context(_STYLE):
        yield


def series_colours(names: Iterable[str], reference: str | None = None) -> dict[str, str]:
    """Colour the series of a figure: the reference is orange, the others blue and then what is left.

    Examples
    --------
    >>> series_colours(["softmax", "forest"], reference="softmax") == {"softmax": COUNTER, "forest": ACCENT}
    True
    """
    names = list(names)
    left = [colour for colour in SERIES if reference not in names or colour != COUNTER]
    others = [name for name in names if name != reference]
    return {name: left[i % len(left)] for i, name in enumerate(others)} | (
        {reference: COUNTER} if reference in names else {}
    )


def class_colour(position: int) -> str:
    """The colour of a class; it comes again after seven."""
    return CLASS_COLOURS[position % len(CLASS_COLOURS)]


def ink_on(place: float) -> str:
    """The colour of text on a place of `SHARES`, from 0 to 1."""
    return ON_STRONG if place > 0.75 else INK


def ink_on_gap(place: float) -> str:
    """The colour of text on a place of `GAPS`, from 0 to 1 with nothing in the middle."""
    return ON_STRONG if abs(place - 0.5) > 0.38 else INK
