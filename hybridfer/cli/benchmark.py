"""``hybridfer benchmark``: the table."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import HybridferError
from .options import check_writable, dataset_options, device_options, reading


def _jobs(_context: click.Context, _parameter: click.Parameter, value: int | None) -> int | None:
    if value == 0:
        raise click.BadParameter("expected a number of processes, or -1 for all cores; got 0.")
    return value


@click.command(
    epilog="\b\nExample:\n  hybridfer benchmark\n"
    "  hybridfer benchmark fer2013.zip -f compact -p svm-rbf -p forest --out runs/fer2013",
)
@click.argument("data", default="faces")
@click.option("-f", "--features", multiple=True, help="Feature recipe: a name or a file; may be repeated.")
@click.option("-p", "--pipelines", multiple=True, help="Pipeline recipe: a name or a file; may be repeated. All by default.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Report's folder; runs/DATA-TIME by default.")
@click.option("--overwrite", is_flag=True, help="Replace a report that stands in --out.")
@click.option("--weights", type=click.Path(), help="A weights file, for a single feature recipe.")
@click.option("--store", type=click.Path(), help="A feature store, for a single feature recipe.")
@click.option(
    "--grid",
    "search",
    type=click.Choice(["grid", "halving", "random", "off"]),
    default="grid",
    show_default=True,
    help="How heads are tuned on validation; off fits the recipes' own parameters.",
)
@click.option("--candidates", type=click.IntRange(1), default=10, show_default=True, help="For --grid random.")
@click.option(
    "--refit",
    type=click.Choice(["train", "train+validation"]),
    default="train",
    show_default=True,
    help="What heads are fitted on with the chosen parameters.",
)
@click.option("--jobs", type=int, callback=_jobs, help="Worker processes of a search; -1 for all cores.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of heads and searches.")
@click.option("--json", "as_json", is_flag=True, help="Print the report's JSON instead of the table.")
@dataset_options
@device_options
@click.pass_obj
def benchmark(
    obj: dict[str, Any],
    data: str,
    features: tuple[str, ...],
    pipelines: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    weights: str | None,
    store: str | None,
    search: str,
    candidates: int,
    refit: str,
    jobs: int | None,
    seed: int,
    as_json: bool,
    device: str,
    precision: str | None,
    **options: Any,
) -> None:
    """Train or load CNNs, embed DATA, tune heads on validation, score test once, and compare with softmax.

    DATA is a file, folder or archive of images, or faces for drawn ones. Started again after an interruption, it re-uses
    whatever was finished.
    """
    from ..evaluation.benchmark import PIPELINES, run_benchmark
    from ..evaluation.environment import public_command
    from ..reporting.folder import write_report
    from ..reporting.terminal import render_table

    out = out or _fresh_folder(data)
    if (out / "report.json").exists() and not overwrite:
        raise HybridferError(f"{out} holds a report already. Choose another --out, or replace it with --overwrite.")
    check_writable(out)
    report = run_benchmark(
        data,
        features,
        pipelines or PIPELINES,
        weights=weights,
        store=store,
        search=search,
        n_candidates=candidates,
        refit=refit,
        n_jobs=jobs,
        device=device,
        precision=precision,
        random_state=seed,
        verbose=obj["verbose"],
        command=public_command(["hybridfer", *sys.argv[1:]]),
        **reading(options),
    )
    write_report(report, out)
    click.echo(report.to_json() if as_json else render_table(report).rstrip())
    click.echo(f"\nreport.md, report.json and predictions.csv are in {out}", err=True)


def _fresh_folder(data: str) -> Path:
    """Name a folder that no other run has."""
    stem = Path(os.path.abspath(data)).name.partition(".")[0].replace(":", "-")
    return Path("runs") / f"{stem or 'images'}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
