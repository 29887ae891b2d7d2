"""How numbers are written, everywhere alike: shares as percentages, differences as signed points, p-values."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from hybridfer import phrases
from hybridfer.evaluation.significance import ALPHA, Interval

# of a p-value; a double has no more that count
_MOST_DECIMALS = 17
_P_EQUATION = re.compile(r"\bp [<=] [\d.]+")
HARD_SPACE = "\N{NO-BREAK SPACE}"


def percent(share: float) -> str:
    """Write a share as a percentage with one decimal and no sign.

    Examples
    --------
    >>> percent(0.6214)
    '62.1'
    """
    return f"{100 * share:.1f}"


def interval(ends: Interval) -> str:
    """Write an interval of shares.

    Examples
    --------
    >>> interval((0.6049, 0.6377))
    '[60.5, 63.8]'
    """
    return f"[{percent(ends[0])}, {percent(ends[1])}]"


def points(difference: float) -> str:
    """Write a difference in percentage points with its sign.

    Examples
    --------
    >>> points(1.13), points(-0.42), points(-0.04)
    ('+1.1', '-0.4', '0.0')
    """
    rounded = round(difference, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def lead(difference: float) -> str:
    """Write a difference in percentage points with its sign and its unit.

    Examples
    --------
    >>> lead(1.13), lead(-0.96)
    ('+1.1 points', '-1.0 point')
    """
    return _with_unit(points(difference))


def gap(difference: float) -> str:
    """Write the size of a difference in percentage points with its unit.

    Examples
    --------
    >>> gap(-1.13), gap(0.96)
    ('1.1 points', '1.0 point')
    """
    return _with_unit(f"{abs(difference):.1f}")


def _with_unit(written: str) -> str:
    return f"{written} point" if written.lstrip("+-") == "1.0" else f"{written} points"


def points_interval(ends: Interval) -> str:
    """Write an interval of percentage points.

    Examples
    --------
    >>> points_interval((-0.31, 1.9))
    '[-0.3, +1.9]'
    """
    return f"[{points(ends[0])}, {points(ends[1])}]"


def p_value(p: float) -> str:
    """Write a p-value with three decimals, for a table; with more where three would round it to the level of 0.05.

    Examples
    --------
    >>> p_value(0.0031), p_value(0.00002), p_value(0.0496), p_value(0.0504)
    ('0.003', '< 0.001', '0.0496', '0.0504')
    """
    if p < 0.001:
        return "< 0.001"
    written = (f"{p:.{decimals}f}" for decimals in range(3, _MOST_DECIMALS))
    return f"{p:.3f}" if p == ALPHA else next((text for text in written if float(text) != ALPHA), f"{ALPHA:.3f}")


def p_equation(p: float) -> str:
    """Write a p-value for a sentence.

    Examples
    --------
    >>> p_equation(0.0031), p_equation(0.00002)
    ('p = 0.003', 'p < 0.001')
    """
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def unbroken(text: str) -> str:
    """Let no line end within a p-value of a text: its spaces become no-break spaces.

    Examples
    --------
    >>> [len(word) for word in unbroken("ahead, p = 0.003, or p < 0.001").split(" ")]
    [6, 10, 2, 9]
    """
    return _P_EQUATION.sub(lambda found: found.group().replace(" ", HARD_SPACE), text)


def seconds(duration: float) -> str:
    """Write a duration in seconds with one decimal.

    Examples
    --------
    >>> seconds(0.234), seconds(4321)
    ('0.2', '4,321.0')
    """
    return f"{duration:,.1f}"


def fine_seconds(duration: float) -> str:
    """Write a duration in seconds with one decimal; below one second with two digits that count.

    Examples
    --------
    >>> fine_seconds(0.02183), fine_seconds(0.0), fine_seconds(4321)
    ('0.022', '0.0', '4,321.0')
    """
    return np.format_float_positional(duration, 2, fractional=False, trim="0") if duration < 1 else seconds(duration)


def correction(heads: int, pairs: int) -> str:
    """Say for which tests p-values were corrected.

    Parameters
    ----------
    heads : int
        That are held against a softmax.
    pairs : int
        Of rows, where rows are held against the best; else 0.

    Examples
    --------
    >>> correction(1, 1)
    "the only one of this report, so that Holm's correction changes nothing"
    >>> correction(7, 0)
    "corrected by Holm's method for all 7 heads that are held against a softmax"
    >>> correction(7, 28)
    "corrected by Holm's method: against softmax for all 7 such heads, against the best row for all 28 pairs of rows"
    """
    if heads <= 1 and pairs <= 1:
        return "the only one of this report, so that Holm's correction changes nothing"
    if not pairs:
        return f"corrected by Holm's method for all {heads:,} heads that are held against a softmax"
    best = f"against the best row for all {pairs:,} pairs of rows"
    if not heads:
        return f"corrected by Holm's method: {best}"
    softmax = f"for all {heads:,} such heads" if heads > 1 else "for no other, as there is one such head"
    return f"corrected by Holm's method: against softmax {softmax}, {best}"


def unknown_past(untold: Sequence[str], other_shapes: Sequence[tuple[int, ...]] = ()) -> str:
    """Say what is not known of the images that weights have seen.

    Parameters
    ----------
    untold : sequence of str
        What they come from that does not say which images it was trained on.
    other_shapes : sequence of tuple of int
        Shapes of images that they have seen, and that pixels do not tell from those at hand.

    Examples
    --------
    >>> unknown_past(["the member tiny"]), unknown_past(["the start a", "the teacher b"])
    ('what the member tiny was trained on is unknown', 'what the start a and the teacher b were trained on is unknown')
    >>> unknown_past([], [(48, 48), (96, 80, 3)])
    'it has seen images of 48 x 48 and 96 x 80 x 3, and whether they show the same as these cannot be told'
    """
    told = [f"what {phrases.listed(untold)} {'was' if len(untold) == 1 else 'were'} trained on is unknown"] if untold else []
    if other_shapes:
        shapes = phrases.listed([" x ".join(map(str, shape)) for shape in other_shapes])
        told.append(f"it has seen images of {shapes}, and whether they show the same as these cannot be told")
    return "; ".join(told)
