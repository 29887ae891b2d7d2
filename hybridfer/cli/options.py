"""Options that several commands share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any, TypeVar

import click

from hybridfer.errors import HybridferError
from hybridfer.home import home

Command = TypeVar("Command", bound=Callable[..., Any])

# what NumPy's generators take
SEED = click.IntRange(0, 2**32 - 1)


def image_options(command: Command) -> Command:
    """Add the options that say which images of a dataset are read, and how."""
    for option in reversed(
        (
            click.option("--classes", metavar="A,B,...", help="Only these classes, such as happy,sad,neutral,surprise."),
            click.option("--image-size", type=click.IntRange(1, 4096), help="Resize all images to this many pixels a side."),
            click.option("--colour", is_flag=True, help="Read three channels instead of grey."),
            click.option(
                "--test-split",
                type=click.Choice(["auto", "public", "private", "all"]),
                default="auto",
                show_default=True,
                help="Which part of FER2013 is the test split; all scores PublicTest and PrivateTest together.",
            ),
            click.option(
                "--index",
                type=click.Path(dir_okay=False),
                metavar="FILE.csv",
                help="Only the images that this file keeps, such as hybridfer audit --fix writes.",
            ),
        )
    ):
        command = option(command)
    return command


def dataset_options(command: Command) -> Command:
    """Add the options of reading a dataset."""
    on_error = click.option(
        "--on-error",
        type=click.Choice(["raise", "skip"]),
        default="raise",
        show_default=True,
        help="What to do about images that cannot be read.",
    )
    return image_options(on_error(command))


def device_options(command: Command) -> Command:
    """Add the options of where and how a network runs."""
    for option in reversed(
        (
            click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."),
            click.option(
                "--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), help="Instead of the recipe's."
            ),
        )
    ):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def reading(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `dataset_options` or `image_options` out of a command's, as keywords of `read_dataset`."""
    names = ("classes", "image_size", "test_split", "index", "on_error")
    keywords = {name: options.pop(name) for name in names if name in options}
    return {**keywords, "mode": "colour" if options.pop("colour") else "grey"}


def check_writable(folder: Path, way_out: str = "Choose another folder.") -> None:
    """Find out before hours of work whether files can be written into a folder, be it there or not; or say the way out."""
    nearest = next(known for known in (folder, *folder.absolute().parents) if known.exists())
    try:
        # permissions alone do not tell of a full disk, a quota, or a file system that takes no files
        with tempfile.TemporaryFile(dir=nearest):
            return
    except OSError as error:
        reason = "" if nearest == folder else f", as {nearest} is no folder that may be written in"
        raise HybridferError(f"{folder} cannot be written{reason} ({error.strerror}). {way_out}") from error


def check_apart(written: Mapping[str, Path | None], read: Mapping[str, str | Path | None]) -> None:
    """Find out before any work whether files that are written, by their options, are apart, and none is what is read."""
    given = {option: path for option, path in written.items() if path is not None}
    for (option, path), (other, second) in combinations(given.items(), 2):
        if os.path.realpath(path) == os.path.realpath(second):
            raise click.UsageError(f"{option} and {other} name one file, {path}; give each a file of its own.")
    for (option, path), (other, source) in product(given.items(), read.items()):
        if source is not None and path.exists() and os.path.exists(source) and path.samefile(source):
            raise click.UsageError(f"{option} {path} is what is read, as {other}; write to a file of another name.")


def check_free(path: Path, option: str, overwrite: bool) -> None:
    """Find out before any work whether a file can be written, and replaces none that stands there, unless that is wanted."""
    if path.exists() and not overwrite:
        raise HybridferError(f"{path} exists already. Choose another {option}, or replace it with --overwrite.")
    check_writable(path.parent)


def check_home() -> None:
    """Find out the same of the folder in which stores, trainings and heads are kept."""
    check_writable(home(), "It is where stores, trainings and heads are kept: set HYBRIDFER_HOME to another folder.")
