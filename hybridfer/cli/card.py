"""``hybridfer card``: what is known of trained weights, as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridfer.cli.completion import complete_feature, complete_weights
from hybridfer.cli.options import check_apart, check_free
from hybridfer.errors import HybridferError

if TYPE_CHECKING:
    from hybridfer.evaluation.report import BenchmarkReport


@click.command(
    epilog="\b\nWith what a benchmark has measured:\n"
    "  hybridfer benchmark DATA -f RECIPE --weights WEIGHTS --out DIR\n"
    "  hybridfer card WEIGHTS --report DIR\n\n"
    "\b\nExamples:\n  hybridfer card compact\n"
    "  hybridfer card model_f.safetensors -o model_f.md --overwrite",
)
@click.argument("weights", shell_complete=complete_weights)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="What a benchmark of these weights wrote, or its report.json: tell the accuracy too.",
)
@click.option(
    "-f",
    "--features",
    shell_complete=complete_feature,
    help="Of several recipes by which the report runs these weights, the one to look at class by class.",
)
@click.option(
    "--notes",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="NOTES.md",
    help="Markdown to end the card with: what the images were, what the network is meant for.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, instead of the screen.")
@click.option("--overwrite", is_flag=True, help="Replace the card that stands there.")
def card(
    weights: str, report: Path | None, features: str | None, notes: Path | None, output: Path | None, overwrite: bool
) -> None:
    """Tell what is known of WEIGHTS, a weights file or a name of weights in the wheel, as Markdown.

    The network, the images that it has seen, how it was trained, and its settings as a recipe are told from the file itself;
    accuracy, classes, failures and confidence from a benchmark of these weights. NOTES.md tells the rest. Weights in the
    wheel have a card already, which is shown where neither a report nor notes are given.
    """
    from hybridfer.files import write_text_aside
    from hybridfer.reporting.cards.card import model_card, shipped_card

    if features is not None and report is None:
        raise click.UsageError("--features names a recipe of a report; give --report too.")
    if output is not None:
        read = {"WEIGHTS": weights, "--notes": notes, "--report": None if report is None else _report_file(report)}
        check_apart({"--output": output}, read)
        check_free(output, "--output", overwrite)
    text = shipped_card(weights) if report is None and notes is None else None
    if text is None:
        told = "" if notes is None else _text(notes)
        text = model_card(weights, None if report is None else _read(report), features=features, notes=told)
    if output is None:
        click.echo(text, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text_aside(output, text)
    click.echo(f"{output} is the card of {weights}", err=True)


def _report_file(path: Path) -> Path:
    """Find a report by its folder or its own path."""
    from hybridfer.evaluation.report import JSON_NAME

    return path / JSON_NAME if path.is_dir() else path


def _text(path: Path) -> str:
    try:
        # editors of Windows begin a file with a byte order mark
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise HybridferError(f"{path} must be a text file in UTF-8; it is none ({error}).") from error


def _read(path: Path) -> BenchmarkReport:
    """Read a report alone, without its predictions and images, by its folder or its own path."""
    from hybridfer.evaluation.report import BenchmarkReport, ReportError

    path = _report_file(path)
    if not path.is_file():
        raise HybridferError(
            f"There is no report {path}. Name a folder that hybridfer benchmark --out wrote, or a report.json."
        )
    try:
        return BenchmarkReport.from_json(path.read_bytes())
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from error
