"""The report in a sentence: whether a head beats the CNN's own softmax, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.comparisons import SoftmaxComparison
from hybridfer.evaluation.rows import Row, best_row


def verdict(rows: Sequence[Row]) -> str:
    """Say what the comparison with softmax came to.

    Only the twin-free part of the test split and p-values after Holm's correction count. Heads that are worse than
    softmax beyond chance are named as well.

    Parameters
    ----------
    rows : sequence of Row
        The rows of a report.

    Returns
    -------
    str
        One sentence, and a second where there is more to say.

    Examples
    --------
    >>> verdict([])
    'Nothing was scored.'
    """
    if not rows:
        return "Nothing was scored."
    if all(row.twin_free is None for row in rows):
        return "Nothing can be concluded: every test image has a pixel-identical twin in train or validation."
    compared = [(row, row.versus_softmax) for row in rows if row.versus_softmax is not None]
    if not compared:
        return _without_comparison(rows)
    compared.sort(key=lambda pair: pair[1].points, reverse=True)
    better = [pair for pair in compared if pair[1].is_better]
    worse = [pair for pair in compared if pair[1].is_worse]
    part = "test split" if all(row.twins is None for row in rows) else "twin-free part"
    alone = _without_softmax(rows)
    sentences = [_winners(better, part) if better else _no_winner(compared, part, bool(worse), bool(alone))]
    if worse:
        sentences.append(_losers(worse[::-1]))
    if alone:
        sentences.append(f"The heads on {phrases.listed(alone)} have no softmax of their own.")
    return " ".join(sentences)


def _without_softmax(rows: Sequence[Row]) -> list[str]:
    """Name the CNNs whose heads stand without their own softmax."""
    return list(dict.fromkeys(row.feature for row in rows if not row.is_softmax and row.versus_softmax is None))


def _without_comparison(rows: Sequence[Row]) -> str:
    """The verdict where softmax stands alone, or heads stand without it."""
    best = best_row(rows)
    told = "none"
    if best is not None and best.twin_free is not None:
        told = f"{best.name}, {wording.percent(best.twin_free.accuracy)} % right"
    if all(row.is_softmax for row in rows):
        return f"Nothing was compared: the table holds softmax alone (best: {told})."
    return f"Nothing was compared: no head stands beside the softmax of its own CNN (best: {told})."


def _winners(better: list[tuple[Row, SoftmaxComparison]], part: str) -> str:
    """Name the best head, and who else beats softmax."""
    row, comparison = better[0]
    sentence = (
        f"{row.name} beats its softmax by {wording.gap(comparison.points)} on the {part} "
        f"(McNemar {wording.p_equation(comparison.p_holm)} after Holm's correction)."
    )
    if len(better) > 1:
        others = phrases.listed([_short(*pair) for pair in better[1:]])
        sentence += f" So {'does' if len(better) == 2 else 'do'} {others}."
    return sentence


def _no_winner(compared: list[tuple[Row, SoftmaxComparison]], part: str, some_worse: bool, some_alone: bool) -> str:
    """Say that no head won, and how far the best one came; heads may stand without their own softmax."""
    row, comparison = compared[0]
    verb = "beats" if some_worse else "differs from"
    softmax = "its own softmax" if some_alone else "softmax"
    near = f"{row.name}, {wording.lead(comparison.points)}, {wording.p_equation(comparison.p_holm)}"
    if len(compared) > 1:
        # the head that validation chose is tested by itself, and may come to another result
        part += f" after Holm's correction for all {len(compared):,}"
        near = f"best against its own: {near}"
    return f"No head {verb} {softmax} beyond chance on the {part} ({near})."


def _losers(worse: list[tuple[Row, SoftmaxComparison]]) -> str:
    """Name the heads that softmax beats, the worst first."""
    if len(worse) == 1:
        row, comparison = worse[0]
        gap, p = wording.gap(comparison.points), wording.p_equation(comparison.p_holm)
        return f"{row.name} is worse than its softmax by {gap} ({p})."
    return f"Worse than their softmax: {phrases.listed([_short(*pair) for pair in worse])}."


def _short(row: Row, comparison: SoftmaxComparison) -> str:
    """A head with its difference and p-value, for a list."""
    return f"{row.name} ({wording.points(comparison.points)}, {wording.p_equation(comparison.p_holm)})"
