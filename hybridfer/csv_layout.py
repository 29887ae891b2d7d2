"""Comma-separated values whose every field is read back as it was."""

from __future__ import annotations

import csv
from collections.abc import Iterable


class _Lines(list[str]):
    """Takes what a csv writer writes: a line a call."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n"))


def to_csv(rows: Iterable[Iterable[object]]) -> str:
    r"""Write rows as comma-separated values, with a line feed behind each.

    Parameters
    ----------
    rows : iterable of iterable
        Fields; None is empty. Quotes stand where a field has a comma, a quote or a line break in it.

    Returns
    -------
    str

    Examples
    --------
    >>> to_csv([["name", "size"], ["a\rb.png", 3]])
    'name,size\n"a\rb.png",3\n'
    """
    lines = _Lines()
    # older Pythons quote only those line breaks of which the line's own end is made
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return "".join(f"{line}\n" for line in lines)
