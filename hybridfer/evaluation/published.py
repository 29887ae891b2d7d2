"""What the source of a recipe publishes of its own system, beside what a benchmark measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.metrics import Scores
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.significance import Interval, wilson_interval
from hybridfer.recipes import PublishedFigure


@dataclass(frozen=True)
class Measured:
    """A figure of ours.

    Attributes
    ----------
    value : float
        From 0 to 1.
    n : int
        Images that it was measured on.
    interval : tuple of two floats or None
        Covers 95 %; None where there is none.
    """

    value: float
    n: int
    interval: Interval | None = None


@dataclass(frozen=True)
class PublishedComparison:
    """A published figure beside ours.

    Attributes
    ----------
    recipe, pipeline : str
        Names of the recipes.
    measure : str
        ``"accuracy"``, ``"macro-F1"`` or ``"F1 of fear"``.
    split : {"train", "validation", "test"}
        Which images both were measured on; the source's are other images than ours unless the remark says so.
    published : float or None
        From 0 to 1; None where the source says nothing of this pipeline.
    published_n : int or None
        Images that it was measured on, if the source tells.
    ours : Measured or None
        None where the benchmark had no such pipeline.
    remark : str
        What a reader has to know before comparing.
    """

    recipe: str
    pipeline: str
    measure: str
    split: str
    published: float | None
    published_n: int | None
    ours: Measured | None
    remark: str = ""


def compare_published(report: BenchmarkReport) -> tuple[PublishedComparison, ...]:
    """Lay every published figure of the report's recipes beside ours.

    Parameters
    ----------
    report : BenchmarkReport
        Its recipes tell what is published of them.

    Returns
    -------
    tuple of PublishedComparison
        For each recipe of which anything is published: each figure, then our test accuracies of the other pipelines. A
        figure of a grid as a whole stands beside the member that was the best on validation.
    """
    systems: dict[str, list[FeatureRun]] = {}
    for run in report.features:
        systems.setdefault(run.member_of or run.recipe, []).append(run)
    return tuple(line for name, runs in systems.items() for line in _compare_system(report, name, runs))


def _compare_system(report: BenchmarkReport, name: str, runs: Sequence[FeatureRun]) -> Iterator[PublishedComparison]:
    """Lay what is published of a recipe beside ours; what nothing is published of comes last."""
    recipes = {run.recipe for run in runs}
    rows = [row for row in report.rows if row.feature in recipes]
    beside = set()
    for figure in runs[0].published:
        row = _best_on_validation([row for row in rows if row.pipeline == figure.pipeline])
        remark = figure.remark
        if row is not None and row.feature != name:
            chosen = f"the best of {len(runs)} on validation" if len(runs) > 1 else "the only one of the grid here"
            remark = "; ".join(part for part in (remark, f"ours: {row.feature}, {chosen}") if part)
        for measure, value in _figures(figure):
            ours = None if row is None else _measured(report, row, figure.split, measure)
            yield PublishedComparison(name, figure.pipeline, measure, figure.split, value, figure.n, ours, remark)
            if row is not None and (measure, figure.split) == ("accuracy", "test"):
                beside.add(row.name)
    for row in rows if runs[0].published else ():
        if row.name not in beside:
            ours = _measured(report, row, "test", "accuracy")
            yield PublishedComparison(row.feature, row.pipeline, "accuracy", "test", None, None, ours)


def _best_on_validation(rows: Sequence[Row]) -> Row | None:
    """The member of a grid that validation chooses; the only row of a recipe without a grid."""
    return max(rows, key=lambda row: row.validation_accuracy or 0.0, default=None)


def _figures(figure: PublishedFigure) -> Iterator[tuple[str, float]]:
    if figure.accuracy is not None:
        yield "accuracy", figure.accuracy
    if figure.macro_f1 is not None:
        yield "macro-F1", figure.macro_f1
    for name, f1 in figure.f1.items():
        yield f"F1 of {name}", f1


def _measured(report: BenchmarkReport, row: Row, split: str, measure: str) -> Measured | None:
    if split == "test":
        return _of_test(row.whole, measure)
    accuracy = row.train_accuracy if split == "train" else row.validation_accuracy
    n = sum(report.dataset.counts.get("train", ())) if split == "train" else report.dataset.n_tuning
    if measure != "accuracy" or accuracy is None or not n:
        return None
    return Measured(accuracy, n, wilson_interval(round(accuracy * n), n))


def _of_test(scores: Scores, measure: str) -> Measured | None:
    if measure == "accuracy":
        return Measured(scores.accuracy, scores.n, scores.accuracy_interval)
    if measure == "macro-F1":
        return Measured(scores.macro_f1, scores.n, scores.macro_f1_interval)
    found = next((one for one in scores.per_class if f"F1 of {one.name}" == measure), None)
    return None if found is None or not found.support else Measured(found.f1, found.support)
