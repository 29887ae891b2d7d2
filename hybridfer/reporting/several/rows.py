"""A pipeline over comparable runs: which runs are averaged, which count once, and which stand apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hybridfer import phrases
from hybridfer.evaluation.over_runs import OverRuns
from hybridfer.reporting.several.leads import Lead, lead_over_runs
from hybridfer.reporting.several.repeats import Repeat, RunRow, partition, searched, told_differences


@dataclass(frozen=True)
class RepeatedRow:
    """A pipeline on a feature recipe, in all comparable runs that have it.

    Attributes
    ----------
    feature, pipeline : str
        Names of the two recipes; numbered where recipes of one name stand apart.
    is_softmax : bool
        Whether it is the CNN's own softmax.
    folders : tuple of str
        The runs.
    seeds : tuple of int
        The seed of heads and searches of each run.
    cnn_seeds : tuple of int or None
        The seed of the CNN's training of each run; None where the report does not tell.
    weights : int
        How many different weights the CNN had; with one, the runs differ in their heads alone.
    whole : OverRuns
        Accuracy on the whole test split.
    twin_free : OverRuns or None
        Accuracy on its twin-free part; None where there is none.
    lead : Lead or None
        The comparison with softmax; None for softmax itself, and where there is nothing to compare with.
    """

    feature: str
    pipeline: str
    is_softmax: bool
    folders: tuple[str, ...]
    seeds: tuple[int, ...]
    cnn_seeds: tuple[int | None, ...]
    weights: int
    whole: OverRuns
    twin_free: OverRuns | None
    lead: Lead | None

    @classmethod
    def of(cls, feature: str, pipeline: str, members: Sequence[RunRow]) -> RepeatedRow:
        """Average runs that are alike."""
        weights = [member.weights for member in members]
        twin_free = [member.row.twin_free.accuracy for member in members if member.row.twin_free is not None]
        return cls(
            feature,
            pipeline,
            is_softmax=members[0].row.is_softmax,
            folders=tuple(member.folder for member in members),
            seeds=tuple(member.seed for member in members),
            cnn_seeds=tuple(member.repeat.run.training_seed for member in members),
            weights=len(set(weights)),
            whole=OverRuns.of([member.row.whole.accuracy for member in members], weights),
            # comparable runs have the same twins, so that all have such a part, or none
            twin_free=OverRuns.of(twin_free, weights) if twin_free else None,
            lead=lead_over_runs(members),
        )

    @property
    def decisive(self) -> OverRuns:
        """The accuracies that decide: on the twin-free part; on the whole where every image has a twin."""
        return self.twin_free or self.whole

    @property
    def name(self) -> str:
        """The row in words, such as "svm-rbf on compact"."""
        return f"{self.pipeline} on {self.feature}"


@dataclass(frozen=True)
class RowsAndRemarks:
    """The rows of a CNN, and what is to be said of them.

    Attributes
    ----------
    rows : tuple of RepeatedRow
        Softmax first, then the heads, the best on the average first.
    remarks : tuple of str
        What counts once, and what stands apart.
    """

    rows: tuple[RepeatedRow, ...]
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, feature: str, repeats: Sequence[Repeat]) -> RowsAndRemarks:
        """Collect the pipelines of comparable runs.

        Parameters
        ----------
        feature : str
            What the feature recipe is called.
        repeats : sequence of Repeat
            The runs.
        """
        lines = [RunRow(repeat, row) for repeat in repeats for row in repeat.rows]
        pipelines = dict.fromkeys(line.row.pipeline for line in lines)
        found = [_Pipeline.of(name, feature, [line for line in lines if line.row.pipeline == name]) for name in pipelines]
        rows = [
            RepeatedRow.of(feature, numbered(pipeline.name, number), part)
            for pipeline in found
            for number, part in enumerate(pipeline.parts, start=1)
        ]
        rows.sort(key=lambda row: (not row.is_softmax, -row.decisive.mean))
        remarks = [remark for pipeline in found for remark in pipeline.remarks]
        # the same is said of a whole run once, not of each of its rows
        return cls(tuple(rows), tuple(dict.fromkeys(remarks)))


@dataclass(frozen=True, eq=False)
class _Pipeline:
    """A pipeline in comparable runs: the parts that are averaged, each a row, and what is to be said of them."""

    name: str
    parts: tuple[Sequence[RunRow], ...]
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, name: str, feature: str, lines: Sequence[RunRow]) -> _Pipeline:
        """Keep apart what was searched otherwise, or has answers that its seed and weights do not explain."""
        parts: list[Sequence[RunRow]] = []
        remarks: list[str] = []
        usual, *others = partition(lines, lambda line: searched(line.row))
        for alike in [usual, *others]:
            called = numbered(name, len(parts) + 1)
            if alike is not usual:
                differences = told_differences(searched(alike[0].row), searched(usual[0].row))
                folders = ", ".join(line.folder for line in alike)
                remarks.append(f"{name} on {feature} of {folders} stands apart as {called}: {differences}.")
            distinct = _without_copies(alike)
            remarks += _told_copies(alike)
            unlike = _unlike(distinct)
            if unlike:
                names = [numbered(name, len(parts) + place) for place in range(1, len(distinct) + 1)]
                remarks.append(_told_unlike(f"{name} on {feature}", unlike, distinct, names))
            parts += [[line] for line in distinct] if unlike else [distinct]
        return cls(name, tuple(parts), tuple(remarks))


def numbered(name: str, number: int) -> str:
    """Name the second and further ones of a name apart.

    Examples
    --------
    >>> numbered("compact", 1), numbered("compact", 2)
    ('compact', 'compact (2)')
    """
    return name if number == 1 else f"{name} ({number})"


def _copied(line: RunRow, lines: Sequence[RunRow]) -> RunRow | None:
    """The first line that another one repeats; None where it is the first itself."""
    first = next(other for other in lines if other is line or line.is_copy_of(other))
    return None if first is line else first


def _without_copies(lines: Sequence[RunRow]) -> list[RunRow]:
    return [line for line in lines if _copied(line, lines) is None]


def _told_copies(lines: Sequence[RunRow]) -> Iterator[str]:
    """Say which runs were made twice."""
    for line in lines:
        first = _copied(line, lines)
        if first is not None:
            yield (
                f"{line.folder} has the weights of {line.repeat.run.recipe} and the seed of {first.folder}: what both "
                "answer alike counts once."
            )


def _unlike(distinct: Sequence[RunRow]) -> list[RunRow]:
    """The lines, without copies among them, that share weights and seed with another, and yet answer otherwise."""
    origins = [line.origin for line in distinct]
    return [line for line in distinct if origins.count(line.origin) > 1]


def _told_unlike(name: str, unlike: Sequence[RunRow], distinct: Sequence[RunRow], names: Sequence[str]) -> str:
    """Say that heads of one name differ, so that none of them can be averaged, and what each is called."""
    told = (
        f"{name} has the same weights and seed in {phrases.listed([line.folder for line in unlike])} but other answers: "
        "something differs that reports do not hold, such as the head's own recipe. "
    )
    others = [line.folder for line in distinct if line not in unlike]
    if others:
        told += f"Which of them {phrases.listed(others)} would repeat is not known. "
    called = [f"{pipeline} is of {line.folder}" for pipeline, line in zip(names, distinct, strict=True)]
    return f"{told}Nothing is averaged: {phrases.listed(called)}."
