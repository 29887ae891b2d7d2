"""Colours for the terminal, where they are wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from hybridfer.phrases import printable

#: Takes a text and click's style options, and gives the text with ANSI codes or as it is.
Paint = Callable[..., str]


def paint_with(colour: bool | None) -> Paint:
    """Choose how texts are painted.

    Parameters
    ----------
    colour : bool or None
        Whether to use ANSI colours; None does where standard output is a terminal and NO_COLOR is not set
        (https://no-color.org).

    Returns
    -------
    callable

    Examples
    --------
    >>> paint_with(False)("twins", bold=True)
    'twins'
    """
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") if colour is None else colour
    style = click.style if wanted else _unpainted
    # names come from strangers: of all that is printed, these codes alone may command the terminal
    return lambda text, **options: style(printable(text), **options)


def _unpainted(text: str, **_: object) -> str:
    """Leave a text as it is."""
    return text
