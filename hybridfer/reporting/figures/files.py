"""Figures as bytes that depend on nothing but what is drawn: no dates, no random names."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from hybridfer.reporting.figures.style import house_style

#: What journals ask of a picture.
PNG_DPI = 300
# parts of an SVG that are pictures all the same, such as thousands of dots
_RASTER_DPI = 150


def figure_svg(figure: Figure) -> str:
    """Write a figure as SVG, its text as outlines, so that it looks alike wherever it is opened.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    str
        The same text for the same figure.

    Examples
    --------
    >>> figure_svg(Figure(figsize=(1, 1))) == figure_svg(Figure(figsize=(1, 1)))
    True
    """
    return _saved(figure, "svg", _RASTER_DPI, {"Date": None, "Creator": None, "Type": None, "Format": None}).decode()


def figure_png(figure: Figure, dpi: int = PNG_DPI) -> bytes:
    """Write a figure as PNG.

    Parameters
    ----------
    figure : Figure
    dpi : int
        Pixels an inch.

    Returns
    -------
    bytes
        The same for the same figure.

    Examples
    --------
    >>> figure_png(Figure(figsize=(1, 1)))[1:4]
    b'PNG'
    """
    return _saved(figure, "png", dpi, {"Software": None})


def _saved(figure: Figure, kind: str, dpi: int, metadata: dict[str, Any]) -> bytes:
    """Save in the house style, which holds the salt of an SVG's names."""
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()
