"""Which runs are laid together, and what their rows hold."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hybridfer.errors import HybridferError
from hybridfer.evaluation.feature_run import Epoch
from hybridfer.evaluation.over_runs import mean_lead_test
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.several.repeats import RunRow, SeveralError
from hybridfer.reporting.several.runs import SeveralRuns
from hybridfer.reporting.several.words import about_deviation, about_test, lead_and_deviation, trainings, verdict, warnings

FOLDERS = ("a", "b", "c")


@pytest.fixture(scope="module")
def report(make_report):
    heads = {"svm-linear": (0.09, 0.05), "svm-rbf": (0.5, 0.03), "forest": (0.11, 0.05), "knn": (0.1, 0.16)}
    return make_report(n=400, n_twins=40, heads={"compact": heads, "model_f": {"logistic": (0.06, 0.04)}})


def with_runs(report, **changes):
    return replace(report, features=tuple(replace(run, **changes) for run in report.features))


def repeated(report, seed: int):
    """The same run by another seed, of a CNN by another seed."""
    return replace(with_runs(report, weights_digest=f"{seed:064d}", training_seed=10 + seed), seed=seed)


def rerun(report, seed: int):
    """The same benchmark by another seed, whose rows answer a few of the images otherwise."""
    rng, table = np.random.default_rng(seed), report.predictions
    labels = {
        key: np.where(rng.random(given.size) < 0.02, rng.integers(0, 7, given.size), given)
        for key, given in table.predicted.items()
    }
    return with_answers(repeated(report, seed), labels)


def with_answers(report, labels):
    """The run with other answers, scored anew."""
    table = report.predictions
    predictions = {
        (row.feature, row.pipeline): Prediction(labels[row.feature, row.pipeline], None, row.is_softmax, row.best_params)
        for row in report.rows
    }
    rows = compare_rows(table.labels, table.twins, predictions, table.classes)
    return replace(report, rows=rows, predictions=replace(table, predicted=labels))


@pytest.fixture(scope="module")
def runs(report) -> SeveralRuns:
    return SeveralRuns(FOLDERS, tuple(rerun(report, seed) for seed in range(3)))


def row_of(runs: SeveralRuns, pipeline: str, feature: str = "compact"):
    (row,) = (row for row in runs.rows if (row.feature, row.pipeline) == (feature, pipeline))
    return row


def lines_of(runs: SeveralRuns, pipeline: str) -> list[RunRow]:
    (cnn,) = (cnn for cnn in runs.cnns if cnn.name == "compact")
    return [RunRow(repeat, row) for repeat in cnn.repeats for row in repeat.rows if row.pipeline == pipeline]


def test_a_row_holds_every_run_with_both_of_its_seeds(runs):
    row = row_of(runs, "svm-rbf")
    accuracies = [row.whole.accuracy for one in runs.reports for row in one.rows if row.name == "svm-rbf on compact"]
    assert (row.folders, row.seeds, row.cnn_seeds, row.weights) == (FOLDERS, (0, 1, 2), (10, 11, 12), 3)
    assert list(row.whole.runs) == accuracies
    assert len(set(accuracies)) > 1


def test_leads_are_those_on_the_twin_free_part_of_each_run(runs):
    row, leads = row_of(runs, "svm-rbf"), []
    for report in runs.reports:
        table, kept = report.predictions, ~report.predictions.twins
        right = [table.predicted["compact", name][kept] == table.labels[kept] for name in ("svm-rbf", "softmax")]
        leads.append(right[0].astype(int) - right[1])
    (low, high), p_value = mean_lead_test(leads)
    np.testing.assert_allclose(row.lead.points.runs, 100 * np.mean(leads, axis=1))
    np.testing.assert_allclose(row.lead.points_interval, (100 * low, 100 * high))
    assert row.lead.p_value == pytest.approx(p_value)
    assert row.lead.p_holm >= p_value
    assert row.lead.ahead == sum(np.mean(leads, axis=1) > 0)


def test_softmax_comes_first_and_then_the_best_head(runs):
    rows = [row for row in runs.rows if row.feature == "compact"]
    assert rows[0].is_softmax
    assert rows[0].lead is None
    means = [row.decisive.mean for row in rows[1:]]
    assert means == sorted(means, reverse=True)


def test_the_order_in_which_images_were_listed_is_no_matter(runs):
    order = np.random.default_rng(0).permutation(400)
    table = runs.reports[1].predictions
    shuffled = replace(
        table,
        names=table.names[order],
        labels=table.labels[order],
        digests=table.digests[order],
        twins=table.twins[order],
        predicted={key: labels[order] for key, labels in table.predicted.items()},
    )
    reports = (runs.reports[0], replace(runs.reports[1], predictions=shuffled), runs.reports[2])
    assert SeveralRuns(FOLDERS, reports).rows == runs.rows


def test_a_row_that_some_runs_lack_counts_the_runs_that_have_it(report):
    fewer = replace(repeated(report, 1), rows=tuple(row for row in report.rows if row.pipeline != "knn"))
    runs = SeveralRuns(("a", "b"), (report, fewer))
    assert row_of(runs, "knn").folders == ("a",)
    assert row_of(runs, "forest").folders == ("a", "b")
    (few,) = warnings(runs)
    assert few.startswith("a and b: Only 360 test images decide")


def other_table(**changes):
    def change(report):
        changed = {name: alter(getattr(report.predictions, name)) for name, alter in changes.items()}
        return replace(report, predictions=replace(report.predictions, **changed))

    return change


def other_data(**changes):
    return lambda report: replace(report, dataset=replace(report.dataset, **changes))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (other_table(digests=lambda digests: np.char.replace(digests, b"0", b"7")), "test images"),
        (other_table(labels=lambda labels: (labels + 1) % 7), "labels of the test images"),
        (other_table(twins=np.logical_not), "twins among them 360"),
        (other_table(classes=lambda classes: classes[::-1]), "classes neutral"),
        (other_data(image_shape=(64, 64)), "image size 64 x 64 (the others: 48 x 48)"),
        (other_data(counts={"train": (3,) * 7}), "train images by class 3, 3"),
        (other_data(dropped_twins=40), "twins dropped from train 40 (the others: none)"),
        (lambda report: replace(report, protocol=replace(report.protocol, refit="On all.")), 'refit "On all."'),
        (
            lambda report: replace(report, environment=replace(report.environment, hybridfer="9")),
            "hybridfer 9 (the others: 0.1.0)",
        ),
        (lambda report: with_runs(report, max_epochs=3), "max_epochs 3 (the others: not told)."),
        (lambda report: with_runs(report, epochs=3), "epochs 3 (the others: 40)"),
        (lambda report: with_runs(report, history=(Epoch(1, learning_rate=0.5),)), "first learning rate 0.5"),
        (lambda report: with_runs(report, layers=("conv4",)), "layers conv4 (the others: embedding)"),
        (lambda report: with_runs(report, views="flip"), "views flip (the others: single)"),
        (lambda report: with_runs(report, precision="bf16"), "precision bf16 (the others: not told)"),
        (lambda report: with_runs(report, network="tiny"), "network tiny"),
    ],
)
def test_what_is_not_comparable_stands_apart_and_says_why(report, change, told):
    runs = SeveralRuns(FOLDERS, (report, change(repeated(report, 1)), repeated(report, 2)))
    assert row_of(runs, "svm-rbf").folders == ("a", "c")
    assert row_of(runs, "svm-rbf", "compact (2)").folders == ("b",)
    assert f"compact of b stands apart as compact (2): {told}" in " ".join(warnings(runs))


def test_early_stopping_at_different_epochs_does_not_part_runs(report):
    reports = (with_runs(repeated(report, seed), max_epochs=80, epochs=40 + seed) for seed in range(2))
    assert row_of(SeveralRuns(("a", "b"), tuple(reports)), "knn").folders == ("a", "b")


def test_heads_whose_search_chose_other_parameters_stand_apart(report):
    def searched(row):
        return replace(row, best_params={"head__degree": 3}) if row.pipeline == "svm-rbf" else row

    other = replace(repeated(report, 1), rows=tuple(map(searched, report.rows)))
    runs = SeveralRuns(FOLDERS, (report, other, repeated(report, 2)))
    assert row_of(runs, "svm-rbf").folders == ("a", "c")
    assert row_of(runs, "svm-rbf (2)").folders == ("b",)
    assert row_of(runs, "forest").folders == FOLDERS
    assert "svm-rbf (2): chosen parameters head__degree (the others: head__C, head__gamma)" in " ".join(warnings(runs))


def test_heads_of_one_name_with_other_parameters_stand_apart(report):
    def of_trees(report, n):
        told = {"head": "forest", "parameters": {"n_estimators": n}}
        return replace(
            report, rows=tuple(replace(row, recipe=told) if row.pipeline == "forest" else row for row in report.rows)
        )

    reports = tuple(of_trees(repeated(report, seed), n) for seed, n in enumerate((100, 5, 100)))
    runs = SeveralRuns(FOLDERS, reports)
    assert row_of(runs, "forest").folders == ("a", "c")
    assert row_of(runs, "forest (2)").folders == ("b",)
    assert 'parameters {"n_estimators": 5} (the others: {"n_estimators": 100})' in " ".join(warnings(runs))


def test_runs_of_a_calibrated_training_are_averaged_whatever_their_temperatures(report):
    trained = [{"calibrate": True, "random_state": seed, "fitted_temperature": 1.1 + seed} for seed in range(2)]
    reports = (with_runs(repeated(report, seed), training=trained[seed]) for seed in range(2))
    assert row_of(SeveralRuns(("a", "b"), tuple(reports)), "knn").folders == ("a", "b")


def test_a_run_that_was_made_twice_counts_once(report):
    runs = SeveralRuns(FOLDERS, (report, report, repeated(report, 1)))
    assert row_of(runs, "knn").folders == ("a", "c")
    assert "b has the weights of compact and the seed of a: what both answer alike counts once." in warnings(runs)


def of_weights(report, seed: int):
    """A run by another seed of heads on the weights of a report."""
    other = rerun(report, 100 + seed)
    return replace(other, seed=seed, features=report.features)


def answering(report, pipeline: str, right: float):
    """The run with a head of one name that is right on another share of the images."""
    table, rng = report.predictions, np.random.default_rng(0)
    spoilt = np.where(rng.random(400) < right, table.labels, (table.labels + 1) % 7)
    labels = {key: spoilt if key[1] == pipeline else given for key, given in table.predicted.items()}
    return with_answers(report, labels)


def test_seeds_of_heads_on_the_same_weights_are_no_further_trainings(report):
    two = [rerun(report, seed) for seed in range(2)]
    five = [replace(one, seed=10 * seed) for one in two for seed in range(5)]
    few, many = SeveralRuns(("a", "b"), tuple(two)), SeveralRuns(tuple("abcdefghij"), tuple(five))
    for row, repeats in zip(few.rows, many.rows, strict=True):
        assert (repeats.name, len(repeats.folders), repeats.weights, trainings(repeats)) == (row.name, 10, 2, "2 (10 runs)")
        assert repeats.whole.mean == pytest.approx(row.whole.mean)
        assert repeats.whole.deviation == pytest.approx(row.whole.deviation)
        if row.lead is not None:
            assert repeats.lead.p_value == pytest.approx(row.lead.p_value)
            assert repeats.lead.points_interval == pytest.approx(row.lead.points_interval)
            assert lead_and_deviation(repeats.lead) == lead_and_deviation(row.lead)
    assert "(2 trainings in 10 runs, ahead in all; p" in verdict(many)


def test_a_deviation_is_told_to_be_what_it_is(report, runs):
    between = "The deviation (n - 1) is between trainings of the CNN, each with heads fitted on it"
    assert about_deviation(runs.cnns) == f"{between}."
    averaged = SeveralRuns(FOLDERS, (runs.reports[0], of_weights(runs.reports[0], 7), runs.reports[1]))
    assert about_deviation(averaged.cnns) == f"{between}; runs that share weights are averaged first."
    shared = SeveralRuns(("a", "b"), (report, of_weights(report, 1)))
    assert about_deviation(shared.cnns) == (
        "The runs share the weights of compact and model_f: their deviation (n - 1) is between seeds of the heads on these "
        "very weights, and holds nothing of the training of the CNN."
    )


def test_with_one_set_of_weights_the_images_alone_are_tested_and_the_verdict_is_of_these_weights(report):
    shared = SeveralRuns(FOLDERS, (report, of_weights(report, 1), of_weights(report, 2)))
    row = row_of(shared, "svm-rbf")
    leads = [line.lead for line in lines_of(shared, "svm-rbf")]
    assert row.lead.p_value == pytest.approx(mean_lead_test([np.mean(leads, axis=0)])[1])
    assert len(set(row.lead.points.runs)) > 1
    assert trainings(row) == "1 (3 runs)"
    assert "(3 runs of these very weights, ahead in all; p" in verdict(shared)
    assert "by a t test over images: of these very weights, not of further trainings" in about_test(shared.rows)
    assert "further trainings, by" not in about_test(shared.rows)


def test_two_trainings_alone_come_with_a_caution(runs, report):
    assert "Two trainings hardly tell" not in about_test(runs.rows)
    assert "Two trainings hardly tell" in about_test(SeveralRuns(("a", "b"), runs.reports[:2]).rows)


def test_different_heads_of_one_name_are_no_copies(report):
    reports = (answering(report, "knn", 0.6), answering(report, "knn", 0.9))
    runs = SeveralRuns(("a", "b"), reports)
    assert (row_of(runs, "knn").folders, row_of(runs, "knn (2)").folders) == (("a",), ("b",))
    assert row_of(runs, "forest").folders == ("a",)
    assert (
        "knn on compact has the same weights and seed in a and b but other answers: something differs that reports do not "
        "hold, such as the head's own recipe. Nothing is averaged: knn is of a and knn (2) is of b."
    ) in warnings(runs)


def test_a_run_that_may_repeat_either_of_two_heads_is_averaged_with_none(report):
    unlike = (answering(report, "knn", 0.6), answering(report, "knn", 0.9))
    runs = SeveralRuns(FOLDERS, (*unlike, repeated(answering(report, "knn", 0.9), 1)))
    assert [row_of(runs, name).folders for name in ("knn", "knn (2)", "knn (3)")] == [("a",), ("b",), ("c",)]
    assert "Which of them c would repeat is not known." in " ".join(warnings(runs))
    assert row_of(runs, "forest").folders == ("a", "c")


def test_runs_of_different_images_are_said_to_be_no_comparison_of_cnns(make_report, report):
    other = make_report(n=300, n_twins=0, heads={"tiny": {"knn": (0.1, 0.1)}})
    told = " ".join(warnings(SeveralRuns(("a", "b"), (report, other))))
    assert re.search(r"cannot be compared with one another: compact and model_f on 400 \(\w+\); tiny on 300", told)
    assert "No two runs are comparable" in told


def test_other_versions_of_a_library_are_told_and_part_nothing(report):
    environment = replace(report.environment, libraries={"numpy": "9.0"})
    runs = SeveralRuns(("a", "b"), (report, replace(repeated(report, 1), environment=environment)))
    assert warnings(runs)[1:] == ("The runs were made with different versions of numpy: 2.4.6, 9.0.",)
    assert row_of(runs, "knn").folders == ("a", "b")


def test_a_leak_in_one_run_is_told_with_its_folder_before_the_verdict(runs):
    leaking = SeveralRuns(FOLDERS, (runs.reports[0], with_runs(runs.reports[1], leak=Leak(50, 12)), runs.reports[2]))
    assert verdict(leaking).startswith("b: Do not trust this comparison: the CNNs of compact and model_f were trained on 12")
    assert verdict(leaking).endswith(verdict(runs))
    assert not any(leak.startswith("a: ") for leak in leaking.leaks)
    assert any(runs.stands_out(row) for row in runs.rows)
    assert not any(leaking.stands_out(row) for row in leaking.rows)


def test_a_leak_that_all_runs_have_is_told_once(runs):
    leaking = SeveralRuns(FOLDERS, tuple(with_runs(report, leak=Leak(50, 12)) for report in runs.reports))
    assert verdict(leaking).startswith("Do not trust this comparison: the CNNs of compact and model_f were trained on 12")
    assert verdict(leaking).count("were trained on") == 1


def test_the_verdict_is_that_of_the_corrected_test(runs, report):
    best = max((row for row in runs.rows if row.lead is not None), key=lambda row: row.lead.mean)
    assert best.lead.is_better
    assert verdict(runs).startswith(f"{best.name} beats its softmax by {best.lead.mean:.1f} ± ")
    assert "(3 runs, ahead in all; p < 0.001)" in verdict(runs)


@pytest.mark.parametrize(
    ("mended", "spoilt", "told"),
    [
        (0.05, 0.03, "No head differs from its softmax beyond chance (best: knn on compact, "),
        (0.05, 0.3, "No head beats its softmax beyond chance (best: knn on compact, -"),
    ],
)
def test_a_head_that_does_not_win_is_no_winner(make_report, mended, spoilt, told):
    report = make_report(n=400, n_twins=40, heads={"compact": {"knn": (mended, spoilt)}})
    runs = SeveralRuns(FOLDERS, tuple(rerun(report, seed) for seed in range(3)))
    assert verdict(runs).startswith(told)
    assert ("Worse than their softmax: knn on compact (" in verdict(runs)) == (spoilt > 0.1)


def test_softmax_alone_is_compared_with_nothing(runs):
    alone = [replace(one, rows=tuple(row for row in one.rows if row.is_softmax)) for one in runs.reports]
    assert verdict(SeveralRuns(FOLDERS, tuple(alone))).startswith("Nothing was compared with softmax (best: softmax on ")


def test_the_explanation_names_the_tests_that_were_made(runs, report):
    assert "t test" in about_test(runs.rows)
    assert "McNemar" not in about_test(runs.rows)
    alone = SeveralRuns(("a", "b"), (report, with_runs(repeated(report, 1), views="flip")))
    assert "t test" not in about_test(alone.rows)
    assert "p: the exact McNemar test; corrected" in about_test(alone.rows)


def test_a_run_without_predictions_is_refused(report):
    with pytest.raises(SeveralError, match=r"b has no predictions\.npz"):
        assert SeveralRuns(("a", "b"), (report, replace(report, predictions=None))).rows


def test_predictions_of_another_report_are_refused(report):
    table = replace(report.predictions, predicted={("compact", "softmax"): report.predictions.labels})
    with pytest.raises(SeveralError, match=r"predictions\.npz of b must hold every row.*lacks svm-linear on compact"):
        assert SeveralRuns(("a", "b"), (report, replace(report, predictions=table))).rows


def test_a_single_run_is_refused(report):
    with pytest.raises(SeveralError, match="At least two runs"):
        SeveralRuns(("a",), (report,))


def test_a_folder_counts_once(report, tmp_path):
    report.write(tmp_path / "a")
    with pytest.raises(SeveralError, match="several times"):
        SeveralRuns.read([tmp_path / "a", tmp_path / "a" / ".." / "a"])


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (("ada/a", "ada/b"), ("a", "b")),
        (("seed0/run", "seed1/run"), ("seed0/run", "seed1/run")),
        (("x/a/run", "y/a/run", "y/b"), ("x/a/run", "y/a/run", "b")),
    ],
)
def test_runs_are_named_without_what_is_above_their_folders(report, tmp_path, folders, names):
    for folder in folders:
        report.write(tmp_path / folder)
    assert SeveralRuns.read([tmp_path / folder for folder in folders]).names == names


def test_a_damaged_report_is_named(report, tmp_path):
    for name in "ab":
        report.write(tmp_path / name)
    (tmp_path / "b" / "report.json").write_text('{"format_version": 2}')
    with pytest.raises(HybridferError, match=r"b/report\.json"):
        SeveralRuns.read([tmp_path / "a", tmp_path / "b"])


def test_what_each_run_warns_of_its_rows_is_told_of_the_mean_too(report):
    def warned(report):
        rows = tuple(replace(row, warnings=("it is not trained enough",)) if row.is_softmax else row for row in report.rows)
        return replace(report, rows=rows)

    runs = SeveralRuns(("a", "b"), (warned(report), warned(repeated(report, 1))))
    assert "a and b: softmax on compact: it is not trained enough" in warnings(runs)
