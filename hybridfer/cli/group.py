"""The group of commands, its errors and its exit codes: 0 done, 1 failed, 2 misuse, 130 interrupted."""

from __future__ import annotations

import errno
import importlib
import logging
import sys
import time
from typing import Any, NoReturn

import click

from hybridfer import __version__
from hybridfer.errors import HybridferError, is_out_of_memory
from hybridfer.phrases import printable
from hybridfer.suggestion import nearest

log = logging.getLogger("hybridfer")

COMMANDS = {
    "audit": "Look for duplicates, leaks, conflicting labels and blank images in DATA.",
    "benchmark": "Compare heads with the softmax of the same CNN.",
    "card": "Tell what is known of trained weights, as Markdown.",
    "completion": "Print the script that completes commands in a shell.",
    "extract": "Embed every image of DATA into a feature store.",
    "networks": "List the networks of the catalogue.",
    "recipes": "List the feature and pipeline recipes.",
    "report": "Render the page of a benchmark again, or lay several side by side.",
    "search": "Search the hyperparameters of a network.",
    "store": "Look into, check and join feature stores.",
    "train": "Train a CNN on DATA.",
}

NO_MEMORY = {
    "audit": "Try a smaller --image-size.",
    "benchmark": "Try fewer --jobs, a smaller --image-size, or a feature recipe whose training has a smaller batch_size.",
    "extract": "Try a smaller --batch-size.",
    "search": "Try a smaller --image-size, or a space whose trainings have a smaller batch_size.",
    "train": "Try a smaller --batch-size.",
}
INTERRUPTED = {
    "benchmark": "Trainings, features and heads that are finished are kept: run the same command again to go on.",
    "extract": "Rows that were computed are kept: run the same command again to go on.",
    "search": "Trials that are finished are kept: run the same command again to go on.",
    "train": "The last whole epoch is kept: run the same command with --resume to go on.",
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

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named, or say which one was meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = nearest(name, COMMANDS)
            ctx.fail(f"There is no command {name!r}; " + (f"did you mean {near!r}?" if near else "--help lists them."))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what users or their machines can cause is told in one paragraph, without a traceback."""
        try:
            return super().invoke(ctx)
        except HybridferError as error:
            log.debug("where it was raised:", exc_info=True)
            _fail(ctx, str(error))
        except KeyboardInterrupt:
            going_on = INTERRUPTED.get(ctx.invoked_subcommand or "", "")
            click.echo(f"\nInterrupted. {going_on}".rstrip(), err=True)
            ctx.exit(130)
        except OSError as error:
            # click itself ends quietly when the reader of a pipe has gone
            if error.errno == errno.EPIPE:
                raise
            _fail(ctx, f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            hint = NO_MEMORY.get(ctx.invoked_subcommand or "", "")
            # before it, torch says where in its own code the CPU's memory ended
            told = str(error).rpartition("DefaultCPUAllocator: ")[2].partition(". ")[0]
            _fail(ctx, f"There is not enough memory ({told}). {hint}".rstrip())
        return None


def _fail(ctx: click.Context, message: str) -> NoReturn:
    click.echo(f"Error: {_printable(message)}", err=True)
    ctx.exit(1)


def _printable(message: str) -> str:
    """Let the lines of a message stand, but none of its names say anything to the terminal."""
    return "\n".join(map(printable, message.split("\n")))


class _Echo(logging.Handler):
    """Prints messages where click prints, whatever standard error is by then; with the seconds since the start if asked."""

    def __init__(self, timed: bool) -> None:
        super().__init__()
        self.start = time.perf_counter()
        self.timed = timed

    def emit(self, record: logging.LogRecord) -> None:
        passed = f"[{time.perf_counter() - self.start:7.1f} s] " if self.timed else ""
        text = passed + _printable(self.format(record))
        # a bar on the screen, which only a loaded tqdm can have drawn, gives way and comes back below
        if "tqdm" in sys.modules and sys.stderr.isatty():
            sys.modules["tqdm"].tqdm.write(text, file=sys.stderr)
        else:
            click.echo(text, err=True)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  hybridfer benchmark                  drawn faces: no data needed\n"
    "  hybridfer benchmark fer2013.zip      your own data",
)
@click.version_option(__version__, prog_name="hybridfer")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors alone.")
@click.option("-v", "--verbose", is_flag=True, help="Print times, details and, on errors, where they were raised.")
@click.pass_context
def main(ctx: click.Context, quiet: bool, verbose: bool) -> None:
    """Facial-expression recognition with CNN features and classical heads, compared honestly with softmax."""
    if quiet and verbose:
        raise click.UsageError("-q and -v contradict each other; choose one.")
    ctx.obj = {"verbose": 0 if quiet else 1}
    log.handlers = [_Echo(timed=verbose)]
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
