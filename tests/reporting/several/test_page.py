"""Several runs side by side as page, tables and figures."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from hybridfer.evaluation.twins import Leak
from hybridfer.recipes import PublishedFigure
from hybridfer.reporting.figures.style import ACCENT, COUNTER
from hybridfer.reporting.several.figures import run_panels, runs_by_line
from hybridfer.reporting.several.markdown import comparison_markdown
from hybridfer.reporting.several.page import write_comparison
from hybridfer.reporting.several.runs import SeveralRuns
from hybridfer.reporting.several.tables import comparison_csv, comparison_json, comparison_latex
from hybridfer.reporting.several.text import comparison_text
from hybridfer.reporting.several.words import verdict

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def runs(make_report) -> SeveralRuns:
    """Two comparable runs, and one of a CNN trained for fewer epochs whose makers have odd names."""
    heads = {"compact": {"svm-rbf": (0.5, 0.03), "knn": (0.1, 0.16)}, "model_f": {"logistic": (0.06, 0.04)}}
    report = make_report(n=400, n_twins=40, heads=heads)
    reports = [
        replace(
            report,
            seed=seed,
            features=tuple(replace(run, weights_digest=f"{seed:064d}", training_seed=70 + seed) for run in report.features),
        )
        for seed in range(3)
    ]
    short = replace(reports[2], features=tuple(replace(run, epochs=2) for run in reports[2].features))
    return SeveralRuns(("a", "b", HOSTILE), (reports[0], reports[1], short))


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    return write_comparison(runs, tmp_path_factory.mktemp("comparison")).parent


def test_the_page_shows_every_row_of_every_cnn_and_run(runs, folder):
    html = (folder / "comparison.html").read_text(encoding="utf-8")
    assert html.count("<tr>") == len(runs.cnns) + len(runs.rows) + 1 + 3 * 2
    for row in runs.rows:
        assert row.pipeline in html
    for told in ("compact (2)", "stands apart", "71", ">+", "Holm", "t test whose variance", "epochs 2 (the others: 40)"):
        assert told in html
    assert verdict(runs).partition(" (")[0] in html


def test_names_from_elsewhere_stay_text(folder):
    html = (folder / "comparison.html").read_text(encoding="utf-8")
    assert HOSTILE not in html
    assert "&lt;img src=x" in html


def test_figures_are_written_for_papers_and_each_has_its_own_name(runs, folder):
    names = sorted(path.name for path in (folder / "figures").iterdir())
    assert len(names) == 2 * 2 * len(runs.cnns)
    assert "runs-1-compact.svg" in names
    assert "leads-2-compact-2.png" in names


def test_markdown_holds_every_row_and_names_from_elsewhere_stay_text(runs, folder):
    text = comparison_markdown(runs)
    assert (folder / "comparison.md").read_text() == text
    table = text.partition("## Mean and deviation")[2].partition("## The runs")[0]
    assert table.count("\n| ") == len(runs.rows) + 2
    assert "<img" not in text
    (bold,) = {line.split("|")[2].strip(" *") for line in table.splitlines() if line.startswith("| **")}
    assert bold == "svm-rbf"


def test_published_figures_stand_beside_those_of_each_run(make_report, tmp_path):
    report = make_report(n=100, n_twins=10, heads={"compact": {"knn": (0.1, 0.1)}})
    (run,) = report.features
    told = replace(run, published=(PublishedFigure(split="test", n=128, accuracy=0.789, remark="four classes"),))
    several = SeveralRuns(("a", "b"), (report, replace(report, seed=1, features=(told,))))
    assert [name for name, _ in several.published] == ["b", "b"]
    write_comparison(several, tmp_path)
    for name in ("comparison.html", "comparison.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "Published figures beside ours" in text
        assert "78.9" in text
        assert "four classes" in text
    first, second = json.loads((tmp_path / "comparison.json").read_text())["published"]
    assert (first["folder"], first["published"], first["published_n"]) == ("b", 0.789, 128)
    assert (second["pipeline"], second["published"]) == ("knn", None)


def test_csv_and_json_hold_the_numbers_of_the_rows(runs, folder):
    lines = list(csv.DictReader(io.StringIO((folder / "comparison.csv").read_text())))
    told = json.loads((folder / "comparison.json").read_text())
    assert comparison_csv(runs) == (folder / "comparison.csv").read_text()
    assert comparison_json(runs) == (folder / "comparison.json").read_text()
    assert [row["pipeline"] for row in told["rows"]] == [line["pipeline"] for line in lines]
    for row, line, values in zip(runs.rows, lines, told["rows"], strict=True):
        assert float(line["twin_free_accuracy"]) == pytest.approx(sum(values["twin_free"]) / len(values["twin_free"]))
        assert values["seeds"] == list(row.seeds)
        if row.lead is None:
            assert line["vs_softmax_p_holm"] == ""
            assert values["lead"] is None
        else:
            assert float(line["vs_softmax_p_holm"]) == values["lead"]["p_holm"] == row.lead.p_holm
            assert values["lead"]["points"] == list(row.lead.points.runs)
            assert values["by_weights"]["points"] == list(row.lead.points.trainings)
    assert told["cnns"][0]["runs"][1]["cnn_seed"] == 71
    assert told["cnns"][1]["conditions"]["epochs"] == "2"
    assert told["warnings"]


def test_where_something_leaked_it_comes_before_the_verdict_and_nothing_stands_out(runs, tmp_path):
    first, *others = runs.reports
    leaking = replace(first, features=tuple(replace(run, leak=Leak(50, 12)) for run in first.features))
    leaked = SeveralRuns(runs.names, (leaking, *others))
    write_comparison(leaked, tmp_path)
    html, text = (tmp_path / "comparison.html").read_text(), (tmp_path / "comparison.md").read_text()
    assert 'id="verdict">a: Do not trust this comparison' in html
    assert "bold: better" not in html
    assert "<b>" not in html
    assert "\n**a: Do not trust this comparison" in text
    assert "| **" not in text
    told = json.loads((tmp_path / "comparison.json").read_text())
    assert told["verdict"].startswith("a: Do not trust this comparison")
    assert len(told["leaks"]) == 1
    assert "bfseries" not in comparison_latex(leaked)
    assert "% a: Do not trust this comparison" in comparison_latex(leaked)
    terminal = comparison_text(leaked, width=100, colour=False)
    assert not re.findall(r"^\* ", terminal, re.MULTILINE)
    assert "\na: Do not trust this comparison" in terminal


def test_no_file_tells_where_the_runs_lay(runs, tmp_path):
    for name, report in zip("ab", runs.reports[:2], strict=True):
        report.write(tmp_path / "ada" / name)
    write_comparison(SeveralRuns.read([tmp_path / "ada" / name for name in "ab"]), tmp_path / "out")
    for path in (tmp_path / "out").glob("comparison.*"):
        assert "ada" not in path.read_text(), path.name


def test_seeds_of_heads_are_no_trainings_in_any_table(runs):
    first, second, _ = runs.reports
    several = SeveralRuns(("a", "b", "c"), (first, replace(first, seed=5), second))
    (row, *_) = (row for row in several.rows if row.pipeline == "svm-rbf")
    assert "2 (3 runs)" in comparison_markdown(several)
    assert "2 (3 runs)" in comparison_latex(several)
    assert "2 (3 runs)" in comparison_text(several, width=100, colour=False)
    (line, *_) = (line for line in csv.DictReader(io.StringIO(comparison_csv(several))) if line["pipeline"] == "svm-rbf")
    assert (line["runs"], line["weights"]) == ("3", "2")
    assert len(row.lead.points.runs) == 3
    leads = list(run_panels(several))[1]
    assert "each training (the mean of the runs that share its weights)" in leads.caption
    assert len(leads.figure.axes[0].collections[0].get_offsets()) == 2


def test_latex_is_a_tabular_whose_lines_have_all_columns(runs):
    text = comparison_latex(runs)
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in body} == {7}
    assert len(body) == 1 + len(runs.rows)
    assert r"model\_f" in text
    assert text.count(r"\midrule") == len(runs.cnns)
    bold = [row.name for row in runs.rows if row.lead is not None and row.lead.is_better]
    assert bold == ["svm-rbf on compact", "svm-rbf on compact (2)"]
    assert [line.count(r"{\bfseries") for line in body if "bfseries" in line] == [8, 8]
    assert all(line.startswith("%") for line in text.splitlines()[: text.splitlines().index(body[0]) - 2])


@pytest.mark.parametrize("width", [50, 80, 100])
def test_the_terminal_table_fits_the_window(runs, width):
    text = comparison_text(runs, width=width, colour=False)
    assert max(map(len, text.splitlines())) <= width
    assert "vs softmax" in text
    assert ("whole %" in text) == (width > 50)


def test_the_terminal_tells_seeds_winners_and_what_stands_apart(runs):
    text = comparison_text(runs, width=100, colour=False)
    assert "\nwarning: compact of " in text
    assert "  seeds of the CNN: 70, 71; of the heads: 0, 1" in text
    starred = re.findall(r"^\* (\S+)", text, re.MULTILINE)
    assert starred == [row.pipeline for row in runs.rows if row.lead is not None and row.lead.is_better]
    assert "\x1b" not in text
    assert "\x1b" in comparison_text(runs, width=100, colour=True)


def test_runs_of_one_line_do_not_hide_each_other_and_means_stand_beside_the_axes():
    ax = runs_by_line(Figure().subplots(), ["softmax", "knn"], [[60.0, 60.0, 60.0], [61.0]], signed=False)
    heights = ax.collections[0].get_offsets()[:, 1]
    assert len(set(heights.tolist())) == 3
    assert max(heights) < 0.5
    assert len(ax.lines) == 1  # the stroke of a mean, which one run has not
    assert [text.get_text() for text in ax.texts] == ["60.0", "61.0"]
    assert {text.xy[0] for text in ax.texts} == {1}


def test_softmax_is_orange_and_leads_are_drawn_from_nothing(runs):
    accuracies, leads = list(run_panels(runs))[:2]
    (ax,) = accuracies.figure.axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    colours = [to_hex(dots.get_facecolor()[0]) for dots in ax.collections]
    assert names[0] == "softmax"
    assert colours == [COUNTER] + [ACCENT] * (len(names) - 1)
    (ax,) = leads.figure.axes
    assert "softmax" not in [label.get_text() for label in ax.get_yticklabels()]
    assert any(list(line.get_xdata()) == [0, 0] for line in ax.lines)
    assert "svm-rbf +" in leads.alt
