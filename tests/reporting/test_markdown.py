import re

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

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
        assert line[7] == ("-" if row.is_softmax else f"{row.versus_softmax.points:+.1f}")


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


def test_without_twins_one_table_is_enough(make_report):
    text = render_markdown(make_report(n=300, n_twins=0))
    assert "whole test split" not in text
    assert len(table(section(text, "The table"))) == 8


def test_classes_are_shown_for_softmax_and_the_best_head(text, report):
    part = section(text, "compact: softmax and svm-rbf, without twins")
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


def test_confusion_matrices_count_every_decisive_image(text, report):
    cells = table(section(text, "compact: softmax and svm-rbf"), 2)
    counts = np.array([[int(cell) for cell in line[1:]] for line in cells[1:]])
    assert counts.sum() == (~report.predictions.twins).sum()
    assert counts.trace() / counts.sum() == pytest.approx(report.rows_of("compact")[1].twin_free.accuracy)


def test_protocol_data_features_and_versions_are_told(text, report):
    for sentence in (report.protocol.network, report.protocol.tuning, report.protocol.refit, report.protocol.scoring):
        assert f"- {sentence}" in section(text, "How it was measured")
    assert table(section(text, "Images"))[1][-1] == "28,709"
    assert "PrivateTest" in section(text, "Images")
    assert "5,981 images/s" in section(text, "CNNs")
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


def test_a_leak_is_told_first(make_report):
    text = render_markdown(make_report(n=200, n_twins=20, leak=Leak(40, 12)))
    assert text.split("\n\n")[1].startswith("**Do not trust this comparison: the CNN of compact was trained on 12")
    assert "test images it was trained on: 40, of them 12 without a twin" in text


def test_twins_alone_leave_nothing_to_decide(make_report):
    text = render_markdown(make_report(n=60, n_twins=60))
    assert "**Nothing can be concluded" in text
    assert "## Class by class" not in text
