"""The group of commands, its errors and its exit codes: 0 done, 1 failed, 2 misuse, 130 interrupted."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

import click

from .. import __version__
from ..errors import HybridferError

COMMANDS = {
    "benchmark": "Compare heads with the softmax of the same CNN.",
    "extract": "Embed every image of DATA into a feature store.",
    "networks": "List the networks of the catalogue.",
    "recipes": "List the feature and pipeline recipes.",
    "store": "Look into, check and join feature stores.",
    "train": "Train a CNN on DATA.",
}


class LazyGroup(click.Group):
    """Knows its commands' names and summaries; imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f".{name}", __package__), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what we raise on purpose is told in one paragraph, without a traceback."""
        try:
            return super().invoke(ctx)
        except HybridferError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What is finished is kept: run the same command again to go on.", err=True)
            ctx.exit(130)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hybridfer")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors alone.")
@click.pass_context
def main(ctx: click.Context, quiet: bool) -> None:
    r"""Facial-expression recognition with CNN features and classical heads, compared honestly with softmax.

    \b
    Example:
      hybridfer benchmark                       drawn faces, about a minute
      hybridfer benchmark fer2013.zip           your own data
    """
    ctx.obj = {"verbose": 0 if quiet else 1}
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
    logging.getLogger("hybridfer").setLevel(logging.WARNING if quiet else logging.INFO)
