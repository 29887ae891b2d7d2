"""Kill ``hybridfer extract`` with SIGKILL at random moments, and resume each time to the store of an undisturbed run.

In each round an extraction is killed at a moment drawn evenly between the birth of its store and its end. What it left must
open and verify clean; the resumed extraction must embed exactly the rows that were not sealed, and end in a store that holds
the same rows, bit for bit, and the same listing as the undisturbed one.

    python benchmarks/bench_kill.py --rounds 50 --out benchmarks/results/kill.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hybridfer import FeatureStore, read_dataset
from hybridfer.networks import builtin_weights, catalogue_network, save_network

EMBEDDED = re.compile(r"([\d,]+) of them through the network")


def start(command: list[str], store: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "hybridfer", "-q", *command, "--store", str(store)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_birth(process: subprocess.Popen[str], store: Path) -> None:
    while not store.exists() and process.poll() is None:
        time.sleep(0.002)


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for the end; return how many images went through the network."""
    told, complaints = process.communicate()
    found = EMBEDDED.search(told)
    if process.returncode or found is None:
        raise SystemExit(f"an extraction failed:\n{told}{complaints}")
    return int(found[1].replace(",", ""))


def differences(store: FeatureStore, whole: FeatureStore) -> list[str]:
    """Say in what two stores differ."""
    (listing,), (expected,) = store.listings(), whole.listings()
    found = [] if listing.digest == expected.digest else ["listing"]
    if len(store) != len(whole) or store.missing(expected.digests).any():
        return [*found, "images"]
    if not np.array_equal(store.get(expected.digests), whole.get(expected.digests)):
        found.append("rows")
    return found if store.verify().ok else [*found, "verification"]


def sealed_rows(path: Path) -> tuple[int, bool]:
    """Count the rows that a killed extraction left, and check that they are whole."""
    if not (path / "key.json").exists():
        return 0, True
    store = FeatureStore(path)
    return len(store), store.verify().ok


def kill_and_resume(command: list[str], whole: FeatureStore, path: Path, moment: float) -> dict:
    process = start(command, path)
    wait_for_birth(process, path)
    time.sleep(moment)
    process.kill()
    process.communicate()
    sealed, clean = sealed_rows(path)
    embedded = finish(start(command, path))
    return {
        "moment": round(moment, 3),
        "killed": process.returncode == -signal.SIGKILL,
        "sealed": sealed,
        "clean_after_kill": clean,
        "embedded_on_resume": embedded,
        "recomputed": embedded - (len(whole) - sealed),
        "differences": differences(FeatureStore(path), whole),
    }


def prepare(data: str, network: str, folder: Path) -> list[str]:
    """Write images and, where the wheel has none, weights; return the extraction's command."""
    dataset = read_dataset(data)
    columns = {"labels": dataset.labels, "splits": dataset.splits, "names": dataset.names}
    np.savez(folder / "images.npz", images=dataset.images, classes=np.array(dataset.classes), **columns)
    command = ["extract", str(folder / "images.npz"), "-f", network]
    if network not in builtin_weights():
        save_network(catalogue_network(network), folder / "weights.safetensors")
        command += ["--weights", str(folder / "weights.safetensors")]
    return command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="faces:8000", help="anything that is read (default: %(default)s)")
    parser.add_argument("--network", default="tiny", help="(default: %(default)s, with weights as they are drawn)")
    parser.add_argument("--rounds", type=int, default=50, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where stores are written (default: the system's temporary folder)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    given = parser.parse_args()

    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        folder = Path(place)
        command = prepare(given.data, given.network, folder)
        process = start(command, folder / "whole.store")
        wait_for_birth(process, folder / "whole.store")
        born = time.perf_counter()
        images = finish(process)
        lifetime = time.perf_counter() - born
        whole = FeatureStore(folder / "whole.store")
        rounds = []
        for number in range(given.rounds):
            path = folder / f"{number}.store"
            rounds.append(kill_and_resume(command, whole, path, rng.uniform(0, lifetime)))
            print(f"\r{number + 1} of {given.rounds} rounds", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    killed = [one for one in rounds if one["killed"]]
    partly = [one for one in killed if 0 < one["sealed"] < images]
    good = [one for one in killed if one["clean_after_kill"] and not one["recomputed"] and not one["differences"]]
    print(f"{images:,} images, {lifetime:.1f} s from the store's birth to the end, {given.rounds} rounds")
    print(f"  killed before the end              {len(killed):>4}")
    print(f"  with some rows sealed, not all     {len(partly):>4}")
    print(f"  clean, nothing recomputed, equal   {len(good):>4}")
    if given.out:
        report = {
            "benchmark": "kill",
            "command": f"python benchmarks/bench_kill.py --rounds {given.rounds} --seed {given.seed}",
            "network": given.network,
            "images": images,
            "cpus": len(os.sched_getaffinity(0)),
            "lifetime_seconds": round(lifetime, 3),
            "killed": len(killed),
            "killed_with_some_rows_sealed": len(partly),
            "resumed_to_an_identical_store": len(good),
            "rounds": rounds,
        }
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if len(good) < len(killed) or any(one["differences"] for one in rounds):
        raise SystemExit("some rounds ended in another store than the undisturbed one")


if __name__ == "__main__":
    main()
