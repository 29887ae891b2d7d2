"""How much of its start a network that was trained on should keep: accuracy at each share of its weights.

    python benchmarks/bench_start_share.py fer2013.zip --weights compact --start compact-distilled

The weights' own average with their start is undone first, so that files in the wheel will do. For each share the weights are
averaged as `hybridfer.training.averaging.averaged_with_start` does it at the end of a training, and asked about the
validation images as they are and changed in the ways of bench_robustness.py; the test split is not looked at.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from bench_robustness import CHANGES, accuracy

from hybridfer.datasets import read_dataset
from hybridfer.evaluation.splits import three_splits
from hybridfer.networks import Network, load_network
from hybridfer.reporting.gfm import table
from hybridfer.training.averaging import averaged_with_start
from hybridfer.training.batches import DeviceImages


def before_average(network: Network, start: Network) -> Network:
    """Undo the calibration that a training has ended with, and the average with its start before that."""
    share, temperature = (
        network.training.get(name, none) for name, none in (("start_share", 0.0), ("fitted_temperature", 1.0))
    )
    module, begun = copy.deepcopy(network.module), start.module.state_dict()
    with torch.no_grad():
        for tensor in module.get_submodule(network.layers["logits"]).parameters():
            tensor.mul_(temperature)
        for name, tensor in module.named_parameters():
            tensor.copy_((tensor - share * begun[name]) / (1 - share))
    return replace(network, module=module)


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True))
@click.option("--weights", required=True, help="What was trained on: the name of weights in the wheel, or a weights file.")
@click.option("--start", required=True, help="What it was trained on from, likewise.")
@click.option(
    "--share", "shares", type=click.FloatRange(0, 1), multiple=True, default=[0, 0.3, 0.5, 0.7, 1], show_default=True
)
@click.option("--precision", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def main(data: str, weights: str, start: str, shares: tuple[float, ...], precision: str, out: Path | None) -> None:
    trained, begun = load_network(weights), load_network(start)
    recorded = trained.training.get("start", {}).get("digest")
    if recorded != begun.digest:
        raise click.UsageError(
            f"{weights} was not trained on from {start}: digest {recorded} of its start, {begun.digest} of {start}."
        )
    dataset = three_splits(read_dataset(data)).dataset
    images = DeviceImages(*dataset.arrays("train"), torch.device("cpu"))
    validation = dataset.split("validation")
    faces, names = validation.images, np.array(validation.classes)[validation.labels]
    changed = {told: np.stack([change(face) for face in faces]).reshape(faces.shape) for told, change in CHANGES.items()}
    ended, seed = before_average(trained, begun), trained.training["random_state"]
    kept: dict[str, dict[str, float]] = {}
    for share in shares:
        parameters = {**trained.training, "start_share": share, "precision": precision}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = averaged_with_start(ended, begun, images, parameters, seed)
        kept[str(share)] = {told: accuracy(network, pixels, names, precision) for told, pixels in changed.items()}
        click.echo(f"share {share:g}: {100 * kept[str(share)]['as they are']:.1f} %", err=True)
        if out is not None:
            out.write_text(json.dumps({"weights": weights, "start": start, "accuracy": kept}, indent=1) + "\n")
    told, *others = CHANGES
    cells = [
        [name, f"{100 * row[told]:.1f}", f"{100 * np.mean([row[other] for other in others]):.1f}"]
        for name, row in kept.items()
    ]
    click.echo(table(["share of the start", "as they are", "mean of all changes"], 1, cells))
    click.echo(f"\nAccuracy in % on {len(faces):,} validation images.")


if __name__ == "__main__":
    main()
