"""Reporting: a benchmark's report for the terminal, as Markdown, and as a folder of files."""

from .folder import write_report
from .markdown import render_markdown
from .terminal import render_table

__all__ = ["render_markdown", "render_table", "write_report"]
