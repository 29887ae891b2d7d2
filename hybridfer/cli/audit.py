"""``hybridfer audit``: what is wrong with the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import HybridferError
from .options import check_writable, image_options, reading


@click.command(
    epilog="\b\nExample:\n  hybridfer audit faces:500\n"
    "  hybridfer audit fer2013.zip --out audits/fer2013 --fix cleaned.csv\n"
    "  hybridfer benchmark fer2013.zip --index cleaned.csv",
)
@click.argument("data")
@click.option("--near/--no-near", default=True, show_default=True, help="Look for near-duplicates too.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write audit.json into this folder.")
@click.option(
    "--fix",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write which images to keep, for --index of other commands. No image is touched.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@click.option("--json", "as_json", is_flag=True, help="Print the audit's JSON instead of the table.")
@image_options
@click.pass_obj
def audit(
    obj: dict[str, Any],
    data: str,
    near: bool,
    out: Path | None,
    fix: Path | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Look for duplicates, leaks between splits, conflicting labels, blank and unreadable images in DATA.

    --fix decides for every image, with a reason. The test split is left as it is, since others score it. Train and
    validation lose copies of test images, copies of each other, and copies whose labels most of the others contradict;
    where copies have no majority label, all of them go. Train loses blank images. Near-duplicates are kept.
    """
    from ..audit import audit_dataset
    from ..audit.cleaning import clean_dataset
    from ..audit.near import DISTANCE
    from ..audit.report import JSON_NAME
    from ..datasets import read_dataset
    from ..files import write_aside
    from ..reporting.audit_table import render_audit

    for path in (fix, None if out is None else out / JSON_NAME):
        if path is not None:
            _check_free(path, overwrite)
    dataset = read_dataset(data, **{**reading(options), "on_error": "skip"})
    report = audit_dataset(dataset, near=DISTANCE if near else None, verbose=obj["verbose"])
    if out is not None:
        report.write(out)
        click.echo(f"{out / 'audit.json'} holds the audit", err=True)
    if fix is not None:
        selection = clean_dataset(dataset)
        fix.parent.mkdir(parents=True, exist_ok=True)
        write_aside(fix, selection.to_csv().encode("utf-8", "surrogateescape"))
    click.echo(report.to_json().rstrip() if as_json else render_audit(report).rstrip())
    if fix is not None:
        kept = sum(choice.keep for choice in selection.choices.values())
        dropped = len(selection.choices) - kept
        click.echo(
            f"\n{fix}: {kept:,} kept, {dropped:,} dropped. Read with it: --index {fix}. Weights that were trained without "
            "it, those in the wheel too, have seen what it drops: train anew.",
            err=True,
        )


def _check_free(path: Path, overwrite: bool) -> None:
    """Find out before any work whether a file may be written."""
    if path.exists() and not overwrite:
        raise HybridferError(f"{path} is there already. Choose another name, or replace it with --overwrite.")
    check_writable(path.parent)
