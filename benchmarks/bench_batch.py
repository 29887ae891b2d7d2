"""How many images a second a network embeds at different batch sizes: what ``batch_size="auto"`` was chosen by.

    python benchmarks/bench_batch.py --out benchmarks/results/batch.json

Rounds go through all sizes in turn, so that whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import time
from pathlib import Path
from statistics import median

import click
import torch

from hybridfer import make_faces
from hybridfer.networks import Embedder, builtin_weights, catalogue_network, load_network

SIZES = (8, 16, 32, 64, 128, 256)


def measure(name: str, images: int, rounds: int, device: str) -> dict[int, dict[str, float]]:
    """Median throughput and kernel time of each batch size."""
    network = load_network(name) if name in builtin_weights() else catalogue_network(name)
    faces = make_faces(images, random_state=0).images
    embedders = {size: Embedder(network, ["embedding"], device=device, batch_size=size) for size in SIZES}
    rates: dict[int, list[float]] = {size: [] for size in SIZES}
    kernel: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(rounds + 1):
        for size, embedder in embedders.items():
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_stime
            embedder.embed(faces)
            if number:  # the first round warms caches
                rates[size].append(images / (time.perf_counter() - start))
                kernel[size].append(resource.getrusage(resource.RUSAGE_SELF).ru_stime - before)
    return {
        size: {"images_per_second": round(median(rates[size]), 1), "kernel_seconds": round(median(kernel[size]), 3)}
        for size in SIZES
    }


@click.command()
@click.option("--networks", default="tiny,baseline,compact,model_f,model_3", show_default=True)
@click.option("--images", default=2048, show_default=True, help="Images in a round.")
@click.option("--rounds", default=5, show_default=True, help="Measured rounds after one that warms up.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON.")
def main(networks: str, images: int, rounds: int, device: str, out: Path | None) -> None:
    """Time embedding at several batch sizes."""
    click.echo(f"{'network':<12}" + "".join(f"{size:>9}" for size in SIZES) + "   images/s by batch size")
    results = {}
    for name in networks.split(","):
        results[name] = measure(name, images, rounds, device)
        click.echo(f"{name:<12}" + "".join(f"{told['images_per_second']:>9,.0f}" for told in results[name].values()))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        machine = {
            "cores": len(os.sched_getaffinity(0)),
            "processor": platform.machine(),
            "threads": torch.get_num_threads(),
        }
        told = {"benchmark": "batch", "images": images, "rounds": rounds, "device": device, "results": results}
        out.write_text(json.dumps({**told, "machine": machine, "versions": {"torch": torch.__version__}}, indent=2) + "\n")


if __name__ == "__main__":
    main()
