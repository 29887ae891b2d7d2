"""Reporting: a benchmark's report for the terminal, as Markdown, and as a folder of files."""

from hybridfer.reporting.folder import write_report
from hybridfer.reporting.markdown import render_markdown
from hybridfer.reporting.terminal import render_table

__all__ = ["render_markdown", "render_table", "write_report"]
