"""What to do about what an audit found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from hybridfer import phrases
from hybridfer.audit.report import AuditReport

#: Train images of the largest class over those of the smallest, from which accuracy hides what a small class suffers.
IMBALANCED = 3.0


def advice(report: AuditReport) -> tuple[str, ...]:
    """Say what to do, the most harmful finding first.

    Parameters
    ----------
    report : AuditReport

    Returns
    -------
    tuple of str
        One sentence or two for each kind of finding; empty where there is nothing to do.
    """
    return *_identical(report), *_near(report), *_others(report)


def _identical(report: AuditReport) -> Iterator[str]:
    exact = report.exact
    if exact.across_splits:
        yield (
            f"{_are(exact.across_splits, 'group')} of identical images in several splits: a classifier that learns train by "
            "heart scores on them. --fix drops their copies from train and validation."
        )
    if exact.conflicting_labels:
        yield (
            f"{_are(exact.conflicting_labels, 'group')} of identical images with different labels: no classifier can be "
            "right about all of them. --fix keeps the majority's label, and none where there is no majority."
        )
    if exact.redundant > exact.across_splits:
        copies = _are(exact.redundant, "copy", "copies")
        yield f"{copies} to spare, by which some images count several times. --fix drops those in train and validation."


def _near(report: AuditReport) -> Iterator[str]:
    if report.near is not None and report.near.across_splits:
        yield (
            f"{_are(report.near.across_splits, 'group')} of near-duplicates in several splits: nearly as good as a twin for "
            "what is learnt by heart. Look at those that --list FILE.csv names; --fix --drop-near drops them from train."
        )
    if report.near is not None and report.near.groups and report.has_labels and "test" not in report.counts:
        images, told = phrases.count(report.near.images, "image"), _are(report.near.groups, "group")
        yield (
            f"{told} of near-duplicates ({images}) and no test split yet: one that is drawn by class cuts through them and "
            "flatters accuracies. Keep each group, and each person, in one split: DATA/train/<class>/..., "
            "DATA/test/<class>/... --list FILE.csv names the groups."
        )
    if report.near is not None and report.near.conflicting_labels:
        yield (
            f"{_are(report.near.conflicting_labels, 'group')} of near-duplicates with different labels, which bounds the "
            "accuracy that can be reached. Look at those that --list FILE.csv names."
        )


def _others(report: AuditReport) -> Iterator[str]:
    if report.blanks:
        yield f"{_are(report.blanks, 'blank image')}. --fix drops those of train; elsewhere they stay, as others score them."
    if report.unreadable:
        unusable = _are(len(report.unreadable), "file or line", "files or lines")
        yield f"{unusable} that cannot be used. Mend them, or leave them out: --fix lists them as dropped."
    if report.unlabelled:
        unlabelled = _are(report.unlabelled, "image")
        yield f"{unlabelled} without a label, of no use for training or scoring."
    if not report.has_labels:
        return
    missing = [name for name, count in zip(report.classes, report.counts.get("train", ()), strict=False) if not count]
    if missing:
        yield f"No train image is labelled {_either(missing)}."
    if len(report.classes) == 1:
        yield f"All images are {report.classes[0]}: one class leaves nothing to tell apart."
    if report.imbalance >= IMBALANCED:
        yield (
            f"The largest class has {report.imbalance:.1f} times the train images of the smallest: judge by macro-F1 as "
            "well, and balance the classes in training."
        )


def _are(count: int, noun: str, plural: str = "") -> str:
    """Write a count and its noun behind "there is" or "there are"."""
    return f"There {'is' if count == 1 else 'are'} {phrases.count(count, noun, plural)}"


def _either(words: list[str]) -> str:
    """Join words by commas and an "or"."""
    return " or ".join([part for part in (", ".join(words[:-1]), words[-1]) if part])
