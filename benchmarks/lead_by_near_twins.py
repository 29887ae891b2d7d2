"""How much near-duplicates flatter: test images without a twin that look nearly like an image of train or validation.

    hybridfer benchmark fer2013.zip --out run
    python benchmarks/lead_by_near_twins.py fer2013.zip run --out near.json

prints Markdown: what each classifier of a run gets right of twins, of near-twins and of all other images, and its lead over
the softmax of the same CNN on these others, by exact McNemar tests, corrected by Holm's method over the heads of the run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from hybridfer import BenchmarkReport
from hybridfer.audit import find_faults
from hybridfer.datasets import read_dataset
from hybridfer.evaluation import wording
from hybridfer.evaluation.significance import holm, mcnemar_exact
from hybridfer.evaluation.splits import three_splits
from hybridfer.evaluation.twins import near_twin_mask
from hybridfer.reporting.gfm import NONE, escape, table


@dataclass(frozen=True)
class Part:
    """A classifier on twins, near-twins and other images: shares that are right, and its lead on the others, in points."""

    cnn: str
    pipeline: str
    twins: float
    near_twins: float
    others: float
    lead: float | None = None
    p: float | None = None


def near_twins_of(data: str, digests: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Mark the test images without a twin that look nearly like one of train or validation, as a benchmark counts them."""
    dataset = read_dataset(data)
    splits = three_splits(dataset)
    learnt = np.concatenate([splits.digests("train"), splits.digests("validation")])
    return near_twin_mask(digests, learnt, dataset.digests, find_faults(dataset).near.groups)


def parts_of(report: BenchmarkReport, near: NDArray[np.bool_]) -> list[Part]:
    said = report.predictions
    others = ~said.twins & ~near
    softmax = {row.feature: row.pipeline for row in report.rows if row.is_softmax}
    heads = [key for key in said.predicted if key[1] != softmax[key[0]]]
    own = {key: said.predicted[key[0], softmax[key[0]]] for key in heads}
    tests = [mcnemar_exact(said.labels[others], said.predicted[key][others], own[key][others]).p_value for key in heads]
    p = dict(zip(heads, holm(tests), strict=True))
    found = []
    for key, predicted in said.predicted.items():
        right = predicted == said.labels
        shares = [float(right[part].mean()) for part in (said.twins, near, others)]
        if key in p:
            lead = 100 * (shares[2] - float((own[key] == said.labels)[others].mean()))
            found.append(Part(*key, *shares, lead, float(p[key])))
        else:
            found.append(Part(*key, *shares))
    return found


def cells(part: Part) -> list[str]:
    shares = [wording.percent(share) for share in (part.twins, part.near_twins, part.others)]
    lead = NONE if part.lead is None else wording.points(part.lead)
    return [escape(part.cnn), escape(part.pipeline), *shares, lead, NONE if part.p is None else wording.p_value(part.p)]


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True))
@click.argument("run", type=click.Path(exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path))
def main(data: str, run: str, out: Path | None) -> None:
    report = BenchmarkReport.read(run)
    twins, near = report.predictions.twins, near_twins_of(data, report.predictions.digests)
    parts = parts_of(report, near)
    counts = {"twins": int(twins.sum()), "near_twins": int(near.sum()), "others": int((~twins & ~near).sum())}
    titles = [f"{name.replace('_', '-')} ({count:,})" for name, count in counts.items()]
    print(table(["CNN", "pipeline", *titles, "vs softmax", "p"], 2, [cells(part) for part in parts]))
    if out is not None:
        out.write_text(json.dumps({"images": counts, "rows": [asdict(part) for part in parts]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
