"""A report as a folder of files."""

from __future__ import annotations

from pathlib import Path

from hybridfer.evaluation.gallery import GALLERY_NAME
from hybridfer.evaluation.predictions import ARRAYS_NAME
from hybridfer.evaluation.predictions import CSV_NAME as PREDICTIONS_NAME
from hybridfer.evaluation.report import JSON_NAME, BenchmarkReport
from hybridfer.files import write_text_aside
from hybridfer.home import given_path
from hybridfer.reporting.markdown import render_markdown
from hybridfer.reporting.tables import render_csv, render_latex
from hybridfer.reporting.written import remove_page

MARKDOWN_NAME = "report.md"
CSV_NAME = "table.csv"
LATEX_NAME = "table.tex"


def write_report(report: BenchmarkReport, folder: str | Path, *, page: bool = True) -> None:
    """Write what people read, as `write_readable` does, and report.json with what belongs to it.

    Parameters
    ----------
    report : BenchmarkReport
        What to write.
    folder : str or Path
        Created where it is missing. Earlier files of these names are replaced; of an earlier report in it, what this one
        lacks is removed.
    page : bool
        Write report.html and the figures too, which takes some seconds.
    """
    folder = given_path(folder)
    replaces = (folder / JSON_NAME).is_file()
    write_readable(report, folder, page=page)
    report.write(folder)
    if replaces:
        _remove_stale(report, folder, page)


def write_readable(report: BenchmarkReport, folder: str | Path, *, page: bool = True) -> None:
    """Write report.md, table.csv, table.tex and, if asked for, report.html with the folder figures.

    Parameters
    ----------
    report, folder, page
        As for `write_report`.
    """
    folder = given_path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        (MARKDOWN_NAME, render_markdown(report)),
        (CSV_NAME, render_csv(report)),
        (LATEX_NAME, render_latex(report)),
    ):
        write_text_aside(folder / name, text)
    if page:
        # matplotlib is loaded for it alone
        from hybridfer.reporting.page import write_page

        write_page(report, folder)


def _remove_stale(report: BenchmarkReport, folder: Path, page: bool) -> None:
    """Remove what only the earlier report had: predictions, gallery, page."""
    stale = [] if report.predictions is not None else [PREDICTIONS_NAME, ARRAYS_NAME]
    stale += [] if report.gallery is not None else [GALLERY_NAME]
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    if not page:
        remove_page(folder)
