"""Lists of numbers as arguments of networks: a recipe's arguments are single values, so a list is a string."""

from __future__ import annotations

import re

from hybridfer.errors import RecipeError

_NUMBERS = re.compile(r"[1-9]\d{0,3}(-[1-9]\d{0,3})*")


def numbers_of(text: str, argument: str, *, fewest: int, most: int, like: str) -> list[int]:
    """Read numbers from 1 to 9999 that are joined by ``-``.

    Parameters
    ----------
    text : str
        Such as ``"64-128"``.
    argument : str
        What an error calls it, such as ``"filters of conv_stack"``.
    fewest, most : int
        How many numbers there may be.
    like : str
        An example for the error.

    Raises
    ------
    RecipeError
        If it is anything else.

    Examples
    --------
    >>> numbers_of("64-128", "filters of conv_stack", fewest=1, most=16, like="64-128")
    [64, 128]
    """
    if not _NUMBERS.fullmatch(text) or not fewest <= text.count("-") + 1 <= most:
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise RecipeError(
            f"{argument} must be {count} numbers from 1 to 9999 joined by '-', such as {like!r}; got {text!r}."
        )
    return [int(number) for number in text.split("-")]
