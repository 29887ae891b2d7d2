"""The head that validation chose, held against every softmax, in words."""

from __future__ import annotations

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.chosen import ChosenComparison, ChosenHead
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.reporting.shown import part_in_words

# a leak undoes the choice as it undoes the verdict, which tells of it
_DISTRUST = "The leak bears on this too: "


def describe_chosen(report: BenchmarkReport) -> str:
    """Say which head validation chose and, of a single softmax, how the two compare; several need `with_table`.

    Parameters
    ----------
    report : BenchmarkReport
        What to describe.

    Returns
    -------
    str
        Sentences, behind a warning where the report has leaks; empty where the report has no such head.
    """
    chosen = report.chosen
    if chosen is None:
        return ""
    part, k = part_in_words(report), len(chosen.comparisons)
    if with_table(report):
        result = (
            f"On {part} it is held against each softmax of this report; p is that of the exact McNemar test after Holm's "
            f"correction for these {k:,} comparisons alone."
        )
    else:
        result = f"On {part} it {_sentence(chosen.comparisons[0])}."
    own = "" if chosen.has_own_softmax else f" {chosen.feature} has no softmax of its own."
    text = f"{_choice(chosen)}, without a look at the test split. {result}{own}"
    return _behind_leaks(report, " ".join([text, *_caveat(report, chosen)]))


def with_table(report: BenchmarkReport) -> bool:
    """Whether the chosen head is held against more than one softmax, which words alone would not make clear."""
    return report.chosen is not None and len(report.chosen.comparisons) > 1


def chosen_lines(report: BenchmarkReport) -> list[str]:
    """Say the same in short: a line, or a line for each softmax below a heading.

    Parameters
    ----------
    report : BenchmarkReport
        What to describe.

    Returns
    -------
    list of str
        Empty where the report has no head that validation chose.
    """
    chosen = report.chosen
    if chosen is None:
        return []
    results = [_short(comparison) for comparison in chosen.comparisons]
    if len(results) == 1:
        planned, below = f"planned test: {results[0]}", []
    else:
        planned, below = f"planned tests, corrected for these {len(results):,}:", [f"  {result}" for result in results]
    tied = f" (tied with {phrases.count(chosen.n_tied, 'other')})" if chosen.n_tied else ""
    return [_behind_leaks(report, f"Validation chose {chosen.name}{tied}; {planned}"), *below, *_caveat(report, chosen)]


def softmax_in_table(comparison: ChosenComparison) -> str:
    """Name a softmax where all others of a table are softmax too."""
    return f"{comparison.feature} (its own)" if comparison.is_own else comparison.feature


def outcome(comparison: ChosenComparison) -> str:
    """What may be said of the head against this softmax."""
    return "better" if comparison.is_better else "worse" if comparison.is_worse else "no difference"


def _choice(chosen: ChosenHead) -> str:
    """Which head it is, and among how many."""
    accuracy = wording.percent(chosen.validation_accuracy)
    if chosen.n_heads == 1:
        return f"Validation had one head to choose, {chosen.name} ({accuracy} % right there)"
    return f"Validation chose {chosen.name} among {chosen.n_heads:,} heads ({accuracy} % right there{_ties(chosen)})"


def _ties(chosen: ChosenHead) -> str:
    """Say that others are as good on validation."""
    return f", as {phrases.count(chosen.n_tied, 'other')}; the first was taken" if chosen.n_tied else ""


def _sentence(comparison: ChosenComparison) -> str:
    """How the head compares with its one softmax; a difference that chance may have made is called none."""
    softmax = _softmax(comparison)
    low, high = (wording.points(end) for end in comparison.points_interval)
    test = f"95 %: {low} to {high}; exact McNemar test, {wording.p_equation(comparison.p_holm)}, the only one planned"
    gap = wording.gap(comparison.points)
    if comparison.is_better:
        return f"beats {softmax} by {gap} ({test})"
    if comparison.is_worse:
        return f"is worse than {softmax} by {gap} ({test})"
    return f"does not differ from {softmax} beyond chance ({wording.lead(comparison.points)}; {test})"


def _short(comparison: ChosenComparison) -> str:
    """The same for a line of the terminal."""
    beyond = "beyond chance" if comparison.is_better or comparison.is_worse else "not beyond chance"
    points, p = wording.points(comparison.points), wording.p_equation(comparison.p_holm)
    return f"{points} vs {_softmax(comparison)}, {beyond} ({p})"


def _softmax(comparison: ChosenComparison) -> str:
    """Name a softmax beside the head."""
    return "its softmax" if comparison.is_own else f"softmax on {comparison.feature}"


def _caveat(report: BenchmarkReport, chosen: ChosenHead) -> list[str]:
    """Say that the choice and its test may rest on images that the CNN was trained on, where its weights do not tell."""
    leaks = [run.leak for run in report.features if run.recipe == chosen.feature]
    if any(leak is None for leak in leaks):
        return [f"The weights of {chosen.feature} do not say what they were trained on: images of either may be among it."]
    return [
        f"Not all that the weights of {chosen.feature} come from is known: "
        f"{wording.unknown_past(leak.untold, leak.other_shapes)}, and images of either may be among it."
        for leak in leaks
        if leak is not None and leak.may_be_more
    ]


def _behind_leaks(report: BenchmarkReport, text: str) -> str:
    """Put a warning first where the verdict has one."""
    return f"{_DISTRUST}{text[0].lower()}{text[1:]}" if report.leaks else text
