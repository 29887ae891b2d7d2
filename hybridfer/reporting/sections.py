"""The sections of a report's page, in the order in which a reader asks; one without content is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hybridfer import phrases
from hybridfer.audit.report import AuditReport
from hybridfer.evaluation import wording
from hybridfer.evaluation.gallery import ConfidentError, Gallery, GroupMember, ShownGroup
from hybridfer.evaluation.published import compare_published
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.reporting import page_tables
from hybridfer.reporting.cells import Table
from hybridfer.reporting.document import Drawing, Face, FaceGroup, Part, Section
from hybridfer.reporting.shown import EARLIER, ShownRun, about_heads, about_near_twins, first_problems, shown_runs

FILES = (
    ("report.json", "everything on this page but images and predictions, for programs; docs/report-json.md explains it"),
    ("report.md", "the same as text"),
    ("table.csv, table.tex", "the table for a spreadsheet and for LaTeX"),
    ("predictions.csv", "a row a test image: its name, class, twin, and what each row of the table predicted"),
    ("predictions.npz", "the same as NumPy arrays, with probabilities, digests of the pixels and the projections"),
    ("gallery.npz", "the images of this page"),
    ("figures/", "each figure as SVG and as PNG of 300 dots an inch, on white; report.txt lists them"),
)


@dataclass(frozen=True)
class PageSource:
    """What the sections are made of.

    Attributes
    ----------
    report : BenchmarkReport
        Its numbers and words.
    gallery : Gallery or None
        Its images.
    drawings : mapping of (section, feature recipe or None) to sequence of Drawing
        Its figures.
    most : int
        How many CNNs are shown closely; figures of the others are files.
    """

    report: BenchmarkReport
    gallery: Gallery | None
    drawings: Mapping[tuple[str, str | None], Sequence[Drawing]]
    most: int

    @property
    def detailed(self) -> list[ShownRun]:
        """The CNNs that are shown closely, the one that is best on validation first."""
        return shown_runs(self.report)[: self.most]

    def drawn(self, section: str, feature: str | None = None) -> tuple[Drawing, ...]:
        """The figures of a section about one feature recipe, or about all."""
        return tuple(self.drawings.get((section, feature), ()))


def page_sections(source: PageSource) -> tuple[Section, ...]:
    """Make the sections of a report's page."""
    sections = (Section(name, title, tuple(parts(source))) for name, title, parts in _SECTIONS)
    return tuple(section for section in sections if section.parts)


def _table(source: PageSource) -> Iterator[Part]:
    """The table, warnings about single rows, and the protocol."""
    report = source.report
    yield Part(tables=(page_tables.results_table(report),), drawings=source.drawn("table"))
    warnings = tuple(f"{row.name}: {warning}" for row in report.rows for warning in row.warnings)
    if warnings:
        yield Part("Warnings", lines=warnings)
    protocol = report.protocol
    lines = tuple(line for line in (protocol.network, protocol.tuning, protocol.refit, protocol.scoring) if line)
    yield Part("How it was measured", lines=lines)
    others = len(report.features) - len(source.detailed)
    shown = ", ".join(run.recipe for run in source.detailed)
    closely = f"What follows looks closely at {shown}; the figures of {others} more are in figures/." if others else ""
    text = f"{closely} {about_heads(report)}".strip()
    if text:
        yield Part(text=text)


def _published(source: PageSource) -> Iterator[Part]:
    table = page_tables.published_table(compare_published(source.report))
    if table is not None:
        yield Part(tables=(table,))


def _confusion(source: PageSource) -> Iterator[Part]:
    yield from _each(source, "confusion")


def _per_class(source: PageSource) -> Iterator[Part]:
    yield from _each(source, "per-class", page_tables.class_table)


def _subgroups(source: PageSource) -> Iterator[Part]:
    yield from _each(source, "subgroups", page_tables.subgroup_table)


def _calibration(source: PageSource) -> Iterator[Part]:
    """Reliability diagrams and the errors before and after temperature scaling."""
    yield from _unsure(source)
    table = page_tables.calibration_table(source.report)
    if table is not None:
        yield Part(tables=(table,))
    yield from _each(source, "calibration")


def _selective(source: PageSource) -> Iterator[Part]:
    drawings = tuple(drawing for shown in source.detailed for drawing in source.drawn("selective", shown.recipe))
    if drawings:
        yield Part(
            text="How often answers are right if a human is asked, or nothing is said, where the classifier is not sure: "
            "the use of a camera that watches a driver.",
            drawings=drawings,
        )


def _training(source: PageSource) -> Iterator[Part]:
    """Curves, or why there are none."""
    yield from _each(source, "training")
    loaded = [shown.recipe for shown in source.detailed if not shown.run.history]
    if loaded:
        verb = "was" if len(loaded) == 1 else "were"
        yield Part(text=f"No curves of {', '.join(loaded)}: the weights {verb} loaded from a file that holds no history.")


def _classes(source: PageSource) -> Iterator[Part]:
    """Images by class, and what balancing made of them."""
    drawings = source.drawn("classes")
    for shown in source.detailed:
        drawings += source.drawn("classes", shown.recipe)
    report = source.report
    shape = " x ".join(map(str, report.dataset.image_shape))
    text = f"Images of {shape} pixels. Test: {report.dataset.test_split}. Validation: {report.dataset.validation_origin}."
    if all(run.trained_counts is None for run in report.features):
        text += " Nothing was balanced."
    yield Part(text=text, tables=(page_tables.count_table(report),), drawings=drawings)
    problems = report.dataset.problems
    if problems:
        yield Part("Skipped images", lines=first_problems(problems))


def _errors(source: PageSource) -> Iterator[Part]:
    """The most confident errors, face by face."""
    gallery = source.gallery
    if gallery is None:
        return
    yield from _unsure(source)
    for row in (row for shown in source.detailed for row in shown.sure_rows):
        errors = gallery.errors_of(row)
        if errors is not None and errors.shown:
            text = f"The {len(errors.shown):,} most confident of {phrases.count(errors.n_errors, 'error')}."
            yield Part(row.name, text=text, faces=tuple(_error_face(gallery, error) for error in errors.shown))


def _projection(source: PageSource) -> Iterator[Part]:
    drawings = tuple(drawing for shown in source.detailed for drawing in source.drawn("projection", shown.recipe))
    if drawings:
        yield Part(
            text="Principal components of the test embeddings. Classes that lie apart here are easy; that they overlap here "
            "does not say that they overlap in all dimensions.",
            drawings=drawings,
        )


def _time(source: PageSource) -> Iterator[Part]:
    """Reading, training, extraction, heads."""
    seconds = source.report.dataset.read_seconds
    text = "" if seconds is None else f"Reading and decoding the images took {wording.seconds(seconds)} s."
    heads = page_tables.head_time_table(source.report)
    tables = (page_tables.network_table(source.report), *(() if heads is None else (heads,)))
    yield Part(text=f"{text} {EARLIER}".strip(), tables=tables)


def _audit(source: PageSource) -> Iterator[Part]:
    """What the audit of the dataset found, with its worst groups."""
    audit = source.report.audit
    if audit is None:
        return
    yield Part(lines=tuple(_audit_lines(source.report, audit)), tables=(page_tables.duplicate_table(audit),))
    if audit.unreadable:
        yield Part("Unreadable files", lines=first_problems(audit.unreadable))
    gallery = source.gallery
    if gallery is not None and gallery.index.groups:
        yield Part("The worst groups", groups=tuple(_face_group(gallery, group) for group in gallery.index.groups))


def _audit_lines(report: BenchmarkReport, audit: AuditReport) -> Iterator[str]:
    """The audit in sentences."""
    yield (
        f"{phrases.count(audit.n_images, 'image')} in {len(audit.classes):,} classes, {audit.unlabelled:,} without a label; "
        f"the largest class of train has {audit.imbalance:.1f} times the images of the smallest."
    )
    yield f"{phrases.count(audit.blanks, 'blank image')}, {phrases.count(len(audit.unreadable), 'unreadable file')}."
    if splits := about_near_twins(report):
        yield splits
    near = audit.near
    if near is None:
        yield "Near-duplicates were not looked for."
    else:
        yield (
            f"Near-duplicates by {near.method}. {near.candidates:,} pairs of hashes were compared; {near.pairs:,} were "
            "close enough to be judged by their pixels."
        )


def _repeat(source: PageSource) -> Iterator[Part]:
    """Command, chosen parameters, versions and digests."""
    report = source.report
    chosen = page_tables.parameter_table(report)
    yield Part(code=report.command, facts=tuple(page_tables.facts(report)))
    if chosen is not None:
        yield Part(tables=(chosen,))


def _files(_source: PageSource) -> Iterator[Part]:
    yield Part(facts=FILES)


_SECTIONS: tuple[tuple[str, str, Callable[[PageSource], Iterator[Part]]], ...] = (
    ("table", "The table", _table),
    ("published", "Published figures beside ours", _published),
    ("confusion", "What is taken for what", _confusion),
    ("per-class", "Class by class", _per_class),
    ("subgroups", "Subgroups", _subgroups),
    ("calibration", "Can its confidence be believed?", _calibration),
    ("selective", "Answering only when sure", _selective),
    ("training", "Training", _training),
    ("classes", "Images by class", _classes),
    ("errors", "The most confident errors", _errors),
    ("projection", "The embeddings", _projection),
    ("time", "Time and throughput", _time),
    ("audit", "Audit of the images", _audit),
    ("repeat", "How to repeat it", _repeat),
    ("files", "The files beside this page", _files),
)


def _each(source: PageSource, section: str, table: Callable[[ShownRun], Table | None] | None = None) -> Iterator[Part]:
    """A part for each CNN with its figures and, perhaps, a table; named after it where there are several."""
    several = len(source.detailed) > 1
    for shown in source.detailed:
        made = None if table is None else table(shown)
        drawings = source.drawn(section, shown.recipe)
        if made is not None or drawings:
            yield Part(shown.recipe if several else "", tables=() if made is None else (made,), drawings=drawings)


def _unsure(source: PageSource) -> Iterator[Part]:
    """Say where another head is shown, as the one that is elsewhere has no confidence to show."""
    for shown in source.detailed:
        if shown.head is not None and shown.head is not shown.sure_head:
            instead = (
                ""
                if shown.sure_head is None
                else f" Shown is {shown.sure_head.pipeline}, of those that do the one that was best on validation."
            )
            yield Part(text=f"{shown.head.name} gives no probabilities.{instead}")


def _error_face(gallery: Gallery, error: ConfidentError) -> Face:
    """One image that was taken for another class."""
    alt = f"{error.name}: {error.true}, taken for {error.predicted} with a confidence of {error.confidence:.0%}"
    lines = (error.true, f"as {error.predicted}", f"{100 * error.confidence:.0f} %")
    return Face.of(gallery.images[error.image], alt.replace("%", " %"), *lines)


def _face_group(gallery: Gallery, group: ShownGroup) -> FaceGroup:
    """A group that the audit found."""
    shown = len(group.members)
    more = f"; {shown} are shown" if shown < group.size else ""
    return FaceGroup(f"{group.reason}{more}", tuple(_member_face(gallery, member) for member in group.members))


def _member_face(gallery: Gallery, member: GroupMember) -> Face:
    """One image of a group."""
    label = member.label or "no label"
    return Face.of(gallery.images[member.image], f"{member.name}: {label}, in {member.split}", label, member.split)
