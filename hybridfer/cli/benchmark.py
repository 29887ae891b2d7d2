"""``hybridfer benchmark``: the table."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybridfer.cli.completion import complete_feature, complete_pipeline
from hybridfer.cli.options import SEED, check_free, check_home, check_writable, dataset_options, device_options, reading

if TYPE_CHECKING:
    from hybridfer.heads.search import Refit, Strategy

RUNS = Path("runs")


def _jobs(_context: click.Context, _parameter: click.Parameter, value: int) -> int:
    if value == 0:
        raise click.BadParameter("expected a number of processes, or -1 for all cores; got 0.")
    return value


@click.command(
    epilog="\b\nExample:\n  hybridfer benchmark\n"
    "  hybridfer benchmark fer2013.zip -f compact -p svm-rbf -p forest --out runs/fer2013",
)
@click.argument("data", default="faces")
@click.option(
    "-f",
    "--features",
    multiple=True,
    shell_complete=complete_feature,
    help="Feature recipe: a name or a file; may be repeated. By default compact and compact-views, of drawn faces tiny.",
)
@click.option(
    "-p",
    "--pipelines",
    multiple=True,
    shell_complete=complete_pipeline,
    help="Pipeline recipe: a name or a file; may be repeated. All by default.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Report's folder; runs/DATA-TIME by default.")
@click.option("--overwrite", is_flag=True, help="Replace a report that stands in --out.")
@click.option(
    "--weights", type=click.Path(), help="A weights file, or a name of weights in the wheel, for a single feature recipe."
)
@click.option("--store", type=click.Path(), help="A feature store, for a single feature recipe.")
@click.option("--epochs", type=click.IntRange(1), help="The most that networks are trained for, instead of the recipes'.")
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
@click.option(
    "--drop-twins", is_flag=True, help="Remove images that are in the test split too from train and validation, before all."
)
@click.option(
    "--groups",
    type=click.Path(dir_okay=False),
    help="CSV file of name and further columns, such as gender: score these subgroups too.",
)
@click.option("--audit/--no-audit", default=True, show_default=True, help="Look for duplicates and the like in DATA.")
@click.option("--page/--no-page", default=True, show_default=True, help="Write report.html and its figures too.")
@click.option(
    "--jobs",
    type=int,
    callback=_jobs,
    default=-1,
    show_default=True,
    help="Worker processes of a search; -1 for all cores.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of heads and searches.")
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
    epochs: int | None,
    search: Strategy,
    candidates: int,
    refit: Refit,
    drop_twins: bool,
    groups: str | None,
    audit: bool,
    page: bool,
    jobs: int,
    seed: int,
    as_json: bool,
    device: str,
    precision: str | None,
    **options: Any,
) -> None:
    """Train or load CNNs, embed DATA, tune heads on validation, score test once, and compare with softmax.

    DATA is a file, folder or archive of images, or faces for drawn ones (faces:300 for so many). Started again after an
    interruption, it re-uses whatever was finished.
    """
    from hybridfer.evaluation.benchmark import PIPELINES, run_benchmark
    from hybridfer.evaluation.environment import public_command
    from hybridfer.reporting.folder import write_report
    from hybridfer.reporting.terminal import render_table

    if out is None:
        check_writable(RUNS)
    else:
        check_free(out / "report.json", "--out", overwrite)
    check_home()
    with _fresh_folder(data) if out is None else contextlib.nullcontext(out) as folder:
        report = run_benchmark(
            data,
            features,
            pipelines or PIPELINES,
            weights=weights,
            store=store,
            epochs=epochs,
            search=search,
            n_candidates=candidates,
            refit=refit,
            drop_twins=drop_twins,
            groups=groups,
            audit=audit,
            n_jobs=jobs,
            device=device,
            precision=precision,
            random_state=seed,
            verbose=obj["verbose"],
            command=public_command(["hybridfer", *sys.argv[1:]]),
            **reading(options),
        )
        write_report(report, folder, page=page)
    click.echo(report.to_json() if as_json else render_table(report).rstrip())
    shown = folder / ("report.html" if page else "report.md")
    click.echo(f"\n{shown} shows it all; beside it are report.json, table.csv, table.tex and predictions.csv", err=True)


@contextlib.contextmanager
def _fresh_folder(data: str) -> Iterator[Path]:
    """Make a folder that no other run has, and take it away again if nothing was written into it."""
    stem = Path(os.path.abspath(data)).name.partition(".")[0].replace(":", "-")
    name = f"{stem or 'images'}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    # two runs may begin within a second
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    first = not RUNS.exists()
    fresh = next(folder for folder in map(RUNS.joinpath, names) if _is_made(folder))
    try:
        yield fresh
    finally:
        # a folder that holds something stays
        with contextlib.suppress(OSError):
            fresh.rmdir()
            if first:
                RUNS.rmdir()


def _is_made(folder: Path) -> bool:
    """Make a folder; False where another has it already."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True
