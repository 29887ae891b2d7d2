"""The part of a model card that a benchmark tells: accuracy, classes, failures, confidence, subgroups and heads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.metrics import Scores
from hybridfer.evaluation.report import BenchmarkReport, ReportError
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.significance import wilson_interval
from hybridfer.networks import Network
from hybridfer.reporting import markdown_details as details
from hybridfer.reporting.cards.training import class_counts, fitted_temperature
from hybridfer.reporting.chosen_words import describe_chosen
from hybridfer.reporting.gfm import NONE, escape, fence, section, table
from hybridfer.reporting.shown import about_twins, decisive, part_in_words

NOT_COMPARED = "How the network differs between ages, genders and skin tones was not measured."

_VIEWS = {
    "single": "the image as it is",
    "flip": "the mean of the image and its mirror image",
    "ten-crop": "the mean of ten crops",
}
_HEADS = "A head is a classifier fitted on what the network computes, its features, in the place of softmax."
# of a digest, in an error
_DIGEST_LENGTH = 16
# pairs of classes that are told of
_CONFUSIONS = 5


def select_runs(report: BenchmarkReport, digest: str, features: str | None = None) -> BenchmarkReport:
    """Reduce a report to its runs of certain weights.

    Parameters
    ----------
    report : BenchmarkReport
        That may hold runs of other weights too.
    digest : str
        Of the weights, as `hybridfer.networks.Network.digest`.
    features : str, optional
        The feature recipe of the run that comes first; by default the order stays.

    Returns
    -------
    BenchmarkReport
        With the runs of these weights and their rows. Comparisons stay as they were corrected in the whole report.

    Raises
    ------
    ReportError
        If there is no run of these weights, or none by the recipe `features`.
    """
    runs = [run for run in report.features if run.weights_digest == digest]
    names = [run.recipe for run in runs]
    if not runs:
        held = ", ".join(f"{run.recipe} ({run.weights_digest[:_DIGEST_LENGTH]})" for run in report.features)
        raise ReportError(
            f"The report must hold a run of these weights, of the digest {digest[:_DIGEST_LENGTH]}; it holds "
            f"{held or 'none at all'}. Measure them with: hybridfer benchmark DATA -f RECIPE --weights WEIGHTS --out DIR"
        )
    if features is not None and features not in names:
        raise ReportError(
            f"features must be a recipe by which the report runs these weights, among {names}; got {features!r}."
        )
    runs.sort(key=lambda run: features is not None and run.recipe != features)
    return replace(report, features=tuple(runs), rows=tuple(row for row in report.rows if row.feature in names))


def leak_warning(measured: BenchmarkReport) -> str:
    """Say in bold what stands against all figures; nothing where nothing does."""
    return "\n\n".join(f"**{escape(leak)}**" for leak in measured.leaks)


def score_parts(measured: BenchmarkReport, network: Network) -> list[str]:
    """Tell what a benchmark found of a network.

    Parameters
    ----------
    measured : BenchmarkReport
        From `select_runs`; its first run is looked at class by class.
    network : Network
        The network of these runs.

    Returns
    -------
    list of str
        Sections of Markdown; empty ones of what the report does not hold.
    """
    softmax = replace(measured, rows=tuple(row for row in measured.rows if row.is_softmax))
    first = replace(
        softmax,
        features=measured.features[:1],
        rows=tuple(row for row in softmax.rows if row.feature == measured.features[0].recipe),
    )
    failures = [_failures(row, measured, network) for row in first.rows]
    return [
        section("Accuracy", "\n\n".join(_accuracy(measured, softmax))),
        section("Class by class", "\n\n".join(details.per_class(first))),
        section("Known failures", "\n\n".join(failures)),
        section("Confidence", _confidence(softmax, network)),
        section("Subgroups", "\n\n".join(details.subgroups(first)) or NOT_COMPARED),
        section("Classical heads", _chosen_head(measured) or _best_heads(measured)),
    ]


def _accuracy(measured: BenchmarkReport, softmax: BenchmarkReport) -> Iterator[str]:
    """On which images, how many of them the weights have seen, and a line for each recipe."""
    dataset, environment = measured.dataset, measured.environment
    yield f"Softmax on {escape(dataset.source)}, test split: {escape(dataset.test_split)}. {about_twins(measured)}".strip()
    yield _seen(measured.features[0])
    if softmax.rows:
        yield _accuracy_table(measured, softmax)
    else:
        yield "The report holds no softmax of these weights, only heads."
    warnings = [*measured.warnings, *(f"{row.name}: {warning}" for row in softmax.rows for warning in row.warnings)]
    if warnings:
        yield "Warnings:\n\n" + "\n".join(f"- {escape(warning)}" for warning in warnings)
    yield f"Measured with hybridfer {escape(environment.hybridfer)}, {escape(measured.created)}:"
    yield fence(measured.command, "sh")


def _seen(run: FeatureRun) -> str:
    """How many of the test images the weights know."""
    if run.leak is None:
        return "The weights do not say which images they were trained on: test images may be among them."
    told = "none of the test images"
    if run.leak.images:
        others = f"{run.leak.twin_free:,} of them no twins" if run.leak.twin_free else "all of them twins"
        told = f"{phrases.count(run.leak.images, 'test image')}, {others}"
    if not run.leak.may_be_more:
        return f"The weights have seen {told}."
    past = escape(wording.unknown_past(run.leak.untold, run.leak.other_shapes))
    return f"As far as they say, the weights have seen {told}; but {past}: further test images may be among it."


def _accuracy_table(measured: BenchmarkReport, softmax: BenchmarkReport) -> str:
    """A line for each recipe: the whole test split and, where there are twins, what is left without them."""
    # where every image is a twin, nothing is left without them
    with_part = 0 < measured.dataset.twins < measured.dataset.n_test
    header = ["recipe", "answers of", "accuracy", "95 %"]
    header += ["without twins", "95 %"] if with_part else []
    header += ["macro-F1", "95 %"]
    views = {run.recipe: _VIEWS.get(run.views, escape(run.views)) for run in measured.features}
    rows = [
        [escape(row.feature), views[row.feature], *_score_cells(row, with_part)]
        for run in measured.features
        for row in softmax.rows_of(run.recipe)
    ]
    part = ", without twins" if with_part else ""
    return "\n\n".join(
        [
            table(header, 2, rows),
            "In %, with Wilson's 95 % interval for accuracy and the percentile bootstrap's for macro-F1, the mean of the "
            f"classes' F1{part}.",
        ]
    )


def _score_cells(row: Row, with_part: bool) -> list[str]:
    """The figures of a softmax."""
    parts = [row.whole, row.twin_free] if with_part else [row.whole]
    cells = [cell for scores in parts for cell in _accuracy_cells(scores)]
    return [*cells, wording.percent(decisive(row).macro_f1), wording.interval(decisive(row).macro_f1_interval)]


def _accuracy_cells(scores: Scores | None) -> list[str]:
    """An accuracy and its interval."""
    if scores is None:
        return [NONE, NONE]
    return [wording.percent(scores.accuracy), wording.interval(scores.accuracy_interval)]


def _failures(row: Row, measured: BenchmarkReport, network: Network) -> str:
    """What the network takes for what, and which class it finds least, on the part that decides."""
    scores = decisive(row)
    names = [escape(one.name) for one in scores.per_class]
    mistaken = sorted(
        (
            (count, true, taken)
            for true, counts in enumerate(scores.confusion)
            for taken, count in enumerate(counts)
            if count and true != taken
        ),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    if not mistaken:
        return f"None of the {scores.n:,} images was taken for another class."
    told = [
        f"{names[true]}{'' if place else ' is taken'} for {names[taken]} ({count:,} of {scores.per_class[true].support:,})"
        for place, (count, true, taken) in enumerate(mistaken[:_CONFUSIONS])
    ]
    part = ", without twins" if row.twins is not None and row.twin_free is not None else ""
    largest = f"The largest confusions{part}: {phrases.listed(told)}."
    return f"{largest}\n\n{_least_found(scores, names, measured, network)}"


def _least_found(scores: Scores, names: list[str], measured: BenchmarkReport, network: Network) -> str:
    """The class with the lowest recall, what it is taken for, and how many images of it there were to learn from."""
    least = min((i for i, one in enumerate(scores.per_class) if one.support), key=lambda i: scores.per_class[i].recall)
    one, counts = scores.per_class[least], scores.confusion[least]
    low_high = wording.interval(wilson_interval(counts[least], one.support))
    told = (
        f"Least found is {names[least]}: {counts[least]:,} of {one.support:,}, a recall of {wording.percent(one.recall)} % "
        f"(95 %: {low_high})"
    )
    others = {i: count for i, count in enumerate(counts) if i != least and count}
    if others:
        taken = max(others, key=lambda i: others[i])
        told += f", most often taken for {names[taken]} ({others[taken]:,})"
    return f"{told}. {_learnt_from(one.name, measured, network)}".strip()


def _learnt_from(name: str, measured: BenchmarkReport, network: Network) -> str:
    """How many images of a class there were to learn from: of the training itself, or else of the report's train split."""
    own = class_counts(network, "train_counts")
    if name in own:
        return f"The network was trained on {phrases.count(own[name], 'image')} of it, of {sum(own.values()):,} in all."
    dataset = measured.dataset
    counts = dict(zip(dataset.classes, dataset.counts.get("train", ()), strict=False))
    told = "The weights file does not say how many images of it there were in training"
    if name not in counts:
        return f"{told}."
    return f"{told}; the train split of the report has {counts[name]:,}, of {sum(counts.values()):,} images in all."


def _confidence(softmax: BenchmarkReport, network: Network) -> str:
    """The confidence of softmax, and whether its probabilities were calibrated before."""
    told, temperature = details.confidence(softmax), fitted_temperature(network)
    if not told or not temperature:
        return told
    return (
        f"The probabilities are calibrated: at the end of the training the logits were divided by {temperature}, the "
        f"temperature that fitted the images held out for validation. All that follows comes after it.\n\n{told}"
    )


def _chosen_head(measured: BenchmarkReport) -> str:
    """The one comparison that was planned, where the head that validation chose is one on these weights."""
    chosen = measured.chosen
    if chosen is None:
        return ""
    rows = [row for row in measured.rows_of(chosen.feature) if row.pipeline == chosen.pipeline]
    if not rows:
        return ""
    accuracy = f"{chosen.name} is right in {wording.percent(decisive(rows[0]).accuracy)} % of {part_in_words(measured)}."
    texts = [_HEADS, escape(f"{describe_chosen(measured)} {accuracy}"), details.chosen_table(measured)]
    return "\n\n".join(text for text in texts if text)


def _best_heads(measured: BenchmarkReport) -> str:
    """For each recipe its best head, and the test against softmax."""
    lines = []
    for run in measured.features:
        heads = [row for row in measured.rows_of(run.recipe) if not row.is_softmax]
        for head in heads[:1]:
            chosen = f" (the best of {len(heads):,} on these very images, which favours it)" if len(heads) > 1 else ""
            part = " without twins" if head.twins is not None and head.twin_free is not None else ""
            accuracy = wording.percent(decisive(head).accuracy)
            lines.append(f"- {escape(head.name)}{chosen}: {accuracy} % right{part}{_against_softmax(head)}.")
    return "\n\n".join([_HEADS, "\n".join(lines)]) if lines else ""


def _against_softmax(head: Row) -> str:
    """A head's test against the softmax of the same network."""
    test = head.versus_softmax
    if test is None:
        return "; it was not compared with softmax"
    outcome = "a difference" if test.is_better or test.is_worse else "no difference"
    return (
        f", {wording.lead(test.points)} {wording.points_interval(test.points_interval)} against softmax: {outcome} "
        f"beyond chance (exact McNemar test, {wording.p_equation(test.p_holm)} after Holm's correction for all comparisons "
        "of the report)"
    )
