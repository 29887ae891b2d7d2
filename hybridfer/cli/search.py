"""``hybridfer search``: which widths, depths and rates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybridfer.cli.options import SEED, check_apart, check_writable, dataset_options, reading
from hybridfer.errors import HybridferError, require

if TYPE_CHECKING:
    from hybridfer.datasets import Dataset
    from hybridfer.search import SearchResult, SearchSpace

RESULT = "study.json"


@click.command(
    epilog="\b\nExample:\n  hybridfer search faces:400 --space quick --trials 3\n"
    "  hybridfer search fer2013.zip --trials 40 --best best.toml --out runs/search\n"
    "  hybridfer benchmark fer2013.zip -f best.toml",
)
@click.argument("data")
@click.option(
    "--space", "named", default="grigorasi", show_default=True, help="Search space: grigorasi, quick or a TOML file."
)
@click.option(
    "--trials", type=click.IntRange(1), default=20, show_default=True, help="Trials that the study shall have in all."
)
@click.option(
    "--sampler",
    type=click.Choice(["random", "tpe"]),
    default="random",
    show_default=True,
    help="How trials are drawn; tpe learns from those before.",
)
@click.option(
    "--pruner",
    type=click.Choice(["median", "none"]),
    default="median",
    show_default=True,
    help="Whether trials below the median of the same epoch are ended.",
)
@click.option(
    "--study",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file of the trials; one that exists is gone on with, also by several processes at once.  [default: one of "
    "its own for these images and this space, in the folder where trained weights are kept]",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of a trial at most, instead of the space's.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the draws.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="MIN", help="Begin no trial after so many minutes."
)
@click.option(
    "--best", type=click.Path(dir_okay=False, path_type=Path), help="Write the best trial as a feature recipe here."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for figures and study.json.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@dataset_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.pass_obj
def search(
    obj: dict[str, Any],
    data: str,
    named: str,
    trials: int,
    sampler: str,
    pruner: str,
    file: Path | None,
    epochs: int | None,
    seed: int,
    timeout: float | None,
    best: Path | None,
    out: Path | None,
    as_json: bool,
    device: str,
    **options: Any,
) -> None:
    """Search the hyperparameters of a network by its accuracy on the validation split.

    Each trial draws networks and trainings from the space, trains on the train split of DATA and is judged by the best
    validation accuracy of its epochs (carved from train where DATA has no validation split). The test split is not looked
    at: benchmark the best trial afterwards.
    """
    require("optuna", extra="search")
    if best is not None:
        require("tomli_w", extra="search")
    from hybridfer.datasets import read_dataset
    from hybridfer.evaluation.splits import trained_and_watched
    from hybridfer.search import (
        best_recipe,
        check_replaceable,
        check_space,
        load_space,
        render_trials,
        run_search,
        write_best,
    )

    written = {"--best": best, "--study": file, "--out": None if out is None else out / RESULT}
    check_apart(written, {"DATA": data, "--space": named, "--index": options["index"]})
    if best is not None:
        check_replaceable(best)
    for folder in (path for path in (out, best and best.parent, file and file.parent) if path is not None):
        check_writable(folder)
    space = load_space(named)
    space = space if epochs is None else space.with_epochs(epochs)
    check_space(space)
    dataset = trained_and_watched(read_dataset(data, **reading(options)))
    file = file or _own_file(dataset, space)
    if out is not None:
        _check_folder(out, dataset, space)
    result = run_search(
        dataset,
        space,
        study=file,
        trials=trials,
        sampler=sampler,
        pruner=pruner,
        seed=seed,
        timeout=timeout,
        device=device,
        verbose=obj["verbose"],
    )
    if out is not None:
        _write_files(result, out)
    click.echo(result.to_json().rstrip() if as_json else render_trials(result))
    if best is not None:
        write_best(best, best_recipe(result, space, best.stem))
    _tell_what_next(data, file, out, best, result)


def _own_file(dataset: Dataset, space: SearchSpace) -> Path:
    """Name the study of these images and this space, so that the same command finds it again."""
    from hybridfer.home import home
    from hybridfer.search import fingerprint_of, identity_of

    return home() / "studies" / f"{space.network}-{fingerprint_of(identity_of(space, dataset))[:12]}.sqlite"


def _check_folder(out: Path, dataset: Dataset, space: SearchSpace) -> None:
    from hybridfer.search import fingerprint_of, identity_of

    written = out / RESULT
    if written.exists() and fingerprint_of(identity_of(space, dataset)).encode() not in written.read_bytes():
        raise HybridferError(f"{out} holds the figures of another search. Choose another --out.")


def _write_files(result: SearchResult, out: Path) -> None:
    from hybridfer.files import write_aside
    from hybridfer.reporting.figures import figure_png, figure_svg
    from hybridfer.reporting.study_figures import study_figures

    out.mkdir(parents=True, exist_ok=True)
    for name, figure in study_figures(result).items():
        write_aside(out / f"{name}.svg", figure_svg(figure).encode())
        write_aside(out / f"{name}.png", figure_png(figure))
    write_aside(out / RESULT, result.to_json().encode())


def _tell_what_next(data: str, file: Path, out: Path | None, best: Path | None, result: SearchResult) -> None:
    told = [f"\nTrials are kept in {file}"]
    if out is not None:
        told.append(f"Figures and {RESULT} are in {out}")
    if best is not None:
        told.append(f"Next, on the test split: hybridfer benchmark {data} -f {best}")
    elif result.best is not None:
        told.append("Run the same command with --best FILE.toml to have the best trial as a feature recipe")
    click.echo("\n".join(told), err=True)
