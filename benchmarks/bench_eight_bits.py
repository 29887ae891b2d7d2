"""What eight bits a weight would cost, with which a file of one size holds twice the parameters.

    python benchmarks/bench_eight_bits.py fer2013.zip --weights compact

Each convolution and dense layer is rounded to 255 steps an output channel, between the negative and the positive of the
channel's largest weight; the rest stays as it is. Asked are the validation images; the test split is not looked at.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from hybridfer.datasets import read_dataset
from hybridfer.evaluation.splits import three_splits
from hybridfer.networks import Embedder, Network, load_network
from hybridfer.reporting.gfm import escape, table

STEPS = 127


def in_eight_bits(network: Network) -> Network:
    """Round the weights of each output channel to whole steps of it."""
    module = copy.deepcopy(network.module)
    with torch.no_grad():
        for weights in (tensor for tensor in module.parameters() if tensor.ndim > 1):
            largest = weights.flatten(1).abs().amax(1).clamp_min(torch.finfo(weights.dtype).tiny)
            step = (largest / STEPS).view(-1, *[1] * (weights.ndim - 1))
            weights.copy_((weights / step).round() * step)
    return replace(network, module=module)


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True))
@click.option("--weights", multiple=True, default=["compact"], help="A name of weights in the wheel, or a weights file.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def main(data: str, weights: tuple[str, ...], out: Path | None) -> None:
    validation = three_splits(read_dataset(data)).dataset.split("validation")
    found: dict[str, dict[str, float]] = {}
    for name in weights:
        network = load_network(name)
        columns = [network.classes.index(label) for label in validation.classes]
        as_it_is, rounded = (
            Embedder(one, ["embedding", "logits"], precision="fp32").embed(validation.images)
            for one in (network, in_eight_bits(network))
        )
        said, rounded_said = (rows["logits"][:, columns].argmax(axis=1) for rows in (as_it_is, rounded))
        moved = np.linalg.norm(rounded["embedding"] - as_it_is["embedding"]) / np.linalg.norm(as_it_is["embedding"])
        found[Path(name).stem] = {
            "accuracy": float((said == validation.labels).mean()),
            "accuracy_in_eight_bits": float((rounded_said == validation.labels).mean()),
            "agreement": float((said == rounded_said).mean()),
            "embedding_moved_by": float(moved),
        }
    if out is not None:
        out.write_text(json.dumps({"images": len(validation), "weights": found}, indent=1) + "\n")
    cells = [[escape(name), *(f"{100 * figure:.1f}" for figure in row.values())] for name, row in found.items()]
    click.echo(table(["weights", "right", "in eight bits", "same answer", "embedding moved by"], 1, cells))
    click.echo(f"\nIn %, of {len(validation):,} validation images.")


if __name__ == "__main__":
    main()
