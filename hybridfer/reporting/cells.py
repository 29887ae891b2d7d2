"""Tables as values: cells that know by what they are sorted. The page's template draws them."""

from __future__ import annotations

from dataclasses import dataclass

from hybridfer.evaluation import wording
from hybridfer.evaluation.significance import Interval

NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    text : str
        What is read.
    note : str
        What stands below it, smaller, such as an interval.
    value : float or None
        By what a column of figures is sorted; None at the end, whatever the order.
    strong : bool
        Whether it is set in bold.
    """

    text: str
    note: str = ""
    value: float | None = None
    strong: bool = False


@dataclass(frozen=True)
class Column:
    """The head of a column.

    Attributes
    ----------
    title : str
        Its heading.
    note : str
        What stands below it, smaller, such as a unit.
    is_figure : bool
        Whether it holds figures, which stand to the right and are sorted by value.
    """

    title: str
    note: str = ""
    is_figure: bool = True


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes
    ----------
    caption : str
        What it shows; also what a screen reader calls it.
    columns : tuple of Column
        The first one names the rows.
    rows : tuple of tuples of Cell
        As many cells a row as there are columns.
    sortable : bool
        Whether a click on a heading sorts it.

    Raises
    ------
    ValueError
        If a row has more or fewer cells than there are columns.

    Examples
    --------
    >>> Table("Images", (word("class"), Column("images")), ((Cell("happy"), number(3)),)).rows[0][1].text
    '3'
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sortable: bool = False

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.rows} - {len(self.columns)}
        if lengths:
            raise ValueError(f"Each row must have {len(self.columns)} cells; got {sorted(lengths)}.")


def word(title: str) -> Column:
    """A column of words."""
    return Column(title, is_figure=False)


def number(count: int | None) -> Cell:
    """A whole number."""
    return Cell(NONE) if count is None else Cell(f"{count:,}", value=float(count))


def share(value: float | None, interval: Interval | None = None, strong: bool = False) -> Cell:
    """A share in %, with its interval below it.

    Examples
    --------
    >>> share(0.6214, (0.6049, 0.6377)).note
    '[60.5, 63.8]'
    """
    if value is None:
        return Cell(NONE)
    return Cell(wording.percent(value), "" if interval is None else wording.interval(interval), value, strong)


def points(value: float, interval: Interval, strong: bool = False) -> Cell:
    """A difference in percentage points, with its interval below it."""
    return Cell(wording.points(value), wording.points_interval(interval), value, strong)


def p_value(p: float, strong: bool = False) -> Cell:
    """A p-value."""
    return Cell(wording.p_value(p), value=p, strong=strong)


def rate(per_second: float | None) -> Cell:
    """A throughput."""
    return Cell(NONE) if per_second is None else Cell(f"{per_second:,.0f}", value=per_second)


def seconds(duration: float | None) -> Cell:
    """A duration in seconds."""
    return Cell(NONE) if duration is None else Cell(wording.seconds(duration), value=duration)
