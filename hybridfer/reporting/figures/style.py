"""How figures look: few colours, safe for colour-blind readers, whose lightness can be turned over for dark pages."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

import matplotlib
from matplotlib import font_manager
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


# for letters that DejaVu Sans lacks, where one of them is installed
_OTHER_SCRIPTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAGothic", "NanumGothic", "Noto Sans Devanagari", "Noto Sans Bengali",
    "Noto Sans Tamil", "Noto Sans Thai", "Noto Sans Ethiopic", "Lohit Devanagari", "FreeSans", "Unifont",
    "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS", "Microsoft YaHei", "Yu Gothic",
    "Malgun Gothic", "Nirmala UI", "Leelawadee UI",
)  # fmt: skip


@cache
def font_families() -> tuple[str, ...]:
    """Name the fonts of the figures: DejaVu Sans, which matplotlib brings along, then those at hand for other scripts.

    Examples
    --------
    >>> font_families()[0]
    'DejaVu Sans'
    """
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in installed))


def letters_without_font(text: str) -> str:
    """Give the letters of a text, each once, that no font of the figures has: they are drawn as boxes.

    Examples
    --------
    >>> letters_without_font("happy, fröhlich, радость")
    ''
    """
    return "".join(letter for letter in dict.fromkeys(text) if letter.isprintable() and ord(letter) not in _glyphs())


@cache
def _glyphs() -> frozenset[int]:
    """The letters that the fonts of the figures have, by their code points."""
    paths = [font_manager.findfont(family) for family in font_families()]
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())


@contextmanager
def boxes_untold() -> Iterator[None]:
    """Keep matplotlib from warning of each letter without a font in each figure, where it was told once already."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


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
    with matplotlib.rc_context({**_STYLE, "font.family": list(font_families())}):
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
