"""Published figures beside ours, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from hybridfer.evaluation import wording
from hybridfer.evaluation.published import PublishedComparison
from hybridfer.reporting.gfm import NONE, escape, table

HEADER = ("system", "pipeline", "measure", "split", "published", "n", "ours", "95 %", "n", "remark")
LEGEND = (
    "In %. *published*: what the source says of its own system, on its own images; *ours*: the same recipe in this "
    "benchmark. Other images, other trainings: a difference between the two proves nothing."
)


def published_table(lines: Sequence[PublishedComparison], runs: Sequence[str] = ()) -> str:
    """Set the table: a line each figure.

    Parameters
    ----------
    lines : sequence of PublishedComparison
        From `hybridfer.evaluation.published.compare_published`.
    runs : sequence of str
        The run that each line is of, where there are several.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> line = PublishedComparison("mine", "softmax", "accuracy", "test", 0.6293, 7178, None)
    >>> print(published_table([line]).splitlines()[2])
    | mine   | softmax  | accuracy | test  |      62.9 | 7,178 |    - |    - |   - | -      |
    """
    if not runs:
        return table(HEADER, 4, [_cells(line) for line in lines], ends_in_words=True)
    cells = [[escape(run), *_cells(line)] for run, line in zip(runs, lines, strict=True)]
    return table(("run", *HEADER), 5, cells, ends_in_words=True)


def _cells(line: PublishedComparison) -> list[str]:
    ours = line.ours
    return [
        escape(line.recipe),
        escape(line.pipeline),
        escape(line.measure),
        line.split,
        NONE if line.published is None else wording.percent(line.published),
        NONE if line.published_n is None else f"{line.published_n:,}",
        NONE if ours is None else wording.percent(ours.value),
        NONE if ours is None or ours.interval is None else wording.interval(ours.interval),
        NONE if ours is None else f"{ours.n:,}",
        escape(line.remark) or NONE,
    ]
