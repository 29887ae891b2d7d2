"""What is said of several runs: the verdict, warnings, and what deviation and p-values mean."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence

from hybridfer.evaluation import wording
from hybridfer.reporting.several import RepeatedCNN, RepeatedRow, SeveralRuns
from hybridfer.reporting.several_leads import Lead


def mean_and_deviation(accuracies: Sequence[float]) -> str:
    """Write the mean of accuracies in %, and their standard deviation in points where there are several.

    Parameters
    ----------
    accuracies : sequence of float
        Shares; at least one.

    Examples
    --------
    >>> mean_and_deviation([0.60, 0.62]), mean_and_deviation([0.615])
    ('61.0 ± 1.4', '61.5')
    """
    return wording.percent(statistics.fmean(accuracies)) + _deviation([100 * accuracy for accuracy in accuracies])


def lead_and_deviation(lead: Lead) -> str:
    """Write a mean lead in points with its sign, and its standard deviation where there are several runs.

    Examples
    --------
    >>> lead_and_deviation(Lead((0.9, 1.5), (0.1, 2.3), 0.04, 0.04)), lead_and_deviation(Lead((-0.5,), (-1, 0), 0.1, 0.1))
    ('+1.2 ± 0.4', '-0.5')
    """
    return wording.points(lead.mean) + _deviation(lead.points)


def verdict(runs: SeveralRuns) -> str:
    """Say what the comparison with softmax came to over the runs.

    Parameters
    ----------
    runs : SeveralRuns
        What was laid side by side.

    Returns
    -------
    str
        One sentence, and a second where heads are worse than softmax beyond chance.
    """
    compared = [(row, row.lead) for row in runs.rows if row.lead is not None]
    if not compared:
        best = max(runs.rows, key=lambda row: statistics.fmean(row.decisive), default=None)
        told = "" if best is None else f" (best: {best.name}, {mean_and_deviation(best.decisive)} %)"
        return f"Nothing was compared with softmax{told}."
    compared.sort(key=lambda pair: pair[1].mean, reverse=True)
    better = [pair for pair in compared if pair[1].is_better]
    worse = [pair for pair in compared if pair[1].is_worse]
    sentences = [_winners(better) if better else _no_winner(*compared[0], some_worse=bool(worse))]
    if worse:
        sentences.append(f"Worse than their softmax: {wording.listed([_short(*pair) for pair in worse[::-1]])}.")
    return " ".join(sentences)


def warnings(runs: SeveralRuns) -> tuple[str, ...]:
    """Say what must be known before the table is read: what each run warns of, and what was not averaged."""
    own = [
        f"{name}: {told}"
        for name, report in zip(runs.names, runs.reports, strict=True)
        for told in (*report.leaks, *report.warnings)
    ]
    apart = [told for cnn in runs.cnns for told in (cnn.apart, *cnn.remarks) if told]
    alone = ["No two runs are comparable: each mean is of one run."] if _all_alone(runs.rows) else []
    return (*own, *apart, *_test_images(runs.cnns), *alone, *_versions(runs))


def about_test(rows: Sequence[RepeatedRow]) -> str:
    """Explain the p-values in a sentence; empty where there are none."""
    leads = [row.lead for row in rows if row.lead is not None]
    if not leads:
        return ""
    repeated = [lead for lead in leads if len(lead.points) > 1]
    tests = []
    if repeated:
        tests.append(
            "whether the mean lead over the CNN's own softmax would stand on other images and in further runs, by a t test "
            "whose variance is that between images plus that between runs"
        )
    if len(repeated) < len(leads):
        tests.append(f"{'of a single run ' if repeated else ''}the exact McNemar test")
    heads = f"; corrected by Holm's method for all {len(leads)} heads" if len(leads) > 1 else ""
    return f"p: {'; '.join(tests)}{heads}."


def about_deviation(cnns: Sequence[RepeatedCNN]) -> str:
    """Explain what the deviation holds; empty where nothing is repeated."""
    repeated = [row for cnn in cnns for row in cnn.rows if len(row.folders) > 1]
    same = list(dict.fromkeys(row.feature for row in repeated if row.weights == 1))
    if not repeated:
        return ""
    if not same:
        return "The deviation (n - 1) holds the training of the CNN and of the heads."
    return (
        f"The runs share the weights of {wording.listed(same)}: their deviation (n - 1) holds the heads alone, not the "
        "training of the CNN."
    )


def seeds(numbers: Sequence[int | None]) -> str:
    """List seeds.

    Examples
    --------
    >>> seeds((0, 1, 2)), seeds((0, None)), seeds((None, None))
    ('0, 1, 2', '0, not told', 'not told')
    """
    told = ["not told" if number is None else str(number) for number in numbers]
    return "not told" if set(told) == {"not told"} else ", ".join(told)


def _deviation(points: Sequence[float]) -> str:
    """The standard deviation of several values."""
    return f" ± {statistics.stdev(points):.1f}" if len(points) > 1 else ""


def _winners(better: list[tuple[RepeatedRow, Lead]]) -> str:
    """Name the head that leads most, and who else beats softmax."""
    row, lead = better[0]
    runs = wording.count(len(lead.points), "run")
    ahead = f", ahead in {'all' if lead.ahead == len(lead.points) else lead.ahead}" if len(lead.points) > 1 else ""
    size = lead_and_deviation(lead).removeprefix("+")
    sentence = f"{row.name} beats its softmax by {size} points ({runs}{ahead}; {wording.p_equation(lead.p_holm)})."
    if len(better) > 1:
        others = wording.listed([_short(*pair) for pair in better[1:]])
        sentence += f" So {'does' if len(better) == 2 else 'do'} {others}."
    return sentence


def _no_winner(row: RepeatedRow, lead: Lead, some_worse: bool) -> str:
    """Say that no head won, and how far the best one came."""
    verb = "beats" if some_worse else "differs from"
    near = f"{lead_and_deviation(lead)} points, {wording.p_equation(lead.p_holm)}"
    return f"No head {verb} its softmax beyond chance (best: {row.name}, {near})."


def _short(row: RepeatedRow, lead: Lead) -> str:
    """A head with its lead and p-value, for a list."""
    return f"{row.name} ({lead_and_deviation(lead)}, {wording.p_equation(lead.p_holm)})"


def _test_images(cnns: Sequence[RepeatedCNN]) -> Iterator[str]:
    """Warn where even CNNs cannot be compared with one another."""
    scored: dict[str, list[str]] = defaultdict(list)
    for cnn in cnns:
        scored[cnn.repeats[0].conditions["test images"]].append(cnn.name)
    if len(scored) > 1:
        told = "; ".join(f"{wording.listed(names)} on {images}" for images, names in scored.items())
        yield f"Not all were scored on the same test images, and cannot be compared with one another: {told}."


def _all_alone(rows: Sequence[RepeatedRow]) -> bool:
    """Whether nothing was repeated."""
    return all(len(row.folders) == 1 for row in rows)


def _versions(runs: SeveralRuns) -> Iterator[str]:
    """Name the libraries of which the runs were made with different versions: no reason to part them, but one to know."""
    libraries = [report.environment.libraries for report in runs.reports]
    for name in sorted(set().union(*libraries)):
        versions = dict.fromkeys(found.get(name, "none") for found in libraries)
        if len(versions) > 1:
            yield f"The runs were made with different versions of {name}: {', '.join(versions)}."
