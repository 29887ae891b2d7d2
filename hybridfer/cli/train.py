"""``hybridfer train``: from images to a weights file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybridfer.cli.completion import complete_feature, complete_network
from hybridfer.cli.options import SEED, check_apart, check_free, dataset_options, device_options, json_option, reading

if TYPE_CHECKING:
    from hybridfer.networks import Network
    from hybridfer.recipes import FeatureRecipe


@click.command(
    epilog="\b\nExamples:\n  hybridfer train faces --network tiny -o tiny.safetensors\n"
    "  hybridfer train fer2013.zip --network model_f -o model_f.safetensors --resume\n"
    "  hybridfer train faces:300 --network compact --start compact --epochs 2 --learning-rate 0.01 -o on.safetensors",
)
@click.argument("data")
@click.option(
    "--network", shell_complete=complete_network, help="Train this network by the shipped recipe of the same name."
)
@click.option(
    "-f", "--features", shell_complete=complete_feature, help="Train by this feature recipe (a name or a file) instead."
)
@click.option(
    "--start",
    type=click.Path(),
    metavar="WEIGHTS",
    help="Go on from the weights of this name in the wheel, or of this file, instead of the recipe's.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Weights file.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--batch-size", type=click.IntRange(2), help="Instead of the recipe's.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Instead of the recipe's.")
@click.option("--seed", type=SEED, help="Instead of the recipe's.")
@click.option("--store-as", type=click.Choice(["fp32", "fp16"]), default="fp32", help="fp16 halves the file.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of an interrupted training.")
@click.option("--overwrite", is_flag=True, help="Replace the weights file, or the checkpoint, if there is one.")
@json_option
@dataset_options
@device_options
@click.pass_obj
def train(
    obj: dict[str, Any],
    data: str,
    network: str | None,
    features: str | None,
    start: str | None,
    output: Path,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    seed: int | None,
    store_as: str,
    resume: bool,
    overwrite: bool,
    as_json: bool,
    device: str,
    precision: str | None,
    **options: Any,
) -> None:
    """Train a CNN on DATA and write its weights.

    DATA is a file, folder or archive of images, or faces for drawn ones (faces:300 for so many). Give the network's name, to
    train it as its shipped recipe says, or a recipe: --network or -f. The validation split is watched (carved from train
    where DATA has none); the test split is not looked at.
    A checkpoint stands beside the output until the training is done.
    """
    from hybridfer.datasets import read_dataset
    from hybridfer.errors import WeightsError
    from hybridfer.evaluation.feature_run import find_restored_epoch, read_history
    from hybridfer.evaluation.splits import trained_and_watched
    from hybridfer.networks import choose_device, choose_precision, find_architecture, save_network
    from hybridfer.phrases import count
    from hybridfer.recipes import load_recipe
    from hybridfer.training import check_training, train_network

    if (network is None) == (features is None):
        raise click.UsageError("Give either --network NAME or --features RECIPE.")
    check_apart({"--output": output}, {"DATA": data, "--index": options["index"], "-f": features, "--start": start})
    check_free(output, "--output", overwrite)
    checkpoint = output.with_name(f"{output.name}.checkpoint")
    if checkpoint.exists() and not (resume or overwrite):
        raise WeightsError(
            f"{checkpoint} is what an interrupted training left. Go on with --resume, or begin anew with --overwrite."
        )
    if network is not None:
        find_architecture(network)
    recipe = load_recipe("feature", features or str(network))
    recipe = recipe.retrained(
        start=start,
        max_epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        precision=precision,
        random_state=seed,
    )
    for role in ("start", "teacher"):
        named = getattr(recipe.training, role)
        for path in named if isinstance(named, tuple) else (named,):
            check_apart({"--output": output}, {role: path})
    if start is not None:
        recipe = _without_pretrained(recipe)
    # what cannot be trained is told before the images are read
    check_training(recipe)
    choose_precision(recipe.training.precision, choose_device(device))
    dataset = trained_and_watched(read_dataset(data, **reading(options)))
    trained = train_network(dataset, recipe, device=device, checkpoint=checkpoint, resume=resume, verbose=obj["verbose"])
    save_network(trained, output, precision=store_as, overwrite=overwrite)
    checkpoint.unlink(missing_ok=True)
    kept = find_restored_epoch(read_history(trained.history), trained.training)
    if as_json:
        told = {"weights": str(output), "network": trained.name, "parameters": trained.parameters, "restored_epoch": kept}
        click.echo(json.dumps({**told, "classes": trained.classes, "history": trained.history}, indent=2))
        return
    click.echo(
        f"{output}: {trained.name}, {trained.parameters:,} parameters, {count(len(trained.history), 'epoch')}; validation "
        f"accuracy {_told_accuracies(trained, kept)}"
    )


def _told_accuracies(trained: Network, kept: int | None) -> str:
    """Say what the weights that were kept had right on validation, and what the best ones had."""
    accuracies = {epoch["epoch"]: epoch["valid_accuracy"] for epoch in trained.history}
    best = max(accuracies, key=accuracies.__getitem__)
    where = "by the last weights" if kept == max(accuracies) else f"by the weights of epoch {kept}, which were kept"
    if trained.training.get("start_share"):
        where += ", before they were averaged with the start's"
    return f"{accuracies[kept]:.1%} {where}, {accuracies[best]:.1%} at best (epoch {best})"


def _without_pretrained(recipe: FeatureRecipe) -> FeatureRecipe:
    """Forget the published weights that a recipe's backbone begins with: others are given instead."""
    arguments = {name: value for name, value in recipe.network_arguments.items() if name != "pretrained"}
    return recipe.model_copy(update={"network_arguments": arguments})
