"""How numbers are written, everywhere alike: shares as percentages, differences as signed points, p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridfer import phrases
from hybridfer.evaluation.significance import ALPHA, Interval

# of a p-value; a double has no more that count
_MOST_DECIMALS = 17


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


def unknown_past(untold: Sequence[str]) -> str:
    """Name what weights come from that does not say which images it was trained on.

    Examples
    --------
    >>> unknown_past(["the member tiny"]), unknown_past(["the start a", "the teacher b"])
    ('what the member tiny was trained on is unknown', 'what the start a and the teacher b were trained on is unknown')
    """
    return f"what {phrases.listed(untold)} {'was' if len(untold) == 1 else 'were'} trained on is unknown"
