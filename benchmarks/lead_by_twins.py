"""How much of each head's lead over softmax is owed to twins: test images whose very pixels train or validation hold too.

Run ``python benchmarks/lead_by_twins.py RUN... --out leads.json`` on folders that ``hybridfer benchmark --out`` wrote; it
prints Markdown. A lead on the whole test split is the sum of what the twins and what the other images give, each by its
share of the images. The p-values, of the whole split and of its twin-free part, are exact McNemar tests, corrected by
Holm's method over all lines of the table. The lines "mean" are of a head's lead over all CNNs of a run: a t test over the
images of the mean lead on each.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import ttest_1samp

from hybridfer import BenchmarkReport
from hybridfer.evaluation import wording
from hybridfer.evaluation.significance import holm, mcnemar_exact
from hybridfer.reporting.gfm import escape, table


@dataclass(frozen=True)
class Lead:
    """A head's lead over its CNN's softmax, in points of accuracy on the whole split, and what twins do not give of it."""

    run: str
    cnn: str
    head: str
    whole: float
    whole_p: float
    by_others: float
    others_p: float

    @property
    def by_twins(self) -> float:
        """The points of the whole lead that the twins give."""
        return self.whole - self.by_others


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders with a report.json and a predictions.npz")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    return parser.parse_args()


def leads_of(folder: Path) -> Iterator[Lead]:
    """The lead of each head on each CNN of a run, then its mean over the CNNs; p-values as they are."""
    report = BenchmarkReport.read(folder)
    said = report.predictions
    softmax = {row.feature: row.pipeline for row in report.rows if row.is_softmax}
    heads = dict.fromkeys(row.pipeline for row in report.rows if not row.is_softmax)
    parts = {"whole": np.ones(len(said.labels), dtype=bool), "twin_free": ~said.twins}
    for head in heads:
        cnns = [cnn for cnn in softmax if (cnn, head) in said.predicted]
        differences = []
        for cnn in cnns:
            ours, own = said.predicted[cnn, head], said.predicted[cnn, softmax[cnn]]
            differences.append((ours == said.labels).astype(float) - (own == said.labels))
            tests = {name: mcnemar_exact(said.labels[part], ours[part], own[part]).p_value for name, part in parts.items()}
            yield lead(folder.name, cnn, head, differences[-1], said.twins, tests["whole"], tests["twin_free"])
        if len(cnns) > 1:
            mean = np.mean(differences, axis=0)
            # without any difference there is nothing to test
            p = {name: float(ttest_1samp(mean[part], 0).pvalue) if mean[part].any() else 1.0 for name, part in parts.items()}
            yield lead(folder.name, f"mean of {len(cnns)}", head, mean, said.twins, p["whole"], p["twin_free"])


def lead(run: str, cnn: str, head: str, difference: np.ndarray, twins: np.ndarray, whole_p: float, free_p: float) -> Lead:
    # the twin-free part's contribution to the whole: its mean, by its share of the images
    return Lead(run, cnn, head, 100 * difference.mean(), whole_p, 100 * (difference * ~twins).mean(), free_p)


def corrected(leads: Sequence[Lead]) -> list[Lead]:
    whole, free = (holm([getattr(one, name) for one in leads]) for name in ("whole_p", "others_p"))
    return [replace(one, whole_p=float(a), others_p=float(b)) for one, a, b in zip(leads, whole, free, strict=True)]


def main() -> None:
    arguments = parse_arguments()
    leads = corrected([one for folder in arguments.runs for one in leads_of(folder)])
    header = ("run", "CNN", "head", "lead on the whole", "p", "by twins", "by the others", "p")
    cells = [
        [
            escape(one.run),
            escape(one.cnn),
            escape(one.head),
            wording.points(one.whole),
            wording.p_value(one.whole_p),
            wording.points(one.by_twins),
            wording.points(one.by_others),
            wording.p_value(one.others_p),
        ]
        for one in leads
    ]
    print(table(header, 3, cells))
    if arguments.out:
        told = [{**asdict(one), "by_twins": one.by_twins} for one in leads]
        arguments.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
