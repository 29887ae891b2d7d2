"""``hybridfer audit``: what is wrong with the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybridfer.cli.options import check_apart, check_free, image_options, reading
from hybridfer.files import write_aside

if TYPE_CHECKING:
    from hybridfer.datasets.selection import Selection


@click.command(
    epilog="\b\nExample:\n  hybridfer audit faces:500\n"
    "  hybridfer audit fer2013.zip --list groups.csv --fix cleaned.csv\n"
    "  hybridfer benchmark fer2013.zip --index cleaned.csv",
)
@click.argument("data")
@click.option("--near/--no-near", default=True, show_default=True, help="Look for near-duplicates too.")
@click.option(
    "--list",
    "listed",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write all groups of identical images and of near-duplicates, and the blank images: a line an image, the worst "
    "group first.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write audit.json, what --json prints, into this folder."
)
@click.option(
    "--fix",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write which images to keep, for --index of other commands. No image is touched.",
)
@click.option("--drop-near", is_flag=True, help="Let --fix drop near-duplicates too.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table: the counts and the 24 worst groups.")
@image_options
@click.pass_obj
def audit(
    obj: dict[str, Any],
    data: str,
    near: bool,
    listed: Path | None,
    out: Path | None,
    fix: Path | None,
    drop_near: bool,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Look for duplicates, leaks between splits, conflicting labels, blank and unreadable images in DATA.

    DATA is a folder, an archive, a csv, an npz, or faces. What cannot be read is listed and stops nothing.

    --fix decides for every image, with a reason. The test split is left as it is, since others score it. Train and
    validation lose copies of test images, copies of each other, and copies whose labels most of the others contradict;
    where copies have no majority label, all of them go. Train loses blank images. What --index drops stays dropped.

    Near-duplicates are kept, as images that look alike need not be one photograph. With --drop-near train and validation
    lose those of test images, train those of validation images; and of look-alikes in one split the first of each label,
    by name, stays.
    """
    from hybridfer.audit import find_faults
    from hybridfer.audit.cleaning import clean_dataset
    from hybridfer.audit.near import DISTANCE
    from hybridfer.audit.report import JSON_NAME
    from hybridfer.datasets import read_dataset
    from hybridfer.datasets.selection import read_selection
    from hybridfer.reporting.audit_table import render_audit

    if drop_near and (fix is None or not near):
        raise click.UsageError("--drop-near says what --fix FILE.csv drops; give both, and leave --no-near out.")
    index = options["index"]
    written = {"--fix": fix, "--list": listed, "--out": None if out is None else out / JSON_NAME}
    check_apart(written, {"DATA": data, "--index": index})
    for option, path in written.items():
        if path is not None:
            check_free(path, option, overwrite)
    earlier = None if index is None else read_selection(index)
    dataset = read_dataset(data, **{**reading(options), "on_error": "skip"})
    found = find_faults(dataset, near=DISTANCE if near else None, verbose=obj["verbose"])
    report = found.report()
    if out is not None:
        report.write(out)
        click.echo(f"{out / JSON_NAME} holds the audit", err=True)
    if listed is not None:
        _write(listed, found.to_csv())
        click.echo(f"{listed} lists all groups", err=True)
    click.echo(report.to_json().rstrip() if as_json else render_audit(report).rstrip())
    if fix is not None:
        selection = clean_dataset(found, drop_near=drop_near, earlier=earlier)
        _write(fix, selection.to_csv())
        click.echo(f"\n{_about_fix(fix, selection)}", err=True)


def _about_fix(fix: Path, selection: Selection) -> str:
    """Say what a cleaned index does."""
    kept = sum(choice.keep for choice in selection.choices.values())
    return (
        f"{fix}: {kept:,} kept, {len(selection.choices) - kept:,} dropped. Read with it: --index {fix}. Weights that were "
        "trained without it, those in the wheel too, have seen what it drops: train anew."
    )


def _write(path: Path, text: str) -> None:
    """Write a file into a folder that need not be there yet; names that are no Unicode stay as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, text.encode("utf-8", "surrogateescape"))
