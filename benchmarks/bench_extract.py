"""Throughput of extraction, over a bare forward pass of the same network at the same batch size.

The bare pass takes uint8 batches through the same preprocessing and the same folded, channels-last module, and keeps
nothing. Extraction hashes, looks up, embeds, seals to disk and records labels; from the zip it decodes JPEGs as well.
Rounds are interleaved, so that a busy moment of the machine meets all three; each ratio is the median over rounds.

    python benchmarks/bench_extract.py fer2013.zip --images 4096 --rounds 2 --processes 4 --out results/extract.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn.utils import convert_conv2d_weight_memory_format

from hybridfer import Dataset, FeatureStore, read_dataset
from hybridfer.datasets import scan_dataset
from hybridfer.extraction import extract_into, layer_widths, store_key
from hybridfer.networks import Embedder, Network, builtin_weights, catalogue_network, load_network
from hybridfer.networks.device import autocast
from hybridfer.networks.folding import fold_batchnorm


class BarePass:
    """The forward pass alone."""

    def __init__(self, network: Network, embedder: Embedder) -> None:
        folded = fold_batchnorm(network.module).to(embedder.device)
        self.module = convert_conv2d_weight_memory_format(folded, torch.channels_last)
        self.preprocessing = network.preprocessing
        self.embedder = embedder

    def images_per_second(self, images: np.ndarray) -> float:
        """Time one pass over all images."""
        device, size = self.embedder.device, self.embedder.batch_size
        start = time.perf_counter()
        with torch.inference_mode(), autocast(self.embedder.precision, device):
            for first in range(0, len(images), size):
                batch = self.preprocessing(torch.as_tensor(images[first : first + size], device=device))
                self.module(batch.contiguous(memory_format=torch.channels_last))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return len(images) / (time.perf_counter() - start)


def extracted_per_second(source: Path | Dataset, network: Network, embedder: Embedder, folder: Path) -> float:
    """Extract into a new store."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "bench.store"
        store = FeatureStore.create(path, store_key(network, embedder), layer_widths(network, embedder.layers))
        extraction = extract_into(store, source, embedder, progress=False)
    return extraction.embedded / extraction.seconds


def sample(data: str, count: int, folder: Path) -> Path:
    """Write some images, spread over the source, as JPEGs in a zip; those of a zip as they are in it."""
    path = folder / "sample.zip"
    with zipfile.ZipFile(path, "w") as written:
        if zipfile.is_zipfile(data):
            with zipfile.ZipFile(data) as archive:
                members = [name for name in archive.namelist() if name.lower().endswith((".jpg", ".jpeg"))]
                for name in members[:: max(1, len(members) // count)][:count]:
                    written.writestr(name, archive.read(name))
        else:
            dataset = read_dataset(data)
            for number in range(min(count, len(dataset))):
                jpeg = cv2.imencode(".jpg", dataset.images[number])[1].tobytes()
                name = f"{dataset.splits[number]}/{dataset.classes[dataset.labels[number]]}/{number}.jpg"
                written.writestr(name, jpeg)
    return path


def time_rounds(name: str, archive: Path, rounds: int, batch_size: int | str, folder: Path) -> dict:
    """Images a second of the three, round by round, and what they were measured on."""
    dataset = read_dataset(archive)
    network = load_network(name) if name in builtin_weights() else catalogue_network(name)
    embedder = Embedder(network, ["embedding"], batch_size=batch_size)
    bare = BarePass(network, embedder)
    layer_widths(network, embedder.layers)
    bare.images_per_second(dataset.images[:512])
    rates: dict[str, list[float]] = {"bare": [], "arrays": [], "zip": []}
    for _ in range(rounds):
        rates["bare"].append(bare.images_per_second(dataset.images))
        rates["arrays"].append(extracted_per_second(dataset, network, embedder, folder))
        rates["zip"].append(extracted_per_second(archive, network, embedder, folder))
    settings = {"device": str(embedder.device), "precision": embedder.precision, "batch_size": embedder.batch_size}
    return {"settings": settings, "rates": rates}


def measure(name: str, archive: Path, rounds: int, processes: int, batch_size: int | str, folder: Path) -> dict:
    """The same in several processes one after the other: where a process happens to lie in memory changes its speed."""
    told = []
    for _ in range(processes):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            told.append(pool.submit(time_rounds, name, archive, rounds, batch_size, folder).result())
    rates = {source: [rate for one in told for rate in one["rates"][source]] for source in ("bare", "arrays", "zip")}
    ratios = {
        source: statistics.median(rate / alone for rate, alone in zip(rates[source], rates["bare"], strict=True))
        for source in ("arrays", "zip")
    }
    return {
        "network": name,
        **told[0]["settings"],
        "images_per_second": {source: round(statistics.median(values), 1) for source, values in rates.items()},
        "ratio_to_bare": {source: round(ratio, 4) for source, ratio in ratios.items()},
        "rounds": {source: [round(value, 1) for value in values] for source, values in rates.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="faces:8192", help="a zip of JPEGs, or any source (default: %(default)s)")
    parser.add_argument("--networks", nargs="+", default=["compact", "model_f"])
    parser.add_argument("--images", type=int, default=8192, help="images in a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="processes of so many rounds each (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, help="images a forward pass (default: the device's)")
    parser.add_argument("--folder", type=Path, help="where stores are written (default: the system's temporary folder)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        folder = Path(place)
        archive = sample(given.data, given.images, folder)
        index = scan_dataset(archive)
        size = given.batch_size or "auto"
        results = [measure(name, archive, given.rounds, given.processes, size, folder) for name in given.networks]
    rounds = given.processes * given.rounds
    print(f"{len(index):,} images of {index.image_size[0]} x {index.image_size[1]}; medians of {rounds} rounds")
    print(f"{'network':<10} {'bare':>10} {'arrays':>10} {'zip':>10}   images/s {'arrays':>8} {'zip':>8}   over bare")
    for result in results:
        rates, ratios = result["images_per_second"], result["ratio_to_bare"]
        print(
            f"{result['network']:<10} {rates['bare']:>10,.0f} {rates['arrays']:>10,.0f} {rates['zip']:>10,.0f} "
            f"{'':>10} {ratios['arrays']:>8.3f} {ratios['zip']:>8.3f}"
        )
    if given.out:
        report = {
            "benchmark": "extract",
            "command": f"python benchmarks/bench_extract.py DATA --images {given.images} --rounds {given.rounds} "
            f"--processes {given.processes}",
            "data": Path(given.data).name,
            "images": len(index),
            "cpus": len(os.sched_getaffinity(0)),
            "threads": torch.get_num_threads(),
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            "results": results,
        }
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
