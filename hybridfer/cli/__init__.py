"""The command line. Each command is imported when it is called, so that help appears at once."""

from hybridfer.cli.group import main

__all__ = ["main"]
