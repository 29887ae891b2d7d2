"""Counts, lists and names in words, everywhere alike."""

from __future__ import annotations

from collections.abc import Sequence


def listed(parts: Sequence[str]) -> str:
    """Join words with commas and an "and".

    Examples
    --------
    >>> listed(["fear"]), listed(["fear", "sad", "happy"])
    ('fear', 'fear, sad and happy')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun, whose plural takes an s where none is given.

    Examples
    --------
    >>> count(1, "image"), count(3589, "image"), count(2, "class", "classes")
    ('1 image', '3,589 images', '2 classes')
    """
    return f"1 {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def printable(text: str) -> str:
    r"""Spell out what no terminal should get of a name that somebody else chose: controls, and bytes that are no UTF-8.

    Examples
    --------
    >>> print(printable("Zoë, \x1b[31mred\a, caf\udce9"))
    Zoë, \x1b[31mred\x07, caf\udce9
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
