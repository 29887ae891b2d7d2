"""How fast `read_dataset` reads a zip of face images, against plain loops of OpenCV's imdecode.

    python benchmarks/bench_decode.py fer2013.zip --out benchmarks/results/decode.json

Rounds go through all variants in turn, so that whatever else the machine does meets all of them alike. Each variant ends with
the same array of shape (n, h, w).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np

from hybridfer.datasets import DatasetIndex, read_dataset, scan_dataset


def imdecode_loop(blobs: list[bytes]) -> np.ndarray:
    """The plain loop: bytes in memory already, one thread, nothing checked."""
    return np.stack([cv2.imdecode(np.frombuffer(blob, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) for blob in blobs])


def zipfile_loop(path: Path, names: list[str]) -> np.ndarray:
    """What one writes without a library: zipfile and imdecode, one thread."""
    with zipfile.ZipFile(path) as archive:
        return imdecode_loop([archive.read(name) for name in names])


def all_batches(index: DatasetIndex, n_jobs: int) -> np.ndarray:
    """Decode a zip that has been looked through already: read, CRC, inflate, decode."""
    return np.concatenate([part.images for part in index.batches(n_jobs=n_jobs)])


def measure(variants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            if number:  # the first round warms caches
                seconds[name].append(time.perf_counter() - start)
    return seconds


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rounds", default=9, show_default=True, help="Measured rounds after one that warms up.")
@click.option("--jobs", default=len(os.sched_getaffinity(0)), show_default=True, help="Threads of the parallel variants.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON.")
def main(path: Path, rounds: int, jobs: int, out: Path | None) -> None:
    """Time reading PATH, a zip of grey face images of one size."""
    index = scan_dataset(path)
    names = index.names.tolist()
    with zipfile.ZipFile(path) as archive:
        blobs = [archive.read(name) for name in names]
    expected = imdecode_loop(blobs)
    if not np.array_equal(read_dataset(path).images, expected):
        raise click.ClickException("read_dataset and the plain loop do not give the same pixels.")
    variants: dict[str, Callable[[], object]] = {
        "imdecode loop, bytes in memory, 1 thread": lambda: imdecode_loop(blobs),
        "zipfile + imdecode loop, 1 thread": lambda: zipfile_loop(path, names),
        "index.batches, 1 thread": lambda: all_batches(index, 1),
        f"index.batches, {jobs} threads": lambda: all_batches(index, jobs),
        "scan_dataset": lambda: scan_dataset(path),
        "read_dataset, 1 thread": lambda: read_dataset(path, n_jobs=1),
        f"read_dataset, {jobs} threads": lambda: read_dataset(path, n_jobs=jobs),
    }
    medians = {name: statistics.median(times) for name, times in measure(variants, rounds).items()}
    loop, packed = list(medians.values())[:2]
    click.echo(f"{'variant':<42} {'seconds':>8} {'images/s':>9} {'x loop':>7} {'x zipfile':>9}")
    for name, seconds in medians.items():
        click.echo(f"{name:<42} {seconds:8.3f} {len(names) / seconds:9.0f} {loop / seconds:7.2f} {packed / seconds:9.2f}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        result = {
            "benchmark": "decode",
            "images": len(names),
            "image_size": list(index.image_size),
            "rounds": rounds,
            "median_seconds": medians,
            "speed_over_loop": {name: loop / seconds for name, seconds in medians.items()},
            "machine": {"cores": len(os.sched_getaffinity(0)), "processor": platform.machine()},
            "versions": {"python": platform.python_version(), "opencv": cv2.__version__, "numpy": np.__version__},
        }
        out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
