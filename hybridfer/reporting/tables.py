"""The table of a report for other programs: every number as CSV, and a page's width of it as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hybridfer.csv_layout import to_csv
from hybridfer.evaluation import wording
from hybridfer.evaluation.metrics import Scores
from hybridfer.evaluation.report import BenchmarkReport, FeatureRun
from hybridfer.evaluation.rows import Row, count_comparisons
from hybridfer.phrases import printable

Cells = dict[str, Any]

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    # behind the end of a line they would be its optional argument and its star
    **{letter: f"{{{letter}}}" for letter in "[*"},
}
_SPECIAL = re.compile("[" + re.escape("".join(_LATEX)) + "]")
_NONE = "--"


def render_csv(report: BenchmarkReport) -> str:
    """Write a line for each row of the report, with the numbers that report.json has.

    Parameters
    ----------
    report : BenchmarkReport

    Returns
    -------
    str
        CSV with a header. Shares are from 0 to 1, points are percentage points; a cell is empty where there is nothing to
        say. Columns that begin with ``twin_free_``, ``whole_`` and ``twins_`` are about these parts of the test split.
        ``leak_images``, ``leak_twin_free`` and ``validation_leak`` count the test, twin-free and validation images that the
        CNN was trained on; they are empty where its weights do not say.
    """
    return csv_text([_csv_cells(row, run) for run in report.features for row in report.rows_of(run.recipe)])


def csv_text(lines: Sequence[Mapping[str, object]]) -> str:
    r"""Write a header and a line for each row of a table; a table without rows has the columns that name them.

    Examples
    --------
    >>> csv_text([{"feature": "compact", "pipeline": "knn"}])
    'feature,pipeline\ncompact,knn\n'
    """
    columns = list(lines[0]) if lines else ["feature", "pipeline"]
    return to_csv([columns, *([line[column] for column in columns] for line in lines)])


def render_latex(report: BenchmarkReport) -> str:
    r"""Write the table that decides, for ``\input`` into a paper.

    Parameters
    ----------
    report : BenchmarkReport
        What to write.

    Returns
    -------
    str
        A ``tabular`` with booktabs' rules, and in comments what its columns mean. A line is bold where a head beats its
        softmax beyond chance.
    """
    body: list[str] = []
    for run in report.features:
        if body:
            body.append(r"\midrule")
        body += [_latex_line(_latex_cells(row), report.stands_out(row)) for row in report.rows_of(run.recipe)]
    head = [title for title, _ in _LATEX_COLUMNS]
    return "\n".join(
        [
            *(f"% {line}" for line in _explained(report)),
            rf"\begin{{tabular}}{{ll{'r' * (len(head) - 2)}}}",
            r"\toprule",
            _latex_line(head, bold=False),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def escape_latex(text: str) -> str:
    r"""Keep names from being read as LaTeX.

    Examples
    --------
    >>> print(escape_latex("model_f & 50 %"))
    model\_f \& 50 \%
    """
    return _SPECIAL.sub(lambda found: _LATEX[found.group()], printable(" ".join(text.split())))


def _csv_cells(row: Row, run: FeatureRun) -> Cells:
    """All that the report says of a row, but for classes and curves, and what its CNN had seen of the images."""
    return {
        "feature": row.feature,
        "pipeline": row.pipeline,
        "softmax": "yes" if row.is_softmax else "no",
        **_score_cells("twin_free", row.twin_free),
        **_score_cells("whole", row.whole),
        **_score_cells("twins", row.twins),
        **_part(
            "vs_softmax",
            row.versus_softmax,
            ("points", "points_interval", "only_head", "only_softmax", "p_value", "p_holm"),
        ),
        **_part(
            "vs_best",
            row.versus_best,
            ("best", "points", "points_interval", "only_this", "only_best", "p_value", "p_holm"),
        ),
        **_part("temperature", row.temperature, ("value", "error_before", "error_after")),
        **_part("leak", run.leak, ("images", "twin_free")),
        "validation_leak": run.validation_leak,
        "validation_accuracy": row.validation_accuracy,
        "search_seconds": row.search_seconds,
        "fit_seconds": row.fit_seconds,
        "predict_seconds": row.predict_seconds,
    }


def _score_cells(part: str, scores: Scores | None) -> Cells:
    """The scores of one part of the test split."""
    names = ("n", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval", "calibration_error")
    return _part(part, scores, names)


def _part(prefix: str, value: object | None, names: tuple[str, ...]) -> Cells:
    """Fields of a value as cells, an interval as its two ends; empty cells where there is no value."""
    cells: Cells = {}
    for name in names:
        found = None if value is None else getattr(value, name)
        if name.endswith("_interval"):
            stem = f"{prefix}_{name.removesuffix('_interval')}"
            cells[f"{stem}_low"], cells[f"{stem}_high"] = (None, None) if found is None else found
        else:
            cells[f"{prefix}_{name}"] = found
    return cells


def _percent(value: float | None) -> str:
    """A share in %."""
    return _NONE if value is None else wording.percent(value)


def _accuracy(row: Row) -> str:
    """Accuracy with its interval, without twins."""
    return _NONE if row.twin_free is None else _with_interval(row.twin_free.accuracy, row.twin_free.accuracy_interval)


def _macro_f1(row: Row) -> str:
    """Macro-F1 with its interval, without twins."""
    return _NONE if row.twin_free is None else _with_interval(row.twin_free.macro_f1, row.twin_free.macro_f1_interval)


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    """A share and its interval in %."""
    return f"{wording.percent(value)} {wording.interval(interval)}"


def _versus_softmax(row: Row) -> str:
    """Points above softmax with their interval."""
    versus = row.versus_softmax
    if versus is None:
        return _NONE
    return _signed(f"{wording.points(versus.points)} {wording.points_interval(versus.points_interval)}")


def _versus_best(row: Row) -> str:
    """Points below the best row."""
    return _NONE if row.versus_best is None else _signed(wording.points(row.versus_best.points))


def _p_holm(value: Any) -> str:
    """A corrected p-value."""
    return _NONE if value is None else f"${wording.p_value(value.p_holm)}$"


def _error_after(row: Row) -> str:
    """Calibration error before and after temperature scaling, on the whole split."""
    after = _NONE if row.temperature is None else wording.percent(row.temperature.error_after)
    return _NONE if row.whole.calibration_error is None else rf"{_percent(row.whole.calibration_error)} $\to$ {after}"


def _signed(text: str) -> str:
    """Signs of numbers as LaTeX sets them."""
    return re.sub(r"([+-])([\d.]+)", r"$\1\2$", text)


_LATEX_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("CNN", lambda row: escape_latex(row.feature)),
    ("Pipeline", lambda row: escape_latex(row.pipeline)),
    ("Accuracy", _accuracy),
    ("Macro-F1", _macro_f1),
    ("vs.\\ softmax", _versus_softmax),
    ("$p$", lambda row: _p_holm(row.versus_softmax)),
    ("vs.\\ best", _versus_best),
    ("$p$", lambda row: _p_holm(row.versus_best)),
    ("ECE", _error_after),
    ("Whole", lambda row: _percent(row.whole.accuracy)),
)


def _latex_cells(row: Row) -> list[str]:
    """The cells of a row."""
    return [cell(row) for _, cell in _LATEX_COLUMNS]


def _latex_line(cells: list[str], bold: bool) -> str:
    """A line of the table."""
    return " & ".join(rf"{{\bfseries\boldmath {cell}}}" if bold else cell for cell in cells) + r" \\"


def _explained(report: BenchmarkReport) -> list[str]:
    """What a reader of the file should know."""
    n, twins = report.dataset.n_test, report.dataset.twins
    facts: Mapping[str, str] = {
        "Data": f"{report.dataset.source}; {report.dataset.test_split}",
        "Accuracy, Macro-F1": f"% of the {n - twins:,} test images without a twin in train or validation, 95 % intervals",
        "vs. softmax, vs. best": "percentage points on the same images; Newcombe's 95 % interval",
        "p": f"exact McNemar test, {wording.correction(*count_comparisons(report.rows))}",
        "ECE": "expected calibration error in % on the whole test split, before and after temperature scaling",
        "Whole": f"accuracy in % on all {n:,} test images",
        "bold": "better than softmax beyond chance (0.05)",
    }
    lines = ["Written by hybridfer. Needs \\usepackage{booktabs}.", *(f"{name}: {fact}." for name, fact in facts.items())]
    # names of files and recipes may hold line breaks, which would end the comment
    return [" ".join(line.split()) for line in (*lines, *report.leaks, *report.warnings)]
