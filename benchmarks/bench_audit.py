"""Whether an audit of a million images finds what was planted, how long it takes and how much memory beside the images.

    python benchmarks/bench_audit.py --out benchmarks/results/audit.json

Images are drawn by streaming: smooth random fields with some grain, each of its own. Among them are planted copies, copies
in the test split, copies with another label, near-copies in the validation split (brighter, and with noise of two grey
levels) and blank images, each image at most once. Near-duplicates that straddle splits are the planted ones; others are
fields that happen to be alike. What the audit and each of its parts take is the peak of the process's resident memory above
what stands there before it begins: images, names, labels and splits. Buffers of fixed size are in it, too: with fewer images
they weigh more for each.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from hybridfer import Dataset, audit_dataset
from hybridfer.audit.blanks import blank_images
from hybridfer.audit.groups import identical_images
from hybridfer.audit.near import near_duplicates
from hybridfer.digest import image_digests

Result = TypeVar("Result")

CHUNK = 8192
CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--side", type=int, default=48, help="pixels a side (default: %(default)s)")
    parser.add_argument(
        "--planted", type=int, default=5_000, help="images of each kind that are planted (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="threads (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    return parser.parse_args()


def drawn_images(count: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth random fields with grain: no two alike."""
    images = np.empty((count, side, side), dtype=np.uint8)
    for start in range(0, count, CHUNK):
        part = images[start : start + CHUNK]
        fields = rng.integers(60, 180, (len(part), 8, 8), dtype=np.uint8)
        grain = rng.integers(0, 16, part.shape, dtype=np.uint8)
        for image, field in zip(part, fields, strict=True):
            cv2.resize(field, (side, side), dst=image, interpolation=cv2.INTER_LINEAR)
        part += grain
    return images


def planted_dataset(count: int, side: int, planted: int, rng: np.random.Generator) -> Dataset:
    """Draw images, then overwrite some: pairs of image and copy, five kinds of planting."""
    images = drawn_images(count, side, rng)
    labels = rng.integers(0, len(CLASSES), count)
    splits = np.full(count, "train", dtype="U10")
    chosen = rng.permutation(count)[: 9 * planted].reshape(9, planted)
    for original, copy in chosen[:8].reshape(4, 2, planted):
        images[copy] = images[original]
        labels[copy] = labels[original]
    splits[chosen[3]] = "test"
    labels[chosen[5]] = (labels[chosen[4]] + 1) % len(CLASSES)
    noise = rng.integers(-2, 3, (planted, side, side))
    images[chosen[7]] = np.clip(images[chosen[7]].astype(np.int64) + 15 + noise, 0, 255)
    splits[chosen[7]] = "validation"
    labels[chosen[8]] = 0
    images[chosen[8]] = rng.integers(0, 256, (planted, 1, 1))
    names = np.char.add("drawn/", np.arange(count).astype("U7"))
    return Dataset(images, labels, splits, names, CLASSES, "drawn")


def resident(field: str) -> int:
    """Bytes of resident memory, now (VmRSS) or at most (VmHWM), as Linux tells them."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(next(line for line in status.splitlines() if line.startswith(field)).split()[1])


def measured(work: Callable[[], Result], count: int) -> tuple[Result, dict[str, float]]:
    """Do some work: seconds by the clock and of this process, and the bytes an image that its peak adds."""
    gc.collect()
    # what was freed but not handed back would hide what is taken anew
    ctypes.CDLL(None).malloc_trim(0)
    # forget earlier peaks
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = resident("VmRSS")
    start, busy = time.perf_counter(), time.process_time()
    result = work()
    return result, {
        "seconds": round(time.perf_counter() - start, 2),
        "CPU seconds": round(time.process_time() - busy, 2),
        "bytes an image": round((resident("VmHWM") - before) / count, 1),
    }


def measured_audit(dataset: Dataset, jobs: int) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Audit part by part, then as a whole."""
    # libraries that are loaded at their first use are no part of what an image costs
    audit_dataset(dataset.subset(slice(0, 1000)), n_jobs=jobs)
    images, count = dataset.images, len(dataset)
    digests, hashing = measured(lambda: image_digests(images), count)
    exact, grouping = measured(lambda: identical_images(digests), count)
    blank, blanks = measured(lambda: blank_images(images), count)
    _, nearly = measured(lambda: near_duplicates(images, exact, blank, n_jobs=jobs), count)
    report, whole = measured(lambda: audit_dataset(dataset, n_jobs=jobs), count)
    near = report.near
    if near is None:
        raise SystemExit("the audit did not look for near-duplicates")
    found = {
        "groups": report.exact.groups,
        "across splits": report.exact.across_splits,
        "conflicting labels": report.exact.conflicting_labels,
        "near-duplicates": near.groups,
        "near-duplicates across splits": near.across_splits,
        "blanks": report.blanks,
        "candidates": near.candidates,
        "pairs": near.pairs,
        "threshold": near.threshold,
    }
    figures = {
        "digests": hashing,
        "identical images, beside the digests": grouping,
        "blank images": blanks,
        "near-duplicates": nearly,
        "the whole audit, digests and all": whole,
    }
    return figures, found


def expected_counts(dataset: Dataset, planted: int) -> dict[str, int]:
    """What was planted; blank images have 256 values, so that those of one value are copies of each other."""
    blank = dataset.images.reshape(len(dataset), -1)
    values = np.bincount(blank[np.ptp(blank, axis=1) == 0, 0], minlength=256)
    return {
        "groups": 3 * planted + int((values > 1).sum()),
        "across splits": planted,
        "conflicting labels": planted,
        "near-duplicates across splits": planted,
        "blanks": planted,
    }


def main() -> None:
    given = parse_arguments()
    cv2.setNumThreads(1)
    dataset = planted_dataset(given.images, given.side, given.planted, np.random.default_rng(0))
    expected = expected_counts(dataset, given.planted)
    figures, found = measured_audit(dataset, given.jobs)
    print(f"{given.images:,} images of {given.side} x {given.side}, {dataset.images.nbytes / 1e6:,.0f} MB")
    for name, count in found.items():
        told = f"of {expected[name]:>9,} planted" if name in expected else ""
        print(f"  {name:<45} {count:>15,} {told}".rstrip())
    for name, part in figures.items():
        print(f"  {name:<45} {', '.join(f'{figure:,.1f} {what}' for what, figure in part.items())}")
    if given.out:
        report = {
            "benchmark": "audit",
            "setting": {
                "images": given.images,
                "side": given.side,
                "planted of each kind": given.planted,
                "jobs": given.jobs,
            },
            "planted": expected,
            "found": found,
            "figures": figures,
            "machine": {"cpus": os.cpu_count(), "load": os.getloadavg()[0]},
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__},
        }
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
