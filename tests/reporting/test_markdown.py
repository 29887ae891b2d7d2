import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from hybridfer.audit.report import AuditReport, Duplicates, NearDuplicates
from hybridfer.evaluation.calibration import scale_temperature
from hybridfer.evaluation.metrics import score
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.markdown import render_markdown


def section(text: str, title: str) -> str:
    """The part of a report under a heading, up to the next of the same or a higher level."""
    level, rest = re.split(rf"^(#+) {re.escape(title)}.*\n", text, maxsplit=1, flags=re.MULTILINE)[1:]
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str, n: int = 0) -> list[list[str]]:
    """The cells of a section's n-th table, headings first, without its rule."""
    blocks = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    lines = [[cell.strip().strip("*") for cell in line.strip("|").split(" | ")] for line in blocks[n].splitlines()]
    return [lines[0], *lines[2:]]


@pytest.fixture(scope="module")
def report(make_report) -> BenchmarkReport:
    return make_report()


@pytest.fixture(scope="module")
def text(report) -> str:
    return render_markdown(report)


def test_the_verdict_comes_first(text, report):
    title, verdict = text.split("\n\n")[:2]
    assert title == "# Softmax or hybrid: fer2013.zip"
    assert verdict == f"**{report.verdict}**"


def test_the_decisive_table_is_without_twins(text, report):
    cells = table(section(text, "Without twins"))
    rows = {(row.feature, row.pipeline): row for row in report.rows}
    assert len(cells) == 1 + len(rows)
    for line in cells[1:]:
        row = rows[line[0], line[1]]
        assert line[2] == f"{100 * row.twin_free.accuracy:.1f}"
        assert line[4] == f"{100 * row.twin_free.macro_f1:.1f}"
        assert line[6] == ("-" if row.is_softmax else f"{row.versus_softmax.points:+.1f}")
        assert line[9] == ("best" if row.versus_best is None else f"{row.versus_best.points:+.1f}")


def test_only_heads_that_beat_softmax_are_bold(text):
    bold = re.findall(r"^\| \*\*\w+\*\* *\| \*\*([\w-]+)\*\*", text, re.MULTILINE)
    assert bold == ["svm-rbf", "forest"]


def test_the_whole_split_stands_beside_the_twins(text, report):
    cells = table(section(text, "The whole test split"))
    rows = {(row.feature, row.pipeline): row for row in report.rows}
    for line in cells[1:]:
        row = rows[line[0], line[1]]
        assert line[2] == f"{100 * row.whole.accuracy:.1f}"
        assert line[6] == f"{100 * row.twins.accuracy:.1f}"


def test_the_tests_that_p_values_are_corrected_for_are_counted(report, text):
    heads, k = sum(row.versus_softmax is not None for row in report.rows), len(report.rows)
    told = f"against softmax for all {heads} such heads, against the best row for all {k * (k - 1) // 2} pairs of rows."
    assert told in section(text, "Without twins")


def test_calibration_is_told_before_and_after_scaling(text, report):
    cells = table(section(text, "Confidence"))
    # heads of these reports give no probabilities
    assert [line[:2] for line in cells[1:]] == [["compact", "softmax"], ["model_f", "softmax"]]
    for line in cells[1:]:
        row = report.rows_of(line[0])[0]
        assert line[2] == f"{100 * row.temperature.error_before:.1f}" == f"{100 * row.whole.calibration_error:.1f}"
        bins = row.whole.reliability
        surer = 100 * sum(one.n * (one.confidence - one.accuracy) for one in bins) / sum(one.n for one in bins)
        assert float(line[3]) == pytest.approx(surer, abs=0.051)
        assert line[4] == f"{row.temperature.value:.2f}"
        assert line[5] == f"{100 * row.temperature.error_after:.1f}"
        assert line[7] == f"{100 * row.whole.selective.accuracies[15]:.1f}"
        assert line[9] == f"{100 * row.whole.accuracy:.1f}"


def test_a_row_without_a_temperature_has_a_dash(report):
    bare = replace(report, rows=tuple(replace(row, temperature=None) for row in report.rows))
    assert table(section(render_markdown(bare), "Confidence"))[1][4:6] == ["-", "-"]


def test_a_report_of_before_bins_were_told_does_not_say_who_is_too_sure(report):
    earlier = replace(report, rows=tuple(replace(row, whole=replace(row.whole, reliability=None)) for row in report.rows))
    assert table(section(render_markdown(earlier), "Confidence"))[1][3] == "-"


def test_neighbours_that_are_too_sure_are_told_to_be_whatever_their_temperature(make_report):
    # one neighbour is always sure; its zeros, taken for half a vote, ask for a temperature below 1
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 1000)
    said = np.where(rng.random(1000) < 0.6, y, (y + 1) % 3)
    scores, scaled = score(y, said, np.eye(3)[said], "abc"), scale_temperature(y, np.eye(3)[said], y, np.eye(3)[said])
    assert scaled.value < 1
    report = make_report()
    rows = tuple(replace(row, whole=scores, temperature=scaled) for row in report.rows)
    told = section(render_markdown(replace(report, rows=rows)), "Confidence")
    assert {line[3] for line in table(told)[1:]} == {f"{100 * (1 - scores.accuracy):+.1f}"}
    assert "above 1 the classifier was too sure" not in told


def preferred_over(report, pipeline):
    """Let validation prefer one head of compact, which need not be the best on test."""
    rows = (replace(row, validation_accuracy=0.9 if row.pipeline == pipeline else 0.6) for row in report.rows)
    return replace(report, rows=tuple(rows))


def test_subgroups_are_shown_for_softmax_and_the_head_that_validation_preferred(make_report):
    n = 300
    values = np.where(np.arange(n) < 20, "60+", np.where(np.arange(n) % 2, "20-29", "30-39"))
    report = preferred_over(make_report(n=n, groups={"age_group": values}), "forest")
    cells = table(section(render_markdown(report), "compact: softmax and forest"))
    softmax, best = (row for row in report.rows_of("compact") if row.pipeline in ("softmax", "forest"))
    assert report.rows_of("compact")[1].pipeline != "forest"
    assert cells[0] == ["column", "group", "images", "softmax", "95 %", best.pipeline, "95 %"]
    for line, first, second in zip(cells[1:], softmax.subgroups, best.subgroups, strict=True):
        assert line[0] == "age_group"
        assert line[1].removesuffix(" (too few to judge)") == first.value
        assert line[2] == str(first.n)
        assert [line[3], line[5]] == [f"{100 * first.accuracy:.1f}", f"{100 * second.accuracy:.1f}"]
    assert [line[1] for line in cells[1:]] == ["20-29", "30-39", "60+ (too few to judge)"]


def test_without_subgroups_there_is_no_such_section(text):
    assert "## Subgroups" not in text


def test_the_audit_is_told_where_it_was_made(make_report, text):
    assert "## Audit" not in text
    exact, near = Duplicates(8, 17, 9, 7, 2), NearDuplicates("64-bit hashes", 11, 4261, 53, 3, 6, 1, 0)
    audit = AuditReport("a", 5000, ("happy",), {"train": (5000,)}, 16.5, exact, near, 4, ("x.jpg: empty",), ())
    told = section(render_markdown(make_report(n=200, audit=audit)), "Audit")
    assert table(told)[1:] == [["identical", "8", "17", "7", "2"], ["nearly identical", "3", "6", "1", "0"]]
    for fact in ("5,000 images", "Copies beyond the first of each: 9.", "Blank: 4.", "Unreadable: 1.", "has 16.5 times"):
        assert fact in told


def test_the_time_of_each_stage_is_told(make_report):
    report = make_report(n=200)
    report = replace(report, dataset=replace(report.dataset, read_seconds=2.0))
    told = section(render_markdown(report), "Time")
    n = sum(map(sum, report.dataset.counts.values()))
    assert table(told)[1] == ["read and decode", "2.0", f"{n / 2:,.0f}"]
    assert ["train compact", "1,834.2", "-"] in table(told)
    assert ["extract with compact, 35,887 images through the CNN", "6.0", "5,981"] in table(told)
    # a head of these reports takes 0.9 seconds for 200 images
    assert ["compact", "svm-rbf", "84.2", "21.7", "0.9", "222"] in table(told, 1)


def test_dropped_twins_are_counted(make_report):
    report = make_report(n=200, n_twins=0)
    assert "Dropped from train" not in render_markdown(report)
    dropped = replace(report, dataset=replace(report.dataset, dropped_twins=1))
    assert "their pixels are in the test split too: 1 image." in render_markdown(dropped)


def test_the_kept_epoch_and_the_balancing_are_told(make_report):
    report = make_report(n=200)
    run = replace(report.features[0], restored_epoch=31, trained_counts=(7215,) * 7)
    text = render_markdown(replace(report, features=(run, *report.features[1:])))
    assert "40 epochs, of which number 31 was kept" in text
    assert "- training images after balancing: 50,505 an epoch" in text


def test_the_training_of_a_cnn_is_told_with_its_seed_and_where_its_weights_came_from(make_report):
    report = make_report(n=200)

    def told(**changes) -> str:
        run = replace(report.features[0], **changes)
        return section(render_markdown(replace(report, features=(run,), rows=report.rows_of(run.recipe))), "CNNs")

    assert "- weights: `3f9a0c1d3f9a0c1d`, loaded from a weights file\n" in told(weights_origin="file")
    assert ", of a training that an earlier run had finished\n" in told(weights_origin="earlier run")
    assert "- training: 40 epochs of at most 60, seed 0\n" in told(training_seed=0, max_epochs=60)
    assert "- training: 40 epochs, seed 3\n" in told(training_seed=3, max_epochs=40)
    assert "- training: 40 epochs\n" in told()


def test_a_choice_at_the_end_of_its_grid_is_told(make_report):
    report = make_report(n=200)
    assert "wider grid" not in render_markdown(report)
    rows = [replace(row, grid_ends={"head__C": "largest"}) if row.pipeline == "knn" else row for row in report.rows]
    told = section(render_markdown(replace(report, rows=tuple(rows))), "Chosen parameters")
    assert told.count("A wider grid may do better") == 1
    assert "- knn on compact: head__C = 10.0 is the largest of its grid\n" in told


def test_twins_and_heads_are_explained_right_below_the_verdict(text, report, make_report):
    # between them what validation chose: a paragraph and a table
    explained = text.split("\n\n")[4]
    twins, n = report.dataset.twins, report.dataset.n_test
    assert "a head is a classifier" in explained
    assert f"Of the {n:,} test images {twins:,} are twins" in explained
    assert f"The twin-free part, which decides, is the other {n - twins:,}." in explained
    assert "twin" not in render_markdown(make_report(n=100, n_twins=0)).split("## ")[0]


def test_missing_classes_are_warned_of_below_the_verdict(make_report):
    report = make_report(n=200)
    counts = {**report.dataset.counts, "validation": (0, *report.dataset.counts["validation"][1:])}
    text = render_markdown(replace(report, dataset=replace(report.dataset, counts=counts)))
    assert "\nWarnings:\n\n- Only 184 test images decide: " in text
    assert "\n- Validation has no image of angry: " in text


def test_softmax_alone_is_shown_without_empty_columns(make_report):
    text = render_markdown(make_report(n=200, heads={"compact": {}}))
    assert "**Nothing was compared: the table holds softmax alone (best: softmax on compact, " in text
    assert "vs softmax" not in text
    assert "vs best" not in text
    assert "Holm" not in text
    assert "## Chosen parameters" not in text


def test_one_comparison_is_not_corrected(make_report):
    text = render_markdown(make_report(n=200, heads={"compact": {"forest": (0.1, 0.05)}}))
    assert "the only one of this report, so that Holm's correction changes nothing" in text


def test_without_twins_one_table_is_enough(make_report):
    text = render_markdown(make_report(n=300, n_twins=0))
    assert "whole test split" not in section(text, "The table")
    assert len(table(section(text, "The table"))) == 8


def test_classes_are_shown_for_softmax_and_the_head_that_validation_preferred(report):
    part = section(render_markdown(preferred_over(report, "svm-rbf")), "compact: softmax and svm-rbf, without twins")
    cells = table(part)
    free = ~report.predictions.twins
    y = report.predictions.labels[free]
    expected = [
        precision_recall_fscore_support(y, report.predictions.predicted["compact", pipeline][free])[:3]
        for pipeline in ("softmax", "svm-rbf")
    ]
    found = np.array([[float(cell) for cell in line[2:]] for line in cells[1:]])
    np.testing.assert_allclose(found, 100 * np.vstack(expected).T, atol=0.05001)
    assert sum(int(line[1]) for line in cells[1:]) == free.sum()


def test_confusion_matrices_count_every_decisive_image(report):
    cells = table(section(render_markdown(preferred_over(report, "svm-rbf")), "compact: softmax and svm-rbf"), 2)
    counts = np.array([[int(cell) for cell in line[1:]] for line in cells[1:]])
    assert counts.sum() == (~report.predictions.twins).sum()
    assert counts.trace() / counts.sum() == pytest.approx(report.rows_of("compact")[1].twin_free.accuracy)


def test_how_the_heads_that_are_shown_were_chosen_is_told(report, make_report):
    assert "the one is shown closely that was best on validation" in section(render_markdown(report), "How it was measured")
    unknown = replace(report, rows=tuple(replace(row, validation_accuracy=None) for row in report.rows))
    assert "as none was scored on validation" in section(render_markdown(unknown), "How it was measured")
    alone = make_report(n=200, heads={"compact": {"forest": (0.1, 0.05)}})
    assert "the one is shown closely" not in render_markdown(alone)


def test_protocol_data_features_and_versions_are_told(text, report):
    for sentence in (report.protocol.network, report.protocol.tuning, report.protocol.refit, report.protocol.scoring):
        assert f"- {sentence}" in section(text, "How it was measured")
    assert table(section(text, "Images"))[1][-1] == "28,709"
    assert "PrivateTest" in section(text, "Images")
    assert "4,474,759 trainable parameters" in section(text, "CNNs")
    assert f"```sh\n{report.command}\n```" in section(text, "Repeat it")
    assert ["numpy", "2.4.6"] in table(section(text, "Repeat it"))


def test_every_table_is_rectangular(text):
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
        assert len({len(line) for line in block.splitlines()}) == 1


def test_a_long_list_of_skipped_images_is_cut_short(make_report):
    problems = tuple(f"train/happy/{i}.jpg: not a JPEG" for i in range(25))
    images = section(render_markdown(make_report(n=200, problems=problems)), "Images")
    assert "Skipped: 25 images." in images
    assert images.count("not a JPEG") == 20
    assert "- and 5 more, listed in report.json" in images


def test_names_are_not_read_as_markup(make_report):
    text = render_markdown(make_report(n=200, problems=("train/<b>*x*|y.jpg: empty", "_a_.jpg: empty")))
    assert r"- train/&lt;b>\*x\*\|y.jpg: empty" in text
    assert r"- \_a\_.jpg: empty" in text


def test_a_command_does_not_leave_its_block(make_report):
    report = replace(make_report(n=200), command="hybridfer benchmark\n```\n# Mine", created="today\n# Mine")
    repeat = render_markdown(report).partition("\n## Repeat it\n")[2]
    assert repeat.startswith("\n````sh\nhybridfer benchmark\n```\n# Mine\n````\n\nSeed 0; ")
    assert "; today # Mine.\n" in repeat


def test_a_leak_is_told_first(make_report):
    text = render_markdown(make_report(n=200, n_twins=20, leak=Leak(40, 12)))
    assert text.split("\n\n")[1].startswith("**Do not trust this comparison: the CNNs of compact and model_f were trained")
    assert "test images it was trained on: 40, of which 12 are no twins of train or validation images" in text


def test_twins_alone_leave_nothing_to_decide(make_report):
    text = render_markdown(make_report(n=60, n_twins=60))
    assert "**Do not trust this comparison: 60 of 60 test images are also training images" in text
    assert "Nothing can be concluded" in text
    assert "## Class by class" not in text
    assert "### Without twins" not in text
    assert "Holm" not in text
