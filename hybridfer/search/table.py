"""The trials of a search as a table of plain text."""

from __future__ import annotations

import textwrap

from hybridfer.search.progress import written
from hybridfer.search.result import SearchResult, TrialRow

_HEADINGS = ("trial", "state", "validation", "epochs", "parameters", "seconds")
NONE = "-"
_WIDTH = 100


def render_trials(result: SearchResult) -> str:
    """Render the trials, the most accurate first, and what may be said of the best.

    Parameters
    ----------
    result : SearchResult
        To show.

    Returns
    -------
    str
        Lines of text without a newline at the end.

    Examples
    --------
    >>> row = TrialRow(3, "complete", 0.6125, 2, 7000, 4.2, {"filters": "64-128"}, {}, (0.5, 0.6125))
    >>> print(render_trials(SearchResult("faces", "conv_stack", 700, 80, "", (row,))).splitlines()[1])
        3  complete       61.3%       2       7,000        4  64-128
    """
    names = list(dict.fromkeys(name for trial in result.trials for name in trial.drawn))
    table = [[*_HEADINGS, *names], *([*_cells(row), *(_drawn(row, name) for name in names)] for row in result.trials)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            _aligned(cell, width, place) for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in table
    ]
    failures = [f"trial {row.number} failed: {row.failure}" for row in result.trials if row.failure]
    return "\n".join([*lines, *failures, "", _verdict(result), *_others(result)])


def _cells(row: TrialRow) -> list[str]:
    return [
        str(row.number),
        row.state,
        NONE if row.accuracy is None else f"{row.accuracy:.1%}",
        str(row.epochs),
        NONE if row.parameters is None else f"{row.parameters:,}",
        NONE if row.seconds is None else f"{row.seconds:.0f}",
    ]


def _drawn(row: TrialRow, name: str) -> str:
    return written(row.drawn[name]) if name in row.drawn else NONE


def _aligned(cell: str, width: int, place: int) -> str:
    """Words to the left, numbers to the right."""
    return cell.ljust(width) if place == 1 or place >= len(_HEADINGS) else cell.rjust(width)


def _others(result: SearchResult) -> list[str]:
    """Say what trials are that still run when the search has come to its end."""
    if not result.count("running"):
        return []
    told = (
        "What is running is another process's, or of one that was killed within the last minute: run the same search again "
        "in a minute to have such trials tried anew."
    )
    return [textwrap.fill(told, _WIDTH)]


def _verdict(result: SearchResult) -> str:
    """Say what the best accuracy is worth."""
    counts = ", ".join(f"{n} {state}" for state in ("complete", "pruned", "failed", "running") if (n := result.count(state)))
    best = result.best
    if best is None:
        return f"{counts or 'no trials'}: none was completed, so there is no best one."
    if result.ended == 1:
        return f"{counts}. One trial is no search yet: begin more with a larger --trials."
    told = (
        f"{counts}. The best, trial {best.number}, is right on {best.accuracy:.1%} of {result.n_validation:,} validation "
        f"images. It is the best of {result.ended} on the very images it was chosen by, and so promises too much: only a "
        "benchmark on test images, which no trial has seen, says how good it is."
    )
    return textwrap.fill(told, _WIDTH)
