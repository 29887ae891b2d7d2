"""The details of the Markdown report: confidence, subgroups, classes, images, CNNs and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.comparisons import SoftmaxComparison
from hybridfer.evaluation.metrics import ClassScores
from hybridfer.evaluation.report import BenchmarkReport, FeatureRun
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.subgroups import TOO_FEW
from hybridfer.reporting.chosen_words import outcome, softmax_in_table, with_table
from hybridfer.reporting.gfm import NONE, escape, table
from hybridfer.reporting.shown import (
    EARLIER,
    about_near_twins,
    first_problems,
    images_per_second,
    ordered_rows,
    seen_of_test,
    seen_of_validation,
    shown_run,
)

# enough of a digest to tell two weights apart at a glance
_DIGEST_LENGTH = 16
# a wider confusion matrix is legible in no table
_MOST_CLASSES = 20
_ORIGINS = {
    None: "",
    "file": ", loaded from a weights file",
    "memory": ", given with the network",
    "earlier run": ", of a training that an earlier run had finished",
    "this run": ", trained in this run",
}
# shares of the images that are answered, the others being left to a human
_ANSWERED = (0.5, 0.8, 0.9)


def chosen_table(report: BenchmarkReport) -> str:
    """The head that validation chose against each softmax, where there are several."""
    if report.chosen is None or not with_table(report):
        return ""
    lines = [[escape(softmax_in_table(one)), *comparison(one), outcome(one)] for one in report.chosen.comparisons]
    header = ["against softmax on", "points", "95 %", "p (Holm)", "beyond chance"]
    return table(header, 1, lines, ends_in_words=True)


def comparison(test: SoftmaxComparison) -> list[str]:
    """A difference, its interval and its p-value."""
    return [wording.points(test.points), wording.points_interval(test.points_interval), wording.p_value(test.p_holm)]


def confidence(report: BenchmarkReport) -> str:
    """Calibration before and after temperature scaling, and accuracy where only the surest images are answered."""
    rows = [row for row in ordered_rows(report) if row.whole.calibration_error is not None]
    if not rows:
        return ""
    answered = [f"right in surest {share:.0%}" for share in _ANSWERED]
    header = ["CNN", "pipeline", "ECE", "too sure by", "temperature", "ECE scaled", *answered, "right in all"]
    return "\n\n".join(
        [
            table(header, 2, [_confidence_cells(row) for row in rows]),
            "On the whole test split, in %. *ECE*: expected calibration error, how far a classifier's confidence is from "
            "how often it is right, on average over 15 bins of confidence. *too sure by*: mean confidence minus accuracy, "
            "in percentage points; below 0 it is not sure enough. *temperature*: a number, fitted on validation, "
            "that the logarithms of the probabilities are divided by; it changes no answer, and makes probabilities more "
            "even above 1, more pronounced below. Probabilities of exactly 0, such as neighbours and forests give, count as "
            "half of the smallest one above 0 before, so that of these the temperature does not tell who was too sure. *ECE "
            "scaled*: the error after this division. A head has no temperature where it was fitted on validation too, where "
            "validation images are few, and where none fits best. *right in surest 50%*: accuracy on the half of the images "
            "that the classifier is most confident about, as if a human were asked about the others.",
        ]
    )


def _confidence_cells(row: Row) -> list[str]:
    """A row of the table of confidence."""
    temperature, curve = row.temperature, row.whole.selective
    error, excess = row.whole.calibration_error, row.whole.overconfidence
    return [
        escape(row.feature),
        escape(row.pipeline),
        NONE if error is None else wording.percent(error),
        NONE if excess is None else wording.points(100 * excess),
        NONE if temperature is None else f"{temperature.value:.2f}",
        NONE if temperature is None else wording.percent(temperature.error_after),
        *(NONE if curve is None else wording.percent(curve.at(share)) for share in _ANSWERED),
        wording.percent(row.whole.accuracy),
    ]


def subgroups(report: BenchmarkReport) -> Iterator[str]:
    """For each CNN the subgroups of the test split, with softmax beside the head that validation preferred."""
    for run in report.features:
        shown = [row for row in shown_run(report, run).rows if row.subgroups]
        if shown:
            yield f"### {escape(f'{run.recipe}: {_named(shown)}')}"
            header = ["column", "group", "images", *(part for row in shown for part in (escape(row.pipeline), "95 %"))]
            yield table(header, 2, [_subgroup_cells(shown, i) for i in range(len(shown[0].subgroups))])
    if any(row.subgroups for row in report.rows):
        yield (
            f"Accuracy on the whole test split, in %, with Wilson's 95 % interval. Groups of fewer than {TOO_FEW} images "
            "are too few to judge. Groups differ in more than their name, such as in how often each class occurs in them."
        )


def _subgroup_cells(rows: Sequence[Row], i: int) -> list[str]:
    """The i-th subgroup of a few rows."""
    members = [row.subgroups[i] for row in rows]
    column, value, n = escape(members[0].column), escape(members[0].value), members[0].n
    figures = [(wording.percent(scores.accuracy), wording.interval(scores.accuracy_interval)) for scores in members]
    told = f"{value} (too few to judge)" if members[0].is_small else value
    return [column, told, f"{n:,}", *(cell for pair in figures for cell in pair)]


def per_class(report: BenchmarkReport) -> Iterator[str]:
    """For each CNN its softmax beside the head that validation preferred: a line a class, and their confusion matrices."""
    for run in report.features:
        shown = [row for row in shown_run(report, run).rows if row.twin_free is not None]
        if shown:
            yield f"### {escape(f'{run.recipe}: {_named(shown)}')}" + (", without twins" if report.dataset.twins else "")
            yield _class_table(shown)
            if len(report.dataset.classes) <= _MOST_CLASSES:
                yield from (_confusion_table(row, report.dataset.classes) for row in shown)


def _named(rows: Sequence[Row]) -> str:
    """The pipelines of a few rows."""
    return " and ".join(row.pipeline for row in rows)


def _class_table(rows: Sequence[Row]) -> str:
    """Precision, recall and F1 of a few rows, side by side."""
    measures: tuple[tuple[str, Callable[[ClassScores], float]], ...] = (
        ("precision", lambda scores: scores.precision),
        ("recall", lambda scores: scores.recall),
        ("F1", lambda scores: scores.f1),
    )
    header = ["class", "images", *(f"{escape(row.pipeline)} {name}" for row in rows for name, _ in measures)]
    by_class = zip(*(row.twin_free.per_class for row in rows if row.twin_free), strict=True)
    cells = [
        [
            escape(scores[0].name),
            f"{scores[0].support:,}",
            # of a class without an image nothing was measured
            *(wording.percent(measure(one)) if one.support else NONE for one in scores for _, measure in measures),
        ]
        for scores in by_class
    ]
    return table(header, 1, cells)


def _confusion_table(row: Row, classes: Sequence[str]) -> str:
    """Images by true class (line) and predicted class (column)."""
    confusion = row.twin_free.confusion if row.twin_free else ()
    names = [escape(name) for name in classes]
    lines = [[name, *(f"{n:,}" for n in counts)] for name, counts in zip(names, confusion, strict=True)]
    return f"{escape(row.pipeline)}, true class by predicted class:\n\n" + table(["", *names], 1, lines)


def images(report: BenchmarkReport) -> str:
    """Where the images came from, how many of what, and which were skipped."""
    dataset = report.dataset
    shape = " x ".join(map(str, dataset.image_shape))
    header = ["split", *map(escape, dataset.classes), "all"]
    lines = [[split, *(f"{n:,}" for n in counts), f"{sum(counts):,}"] for split, counts in dataset.counts.items()]
    texts = [
        f"{escape(dataset.source)}, {shape} pixels. Test: {escape(dataset.test_split)}. "
        f"Validation: {escape(dataset.validation_origin)}.",
        table(header, 1, lines),
        f"Twins: {phrases.count(dataset.twins, 'test image')} with the pixels of an image in train "
        f"({dataset.twins_in_train:,}) or validation ({dataset.twins_in_validation:,}).",
    ]
    if dataset.dropped_twins is not None:
        texts.append(
            f"Dropped from train and validation, as their pixels are in the test split too: "
            f"{phrases.count(dataset.dropped_twins, 'image')}."
        )
    if dataset.problems:
        shown = [f"- {line}" for line in first_problems([escape(problem) for problem in dataset.problems])]
        texts.append(f"Skipped: {phrases.count(len(dataset.problems), 'image')}.\n\n" + "\n".join(shown))
    return "\n\n".join(texts)


def audit(report: BenchmarkReport) -> str:
    """What is wrong with the dataset as it was read, all splits together."""
    found = report.audit
    if found is None:
        return ""
    header = ("images that are", "groups", "images in them", "groups across splits", "groups of several classes")
    kinds = [("identical", found.exact), ("nearly identical", found.near)]
    rows = [
        [name, *(f"{n:,}" for n in (kind.groups, kind.images, kind.across_splits, kind.conflicting_labels))]
        for name, kind in kinds
        if kind is not None
    ]
    texts = [
        f"{phrases.count(found.n_images, 'image')} as they were read, before splits were carved. Copies beyond the first of "
        f"each: {found.exact.redundant:,}. Blank: {found.blanks:,}. Unreadable: {len(found.unreadable):,}. Without a label: "
        f"{found.unlabelled:,}. The largest class of train has {found.imbalance:.1f} times as many images as the smallest.",
        table(header, 1, rows),
        about_near_twins(report),
    ]
    if found.near is not None:
        texts.append(
            f"Near-duplicates: {escape(found.near.method)}; {found.near.candidates:,} pairs of hashes compared, "
            f"{found.near.pairs:,} of them near enough to be judged by their pixels. Only identical images count as twins."
        )
    return "\n\n".join(filter(None, texts))


def feature(run: FeatureRun) -> str:
    """A CNN and its features."""
    facts = {
        "network": f"{escape(run.network)}, {run.parameters:,} trainable parameters, {_computed(run)}",
        "weights": f"`{run.weights_digest[:_DIGEST_LENGTH]}`{_ORIGINS[run.weights_origin]}",
        "training": _training(run),
        "features": f"{run.n_features:,} of {' + '.join(run.layers)}, views: {run.views}",
        "test images it was trained on": escape(seen_of_test(run)),
        "validation images it was trained on": escape(seen_of_validation(run)),
    }
    if run.trained_counts is not None:
        facts["training images after balancing"] = f"{sum(run.trained_counts):,} an epoch"
    return f"### {escape(run.recipe)}\n\n" + "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def _computed(run: FeatureRun) -> str:
    """What the CNN ran on, and in which arithmetic."""
    return f"on {escape(run.device)}" + ("" if run.precision is None else f" in {run.precision}")


def _training(run: FeatureRun) -> str:
    """For how long a CNN was trained, and from which seed."""
    told = "an unknown number of epochs" if run.epochs is None else phrases.count(run.epochs, "epoch")
    if run.max_epochs is not None and run.max_epochs != run.epochs:
        told += f" of at most {run.max_epochs:,}"
    if run.restored_epoch is not None and run.restored_epoch != run.epochs:
        told += f", of which number {run.restored_epoch:,} was kept"
    return told + ("" if run.training_seed is None else f", seed {run.training_seed}")


def time(report: BenchmarkReport) -> str:
    """Seconds of each stage, and images a second where images go through it one by one."""
    if not report.features:
        return ""
    stages, dataset = [], report.dataset
    if dataset.read_seconds is not None:
        images = sum(map(sum, dataset.counts.values()))
        rate = images_per_second(images, dataset.read_seconds)
        stages.append(["read and decode", wording.seconds(dataset.read_seconds), _rate(rate)])
    for run in report.features:
        name = escape(run.recipe)
        if run.train_seconds is not None:
            stages.append([f"train {name}", wording.seconds(run.train_seconds), NONE])
        told = f"extract with {name}, {phrases.count(run.forward_passes, 'image')} through the CNN"
        stages.append([told, wording.seconds(run.extract_seconds), _rate(run.images_per_second)])
    heads = [row for row in ordered_rows(report) if not row.is_softmax]
    header = ("CNN", "pipeline", "search s", "fit s", "predict s", "images/s")
    lines = [
        [
            escape(row.feature),
            escape(row.pipeline),
            wording.seconds(row.search_seconds),
            wording.seconds(row.fit_seconds),
            wording.fine_seconds(row.predict_seconds),
            _rate(images_per_second(dataset.n_test, row.predict_seconds)),
        ]
        for row in heads
    ]
    texts = [table(("stage", "s", "images/s"), 1, stages), table(header, 2, lines) if lines else ""]
    return "\n\n".join(text for text in [*texts, EARLIER] if text)


def _rate(per_second: float | None) -> str:
    """A throughput."""
    return NONE if per_second is None else f"{per_second:,.0f}"
