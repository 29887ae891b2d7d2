"""Reports that show themselves: their table where they are printed, and as HTML in a notebook.

The top level gives its `run_benchmark` and `BenchmarkReport` from here, so that this is loaded wherever a report is made or
read in Python.

Examples
--------
>>> from hybridfer import BenchmarkReport
>>> BenchmarkReport.view is not None
True
"""

from __future__ import annotations

from jinja2 import Environment, PackageLoader

from hybridfer.evaluation.benchmark import run_benchmark
from hybridfer.evaluation.report import BenchmarkReport, ReportView
from hybridfer.reporting.page_tables import results_table
from hybridfer.reporting.terminal import render_table

__all__ = ["BenchmarkReport", "run_benchmark", "table_html"]

_PAGE = """{% from "macros.html" import table %}
{% for warning in report.warnings %}<p>warning: {{ warning }}</p>{% endfor %}
<p><strong>{{ report.verdict }}</strong></p>
{{ table(data) }}"""


def table_html(report: BenchmarkReport) -> str:
    """Render the verdict and the table of a report as a piece of HTML.

    Parameters
    ----------
    report : BenchmarkReport
        What to show.

    Returns
    -------
    str
        Elements without style or script; every name in them is escaped.

    See Also
    --------
    hybridfer.reporting.page.write_page : The whole report.
    """
    environment = Environment(loader=PackageLoader("hybridfer.reporting"), autoescape=True)
    return environment.from_string(_PAGE).render(report=report, data=results_table(report))


def _text(report: BenchmarkReport) -> str:
    """Render the terminal's table, in whose place ``print`` puts a newline of its own."""
    return render_table(report).rstrip("\n")


BenchmarkReport.view = ReportView(text=_text, html=table_html)
