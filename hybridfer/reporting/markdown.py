"""The whole report as Markdown: the verdict first, then the table, then all that is needed to judge and repeat it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence

from hybridfer.evaluation import wording
from hybridfer.evaluation.metrics import Scores
from hybridfer.evaluation.report import BenchmarkReport, FeatureRun
from hybridfer.evaluation.rows import Row, best_row

_NONE = "-"
# a dataset can have thousands of unreadable images; report.json lists them all
_SHOWN_PROBLEMS = 20
# enough of a digest to tell two weights apart at a glance
_DIGEST_LENGTH = 16
# a wider confusion matrix is legible in no table
_MOST_CLASSES = 20
# GitHub takes an underscore within a word for a letter
_MARKUP = re.compile(r"[\\`*|\[\]]|(?<!\w)_|_(?!\w)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def render_markdown(report: BenchmarkReport) -> str:
    """Render the whole report.

    Parameters
    ----------
    report : BenchmarkReport
        What to show.

    Returns
    -------
    str
        GitHub-flavoured Markdown: verdict, tables, protocol, per-class scores of softmax and the best head, data,
        features, versions, and how to repeat it.

    See Also
    --------
    hybridfer.reporting.terminal.render_table : The table alone, for a terminal.
    """
    sections = [
        f"# Softmax or hybrid: {_escape(report.dataset.source)}",
        _verdict(report),
        _section("The table", _tables(report)),
        _section("How it was measured", _protocol(report)),
        _section("Class by class", "\n\n".join(_per_class(report))),
        _section("Chosen parameters", _parameters(report.rows)),
        _section("Images", _images(report)),
        _section("CNNs", "\n\n".join(_feature(run) for run in report.features)),
        _section("Repeat it", _repeat(report)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(title: str, body: str) -> str:
    """A heading and its text; nothing where there is no text."""
    return f"## {title}\n\n{body}" if body else ""


def _verdict(report: BenchmarkReport) -> str:
    """The verdict in bold, with the warnings of single rows below it."""
    warnings = [f"- {_escape(f'{row.name}: {warning}')}" for row in report.rows for warning in row.warnings]
    return f"**{_escape(report.verdict)}**" + ("\n\nWarnings:\n\n" + "\n".join(warnings) if warnings else "")


def _tables(report: BenchmarkReport) -> str:
    """The decisive part, then the whole split, and how to read them."""
    if not report.dataset.twins:
        return "\n\n".join([_decisive_table(report), _reading_aid(report)])
    return "\n\n".join(
        [
            "### Without twins: what decides",
            _decisive_table(report),
            _reading_aid(report),
            "### The whole test split: what others publish",
            _whole_table(report),
            f"A head that memorises knows the answer of a twin, a test image whose pixels also occur in train or "
            f"validation. There are {report.dataset.twins:,}; they count here and not above.",
        ]
    )


def _decisive_table(report: BenchmarkReport) -> str:
    """Scores on the twin-free part, and the tests against softmax."""
    header = ("CNN", "pipeline", "accuracy", "95 %", "macro-F1", "95 %", "ECE", "vs softmax", "95 %", "p (Holm)", "s")
    return _table(header, 2, [_decisive_cells(row) for row in _ordered(report)])


def _decisive_cells(row: Row) -> list[str]:
    """One row of the decisive table, in bold where the head beats softmax beyond chance."""
    versus, scores = row.versus_softmax, row.twin_free
    cells = [
        *_names(row),
        *_score_cells(scores),
        _NONE if scores is None or scores.calibration_error is None else wording.percent(scores.calibration_error),
        _NONE if versus is None else wording.points(versus.points),
        _NONE if versus is None else wording.points_interval(versus.points_interval),
        _NONE if versus is None else wording.p_value(versus.p_holm),
        wording.seconds(row.seconds),
    ]
    return [f"**{cell}**" for cell in cells] if versus is not None and versus.is_better else cells


def _names(row: Row) -> list[str]:
    """The two recipes of a row."""
    return [_escape(row.feature), _escape(row.pipeline)]


def _score_cells(scores: Scores | None) -> list[str]:
    """Accuracy and macro-F1, each with its interval."""
    if scores is None:
        return [_NONE] * 4
    return [
        wording.percent(scores.accuracy),
        wording.interval(scores.accuracy_interval),
        wording.percent(scores.macro_f1),
        wording.interval(scores.macro_f1_interval),
    ]


def _whole_table(report: BenchmarkReport) -> str:
    """Scores on the whole split and on the twins alone."""
    header = ("CNN", "pipeline", "accuracy", "95 %", "macro-F1", "95 %", "on twins alone")
    rows = [
        [
            row.feature,
            row.pipeline,
            *_score_cells(row.whole),
            wording.percent(row.twins.accuracy) if row.twins else _NONE,
        ]
        for row in _ordered(report)
    ]
    return _table(header, 2, rows)


def _reading_aid(report: BenchmarkReport) -> str:
    """What the columns are, and by which method."""
    compared = sum(row.versus_softmax is not None for row in report.rows)
    return (
        "Accuracy, macro-F1 and ECE (expected calibration error, 15 bins) in %. The 95 % intervals are Wilson's for "
        "accuracy and the percentile bootstrap's (1,000 resamples) for macro-F1. *vs softmax*: points of accuracy "
        "above the softmax of the same CNN on the same images, with Newcombe's paired interval, which knows nothing of "
        "the other heads. *p (Holm)*: exact McNemar test, corrected by Holm's method for the "
        f"{wording.count(compared, 'comparison')} of this report; bold where a head beats softmax at 0.05. *s*: "
        "seconds of search, fit and prediction."
    )


def _protocol(report: BenchmarkReport) -> str:
    """The protocol as a list of sentences."""
    protocol = report.protocol
    parts = [protocol.network, protocol.tuning, protocol.refit, protocol.scoring]
    return "\n".join(f"- {_escape(part)}" for part in parts if part)


def _per_class(report: BenchmarkReport) -> Iterable[str]:
    """For each CNN its softmax beside its best head: a line a class, and the best head's confusion matrix."""
    for run in report.features:
        rows = report.rows_of(run.recipe)
        head = best_row(rows, heads_only=True)
        softmax = next((row for row in rows if row.is_softmax), None)
        shown = [row for row in (softmax, head) if row is not None and row.twin_free is not None]
        if shown:
            names = " and ".join(row.pipeline for row in shown)
            yield f"### {_escape(f'{run.recipe}: {names}')}" + (", without twins" if report.dataset.twins else "")
            yield _class_table(shown)
            if len(report.dataset.classes) <= _MOST_CLASSES:
                yield from (_confusion_table(row, report.dataset.classes) for row in shown)


def _class_table(rows: Sequence[Row]) -> str:
    """Precision, recall and F1 of a few rows, side by side."""
    measures: tuple[tuple[str, Callable], ...] = (
        ("precision", lambda scores: scores.precision),
        ("recall", lambda scores: scores.recall),
        ("F1", lambda scores: scores.f1),
    )
    header = ["class", "images", *(f"{row.pipeline} {name}" for row in rows for name, _ in measures)]
    per_class = zip(*(row.twin_free.per_class for row in rows if row.twin_free), strict=True)
    cells = [
        [
            _escape(scores[0].name),
            f"{scores[0].support:,}",
            *(wording.percent(measure(one)) for one in scores for _, measure in measures),
        ]
        for scores in per_class
    ]
    return _table(header, 1, cells)


def _confusion_table(row: Row, classes: Sequence[str]) -> str:
    """Images by true class (line) and predicted class (column)."""
    confusion = row.twin_free.confusion if row.twin_free else ()
    names = [_escape(name) for name in classes]
    lines = [[name, *(f"{n:,}" for n in counts)] for name, counts in zip(names, confusion, strict=True)]
    return f"{row.pipeline}, true class by predicted class:\n\n" + _table(["", *names], 1, lines)


def _parameters(rows: Sequence[Row]) -> str:
    """What the searches chose."""
    lines = [
        [
            *_names(row),
            _chosen(row),
            _NONE if row.validation_accuracy is None else wording.percent(row.validation_accuracy),
        ]
        for row in rows
        if not row.is_softmax
    ]
    return _table(["CNN", "pipeline", "parameters", "accuracy on validation"], 3, lines) if lines else ""


def _chosen(row: Row) -> str:
    """The chosen parameters of a row."""
    chosen = ", ".join(f"`{name}={json.dumps(value)}`" for name, value in row.best_params.items())
    return chosen.replace("|", "\\|") or "the recipe's own"


def _images(report: BenchmarkReport) -> str:
    """Where the images came from, how many of what, and which were skipped."""
    dataset = report.dataset
    shape = " x ".join(map(str, dataset.image_shape))
    header = ["split", *map(_escape, dataset.classes), "all"]
    lines = [[split, *(f"{n:,}" for n in counts), f"{sum(counts):,}"] for split, counts in dataset.counts.items()]
    texts = [
        f"{_escape(dataset.source)}, {shape} pixels. Test: {_escape(dataset.test_split)}. "
        f"Validation: {_escape(dataset.validation_origin)}.",
        _table(header, 1, lines),
        f"Twins: {wording.count(dataset.twins, 'test image')} with the pixels of an image in train "
        f"({dataset.twins_in_train:,}) or validation ({dataset.twins_in_validation:,}).",
    ]
    if dataset.problems:
        shown = [f"- {_escape(problem)}" for problem in dataset.problems[:_SHOWN_PROBLEMS]]
        if len(dataset.problems) > _SHOWN_PROBLEMS:
            shown.append(f"- and {len(dataset.problems) - _SHOWN_PROBLEMS:,} more, listed in report.json")
        texts.append(f"Skipped: {wording.count(len(dataset.problems), 'image')}.\n\n" + "\n".join(shown))
    return "\n\n".join(texts)


def _feature(run: FeatureRun) -> str:
    """A CNN, its features and their cost."""
    epochs = "an unknown number of epochs" if run.epochs is None else wording.count(run.epochs, "epoch")
    training = "loaded" if run.train_seconds is None else f"{wording.seconds(run.train_seconds)} s"
    rate = "" if run.images_per_second is None else f" ({run.images_per_second:,.0f} images/s)"
    leak = "unknown: the weights do not say what they were trained on"
    if run.leak is not None:
        leak = f"{run.leak.images:,}, of them {run.leak.twin_free:,} without a twin in train or validation"
    facts = {
        "network": f"{_escape(run.network)}, {run.parameters:,} parameters, on {_escape(run.device)}",
        "weights": f"`{run.weights_digest[:_DIGEST_LENGTH]}`, {epochs}",
        "features": f"{run.n_features:,} of {' + '.join(run.layers)}, views: {run.views}",
        "training": training,
        "extraction": f"{wording.seconds(run.extract_seconds)} s{rate}, "
        f"{wording.count(run.forward_passes, 'image')} through the CNN",
        "test images it was trained on": leak,
    }
    return f"### {_escape(run.recipe)}\n\n" + "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def _repeat(report: BenchmarkReport) -> str:
    """The command, the seed and the versions."""
    environment = report.environment
    versions = {"hybridfer": environment.hybridfer, "Python": environment.python, **environment.libraries}
    return "\n\n".join(
        [
            f"```sh\n{report.command}\n```",
            f"Seed {report.seed}; {environment.platform}; {report.created}.",
            _table(["package", "version"], 2, [[name, version] for name, version in versions.items()]),
        ]
    )


def _ordered(report: BenchmarkReport) -> list[Row]:
    """All rows, CNN by CNN: softmax first, then the heads, the best first."""
    return [row for run in report.features for row in report.rows_of(run.recipe)]


def _table(header: Sequence[str], n_left: int, rows: Sequence[Sequence[str]]) -> str:
    """A table whose first columns are words, and the others figures; aligned in the source too."""
    widths = [max(3, *(len(line[i]) for line in [header, *rows])) for i in range(len(header))]
    rule = ["-" * width if i < n_left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    lines = [
        [
            cell.ljust(width) if i < n_left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in [header, rule, *rows]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """Keep names of files and classes from being read as Markdown or HTML."""
    return _TAG.sub("&lt;", _MARKUP.sub(r"\\\g<0>", text))
