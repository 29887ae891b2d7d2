"""What several views of an image, and several networks, bring on validation images.

    python benchmarks/bench_views.py fer2013.zip --weights compact --weights mine.safetensors --out views.json

Each network's softmax, and that of every two or more of them as an ensemble, is asked about the validation images (carved
from train as every benchmark does; the test split is not looked at) in a single view, with the mirror image, and over ten
crops. Beside the accuracy stands the temperature that fits these images: below 1 the probabilities were not sure enough.
"""

from __future__ import annotations

import json
from itertools import chain, combinations
from pathlib import Path

import click
import numpy as np
import torch

from hybridfer.datasets import read_dataset
from hybridfer.evaluation.splits import three_splits
from hybridfer.networks import Embedder, join_rows, load_network
from hybridfer.reporting.gfm import escape, table
from hybridfer.temperature import best_temperature

VIEWS = ("single", "flip", "ten-crop")


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True))
@click.option("--weights", multiple=True, default=["compact"], help="A name of weights in the wheel, or a weights file.")
@click.option("--precision", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def main(data: str, weights: tuple[str, ...], precision: str, out: Path | None) -> None:
    validation = three_splits(read_dataset(data)).dataset.split("validation")
    labels = validation.labels
    networks = {Path(name).stem: load_network(name) for name in weights}
    rows = {name: {} for name in networks}
    for name, network in networks.items():
        columns = [network.classes.index(label) for label in validation.classes]
        for views in VIEWS:
            logits = Embedder(network, ["logits"], views=views, precision=precision).embed(validation.images)["logits"]
            rows[name][views] = {"logits": torch.from_numpy(logits[:, columns])}
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for members in chain.from_iterable(combinations(rows, k) for k in range(1, len(rows) + 1)):
        found[" + ".join(members)] = {views: _scored([rows[name][views] for name in members], labels) for views in VIEWS}
    if out is not None:
        out.write_text(json.dumps({"images": len(validation), "softmax": found}, indent=1) + "\n")
    cells = [[escape(name), *(_cell(row[views]) for views in VIEWS)] for name, row in found.items()]
    click.echo(table(["network", *VIEWS], 1, cells))
    error = 100 * max(
        np.sqrt(one["accuracy"] * (1 - one["accuracy"]) / len(validation)) for row in found.values() for one in row.values()
    )
    click.echo(
        f"\nAccuracy in % (temperature) on {len(validation):,} validation images; standard errors up to {error:.1f} points."
    )


def _scored(members: list[dict[str, torch.Tensor]], labels: np.ndarray) -> dict[str, float | None]:
    logits = (join_rows(members) if len(members) > 1 else members[0])["logits"].numpy()
    return {"accuracy": float((logits.argmax(axis=1) == labels).mean()), "temperature": best_temperature(labels, logits)}


def _cell(one: dict[str, float | None]) -> str:
    temperature = "none" if one["temperature"] is None else f"{one['temperature']:.2f}"
    return f"{100 * one['accuracy']:.1f} ({temperature})"


if __name__ == "__main__":
    main()
