"""What is to be seen in a figure, in words and numbers, for those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.calibration import ReliabilityBin
from hybridfer.evaluation.feature_run import Epoch
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.selective import SelectiveCurve
from hybridfer.evaluation.subgroups import SubgroupScores
from hybridfer.reporting.figures.confusion import row_shares
from hybridfer.reporting.shown import decisive


def accuracies(rows: Sequence[Row]) -> str:
    """The best and the worst row, and how far softmax comes."""
    ranked = sorted(rows, key=lambda row: decisive(row).accuracy, reverse=True)
    best, worst = decisive(ranked[0]), decisive(ranked[-1])
    text = (
        f"Dots with intervals for {phrases.count(len(rows), 'row')}. Highest: {ranked[0].name}, "
        f"{wording.percent(best.accuracy)} % {wording.interval(best.accuracy_interval)}."
    )
    if len(ranked) > 1:
        text += (
            f" Lowest: {ranked[-1].name}, {wording.percent(worst.accuracy)} % {wording.interval(worst.accuracy_interval)}."
        )
    return text


def counts(classes: Sequence[str], collections: Mapping[str, Sequence[int]]) -> str:
    """The largest and the smallest class of each collection."""
    told = []
    for name, numbers in collections.items():
        largest, smallest = int(np.argmax(numbers)), int(np.argmin(numbers))
        told.append(
            f"{name}: {sum(numbers):,} images, most of {classes[largest]} ({numbers[largest]:,}), "
            f"fewest of {classes[smallest]} ({numbers[smallest]:,})"
        )
    return f"Bars. {'; '.join(told)}."


def confusion(row: Row) -> str:
    """The class that is recognised best, the one recognised worst, and the most frequent confusion."""
    scores = decisive(row)
    names = [one.name for one in scores.per_class]
    shares = row_shares(scores.confusion, len(names))
    present = [i for i, one in enumerate(scores.per_class) if one.support]
    best, worst = (pick(present, key=lambda i: shares[i, i]) for pick in (max, min))
    text = (
        f"Confusion matrix of {row.name}. Recognised best: {names[best]}, {_percent(shares[best, best])}; "
        f"worst: {names[worst]}, {_percent(shares[worst, worst])}."
    )
    mistaken = shares * (1 - np.eye(len(names)))
    if mistaken.max(initial=0) > 0:
        true, taken = _position(mistaken)
        text += f" Most frequent confusion: {names[true]} taken for {names[taken]}, {_percent(mistaken[true, taken])}."
    return text


def difference(head: Row, softmax: Row) -> str:
    """The classes that the head recognises more and less often than softmax."""
    names = [one.name for one in decisive(head).per_class]
    gaps = 100 * (
        np.diag(row_shares(decisive(head).confusion, len(names)))
        - np.diag(row_shares(decisive(softmax).confusion, len(names)))
    )
    most, least = int(gaps.argmax()), int(gaps.argmin())
    return (
        f"Difference of two confusion matrices. Against softmax {head.name} recognises {names[most]} "
        f"{wording.points(gaps[most])} points and {names[least]} {wording.points(gaps[least])} points."
    )


def class_scores(rows: Sequence[Row]) -> str:
    """For each row the classes with the highest and the lowest F1."""
    told = []
    for row in rows:
        ranked = sorted((one for one in decisive(row).per_class if one.support), key=lambda one: one.f1)
        told.append(
            f"{row.pipeline}: highest {ranked[-1].name}, {wording.percent(ranked[-1].f1)}, "
            f"lowest {ranked[0].name}, {wording.percent(ranked[0].f1)}"
        )
    return f"Bars of F1 in %. {'; '.join(told)}."


def subgroups(members: Mapping[str, Sequence[SubgroupScores]]) -> str:
    """For each row the subgroups with the highest and the lowest accuracy."""
    told = []
    for label, scores in members.items():
        ranked = sorted(scores, key=lambda one: one.accuracy)
        high, low = ranked[-1], ranked[0]
        told.append(
            f"{label}: highest {high.column} {high.value}, {wording.percent(high.accuracy)} %, "
            f"lowest {low.column} {low.value}, {wording.percent(low.accuracy)} %"
        )
    return f"Dots with intervals. {'; '.join(told)}."


def reliability(bins: Mapping[str, Sequence[ReliabilityBin]]) -> str:
    """For each curve the bin with most images."""
    told = []
    for label, members in bins.items():
        largest = max(members, key=lambda one: one.n)
        told.append(
            f"{label}: the fullest bin holds {phrases.count(largest.n, 'image')} of mean confidence "
            f"{_percent(largest.confidence)}, of which {_percent(largest.accuracy)} are right"
        )
    return f"Accuracy against confidence. {'; '.join(told)}."


def selective(curves: Mapping[str, SelectiveCurve]) -> str:
    """For each curve the accuracy on all images and on about half of them."""
    told = []
    for label, curve in curves.items():
        half = int(np.abs(np.asarray(curve.shares) - 0.5).argmin())
        told.append(
            f"{label}: {_percent(curve.accuracies[-1])} of all images right, {_percent(curve.accuracies[half])} of the "
            f"{_percent(curve.shares[half])} it is most sure of"
        )
    return f"Falling curves. {'; '.join(told)}."


def training(history: Sequence[Epoch], quantity: str, restored_epoch: int | None) -> str:
    """The first and last value of each curve."""
    fields = {
        "loss": (("train loss", "train_loss", ".3f"), ("validation loss", "valid_loss", ".3f")),
        "accuracy": (("train accuracy", "train_accuracy", ".1%"), ("validation accuracy", "valid_accuracy", ".1%")),
        "learning rate": (("learning rate", "learning_rate", ".2g"),),
    }[quantity]
    told = []
    for label, name, form in fields:
        values = [value for value in (getattr(epoch, name) for epoch in history) if value is not None]
        if values:
            told.append(f"{label} from {values[0]:{form}} to {values[-1]:{form}}".replace("%", " %"))
    restored = "" if restored_epoch is None else f" The weights of epoch {restored_epoch} were kept."
    return f"{phrases.count(len(history), 'epoch')}: {', '.join(told)}.{restored}"


def projection(points: NDArray, labels: NDArray, classes: Sequence[str]) -> str:
    """The two classes whose middles lie farthest apart, and the two that lie closest."""
    present = np.unique(labels)
    text = f"Scatter of {phrases.count(len(points), 'dot')} in {phrases.count(len(present), 'colour')}."
    if len(present) < 3:
        return text
    middles = np.array([points[labels == i].mean(axis=0) for i in present])
    gaps = np.linalg.norm(middles[:, None] - middles[None], axis=-1)
    far, near = _position(gaps), _position(-gaps - np.diag(np.full(len(present), np.inf)))
    far_names, near_names = ([classes[present[i]] for i in pair] for pair in (far, near))
    return f"{text} Farthest apart: {' and '.join(far_names)}; closest: {' and '.join(near_names)}."


def _position(values: NDArray) -> tuple[int, int]:
    """Where the highest value of a matrix stands."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)


def _percent(share: float) -> str:
    """A share as a whole percentage."""
    return f"{100 * share:.0f} %"
