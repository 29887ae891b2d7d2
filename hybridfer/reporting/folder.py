"""A report as a folder of files."""

from __future__ import annotations

from pathlib import Path

from hybridfer.evaluation.files import write_aside
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.reporting.markdown import render_markdown

MARKDOWN_NAME = "report.md"


def write_report(report: BenchmarkReport, folder: str | Path) -> None:
    """Write report.md, and report.json with the predictions as `BenchmarkReport.write` does.

    Parameters
    ----------
    report : BenchmarkReport
        What to write.
    folder : str or Path
        Created where it is missing; earlier files of these names are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_aside(folder / MARKDOWN_NAME, render_markdown(report).encode())
    report.write(folder)
