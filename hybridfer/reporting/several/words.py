"""What is said of several runs: the verdict, warnings, and what deviation and p-values mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.over_runs import OverRuns
from hybridfer.reporting.several.leads import Lead
from hybridfer.reporting.several.rows import RepeatedRow
from hybridfer.reporting.several.runs import RepeatedCNN, SeveralRuns


def mean_and_deviation(accuracies: OverRuns) -> str:
    """Write the mean of accuracies in %, and their standard deviation in points where there are several.

    Parameters
    ----------
    accuracies : OverRuns
        Shares.

    Examples
    --------
    >>> mean_and_deviation(OverRuns.of([0.60, 0.62], ["a", "b"])), mean_and_deviation(OverRuns.of([0.615], ["a"]))
    ('61.0 ± 1.4', '61.5')
    """
    deviation = accuracies.deviation
    return wording.percent(accuracies.mean) + _plus_minus(None if deviation is None else 100 * deviation)


def lead_and_deviation(lead: Lead) -> str:
    """Write a mean lead in points with its sign, and its standard deviation where there are several runs.

    Examples
    --------
    >>> lead_and_deviation(Lead(OverRuns.of([0.9, 1.5], ["a", "b"]), (0.1, 2.3), 0.04, 0.04))
    '+1.2 ± 0.4'
    >>> lead_and_deviation(Lead(OverRuns.of([-0.5], ["a"]), (-1, 0), 0.1, 0.1))
    '-0.5'
    """
    return wording.points(lead.mean) + _plus_minus(lead.points.deviation)


def trainings(row: RepeatedRow) -> str:
    """Write how many trainings of the CNN a row is of and, where these are fewer, in how many runs."""
    runs = len(row.folders)
    return str(runs) if row.weights == runs else f"{row.weights} ({phrases.count(runs, 'run')})"


def verdict(runs: SeveralRuns) -> str:
    """Say what the comparison with softmax came to over the runs.

    Parameters
    ----------
    runs : SeveralRuns
        What was laid side by side.

    Returns
    -------
    str
        The leaks, then one sentence, and a second where heads are worse than softmax beyond chance.
    """
    return " ".join([*runs.leaks, _outcome(runs)])


def _outcome(runs: SeveralRuns) -> str:
    """The verdict without the leaks."""
    compared = [(row, row.lead) for row in runs.rows if row.lead is not None]
    if not compared:
        best = max(runs.rows, key=lambda row: row.decisive.mean, default=None)
        told = "" if best is None else f" (best: {best.name}, {mean_and_deviation(best.decisive)} %)"
        return f"Nothing was compared with softmax{told}."
    compared.sort(key=lambda pair: pair[1].mean, reverse=True)
    better = [pair for pair in compared if pair[1].is_better]
    worse = [pair for pair in compared if pair[1].is_worse]
    sentences = [_winners(better) if better else _no_winner(*compared[0], some_worse=bool(worse))]
    if worse:
        sentences.append(f"Worse than their softmax: {phrases.listed([_short(*pair) for pair in worse[::-1]])}.")
    return " ".join(sentences)


def warnings(runs: SeveralRuns) -> tuple[str, ...]:
    """Say what must be known before the table is read: what each run warns of, and what was not averaged.

    The leaks stand in the verdict.
    """
    named: dict[str, list[str]] = {}
    for name, report in zip(runs.names, runs.reports, strict=True):
        of_rows = [f"{row.name}: {warning}" for row in report.rows for warning in row.warnings]
        for told in (*report.warnings, *of_rows):
            named.setdefault(told, []).append(name)
    own = [f"{phrases.listed(names)}: {told}" for told, names in named.items()]
    apart = [told for cnn in runs.cnns for told in (cnn.apart, *cnn.remarks) if told]
    alone = ["No two runs are comparable: each mean is of one run."] if _all_alone(runs.rows) else []
    return (*own, *apart, *_test_images(runs.cnns), *alone, *_versions(runs))


def about_test(rows: Sequence[RepeatedRow]) -> str:
    """Explain the p-values in a sentence; empty where there are none."""
    leads = [row.lead for row in rows if row.lead is not None]
    if not leads:
        return ""
    heads = f"; corrected by Holm's method for all {len(leads)} heads" if len(leads) > 1 else ""
    return f"p: {'; '.join(_tests([lead.points for lead in leads]))}{heads}.{_caution(leads)}"


def about_deviation(cnns: Sequence[RepeatedCNN]) -> str:
    """Explain what the deviation holds; empty where nothing is repeated."""
    shared = [name for cnn in cnns for name in _of_shared_weights(cnn)]
    between = [row for cnn in cnns for row in cnn.rows if row.weights > 1]
    sentences = []
    if between:
        averaged = any(len(row.folders) > row.weights for row in between)
        sentences.append(
            "The deviation (n - 1) is between trainings of the CNN, each with heads fitted on it"
            f"{'; runs that share weights are averaged first' if averaged else ''}."
        )
    if shared:
        sentences.append(
            f"The runs share the weights of {phrases.listed(shared)}: their deviation (n - 1) is between seeds of the heads "
            "on these very weights, and holds nothing of the training of the CNN."
        )
    return " ".join(sentences)


def seeds(numbers: Sequence[int | None]) -> str:
    """List seeds.

    Examples
    --------
    >>> seeds((0, 1, 2)), seeds((0, None)), seeds((None, None))
    ('0, 1, 2', '0, not told', 'not told')
    """
    told = ["not told" if number is None else str(number) for number in numbers]
    return "not told" if set(told) == {"not told"} else ", ".join(told)


def _plus_minus(deviation: float | None) -> str:
    """A standard deviation behind its mean; nothing where there is none."""
    return "" if deviation is None else f" ± {deviation:.1f}"


def _tests(points: Sequence[OverRuns]) -> list[str]:
    """Name the tests that were made of leads, by what was repeated."""
    what = "whether the mean lead over the CNN's own softmax would stand"
    tests = []
    if any(len(lead.trainings) > 1 for lead in points):
        tests.append(
            f"{what} on other images and in further trainings, by a t test whose variance is that between images plus that "
            "between trainings"
        )
    if any(len(lead.runs) > len(lead.trainings) == 1 for lead in points):
        told = f"of runs that share their weights, {'the same' if tests else what} on other images"
        tests.append(f"{told}, by a t test over images: of these very weights, not of further trainings")
    if any(len(lead.runs) == 1 for lead in points):
        tests.append(f"{'of a single run ' if tests else ''}the exact McNemar test")
    return tests


def _caution(leads: Sequence[Lead]) -> str:
    """Say where p is too small: `mean_lead_test` has the figures."""
    if not any(len(lead.points.trainings) == 2 for lead in leads):
        return ""
    return (
        " Two trainings hardly tell how much trainings differ: at p below 0.05 up to 13 of 100 leads that are none pass. "
        "Train more often to be sure."
    )


def _of_shared_weights(cnn: RepeatedCNN) -> list[str]:
    """Name the CNN if all runs of its rows share their weights, or else the rows whose runs do."""
    repeated = [row for row in cnn.rows if len(row.folders) > 1]
    shared = [row.name for row in repeated if row.weights == 1]
    return [cnn.name] if shared and len(shared) == len(repeated) else shared


def _winners(better: list[tuple[RepeatedRow, Lead]]) -> str:
    """Name the head that leads most, and who else beats softmax."""
    row, lead = better[0]
    size = lead_and_deviation(lead).removeprefix("+")
    sentence = f"{row.name} beats its softmax by {size} points ({_evidence(lead)}; {wording.p_equation(lead.p_holm)})."
    if len(better) > 1:
        others = phrases.listed([_short(*pair) for pair in better[1:]])
        sentence += f" So {'does' if len(better) == 2 else 'do'} {others}."
    return sentence


def _evidence(lead: Lead) -> str:
    """How many runs and trainings a lead rests on, and in how many of them the head is ahead."""
    n_runs, n_trainings = len(lead.points.runs), len(lead.points.trainings)
    told = phrases.count(n_runs, "run")
    if n_runs == 1:
        return told
    if n_trainings == 1:
        told += " of these very weights"
    elif n_trainings < n_runs:
        told = f"{phrases.count(n_trainings, 'training')} in {told}"
    return f"{told}, ahead in {'all' if lead.ahead == len(lead.points.repeated) else lead.ahead}"


def _no_winner(row: RepeatedRow, lead: Lead, some_worse: bool) -> str:
    """Say that no head won, and how far the best one came."""
    verb = "beats" if some_worse else "differs from"
    weights = " of these very weights" if len(lead.points.runs) > len(lead.points.trainings) == 1 else ""
    near = f"{lead_and_deviation(lead)} points{weights}, {wording.p_equation(lead.p_holm)}"
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
        told = "; ".join(f"{phrases.listed(names)} on {images}" for images, names in scored.items())
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
