"""What to say about a name that is not in a table."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known word nearest to a wrong one, whatever its case; None where none is near.

    Examples
    --------
    >>> nearest("Hapy", ["happy", "sad"])
    'happy'
    """
    by_folded_case = {word.casefold(): word for word in sorted(known, reverse=True)}
    near = difflib.get_close_matches(name.casefold(), by_folded_case, n=1)
    return by_folded_case[near[0]] if near else None


def suggest(name: str, known: Iterable[str]) -> str:
    """Name the known word nearest to a wrong one, or all known words where none is near.

    Parameters
    ----------
    name : str
        The word that is not in the table.
    known : iterable of str
        The table.

    Returns
    -------
    str
        A clause that ends in a question mark or a full stop.

    Examples
    --------
    >>> suggest("gama", ["C", "gamma", "degree"])
    "did you mean 'gamma'?"
    >>> suggest("zzz", ["b", "a"])
    'known: a, b.'
    """
    words = sorted(known)
    near = nearest(name, words)
    return f"known: {', '.join(words)}." if near is None else f"did you mean {near!r}?"
