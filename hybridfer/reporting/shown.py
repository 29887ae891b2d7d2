"""What of a report is shown class by class: for each CNN its softmax and the head that validation preferred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.leaks import at_least
from hybridfer.evaluation.metrics import Scores
from hybridfer.evaluation.report import BenchmarkReport, FeatureRun
from hybridfer.evaluation.rows import Row, preferred_head
from hybridfer.evaluation.twins import Leak

#: What times stand for where a run was begun again.
EARLIER = "Trainings and heads that an earlier run had finished stand here with the time that they took then."

# a dataset can have thousands of unreadable images; report.json lists them all
_SHOWN_PROBLEMS = 20
_UNKNOWN = "unknown: the weights do not say what they were trained on"


def first_problems(problems: Sequence[str]) -> tuple[str, ...]:
    """Give the first of a dataset's problems, and a line on how many more there are.

    Examples
    --------
    >>> first_problems(["a.png: is an empty file"])
    ('a.png: is an empty file',)
    >>> first_problems(["a.png: is an empty file"] * 1025)[-1]
    'and 1,005 more, listed in report.json'
    """
    more = len(problems) - _SHOWN_PROBLEMS
    return (*problems[:_SHOWN_PROBLEMS], *((f"and {more:,} more, listed in report.json",) if more > 0 else ()))


@dataclass(frozen=True)
class ShownRun:
    """A CNN of a report with the two rows that are looked at closely.

    Attributes
    ----------
    report : BenchmarkReport
        The whole.
    run : FeatureRun
        The CNN and its features.
    softmax, head : Row or None
        Its softmax, and the head that was best on validation; None where there is none.
    sure_head : Row or None
        The same of those heads that give probabilities.
    """

    report: BenchmarkReport
    run: FeatureRun
    softmax: Row | None
    head: Row | None
    sure_head: Row | None

    @property
    def recipe(self) -> str:
        """The name of its feature recipe."""
        return self.run.recipe

    @property
    def rows(self) -> tuple[Row, ...]:
        """Softmax and the head, without what is missing."""
        return tuple(row for row in (self.softmax, self.head) if row is not None)

    @property
    def sure_rows(self) -> tuple[Row, ...]:
        """Softmax and the head that gives probabilities, without what is missing."""
        return tuple(row for row in (self.softmax, self.sure_head) if row is not None)

    @property
    def reference(self) -> str | None:
        """What softmax is called in figures that hold a head against it."""
        return None if self.softmax is None else self.softmax.pipeline


def shown_runs(report: BenchmarkReport) -> list[ShownRun]:
    """Give the CNNs of a report, the one with the row that is best on validation first."""
    return sorted((shown_run(report, run) for run in report.features), key=_validated, reverse=True)


def shown_run(report: BenchmarkReport, run: FeatureRun) -> ShownRun:
    """Choose the rows of a CNN that are looked at closely."""
    rows = [row for row in report.rows if row.feature == run.recipe]
    softmax = next((row for row in rows if row.is_softmax), None)
    sure = [row for row in rows if row.whole.calibration_error is not None]
    return ShownRun(report, run, softmax, preferred_head(rows), preferred_head(sure))


def about_heads(report: BenchmarkReport) -> str:
    """Say how the heads that are shown more closely were chosen, where there was a choice."""
    heads = {run.recipe: [row for row in report.rows_of(run.recipe) if not row.is_softmax] for run in report.features}
    chosen = {recipe: rows for recipe, rows in heads.items() if len(rows) > 1}
    unseen = [recipe for recipe, rows in chosen.items() if all(row.validation_accuracy is None for row in rows)]
    if not chosen:
        return ""
    if not unseen:
        return "Of the heads of a CNN the one is shown closely that was best on validation."
    of = "a CNN" if len(unseen) == len(chosen) else ", ".join(unseen)
    told = (
        f"Of the heads of {of} the one is shown closely that is best on these very images, as none was scored on validation"
    )
    return f"{told}." if len(unseen) == len(chosen) else f"{told}; of those of others the one that was best on validation."


def ordered_rows(report: BenchmarkReport) -> list[Row]:
    """Give all rows, CNN by CNN: softmax first, then the heads, the best first."""
    return [row for run in report.features for row in report.rows_of(run.recipe)]


def images_per_second(images: int, seconds: float) -> float | None:
    """Give the throughput of a stage; None where its time was too short to be measured.

    Examples
    --------
    >>> images_per_second(3589, 0.5), images_per_second(3589, 0.0)
    (7178.0, None)
    """
    return images / seconds if images and seconds > 0 else None


def decisive(row: Row) -> Scores:
    """The scores that decide: on the twin-free part; on the whole where every test image has a twin."""
    return row.twin_free or row.whole


def about_twins(report: BenchmarkReport) -> str:
    """Say what the twin-free part is, where the test split has twins."""
    twins, n = report.dataset.twins, report.dataset.n_test
    if not twins:
        return ""
    kept = f" The twin-free part, which decides, is the other {n - twins:,}." if twins < n else ""
    return (
        f"Of the {n:,} test images {twins:,} {'is a twin' if twins == 1 else 'are twins'}: pixel by pixel the same as an "
        f"image of train or validation, so that a head that memorises knows the answer.{kept}"
    )


def about_near_twins(report: BenchmarkReport) -> str:
    """Say which splits the audit compares, and how many test images look like others in the splits that were used."""
    if report.audit is None:
        return ""
    carved = [split for split in ("test", "validation") if split not in report.audit.counts]
    told = f"Groups across splits are counted before {' and '.join(carved)} {'were' if len(carved) > 1 else 'was'} carved."
    near = report.dataset.near_twins
    used = (
        ""
        if near is None
        else (
            f"In the splits that were used, {phrases.count(near, 'test image')} without a twin "
            f"look{'s' if near == 1 else ''} nearly like an image of train or validation."
        )
    )
    return " ".join(filter(None, [told if carved else "", used]))


def seen_of_test(run: FeatureRun) -> str:
    """Say how many test images a CNN was trained on, as far as its weights do."""
    if run.leak is None:
        return _UNKNOWN
    return (
        f"{at_least(run.leak)}{run.leak.images:,}, of which {run.leak.twin_free:,} are no twins of train or validation "
        f"images{_but_unknown(run.leak)}"
    )


def seen_of_validation(run: FeatureRun) -> str:
    """Say how many validation images a CNN was trained on, copies of train images aside, as far as its weights do."""
    if run.validation_leak is not None:
        return f"{run.validation_leak:,}" if run.leak is None else _with_past(run.leak, run.validation_leak)
    if run.leak is None or run.leak.validation_seen is None:
        return _UNKNOWN
    return (
        f"{_with_past(run.leak, run.leak.validation_seen)}; these it was trained on or watched, the weights do not say which"
    )


def _with_past(leak: Leak, count: int) -> str:
    """A count of what weights name, and what they do not tell."""
    return f"{at_least(leak)}{count:,}{_but_unknown(leak)}"


def _but_unknown(leak: Leak) -> str:
    return f"; {wording.unknown_past(leak.untold, leak.other_shapes)}" if leak.may_be_more else ""


def part_in_words(report: BenchmarkReport) -> str:
    """Name the images that decide, with their number."""
    twins, n = report.dataset.twins, report.dataset.n_test
    if not 0 < twins < n:
        return f"the test split ({phrases.count(n, 'image')})"
    return f"the twin-free part of the test split ({phrases.count(n - twins, 'image')})"


def _validated(shown: ShownRun) -> float:
    """The highest accuracy on validation of the rows that are shown."""
    return max((row.validation_accuracy for row in shown.rows if row.validation_accuracy is not None), default=-1.0)
