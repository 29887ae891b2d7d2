"""The whole report as Markdown: the verdict first, then the table, then all that is needed to judge and repeat it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.metrics import Scores
from hybridfer.evaluation.published import compare_published
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row, count_comparisons
from hybridfer.reporting import markdown_details as details
from hybridfer.reporting.chosen_words import describe_chosen
from hybridfer.reporting.gfm import NONE, escape, fence, section, table
from hybridfer.reporting.published_table import LEGEND, published_table
from hybridfer.reporting.shown import about_heads, about_twins, ordered_rows


def render_markdown(report: BenchmarkReport) -> str:
    """Render the whole report.

    Parameters
    ----------
    report : BenchmarkReport
        What to show.

    Returns
    -------
    str
        GitHub-flavoured Markdown: verdict, tables, protocol, calibration, subgroups and per-class scores of softmax and the
        head that validation preferred, data, features, time, versions, and how to repeat it.

    See Also
    --------
    hybridfer.reporting.terminal.render_table : The table alone, for a terminal.
    """
    sections = [
        f"# Softmax or hybrid: {escape(report.dataset.source)}",
        _verdict(report),
        section("The table", _tables(report)),
        section("Published figures beside ours", _published(report)),
        section("How it was measured", _protocol(report)),
        section("Confidence", details.confidence(report)),
        section("Subgroups", "\n\n".join(details.subgroups(report))),
        section("Class by class", "\n\n".join(details.per_class(report))),
        section("Chosen parameters", _parameters(report.rows)),
        section("Images", details.images(report)),
        section("Audit", details.audit(report)),
        section("CNNs", "\n\n".join(details.feature(run) for run in report.features)),
        section("Time", details.time(report)),
        section("Repeat it", _repeat(report)),
    ]
    return "\n\n".join(part for part in sections if part) + "\n"


def _verdict(report: BenchmarkReport) -> str:
    """The verdict in bold; below it the head that validation chose, what was compared, what a twin is, and warnings."""
    warnings = [*report.warnings, *(f"{row.name}: {warning}" for row in report.rows for warning in row.warnings)]
    texts = [
        f"**{escape(report.verdict)}**",
        escape(describe_chosen(report)),
        details.chosen_table(report),
        "Softmax is the answer of a CNN itself; a head is a classifier fitted on what the CNN computes, its features. "
        + about_twins(report),
        "Warnings:\n\n" + "\n".join(f"- {escape(warning)}" for warning in warnings) if warnings else "",
    ]
    return "\n\n".join(text.strip() for text in texts if text)


def _published(report: BenchmarkReport) -> str:
    """What the sources of the recipes publish; nothing where they publish nothing."""
    lines = compare_published(report)
    return "\n\n".join([published_table(lines), LEGEND]) if lines else ""


def _tables(report: BenchmarkReport) -> str:
    """The decisive part, then the whole split, and how to read them."""
    if not report.rows:
        return ""
    twins = report.dataset.twins
    if not twins:
        return "\n\n".join([_decisive_table(report), _reading_aid(report)])
    parts = [
        "### The whole test split: what others publish",
        _whole_table(report),
        f"Here the {phrases.count(twins, 'twin')} {'counts' if twins == 1 else 'count'} too.",
    ]
    if twins < report.dataset.n_test:
        parts = ["### Without twins: what decides", _decisive_table(report), _reading_aid(report), *parts]
    return "\n\n".join(parts)


def _decisive_table(report: BenchmarkReport) -> str:
    """Scores on the twin-free part, and the tests against softmax and the best row."""
    header = ["CNN", "pipeline", "accuracy", "95 %", "macro-F1", "95 %"]
    rows = ordered_rows(report)
    if _with_softmax(rows):
        header += ["vs softmax", "95 %", "p (Holm)"]
    if _with_best(rows):
        header += ["vs best", "p (Holm)"]
    return table([*header, "s"], 2, [_decisive_cells(row, rows, report.stands_out(row)) for row in rows])


def _decisive_cells(row: Row, rows: Sequence[Row], bold: bool) -> list[str]:
    """One row of the decisive table, in bold where the head beats softmax beyond chance."""
    softmax, best = row.versus_softmax, row.versus_best
    cells = [*_names(row), *_score_cells(row.twin_free)]
    if _with_softmax(rows):
        cells += [NONE] * 3 if softmax is None else details.comparison(softmax)
    if _with_best(rows):
        cells += ["best", NONE] if best is None else [wording.points(best.points), wording.p_value(best.p_holm)]
    cells.append(wording.seconds(row.seconds))
    return [f"**{cell}**" for cell in cells] if bold else cells


def _with_softmax(rows: Sequence[Row]) -> bool:
    """Whether any row is compared with softmax."""
    return any(row.versus_softmax is not None for row in rows)


def _with_best(rows: Sequence[Row]) -> bool:
    """Whether any row is compared with the best."""
    return any(row.versus_best is not None for row in rows)


def _names(row: Row) -> list[str]:
    """The two recipes of a row."""
    return [escape(row.feature), escape(row.pipeline)]


def _score_cells(scores: Scores | None) -> list[str]:
    """Accuracy and macro-F1, each with its interval."""
    if scores is None:
        return [NONE] * 4
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
        [*_names(row), *_score_cells(row.whole), wording.percent(row.twins.accuracy) if row.twins else NONE]
        for row in ordered_rows(report)
    ]
    return table(header, 2, rows)


def _reading_aid(report: BenchmarkReport) -> str:
    """What the columns are, and by which method."""
    texts = [
        "Accuracy and macro-F1 in %. The 95 % intervals are Wilson's for accuracy and the percentile bootstrap's (1,000 "
        "resamples) for macro-F1, the mean of the classes' F1. *s*: seconds of search, fit and prediction."
    ]
    if _with_softmax(report.rows):
        texts.append(
            "*vs softmax*: points of accuracy above the softmax of the same CNN on the same images, with Newcombe's paired "
            "interval for this comparison alone; bold where a head beats softmax at 0.05."
        )
    if _with_best(report.rows):
        texts.append(
            "*vs best*: accuracy less that of the best row of this table, in points. The best row was chosen on these very "
            "images and is favoured by them: its lead promises too much for others."
        )
    if any(compared := count_comparisons(report.rows)):
        texts.append(f"*p (Holm)*: exact McNemar test, {wording.correction(*compared)}.")
    return " ".join(texts)


def _protocol(report: BenchmarkReport) -> str:
    """The protocol as a list of sentences."""
    protocol = report.protocol
    parts = [protocol.network, protocol.tuning, protocol.refit, protocol.scoring, about_heads(report)]
    return "\n".join(f"- {escape(part)}" for part in parts if part)


def _parameters(rows: Sequence[Row]) -> str:
    """What the searches chose."""
    lines = [
        [
            *_names(row),
            _chosen(row),
            NONE if row.validation_accuracy is None else wording.percent(row.validation_accuracy),
        ]
        for row in rows
        if not row.is_softmax
    ]
    if not lines:
        return ""
    ends = [f"- {escape(f'{row.name}: {phrases.listed(row.grid_remarks)}')}" for row in rows if row.grid_remarks]
    texts = [table(["CNN", "pipeline", "parameters", "accuracy on validation"], 3, lines)]
    if ends:
        texts.append("A wider grid may do better where the choice is at an end of it:\n\n" + "\n".join(ends))
    return "\n\n".join(texts)


def _chosen(row: Row) -> str:
    """The chosen parameters of a row."""
    chosen = ", ".join(f"`{name}={json.dumps(value)}`" for name, value in row.best_params.items())
    return chosen.replace("|", "\\|") or "the recipe's own"


def _repeat(report: BenchmarkReport) -> str:
    """The command, the seed and the versions."""
    environment = report.environment
    versions = {"hybridfer": environment.hybridfer, "Python": environment.python, **environment.libraries}
    return "\n\n".join(
        [
            fence(report.command, "sh"),
            f"Seed {report.seed}; {escape(environment.platform)}; {escape(report.created)}.",
            table(["package", "version"], 2, [[name, version] for name, version in versions.items()]),
        ]
    )
