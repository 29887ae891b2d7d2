"""Reports in Python: printed, and in a notebook."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.reporting.display import table_html
from hybridfer.reporting.terminal import render_table

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report(make_report) -> BenchmarkReport:
    return make_report(n=300, n_twins=20)


def test_printing_a_report_shows_the_terminal_table(report, capsys):
    print(report)
    assert capsys.readouterr().out == render_table(report)


def test_a_notebook_shows_the_verdict_and_a_row_for_each_pipeline(report):
    html = report._repr_html_()
    tree = ET.fromstring(f"<div>{html}</div>")
    assert tree.findtext("p/strong") == report.verdict
    assert [row.findtext("th") for row in tree.iterfind(".//tbody/tr")] == [
        row.pipeline for run in report.features for row in report.rows_of(run.recipe)
    ]


def test_names_from_elsewhere_stay_text_in_a_notebook(report):
    named = tuple(replace(row, pipeline=HOSTILE) if row.pipeline == "knn" else row for row in report.rows)
    html = table_html(replace(report, rows=named))
    assert HOSTILE not in html
    assert "&lt;img src=x" in html


def test_a_report_is_the_same_value_however_it_is_shown(report):
    assert BenchmarkReport.from_json(report.to_json()) == replace(report, predictions=None)
    assert '"view"' not in report.to_json()
    assert repr(report).startswith("BenchmarkReport(command=")


def test_showing_a_report_needs_no_matplotlib():
    program = "import hybridfer.reporting.display, sys; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
