"""The columns of the terminal's table, and which of them give way in a narrow window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hybridfer.evaluation import wording
from hybridfer.evaluation.metrics import Scores
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row

GAP = "  "
NONE = "-"


@dataclass(frozen=True)
class Column:
    """A column of figures.

    Attributes
    ----------
    part : str
        The images it is about: a heading shared with its neighbours.
    title : str
        Its own heading.
    cell : callable
        Gives the text of a row.
    gives_way : int
        0 where it never gives way; of the others the highest goes first.
    narrower : Column or None
        What stands in its place then; None where nothing does.
    """

    part: str
    title: str
    cell: Callable[[Row], str]
    gives_way: int = 0
    narrower: Column | None = None


def table_columns(report: BenchmarkReport) -> list[Column]:
    """Choose the columns of a report; without twins the twin-free part is the whole, and is shown once."""
    n, twins = report.dataset.n_test, report.dataset.twins
    decisive = f"twin-free part ({n - twins:,} images)" if twins else f"test split ({n:,} images, no twins)"
    columns = [
        _accuracy_column(decisive, lambda row: row.twin_free, gives_way=1),
        Column(decisive, "macro-F1", _macro_f1, gives_way=4, narrower=Column(decisive, "F1", _macro_f1, gives_way=2)),
    ]
    if any(row.versus_softmax is not None for row in report.rows):
        columns += [Column(decisive, "vs softmax", _points), Column(decisive, "p (Holm)", _p_value)]
    if twins:
        columns.append(_accuracy_column("whole split", lambda row: row.whole, gives_way=5))
    return [*columns, Column("", "seconds", lambda row: wording.seconds(row.seconds), gives_way=3)]


def fit_columns(columns: Sequence[Column], rows: Sequence[Row], room: int) -> list[Column]:
    """Let columns give way, the least important first, until the others fit or none is left to give way.

    Parameters
    ----------
    columns : sequence of Column
        From `table_columns`.
    rows : sequence of Row
        The rows that will be shown.
    room : int
        Columns of text to fit into, the gap before each column included.

    Returns
    -------
    list of Column
        In the same order.
    """
    kept = list(columns)
    while sum(len(GAP) + width for width in column_widths(kept, rows)) > room:
        least = max(range(len(kept)), key=lambda i: kept[i].gives_way)
        if kept[least].gives_way == 0:
            break
        narrower = kept[least].narrower
        kept[least : least + 1] = [narrower] if narrower else []
    return kept


def column_widths(columns: Sequence[Column], rows: Sequence[Row]) -> list[int]:
    """Measure the columns: each as wide as its title and cells, and together as wide as the heading they share."""
    widths = [max([len(column.title)] + [len(column.cell(row)) for row in rows]) for column in columns]
    for first, last in part_spans(columns):
        missing = len(columns[first].part) - span_width(widths[first:last])
        widths[first] += max(missing, 0)
    return widths


def part_spans(columns: Sequence[Column]) -> list[tuple[int, int]]:
    """Find where each run of columns about the same images begins and ends."""
    starts = [i for i, column in enumerate(columns) if i == 0 or columns[i - 1].part != column.part]
    return list(zip(starts, [*starts[1:], len(columns)], strict=True))


def span_width(widths: Sequence[int]) -> int:
    """Measure neighbouring columns with the gaps between them."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _accuracy_column(part: str, scores: Callable[[Row], Scores | None], gives_way: int) -> Column:
    """Accuracy with its interval; alone where the window is narrow."""

    def alone(row: Row) -> str:
        found = scores(row)
        return NONE if found is None else wording.percent(found.accuracy)

    def with_interval(row: Row) -> str:
        found = scores(row)
        return NONE if found is None else f"{alone(row)} {wording.interval(found.accuracy_interval)}"

    return Column(part, "accuracy [95 %]", with_interval, gives_way, narrower=Column(part, "accuracy", alone))


def _macro_f1(row: Row) -> str:
    return NONE if row.twin_free is None else wording.percent(row.twin_free.macro_f1)


def _points(row: Row) -> str:
    return NONE if row.versus_softmax is None else wording.points(row.versus_softmax.points)


def _p_value(row: Row) -> str:
    return NONE if row.versus_softmax is None else wording.p_value(row.versus_softmax.p_holm)
