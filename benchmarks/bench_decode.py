"""How fast `read_dataset` reads a zip of face images, against plain loops of OpenCV's imdecode.

    python benchmarks/bench_decode.py fer2013.zip --out benchmarks/results/decode.json

Rounds go through all variants in turn, so that whatever else the machine does meets all of them alike; processor time
is told beside wall time, because it hardly depends on that. Where it does not say memory, the zip is read.
"""

from __future__ import annotations

import json
import os
import platform
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import BinaryIO

import click
import cv2
import numpy as np

from hybridfer.datasets import read_dataset, scan_dataset
from hybridfer.datasets.containers import Container
from hybridfer.datasets.decode import EncodedImages, Format

# images that the paired comparison times at once
BLOCK = 512


def imdecode_loop(blobs: list[bytes]) -> np.ndarray:
    """The plain loop: bytes in memory already, one thread, nothing checked."""
    return np.stack([cv2.imdecode(np.frombuffer(blob, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) for blob in blobs])


class InMemory(Container):
    """Encoded images that need no reading, as the plain loop has them."""

    def __init__(self, names: list[str], blobs: list[bytes]) -> None:
        super().__init__("memory")
        self.names, self._blobs = names, blobs

    def read(self, member: int) -> bytes:
        """All bytes of an image."""
        return self._blobs[member]

    def open(self, member: int) -> BinaryIO:
        """A stream over an image."""
        return BytesIO(self._blobs[member])


def zipfile_loop(path: Path, names: list[str]) -> np.ndarray:
    """What one writes without a library: zipfile and imdecode, one thread."""
    with zipfile.ZipFile(path) as archive:
        return imdecode_loop([archive.read(name) for name in names])


def measure(variants: dict[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Median wall and processor seconds of each variant."""
    wall: dict[str, list[float]] = {name: [] for name in variants}
    processor: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, run in variants.items():
            start, start_processor = time.perf_counter(), time.process_time()
            run()
            if number:  # the first round warms caches
                wall[name].append(time.perf_counter() - start)
                processor[name].append(time.process_time() - start_processor)
    return {name: {"wall": median(wall[name]), "processor": median(processor[name])} for name in variants}


def paired_speed(blobs: list[bytes], images: EncodedImages, form: Format, size: tuple[int, int], rounds: int) -> float:
    """Speed over the plain loop on one thread, block by block: of each block, the shortest times, which have least noise."""
    starts = range(0, len(blobs), BLOCK)
    shortest = np.full((2, len(starts)), np.inf)
    for _ in range(rounds):
        for number, start in enumerate(starts):
            rows = np.arange(start, min(start + BLOCK, len(blobs)))
            begun = time.process_time()
            imdecode_loop(blobs[start : start + BLOCK])
            between = time.process_time()
            images.decode(rows, size, form)
            times = (between - begun, time.process_time() - between)
            shortest[:, number] = np.minimum(shortest[:, number], times)
    loop, ours = shortest.sum(axis=1)
    return float(loop / ours)


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
    encoded = EncodedImages(InMemory(names, blobs), np.arange(len(names)))
    in_memory = replace(index, pixels=encoded)
    variants: dict[str, Callable[[], object]] = {
        "imdecode loop, bytes in memory, 1 thread": lambda: imdecode_loop(blobs),
        "zipfile + imdecode loop, 1 thread": lambda: zipfile_loop(path, names),
        "decode bytes in memory, 1 thread": lambda: in_memory.read(n_jobs=1),
        f"decode bytes in memory, {jobs} threads": lambda: in_memory.read(n_jobs=jobs),
        "decode the zip, 1 thread": lambda: index.read(n_jobs=1),
        f"decode the zip, {jobs} threads": lambda: index.read(n_jobs=jobs),
        "scan_dataset": lambda: scan_dataset(path),
        "read_dataset, 1 thread": lambda: read_dataset(path, n_jobs=1),
        f"read_dataset, {jobs} threads": lambda: read_dataset(path, n_jobs=jobs),
    }
    medians = measure(variants, rounds)
    loop = medians["imdecode loop, bytes in memory, 1 thread"]
    click.echo(f"{'variant':<42} {'wall s':>8} {'images/s':>9} {'x loop':>7} {'processor s':>12} {'x loop':>7}")
    for name, seconds in medians.items():
        wall, processor = seconds["wall"], seconds["processor"]
        click.echo(
            f"{name:<42} {wall:8.3f} {len(names) / wall:9.0f} {loop['wall'] / wall:7.2f} "
            f"{processor:12.3f} {loop['processor'] / processor:7.2f}"
        )
    paired = paired_speed(blobs, encoded, index.form, index.image_size, rounds)
    click.echo(f"decode bytes in memory, 1 thread, paired in blocks of {BLOCK}: {paired:.3f} x loop")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        result = {
            "benchmark": "decode",
            "images": len(names),
            "image_size": list(index.image_size),
            "rounds": rounds,
            "median_seconds": medians,
            "speed_over_loop": {name: {of: loop[of] / seconds[of] for of in seconds} for name, seconds in medians.items()},
            "paired_speed_over_loop": round(paired, 4),
            "machine": {"cores": len(os.sched_getaffinity(0)), "processor": platform.machine(), "load": os.getloadavg()[0]},
            "versions": {"python": platform.python_version(), "opencv": cv2.__version__, "numpy": np.__version__},
        }
        out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
