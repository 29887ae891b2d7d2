"""How long ``import hybridfer`` and ``hybridfer --help`` take in a fresh process, and what they import.

Seconds of importing are measured inside the process; those of the command are wall time from start to end, the interpreter's
own start, which stands beside it, included. Runs are interleaved; figures are medians.

    python benchmarks/bench_startup.py --out benchmarks/results/startup.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HEAVY = ("torch", "xgboost", "matplotlib", "sklearn", "scipy", "h5py", "numpy")
IMPORT = "import time; t = time.perf_counter(); import hybridfer; print(time.perf_counter() - t)"
MODULES = f"; import sys; print(*(name for name in {HEAVY} if name in sys.modules))"
HELP = "from hybridfer.cli import main; main(['--help'], standalone_mode=False)"


def run(*arguments: str) -> tuple[float, str]:
    start = time.perf_counter()
    told = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout
    return time.perf_counter() - start, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    given = parser.parse_args()

    seconds: dict[str, list[float]] = {"import hybridfer": [], "hybridfer --help": [], "python -c pass": []}
    for _ in range(given.runs):
        seconds["import hybridfer"].append(float(run("-c", IMPORT)[1]))
        seconds["hybridfer --help"].append(run("-m", "hybridfer", "--help")[0])
        seconds["python -c pass"].append(run("-c", "pass")[0])
    imported = {
        "import hybridfer": run("-c", "import hybridfer" + MODULES)[1].split(),
        "hybridfer --help": run("-c", HELP + MODULES)[1].splitlines()[-1].split(),
    }
    print(f"{'':<18} {'median':>8} {'slowest':>8}  of {given.runs} runs, seconds")
    for name, values in seconds.items():
        heavy = f"  imports {', '.join(imported[name]) or 'nothing heavy'}" if name in imported else ""
        print(f"{name:<18} {statistics.median(values):>8.3f} {max(values):>8.3f}{heavy}")
    if given.out:
        report = {
            "benchmark": "startup",
            "command": f"python benchmarks/bench_startup.py --runs {given.runs}",
            "cpus": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "median_seconds": {name: round(statistics.median(values), 4) for name, values in seconds.items()},
            "slowest_seconds": {name: round(max(values), 4) for name, values in seconds.items()},
            "heavy_modules": imported,
            "torch_imported": any("torch" in names for names in imported.values()),
        }
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
