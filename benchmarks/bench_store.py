"""How fast a feature store writes, reads and opens, beside plain ``np.save`` and ``np.load`` of the same matrix.

Run ``python benchmarks/bench_store.py --out store.json``. All files are in the page cache; each time is the median of
``--repeats``. A store's write includes checksums and two fsyncs, so that ``np.save`` is timed with an fsync as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from hybridfer.store import FeatureStore, StoreKey

KEY = StoreKey("0" * 64, "benchmark", "{}", ("embedding",), "single", "fp32")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=35_887, help="rows written and read (default: FER2013)")
    parser.add_argument("--width", type=int, default=512, help="columns (default: %(default)s)")
    parser.add_argument("--many", type=int, default=1_000_000, help="rows of the store that is opened")
    parser.add_argument("--shards", type=int, default=100, help="shards of the store that is opened")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each measurement (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's temporary folder)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    return parser.parse_args()


def median_seconds(work: Callable[[], object], repeats: int, reset: Callable[[], object] = lambda: None) -> float:
    """Time `work` alone; `reset` runs before each time."""
    seconds = []
    for _ in range(repeats):
        reset()
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def save_synced(path: Path, features: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, features)
        file.flush()
        os.fsync(file.fileno())


def random_digests(count: int, rng: np.random.Generator) -> np.ndarray:
    return np.frombuffer(rng.bytes(16 * count), dtype="S16")


def measure_matrix(folder: Path, rows: int, width: int, repeats: int) -> dict[str, float]:
    """Write and read one matrix, as a store and as a plain array."""
    rng = np.random.default_rng(0)
    digests, features = random_digests(rows, rng), rng.standard_normal((rows, width), dtype=np.float32)
    order = rng.permutation(rows)
    path, array = folder / "faces.store", folder / "faces.npy"

    def renew() -> None:
        shutil.rmtree(path, ignore_errors=True)
        FeatureStore.create(path, KEY, {"embedding": width})

    def renew_array() -> None:
        array.unlink(missing_ok=True)

    figures = {
        "store append": median_seconds(lambda: FeatureStore(path).append(digests, features), repeats, renew),
        "np.save": median_seconds(lambda: np.save(array, features), repeats, renew_array),
        "np.save with fsync": median_seconds(lambda: save_synced(array, features), repeats, renew_array),
    }
    store = FeatureStore(path)
    labels = np.zeros(rows, dtype=np.int64)
    names = [f"train/happy/Training_{row}.jpg" for row in range(rows)]
    store.record(digests, labels, ["train"] * rows, names, ("happy",), "benchmark")
    if not np.array_equal(store.get(digests[order]), features[order]):
        raise SystemExit("the store gave other features than were written")
    return {
        **figures,
        "store get": median_seconds(lambda: store.get(digests), repeats),
        "np.load": median_seconds(lambda: np.load(array), repeats),
        "store get, shuffled": median_seconds(lambda: store.get(digests[order]), repeats),
        "np.load, shuffled": median_seconds(lambda: np.load(array)[order], repeats),
        "store open and load split": median_seconds(lambda: FeatureStore(path).load(split="train"), repeats),
        "store verify": median_seconds(store.verify, repeats),
    }


def measure_index(folder: Path, rows: int, shards: int, repeats: int) -> dict[str, float]:
    """Open a store of many rows and look all of them up."""
    rng = np.random.default_rng(1)
    path = folder / "many.store"
    store = FeatureStore.create(path, KEY, {"embedding": 4})
    digests = random_digests(rows, rng)
    for part in np.array_split(digests, shards):
        store.append(part, np.zeros((len(part), 4), dtype=np.float32))
    shuffled = digests[rng.permutation(rows)]
    figures = {
        "open": median_seconds(lambda: FeatureStore(path), repeats),
        "look every row up": median_seconds(lambda: store.missing(shuffled), repeats),
        "get every row, shuffled": median_seconds(lambda: store.get(shuffled), repeats),
    }
    store.compact()
    return {**figures, "open after compact": median_seconds(lambda: FeatureStore(path), repeats)}


def ratios(matrix: dict[str, float]) -> dict[str, float]:
    """Divide the store's times by those of the plain array."""
    pairs = {
        "append / np.save with fsync": ("store append", "np.save with fsync"),
        "append / np.save": ("store append", "np.save"),
        "get / np.load": ("store get", "np.load"),
        "get / np.load, shuffled": ("store get, shuffled", "np.load, shuffled"),
    }
    return {name: matrix[ours] / matrix[plain] for name, (ours, plain) in pairs.items()}


def main() -> None:
    given = parse_arguments()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        matrix = measure_matrix(Path(folder), given.rows, given.width, given.repeats)
        index = measure_index(Path(folder), given.many, given.shards, given.repeats)
    print(f"{given.rows:,} x {given.width} float32, {given.rows * given.width * 4 / 1e6:.0f} MB; medians of {given.repeats}")
    for name, seconds in matrix.items():
        print(f"  {name:<28} {seconds * 1e3:9.1f} ms")
    for name, ratio in ratios(matrix).items():
        print(f"  {name:<28} {ratio:9.2f} x")
    print(f"{given.many:,} rows in {given.shards} shards")
    for name, seconds in index.items():
        print(f"  {name:<28} {seconds * 1e3:9.1f} ms")
    if given.out:
        setting = {"rows": given.rows, "width": given.width, "many": given.many, "shards": given.shards}
        versions = {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version,
        }
        report = {
            "benchmark": "store",
            "setting": {**setting, "repeats": given.repeats, "cpus": os.cpu_count()},
            "versions": versions,
            "seconds": {"matrix": matrix, "index": index},
            "ratios": ratios(matrix),
        }
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
