"""GitHub-flavoured Markdown: tables that are aligned in their source too, and texts in which nothing is markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hybridfer import phrases

#: What stands in a cell that has nothing to say.
NONE = "-"
# GitHub takes an underscore within a word for a letter
_MARKUP = re.compile(r"[\\`*~|$\[\]]|(?<!\w)_|_(?!\w)")
# at the beginning of a line, as of an entry of a list: headings, quotations, lists
_OPENING = re.compile(r"^(?:(\d+)(?=[.)](?:\s|$))|(?=[#+-](?:\s|$|#)|>))")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# an ampersand between words is one; what looks like an entity would be read as a character
_ENTITY = re.compile(r"&(?=#?[A-Za-z0-9]+;)")
_TICKS = re.compile("`+")


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

    Parameters
    ----------
    text : str
        Of any kind.

    Returns
    -------
    str
        A single line: white space, line breaks too, is one blank wherever it stands, and none at the ends.

    Examples
    --------
    >>> print(escape("a*b|<i>.jpg"))
    a\*b\|&lt;i>.jpg
    >>> print(escape("A & B\n# &lt;"))
    A & B # &amp;lt;
    """
    line = _OPENING.sub(r"\1\\", _MARKUP.sub(r"\\\g<0>", phrases.printable(" ".join(text.split()))))
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", line))


def fence(text: str, language: str) -> str:
    """Set a block of code that nothing in it ends.

    Parameters
    ----------
    text : str
        The code.
    language : str
        What it is written in, such as ``"sh"``.

    Returns
    -------
    str
        The code between fences that are longer than any run of backticks in it.

    Examples
    --------
    >>> print(fence("echo 1", "sh"))
    ```sh
    echo 1
    ```
    """
    ticks = "`" * max([3, *(len(run) + 1 for run in _TICKS.findall(text))])
    return f"{ticks}{language}\n{text}\n{ticks}"


def section(title: str, body: str, level: int = 2) -> str:
    """Set a heading and its text; nothing where there is no text."""
    return f"{'#' * level} {title}\n\n{body}" if body else ""
