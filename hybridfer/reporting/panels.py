"""The figures of a report, each with a caption and with words for those who cannot see it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.calibration import ReliabilityBin, reliability_bins, soften
from hybridfer.evaluation.gallery import Gallery
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row
from hybridfer.reporting import alt_texts, figures
from hybridfer.reporting.figures.style import letters_without_font
from hybridfer.reporting.shown import ShownRun, decisive, ordered_rows, part_in_words, shown_runs

log = logging.getLogger("hybridfer")

# the column of a paper, in inches; on a phone it fills the screen with type of about 11 pixels
_COLUMN = 3.5
# the width of its page
_SHEET = 7.0
_ERROR_COLUMNS = 8
_LONGEST_NAME = 20
_LONGEST_FILE = 100
#: The section of panels that are written as files and not shown on the page.
FILES_ONLY = "files"
_QUANTITIES = ("loss", "accuracy", "learning rate")


@dataclass(frozen=True)
class Panel:
    """A figure and what is said of it.

    Attributes
    ----------
    name : str
        Of its files, such as "confusion-compact-softmax".
    section : str
        The part of the page it belongs to, such as "confusion".
    feature : str or None
        The feature recipe it is about; None where it is about all.
    caption : str
        What is drawn.
    alt : str
        What is seen, with numbers.
    figure : Figure
    """

    name: str
    section: str
    feature: str | None
    caption: str
    alt: str
    figure: Figure


def report_panels(report: BenchmarkReport, gallery: Gallery | None = None) -> list[Panel]:
    """Draw every figure of a report that its parts allow.

    Parameters
    ----------
    report : BenchmarkReport
        What to draw.
    gallery : Gallery, optional
        The images of the most confident errors.

    Returns
    -------
    list of Panel
        In the order of the page; no two have the same name.
    """
    _warn_of_boxes(report)
    with figures.house_style():
        panels = [*_accuracies(report), *_collections(report)]
        for shown in shown_runs(report):
            panels += [
                *_confusions(shown),
                *_class_bars(shown),
                *_subgroups(shown),
                *_reliability(shown),
                *_selective(shown),
                *_training(shown),
                *_balancing(shown),
                *_projection(shown),
                *_errors(shown, gallery),
            ]
        for panel in panels:
            # laid out once, not again for each kind of file
            panel.figure.draw_without_rendering()
            panel.figure.draw_without_rendering()
            panel.figure.set_layout_engine("none")
    return _named_apart(panels)


def _warn_of_boxes(report: BenchmarkReport) -> None:
    """Warn of names whose letters no font at hand has."""
    names = [*report.dataset.classes, *(name for row in report.rows for name in (row.pipeline, row.feature))]
    letters = letters_without_font("".join(names))
    if letters:
        log.warning(
            "No font at hand has %s: figures show boxes instead. Install one that has them, such as Noto Sans CJK.",
            " ".join(letters[:10]) + (" and others" if len(letters) > 10 else ""),
        )


def short_name(name: str) -> str:
    """Cut a user's name for a figure: one line of at most 20 letters.

    Examples
    --------
    >>> short_name("a very long name of a class")
    'a very long name of…'
    """
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1].rstrip()}…"


def axes(width: float = _COLUMN, height: float = 2.7) -> tuple[Figure, Axes]:
    """Make an empty figure, in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _accuracies(report: BenchmarkReport) -> Iterator[Panel]:
    """All rows of the table as dots with intervals."""
    rows = ordered_rows(report)
    if not rows:
        return
    scores = [decisive(row) for row in rows]
    several = len(report.features) > 1
    names = [short_name(row.pipeline) + (f" · {short_name(row.feature)}" if several else "") for row in rows]
    figure, ax = axes(height=0.75 + 0.22 * len(rows))
    intervals = [one.accuracy_interval for one in scores]
    figures.accuracy_intervals(ax, names, [one.accuracy for one in scores], intervals, [row.is_softmax for row in rows])
    caption = f"Accuracy on {part_in_words(report)} with its 95 % interval. Squares: a CNN's own softmax; dots: heads."
    yield Panel("accuracy", "table", None, caption, alt_texts.accuracies(rows), figure)


def _collections(report: BenchmarkReport) -> Iterator[Panel]:
    """Images by class in each split."""
    classes, counts = report.dataset.classes, report.dataset.counts
    if not classes or not counts:
        return
    figure, ax = axes(height=0.9 + 0.4 * len(classes))
    figures.class_histogram(ax, [short_name(name) for name in classes], counts)
    caption = f"Images of {report.dataset.source} by class and split."
    yield Panel("classes", "classes", None, caption, alt_texts.counts(classes, counts), figure)


def _confusions(shown: ShownRun) -> Iterator[Panel]:
    """The confusion matrices of softmax and the head that validation preferred, and their difference."""
    classes = _short_classes(shown)
    side = max(_COLUMN, 1.1 + 0.16 * len(classes))
    for row in shown.rows:
        figure, ax = axes(side, side)
        figures.confusion_matrix(ax, decisive(row).confusion, classes)
        caption = f"{row.name}: what each true class was taken for, in % of its images; {part_in_words(shown.report)}."
        name = f"confusion-{shown.recipe}-{row.pipeline}"
        yield Panel(name, "confusion", shown.recipe, caption, alt_texts.confusion(row), figure)
    if shown.softmax is not None and shown.head is not None:
        figure, ax = axes(side, side)
        figures.confusion_difference(ax, decisive(shown.head).confusion, decisive(shown.softmax).confusion, classes)
        caption = (
            f"The matrix of {shown.head.pipeline} less that of softmax, in percentage points. Blue is more, orange less; on "
            "the diagonal more is better, elsewhere less."
        )
        name = f"confusion-{shown.recipe}-difference"
        yield Panel(name, "confusion", shown.recipe, caption, alt_texts.difference(shown.head, shown.softmax), figure)


def _class_bars(shown: ShownRun) -> Iterator[Panel]:
    """F1 by class of softmax and the head that validation preferred."""
    if not shown.rows:
        return
    scores = {
        row.pipeline: [replace(one, name=short_name(one.name)) for one in decisive(row).per_class] for row in shown.rows
    }
    figure, ax = axes(height=0.9 + 0.32 * len(shown.report.dataset.classes))
    figures.per_class_bars(ax, scores, "f1", reference=shown.reference)
    caption = f"F1 by class on {part_in_words(shown.report)}."
    yield Panel(f"f1-{shown.recipe}", "per-class", shown.recipe, caption, alt_texts.class_scores(shown.rows), figure)


def _subgroups(shown: ShownRun) -> Iterator[Panel]:
    """Accuracy by subgroup of softmax and the head that validation preferred."""
    members = {row.pipeline: row.subgroups for row in shown.rows if row.subgroups}
    if not members:
        return
    n = len(next(iter(members.values())))
    figure, ax = axes(height=0.9 + 0.3 * n)
    figures.subgroup_bars(ax, members, reference=shown.reference)
    caption = "Accuracy by subgroup with its 95 % interval; in brackets the number of test images."
    yield Panel(f"subgroups-{shown.recipe}", "subgroups", shown.recipe, caption, alt_texts.subgroups(members), figure)


def _reliability(shown: ShownRun) -> Iterator[Panel]:
    """Confidence against accuracy, before and after temperature scaling."""
    for row in shown.sure_rows:
        bins = _reliability_of(shown.report, row)
        if bins:
            figure, ax = axes(height=3.6)
            figures.reliability_diagram(ax, bins, reference=next(iter(bins)))
            caption = (
                f"{row.name}: how often it is right against how sure it is, over the whole test split. On the dashed line "
                "the two agree; larger marks stand for more images."
            )
            name = f"reliability-{shown.recipe}-{row.pipeline}"
            yield Panel(name, "calibration", shown.recipe, caption, alt_texts.reliability(bins), figure)


def _reliability_of(report: BenchmarkReport, row: Row) -> dict[str, Sequence[ReliabilityBin]]:
    """The bins of a row on the whole split; with its temperature also those after scaling."""
    if not row.whole.reliability:
        return {}
    error = row.whole.calibration_error
    bins: dict[str, Sequence[ReliabilityBin]] = {
        "as it is" + ("" if error is None else f", ECE {wording.percent(error)} %"): row.whole.reliability
    }
    table, key = report.predictions, (row.feature, row.pipeline)
    if row.temperature is not None and table is not None and key in table.probabilities:
        scaled = soften(table.probabilities[key], row.temperature.value)
        label = f"at temperature {row.temperature.value:.2f}, ECE {wording.percent(row.temperature.error_after)} %"
        bins[label] = reliability_bins(table.labels, scaled)
    return bins


def _selective(shown: ShownRun) -> Iterator[Panel]:
    """Accuracy against the share of images answered."""
    curves = {row.pipeline: curve for row in shown.sure_rows if (curve := decisive(row).selective) is not None}
    if not curves:
        return
    figure, ax = axes(height=2.8)
    figures.selective_curve(ax, curves, reference=shown.reference)
    caption = (
        f"{shown.recipe}: accuracy when only the images it is most sure of are answered and the others are left to a human; "
        f"{part_in_words(shown.report)}."
    )
    yield Panel(f"selective-{shown.recipe}", "selective", shown.recipe, caption, alt_texts.selective(curves), figure)


def _training(shown: ShownRun) -> Iterator[Panel]:
    """Loss, accuracy and learning rate over the epochs."""
    history, restored = shown.run.history, shown.run.restored_epoch
    if not history:
        return
    for quantity in _QUANTITIES:
        figure, ax = axes(height=2.4)
        figures.training_curves(ax, history, quantity, restored)
        if ax.lines:
            caption = f"{shown.recipe}: {quantity} over {phrases.count(len(history), 'epoch')}."
            if restored is not None:
                caption += f" The dotted line marks epoch {restored}, whose weights were kept."
            alt = alt_texts.training(history, quantity, restored)
            name = f"training-{shown.recipe}-{quantity}"
            yield Panel(name, "training", shown.recipe, caption, alt, figure)


def _balancing(shown: ShownRun) -> Iterator[Panel]:
    """Training images by class before and after balancing."""
    before, after = shown.report.dataset.counts.get("train"), shown.run.trained_counts
    if before is None or after is None:
        return
    classes, counts = shown.report.dataset.classes, {"as read": before, "after balancing": after}
    figure, ax = axes(height=0.9 + 0.32 * len(classes))
    figures.class_histogram(ax, _short_classes(shown), counts, reference="as read")
    caption = f"{shown.recipe}: training images by class, as read ({sum(before):,}) and after balancing ({sum(after):,})."
    yield Panel(f"balance-{shown.recipe}", "classes", shown.recipe, caption, alt_texts.counts(classes, counts), figure)


def _projection(shown: ShownRun) -> Iterator[Panel]:
    """The test embeddings on their first two principal components."""
    table = shown.report.predictions
    points = None if table is None else table.projections.get(shown.recipe)
    if table is None or points is None or not len(points):
        return
    figure, ax = axes(height=3.7)
    figures.projection(ax, points, table.labels, _short_classes(shown))
    caption = f"{shown.recipe}: the embeddings of the test images on their first two principal components"
    variance = shown.run.projection_variance
    told = "" if variance is None else f", which hold {sum(variance):.0%} of their variance".replace("%", " %")
    alt = alt_texts.projection(np.asarray(points), table.labels, shown.report.dataset.classes)
    yield Panel(f"projection-{shown.recipe}", "projection", shown.recipe, f"{caption}{told}.", alt, figure)


def _errors(shown: ShownRun, gallery: Gallery | None) -> Iterator[Panel]:
    """The most confident errors on one sheet: for papers, as the page shows them one by one."""
    for row in shown.sure_rows:
        errors = None if gallery is None else gallery.errors_of(row)
        if gallery is None or errors is None or not errors.shown:
            continue
        images = gallery.images[[error.image for error in errors.shown]]
        words = [f"{short_name(e.true)}, {100 * e.confidence:.0f} %\nas {short_name(e.predicted)}" for e in errors.shown]
        lines = -(-len(images) // _ERROR_COLUMNS)
        side = _SHEET / (_ERROR_COLUMNS * 1.12)
        figure, ax = axes(_SHEET, lines * side * figures.sheet_row_height(images) + 0.1)
        figures.image_sheet(ax, images, words, _ERROR_COLUMNS)
        caption = f"{row.name}: its most confident errors, with their true class, confidence and predicted class."
        alt = f"{phrases.count(len(images), 'test image')} that {row.name} got wrong."
        yield Panel(f"errors-{shown.recipe}-{row.pipeline}", FILES_ONLY, shown.recipe, caption, alt, figure)


def _short_classes(shown: ShownRun) -> list[str]:
    """The names of the classes, cut for figures."""
    return [short_name(name) for name in shown.report.dataset.classes]


def _named_apart(panels: Sequence[Panel]) -> list[Panel]:
    """Make the names of panels fit for files, and no two alike."""
    taken: set[str] = set()
    named = []
    for panel in panels:
        stem = name = re.sub(r"[^A-Za-z0-9._+-]+", "-", panel.name).strip("-.")[:_LONGEST_FILE]
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        named.append(replace(panel, name=name))
    return named
