"""GitHub-flavoured Markdown: tables that are aligned in their source too, and texts in which nothing is markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: What stands in a cell that has nothing to say.
NONE = "-"
# GitHub takes an underscore within a word for a letter
_MARKUP = re.compile(r"[\\`*|\[\]]|(?<!\w)_|_(?!\w)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def table(header: Sequence[str], n_left: int, rows: Sequence[Sequence[str]], *, ends_in_words: bool = False) -> str:
    """Set a table whose first columns are words, and the others figures.

    Parameters
    ----------
    header : sequence of str
        The headings.
    n_left : int
        How many columns, from the left, hold words.
    rows : sequence of sequences of str
        As many cells each as there are headings.
    ends_in_words : bool
        Whether the last column holds words too.

    Returns
    -------
    str

    Examples
    --------
    >>> print(table(["class", "images"], 1, [["happy", "895"]]))
    | class | images |
    | ----- | -----: |
    | happy |    895 |
    """
    widths = [max(3, *(len(line[i]) for line in [header, *rows])) for i in range(len(header))]
    words = [i < n_left or (ends_in_words and i == len(header) - 1) for i in range(len(header))]
    rule = ["-" * width if word else "-" * (width - 1) + ":" for width, word in zip(widths, words, strict=True)]
    lines = [
        [cell.ljust(width) if word else cell.rjust(width) for cell, width, word in zip(line, widths, words, strict=True)]
        for line in [header, rule, *rows]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    r"""Keep names of files and classes from being read as Markdown or HTML.

    Examples
    --------
    >>> print(escape("a*b|<i>.jpg"))
    a\*b\|&lt;i>.jpg
    """
    return _TAG.sub("&lt;", _MARKUP.sub(r"\\\g<0>", text))


def section(title: str, body: str, level: int = 2) -> str:
    """Set a heading and its text; nothing where there is no text."""
    return f"{'#' * level} {title}\n\n{body}" if body else ""
