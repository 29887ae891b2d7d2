"""Which runs are laid together, and what their rows hold."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hybridfer.errors import HybridferError
from hybridfer.evaluation.feature_run import Epoch
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.several import SeveralRuns
from hybridfer.reporting.several_leads import mean_lead_test
from hybridfer.reporting.several_repeats import SeveralError
from hybridfer.reporting.several_words import about_deviation, about_test, verdict, warnings

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
    predictions = {
        (row.feature, row.pipeline): Prediction(labels[row.feature, row.pipeline], None, row.is_softmax, row.best_params)
        for row in report.rows
    }
    rows = compare_rows(table.labels, table.twins, predictions, table.classes)
    return replace(repeated(report, seed), rows=rows, predictions=replace(table, predicted=labels))


@pytest.fixture(scope="module")
def runs(report) -> SeveralRuns:
    return SeveralRuns(FOLDERS, tuple(rerun(report, seed) for seed in range(3)))


def row_of(runs: SeveralRuns, pipeline: str, feature: str = "compact"):
    (row,) = (row for row in runs.rows if (row.feature, row.pipeline) == (feature, pipeline))
    return row


def test_a_row_holds_every_run_with_both_of_its_seeds(runs):
    row = row_of(runs, "svm-rbf")
    accuracies = [row.whole.accuracy for one in runs.reports for row in one.rows if row.name == "svm-rbf on compact"]
    assert (row.folders, row.seeds, row.cnn_seeds, row.weights) == (FOLDERS, (0, 1, 2), (10, 11, 12), 3)
    assert list(row.whole) == accuracies
    assert len(set(accuracies)) > 1


def test_leads_are_those_on_the_twin_free_part_of_each_run(runs):
    row, leads = row_of(runs, "svm-rbf"), []
    for report in runs.reports:
        table, kept = report.predictions, ~report.predictions.twins
        right = [table.predicted["compact", name][kept] == table.labels[kept] for name in ("svm-rbf", "softmax")]
        leads.append(right[0].astype(int) - right[1])
    (low, high), p_value = mean_lead_test(leads)
    np.testing.assert_allclose(row.lead.points, 100 * np.mean(leads, axis=1))
    np.testing.assert_allclose(row.lead.points_interval, (100 * low, 100 * high))
    assert row.lead.p_value == pytest.approx(p_value)
    assert row.lead.p_holm >= p_value
    assert row.lead.ahead == sum(np.mean(leads, axis=1) > 0)


def test_softmax_comes_first_and_then_the_best_head(runs):
    rows = [row for row in runs.rows if row.feature == "compact"]
    assert rows[0].is_softmax
    assert rows[0].lead is None
    means = [np.mean(row.decisive) for row in rows[1:]]
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
    assert warnings(runs) == ()


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


def test_a_run_that_was_made_twice_counts_once(report):
    runs = SeveralRuns(FOLDERS, (report, report, repeated(report, 1)))
    assert row_of(runs, "knn").folders == ("a", "c")
    assert "b has the weights of compact and the seed of a: what both have counts once." in warnings(runs)


def test_shared_weights_are_told(report):
    runs = SeveralRuns(("a", "b"), (report, replace(report, seed=1)))
    assert "share the weights of compact and model_f" in about_deviation(runs.cnns)


def test_runs_of_different_images_are_said_to_be_no_comparison_of_cnns(make_report, report):
    other = make_report(n=300, n_twins=0, heads={"tiny": {"knn": (0.1, 0.1)}})
    told = " ".join(warnings(SeveralRuns(("a", "b"), (report, other))))
    assert re.search(r"cannot be compared with one another: compact and model_f on 400 \(\w+\); tiny on 300", told)
    assert "No two runs are comparable" in told


def test_other_versions_of_a_library_are_told_and_part_nothing(report):
    environment = replace(report.environment, libraries={"numpy": "9.0"})
    runs = SeveralRuns(("a", "b"), (report, replace(repeated(report, 1), environment=environment)))
    assert warnings(runs) == ("The runs were made with different versions of numpy: 2.4.6, 9.0.",)
    assert row_of(runs, "knn").folders == ("a", "b")


def test_a_leak_in_one_run_is_told_with_its_folder(report):
    leaking = with_runs(repeated(report, 1), leak=Leak(50, 12))
    told = warnings(SeveralRuns(("a", "b"), (report, leaking)))
    assert told[0].startswith("b: Do not trust this comparison: the CNN of compact was trained on 12")
    assert not any(warning.startswith("a: ") for warning in told)


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


def test_a_damaged_report_is_named(report, tmp_path):
    for name in "ab":
        report.write(tmp_path / name)
    (tmp_path / "b" / "report.json").write_text('{"format_version": 2}')
    with pytest.raises(HybridferError, match=r"b/report\.json"):
        SeveralRuns.read([tmp_path / "a", tmp_path / "b"])
