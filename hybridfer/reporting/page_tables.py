"""The tables of a report's page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hybridfer import phrases
from hybridfer.audit.report import AuditReport, Duplicates, NearDuplicates
from hybridfer.evaluation import wording
from hybridfer.evaluation.chosen import ChosenHead
from hybridfer.evaluation.comparisons import BestComparison, SoftmaxComparison
from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.published import PublishedComparison
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.cells import NONE, Cell, Column, Table, number, p_value, points, rate, seconds, share, word
from hybridfer.reporting.chosen_words import outcome, softmax_in_table
from hybridfer.reporting.shown import ShownRun, decisive, images_per_second, ordered_rows, part_in_words


def results_table(report: BenchmarkReport) -> Table:
    """The table: a row each pipeline on each feature recipe, scores and tests on the part that decides."""
    twins = any(row.twins is not None and row.twin_free is not None for row in report.rows)
    several = len(report.features) > 1
    columns = [
        word("pipeline"),
        *([word("CNN")] if several else []),
        Column("accuracy", "%, 95 %"),
        Column("macro-F1", "%, 95 %"),
        Column("vs softmax", "points, 95 %"),
        Column("p", "Holm"),
        Column("vs best", "points, 95 %"),
        Column("p", "Holm"),
        Column("ECE", "%"),
        *([Column("whole split", "accuracy, %"), Column("twins alone", "accuracy, %")] if twins else []),
        Column("time", "s"),
    ]
    rows = [_result_cells(row, twins, several, report.stands_out(row)) for row in ordered_rows(report)]
    caption = (
        f"Accuracy, macro-F1, tests and calibration error (ECE) on {part_in_words(report)}. Bold: better than the softmax "
        "of the same CNN at p below 0.05 after Holm's correction for all heads. Vs best: less the accuracy of the best row, "
        "corrected for all pairs of rows, as it was chosen on these very images."
    )
    return Table(caption, tuple(columns), tuple(rows), sortable=True)


def chosen_table(chosen: ChosenHead, *, leaked: bool = False) -> Table:
    """The head that validation chose against each softmax; nothing stands out of it where something has leaked."""
    columns = (word("against softmax on"), Column("difference", "points, 95 %"), Column("p", "Holm"), word("beyond chance"))
    rows = [
        (Cell(softmax_in_table(one)), *_difference_cells(one, NONE, one.is_better and not leaked), Cell(outcome(one)))
        for one in chosen.comparisons
    ]
    return Table(f"Accuracy of {chosen.name} less that of each softmax.", columns, tuple(rows))


def published_table(lines: Sequence[PublishedComparison], runs: Sequence[str] = ()) -> Table | None:
    """What the sources of the recipes publish, beside ours; of several runs, after the run that each line is of."""
    columns = (
        *([word("run")] if runs else []),
        word("system"),
        word("pipeline"),
        word("measure"),
        word("split"),
        Column("published", "%, images"),
        Column("ours", "%, 95 %"),
        Column("ours on", "images"),
        word("remark"),
    )
    rows = [_published_cells(line) for line in lines]
    if runs:
        rows = [(Cell(run), *cells) for run, cells in zip(runs, rows, strict=True)]
    caption = (
        "What the sources of the recipes say of their own systems, on their own images, and what the same recipes came to "
        "here. Other images, other trainings: a difference between them proves nothing."
    )
    return Table(caption, columns, tuple(rows)) if rows else None


def class_table(shown: ShownRun) -> Table | None:
    """Precision, recall, F1 and support of each class, for softmax and the head that validation preferred."""
    if not shown.rows:
        return None
    measures = [Column(name, row.pipeline) for row in shown.rows for name in ("precision", "recall", "F1")]
    per_class = zip(*(decisive(row).per_class for row in shown.rows), strict=True)
    rows = [
        (
            Cell(scores[0].name),
            number(scores[0].support),
            # of a class without an image nothing was measured
            *(share(value if one.support else None) for one in scores for value in (one.precision, one.recall, one.f1)),
        )
        for scores in per_class
    ]
    caption = f"{shown.recipe}: scores by class in %, on {part_in_words(shown.report)}; support is their number of images."
    return Table(caption, (word("class"), Column("support", "images"), *measures), tuple(rows), sortable=True)


def calibration_table(report: BenchmarkReport) -> Table | None:
    """Calibration errors before and after temperature scaling."""
    rows = [
        (
            Cell(row.pipeline),
            Cell(row.feature),
            _excess(row.whole.overconfidence),
            Cell(f"{row.temperature.value:.2f}", value=row.temperature.value),
            share(row.temperature.error_before),
            share(row.temperature.error_after),
        )
        for row in report.rows
        if row.temperature is not None
    ]
    columns = (
        word("pipeline"),
        word("CNN"),
        Column("too sure by", "points"),
        Column("temperature"),
        Column("ECE before", "%"),
        Column("ECE after", "%"),
    )
    caption = (
        "Expected calibration error (ECE), how far confidence is from how often a classifier is right, on the whole test "
        "split, before and after the logarithms of its probabilities are divided by a temperature fitted on validation. "
        "It is too sure by mean confidence minus accuracy, in percentage points; below 0 it is not sure enough. "
        "A temperature above 1 makes probabilities more even, one below 1 more pronounced. Probabilities of exactly 0, such "
        "as neighbours and forests give, count as half of the smallest one above 0 before, so that of these the temperature "
        "does not tell who was too sure."
    )
    return Table(caption, columns, tuple(rows), sortable=True) if rows else None


def _excess(value: float | None) -> Cell:
    """How much surer a classifier is than it is right."""
    return Cell(NONE) if value is None else Cell(wording.points(100 * value), value=value)


def subgroup_table(shown: ShownRun) -> Table | None:
    """Accuracy by subgroup, for softmax and the head that validation preferred."""
    listed = [row for row in shown.rows if row.subgroups]
    if not listed:
        return None
    rows = [
        (
            Cell(members[0].column),
            Cell(members[0].value),
            number(members[0].n),
            *(share(one.accuracy, one.accuracy_interval) for one in members),
        )
        for members in zip(*(row.subgroups for row in listed), strict=True)
    ]
    columns = (
        word("column"),
        word("value"),
        Column("images"),
        *(Column(row.pipeline, "accuracy, %, 95 %") for row in listed),
    )
    return Table(f"{shown.recipe}: accuracy by subgroup.", columns, tuple(rows), sortable=True)


def count_table(report: BenchmarkReport) -> Table:
    """Images by split and class, and what was trained on after balancing."""
    lines = [(split, counts) for split, counts in report.dataset.counts.items()]
    lines += [
        (f"train, balanced for {run.recipe}", run.trained_counts)
        for run in report.features
        if run.trained_counts is not None
    ]
    rows = [(Cell(name), number(sum(counts)), *(number(n) for n in counts)) for name, counts in lines]
    columns = (word("split"), Column("all"), *(Column(name) for name in report.dataset.classes))
    return Table(f"Images of {report.dataset.source} by split and class.", columns, tuple(rows))


def network_table(report: BenchmarkReport) -> Table:
    """The CNNs: what they are, and what training and extraction cost."""
    columns = (
        word("CNN"),
        word("network"),
        Column("parameters", "trainable"),
        Column("features"),
        word("of layers"),
        Column("epochs", "of at most"),
        Column("seed", "of the training"),
        Column("trained on", "test images"),
        Column("training", "s"),
        Column("extraction", "s"),
        Column("images", "through the CNN"),
        Column("throughput", "images/s"),
        word("on"),
    )
    return Table("CNNs: size, training and extraction.", columns, tuple(_network_cells(run) for run in report.features))


def head_time_table(report: BenchmarkReport) -> Table | None:
    """Seconds of search, fit and prediction."""
    n = report.dataset.n_test
    rows = [
        (
            Cell(row.pipeline),
            Cell(row.feature),
            seconds(row.search_seconds),
            seconds(row.fit_seconds),
            Cell(wording.fine_seconds(row.predict_seconds), value=row.predict_seconds),
            rate(images_per_second(n, row.predict_seconds)),
        )
        for row in ordered_rows(report)
        if not row.is_softmax
    ]
    if not rows:
        return None
    columns = (
        word("pipeline"),
        word("CNN"),
        Column("search", "s"),
        Column("fit", "s"),
        Column("prediction", "s"),
        Column("throughput", "test images/s"),
    )
    return Table("Heads: seconds of search, of the last fit, and of predicting the test split.", columns, tuple(rows), True)


def parameter_table(report: BenchmarkReport) -> Table | None:
    """What the searches chose."""
    rows = [
        (
            Cell(row.pipeline),
            Cell(row.feature),
            Cell(_chosen(row)),
            share(row.validation_accuracy),
            Cell(phrases.listed(row.grid_remarks) if row.grid_remarks else NONE),
        )
        for row in report.rows
        if not row.is_softmax
    ]
    columns = (
        word("pipeline"),
        word("CNN"),
        word("chosen"),
        Column("validation", "accuracy, %"),
        word("where a wider grid may do better"),
    )
    return Table("Parameters that were chosen on validation.", columns, tuple(rows)) if rows else None


def duplicate_table(audit: AuditReport) -> Table:
    """Groups of identical and of nearly identical images."""
    lines: list[tuple[str, Duplicates | NearDuplicates]] = [("identical pixels", audit.exact)]
    if audit.near is not None:
        lines.append(("nearly identical", audit.near))
    rows = [
        (
            Cell(name),
            number(found.groups),
            number(found.images),
            number(found.images - found.groups),
            number(found.across_splits),
            number(found.conflicting_labels),
        )
        for name, found in lines
    ]
    columns = (
        word("images with"),
        Column("groups"),
        Column("images", "in groups"),
        Column("redundant", "images"),
        Column("groups", "across splits"),
        Column("groups", "of several classes"),
    )
    return Table(f"Copies among the images of {audit.source}.", columns, tuple(rows))


def facts(report: BenchmarkReport) -> Iterator[tuple[str, str]]:
    """What is needed to repeat a report: versions, seed, machine, digests of the weights."""
    environment = report.environment
    yield "seed of heads and searches", str(report.seed)
    yield "made", report.created
    yield "machine", environment.platform
    yield "hybridfer", environment.hybridfer
    yield "Python", environment.python
    yield from environment.libraries.items()
    for run in report.features:
        yield f"weights of {run.recipe}", run.weights_digest
        if run.training_seed is not None:
            yield f"training seed of {run.recipe}", str(run.training_seed)


def _published_cells(line: PublishedComparison) -> tuple[Cell, ...]:
    """A published figure and ours."""
    return (
        Cell(line.recipe),
        Cell(line.pipeline),
        Cell(line.measure),
        Cell(line.split),
        replace(share(line.published), note="" if line.published_n is None else f"{line.published_n:,}"),
        share(line.ours.value, line.ours.interval) if line.ours else Cell(NONE),
        number(line.ours.n if line.ours else None),
        Cell(line.remark),
    )


def _result_cells(row: Row, twins: bool, several: bool, strong: bool) -> tuple[Cell, ...]:
    """One row of the table."""
    scores, versus = decisive(row), row.versus_softmax
    return (
        Cell(row.pipeline, strong=strong),
        *([Cell(row.feature)] if several else []),
        share(scores.accuracy, scores.accuracy_interval, strong),
        share(scores.macro_f1, scores.macro_f1_interval),
        *_difference_cells(versus, NONE, strong),
        *_difference_cells(row.versus_best, NONE if row.twin_free is None else "best"),
        share(scores.calibration_error),
        *([share(row.whole.accuracy), share(row.twins.accuracy if row.twins else None)] if twins else []),
        seconds(row.seconds),
    )


def _difference_cells(
    comparison: SoftmaxComparison | BestComparison | None, otherwise: str, strong: bool = False
) -> tuple[Cell, Cell]:
    """The points between two rows and their p-value."""
    if comparison is None:
        return Cell(otherwise), Cell(NONE)
    return points(comparison.points, comparison.points_interval, strong), p_value(comparison.p_holm, strong)


def _network_cells(run: FeatureRun) -> tuple[Cell, ...]:
    """One CNN."""
    return (
        Cell(run.recipe),
        Cell(run.network),
        number(run.parameters),
        number(run.n_features),
        Cell(" + ".join(run.layers), "" if run.views == "single" else f"views: {run.views}"),
        replace(number(run.epochs), note="" if run.max_epochs is None else f"of {run.max_epochs:,}"),
        number(run.training_seed),
        Cell("unknown") if run.leak is None else replace(number(run.leak.images), note=_about_leak(run.leak)),
        Cell("loaded")
        if run.train_seconds is None
        else replace(seconds(run.train_seconds), note="by an earlier run" if run.weights_origin == "earlier run" else ""),
        seconds(run.extract_seconds),
        number(run.forward_passes),
        Cell("from the store") if run.images_per_second is None else rate(run.images_per_second),
        Cell(run.device, run.precision or ""),
    )


def _about_leak(leak: Leak) -> str:
    """How many of the test images that a CNN was trained on are in the part that decides, and what is not known."""
    told = [f"{leak.twin_free:,} twin-free"] if leak.images else []
    told += [f"at least; {wording.unknown_past(leak.untold, leak.other_shapes)}"] if leak.may_be_more else []
    return "; ".join(told)


def _chosen(row: Row) -> str:
    """The chosen parameters of a row."""
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in row.best_params.items()) or "the recipe's own"
