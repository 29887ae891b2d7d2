"""A CNN in one of several runs, and what must be alike in two runs before their results may be averaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hybridfer.errors import HybridferError
from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import Row

Member = TypeVar("Member")
#: What a result was made under: each circumstance by its name, in words.
Conditions = dict[str, str]

_NOT_TOLD = "not told"
# enough to tell two sets of images apart at a glance
_DIGEST_LENGTH = 8
# other images have other labels and other twins as well; epochs are compared where their limit is not told
_FOLLOWS = {"test images": ("labels of the test images", "twins among them"), "max_epochs": ("epochs",)}
_MOST_TOLD = 3
# what of a training differs from seed to seed, and numbers of images, which are compared by themselves
_OF_A_SEED = ("random_state", "fitted_temperature", "train_counts", "trained_counts")


class SeveralError(HybridferError, ValueError):
    """Runs cannot be laid side by side."""


@dataclass(frozen=True, eq=False)
class Repeat:
    """A CNN in one of the runs.

    Attributes
    ----------
    folder : str
        The run's name.
    report : BenchmarkReport
        The run's report, with its predictions.
    run : FeatureRun
        The CNN in it.

    Raises
    ------
    SeveralError
        If the report has no predictions, or not those of its own rows.
    """

    folder: str
    report: BenchmarkReport
    run: FeatureRun

    def __post_init__(self) -> None:
        missing = [row.name for row in self.rows if (row.feature, row.pipeline) not in self.table.predicted]
        if missing:
            raise SeveralError(
                f"predictions.npz of {self.folder} must hold every row of its report.json; it lacks {', '.join(missing)}. "
                "Run the benchmark again."
            )

    @property
    def table(self) -> PredictionTable:
        """What was said of each test image."""
        if self.report.predictions is None:
            raise SeveralError(
                f"{self.folder} has no predictions.npz, so that its test images are not known. Run the benchmark again."
            )
        return self.report.predictions

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows on this CNN."""
        return tuple(row for row in self.report.rows if row.feature == self.run.recipe)

    @property
    def softmax(self) -> Row | None:
        """Its own softmax, where the network knows all classes."""
        return next((row for row in self.rows if row.is_softmax), None)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Positions of the test images by content, so that runs agree on it however their files were listed."""
        return np.lexsort((self.table.labels, self.table.digests))

    def answers(self, row: Row) -> NDArray[np.int64]:
        """What a row says of each test image: shape (n,), positions of classes, in an order on which all runs agree."""
        return self.table.predicted[row.feature, row.pipeline][self.order]

    def right(self, row: Row) -> NDArray[np.bool_]:
        """Tell which of the images that decide a row got right: shape (n,), in that order."""
        twin_free = ~self.table.twins[self.order]
        return (self.answers(row) == self.table.labels[self.order])[twin_free]

    @cached_property
    def conditions(self) -> Conditions:
        """What must be alike in another run for the two to be averaged; seeds and what follows from them are left out."""
        return {**_data(self), **_protocol(self.report), **_network(self.run)}


@dataclass(frozen=True, eq=False)
class RunRow:
    """A pipeline on a CNN, in one of the runs.

    Attributes
    ----------
    repeat : Repeat
        The CNN in the run.
    row : Row
        The pipeline on it.
    """

    repeat: Repeat
    row: Row

    @property
    def folder(self) -> str:
        """The run's name."""
        return self.repeat.folder

    @property
    def weights(self) -> str:
        """Digest of the CNN's weights."""
        return self.repeat.run.weights_digest

    @property
    def seed(self) -> int:
        """The seed of heads and searches."""
        return self.repeat.report.seed

    @property
    def origin(self) -> tuple[str, int]:
        """Weights and seed, which settle all answers of a head that is the same."""
        return self.weights, self.seed

    def is_copy_of(self, other: RunRow) -> bool:
        """Whether both have the same weights, the same seed and the same answers."""
        return self.origin == other.origin and np.array_equal(self.repeat.answers(self.row), other.repeat.answers(other.row))

    @property
    def lead(self) -> NDArray[np.float64] | None:
        """1 where only this row was right, -1 where only softmax was, 0 elsewhere; None without softmax, and of softmax."""
        softmax = self.repeat.softmax
        if softmax is None or self.row.is_softmax:
            return None
        return self.repeat.right(self.row).astype(np.float64) - self.repeat.right(softmax)


def searched(row: Row) -> Conditions:
    """Say what a head is and which parameters its search chose; of two recipes of one name they may differ."""
    own = {name: json.dumps(value, sort_keys=True) for name, value in row.recipe.items()}
    return {**own, "chosen parameters": ", ".join(sorted(row.best_params)) or "none"}


def partition(members: Sequence[Member], conditions: Callable[[Member], Conditions]) -> list[list[Member]]:
    """Part members by their conditions, the largest part first.

    Examples
    --------
    >>> partition([3, 30, 31], lambda number: {"digits": str(len(str(number)))})
    [[30, 31], [3]]
    """
    parts: list[list[Member]] = []
    for member in members:
        alike = next((part for part in parts if conditions(part[0]) == conditions(member)), None)
        if alike is None:
            parts.append([member])
        else:
            alike.append(member)
    return sorted(parts, key=len, reverse=True)


def told_differences(other: Conditions, usual: Conditions) -> str:
    """Name what differs, the first three of it.

    Examples
    --------
    >>> told_differences({"max_epochs": "3", "layers": "conv4"}, {"max_epochs": "30", "layers": "conv4"})
    'max_epochs 3 (the others: 30)'
    """
    names = [name for name in {**usual, **other} if other.get(name) != usual.get(name)]
    implied = {name for cause in names for name in _FOLLOWS.get(cause, ())}
    names = [name for name in names if name not in implied]
    told = [f"{name} {other.get(name, _NOT_TOLD)} (the others: {usual.get(name, _NOT_TOLD)})" for name in names[:_MOST_TOLD]]
    more = len(names) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


def _data(repeat: Repeat) -> Conditions:
    """The images: those that are scored by their very pixels, the others by their numbers."""
    dataset, table, order = repeat.report.dataset, repeat.table, repeat.order
    return {
        "classes": ", ".join(table.classes),
        "test images": f"{len(order):,} ({_digest(table.digests[order].tobytes())})",
        "labels of the test images": _digest(table.labels[order].tobytes()),
        "twins among them": f"{int(table.twins.sum()):,} ({_digest(table.twins[order].tobytes())})",
        **{
            f"{split} images by class": ", ".join(f"{count:,}" for count in counts)
            for split, counts in dataset.counts.items()
            if split != "test"
        },
        "image size": " x ".join(map(str, dataset.image_shape)),
        "validation images": dataset.validation_origin,
        "twins dropped from train": "none" if dataset.dropped_twins is None else f"{dataset.dropped_twins:,}",
    }


def _protocol(report: BenchmarkReport) -> Conditions:
    """How heads were tuned and fitted, and by which version."""
    return {
        # behind the semicolon stands why
        "tuning": json.dumps(report.protocol.tuning.partition(";")[0]),
        "refit": json.dumps(report.protocol.refit),
        "hybridfer": report.environment.hybridfer,
    }


def _network(run: FeatureRun) -> Conditions:
    """The CNN, its features and its training."""
    balanced = run.trained_counts
    return {
        "network": run.network,
        "layers": " + ".join(run.layers),
        "views": run.views,
        "precision": run.precision or _NOT_TOLD,
        "parameters": f"{run.parameters:,}",
        "features": f"{run.n_features:,}",
        "images by class after balancing": "not balanced" if balanced is None else ", ".join(map(str, balanced)),
        **_training(run),
    }


def _training(run: FeatureRun) -> Conditions:
    """How the CNN was trained, as far as the report tells; its seed may differ."""
    if run.training:
        return {name: json.dumps(value, sort_keys=True) for name, value in run.training.items() if name not in _OF_A_SEED}
    rate = run.history[0].learning_rate if run.history else None
    # early stopping ends trainings by one recipe after different epochs
    name, epochs = ("epochs", run.epochs) if run.max_epochs is None else ("max_epochs", run.max_epochs)
    return {
        name: _NOT_TOLD if epochs is None else str(epochs),
        "first learning rate": _NOT_TOLD if rate is None else f"{rate:.6g}",
    }


def _digest(content: bytes) -> str:
    """A few digits that stand for content."""
    return hashlib.sha256(content).hexdigest()[:_DIGEST_LENGTH]
