import csv
import io
import json
import re
from dataclasses import replace

import pytest

from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.tables import escape_latex, render_csv, render_latex


@pytest.fixture(scope="module")
def report(make_report):
    return make_report()


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def body_of(text: str) -> list[list[str]]:
    """The cells of the LaTeX table's rows, without bold."""
    lines = re.findall(r"^(?!%|CNN).*&.*\\\\$", text, re.MULTILINE)
    return [[re.sub(r"^{\\bfseries\\boldmath (.*)}$", r"\1", cell) for cell in line[:-3].split(" & ")] for line in lines]


def test_the_csv_holds_the_numbers_of_the_json(report):
    rows = {(row["feature"], row["pipeline"]): row for row in json.loads(report.to_json())["rows"]}
    lines = csv_rows(render_csv(report))
    assert {(line["feature"], line["pipeline"]) for line in lines} == set(rows)
    for line in lines:
        row = rows[line["feature"], line["pipeline"]]
        for part in ("twin_free", "whole", "twins"):
            for name in ("n", "accuracy", "macro_f1"):
                assert float(line[f"{part}_{name}"]) == row[part][name]
            for name in ("accuracy", "macro_f1"):
                ends = [float(line[f"{part}_{name}_{end}"]) for end in ("low", "high")]
                assert ends == row[part][f"{name}_interval"]
        for prefix, names in (
            ("vs_softmax", ("points", "only_head", "only_softmax", "p_value", "p_holm")),
            ("vs_best", ("points", "only_this", "only_best", "p_value", "p_holm")),
            ("temperature", ("value", "error_before", "error_after")),
        ):
            told = row[prefix.replace("vs_", "versus_")]
            for name in names:
                assert line[f"{prefix}_{name}"] == ("" if told is None else str(told[name]))
        assert line["vs_best_best"] == ("" if row["versus_best"] is None else row["versus_best"]["best"])
        assert line["softmax"] == ("yes" if row["is_softmax"] else "no")


def test_the_csv_tells_what_the_cnn_has_seen(make_report):
    def leaks(**changes) -> set[tuple[str, str, str]]:
        report = make_report(n=100, n_twins=10, leak=changes.pop("leak", None))
        report = replace(report, features=tuple(replace(run, **changes) for run in report.features))
        names = ("leak_images", "leak_twin_free", "validation_leak")
        return {tuple(line[name] for name in names) for line in csv_rows(render_csv(report))}

    assert leaks(leak=Leak(40, 12), validation_leak=3) == {("40", "12", "3")}
    assert leaks(leak=Leak(0, 0), validation_leak=0) == {("0", "0", "0")}
    assert leaks() == {("", "", "")}


def test_both_tables_have_the_rows_in_the_order_of_the_page(report):
    order = [(row.feature, row.pipeline) for run in report.features for row in report.rows_of(run.recipe)]
    assert [(line["feature"], line["pipeline"]) for line in csv_rows(render_csv(report))] == order
    assert [tuple(cells[:2]) for cells in body_of(render_latex(report))] == [
        (escape_latex(feature), pipeline) for feature, pipeline in order
    ]


def test_the_latex_table_is_the_json_rounded(report):
    rows = {(escape_latex(row.feature), row.pipeline): row for row in report.rows}
    for cells in body_of(render_latex(report)):
        row = rows[cells[0], cells[1]]
        low, high = (100 * end for end in row.twin_free.accuracy_interval)
        assert cells[2] == f"{100 * row.twin_free.accuracy:.1f} [{low:.1f}, {high:.1f}]"
        assert cells[9] == f"{100 * row.whole.accuracy:.1f}"
        if row.versus_softmax is None:
            assert cells[4:6] == ["--", "--"]
        else:
            assert cells[4].startswith(f"${row.versus_softmax.points:+.1f}$ [$")
            p = row.versus_softmax.p_holm
            assert cells[5] == ("$< 0.001$" if p < 0.001 else f"${p:.3f}$")
        if row.is_softmax:
            before, after = row.temperature.error_before, row.temperature.error_after
            assert cells[8] == rf"{100 * before:.1f} $\to$ {100 * after:.1f}"


def test_every_line_of_the_latex_table_has_all_columns(report):
    text = render_latex(report)
    (columns,) = re.findall(r"\\begin{tabular}{(\w+)}", text)
    assert {len(cells) for cells in body_of(text)} == {len(columns)}
    for rule in (r"\toprule", r"\bottomrule", r"\end{tabular}"):
        assert text.count(rule) == 1
    # one below the headings, one between the two CNNs
    assert text.count(r"\midrule") == 2


def test_only_heads_that_beat_softmax_are_bold(report):
    bold = re.findall(r"^{\\bfseries\\boldmath .*?} & {\\bfseries\\boldmath ([\w-]+)}", render_latex(report), re.MULTILINE)
    assert bold == [row.pipeline for row in report.rows_of("compact")[1:] if row.versus_softmax.is_better]
    assert bold


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("model_f", r"model\_f"),
        ("a&b%$#{}", r"a\&b\%\$\#\{\}"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("~^<>|", r"\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
        ("two\n lines", "two lines"),
        # behind \\ and \midrule they would be its argument and its star
        ("[2pt]x*", "{[}2pt]x{*}"),
        ("a\x07, caf\udce9", r"a\textbackslash{}x07, caf\textbackslash{}udce9"),
    ],
)
def test_names_are_not_read_as_latex(text, escaped):
    assert escape_latex(text) == escaped


def test_a_name_cannot_leave_its_comment(report):
    odd = replace(report, dataset=replace(report.dataset, source="a\n\\input{secret}"))
    assert "% Data: a \\input{secret}; PrivateTest." in render_latex(odd).splitlines()


def test_a_leak_stands_above_the_latex_table(make_report):
    assert "% Do not trust this comparison: 60 of 60" in render_latex(make_report(n=60, n_twins=60))


def test_tables_without_a_twin_free_part_have_empty_cells(make_report):
    report = make_report(n=60, n_twins=60)
    assert {line["twin_free_accuracy"] for line in csv_rows(render_csv(report))} == {""}
    assert {cells[2] for cells in body_of(render_latex(report))} == {"--"}


def test_a_report_without_rows_is_a_header(report):
    empty = replace(report, rows=())
    assert render_csv(empty) == "feature,pipeline\n"
    assert body_of(render_latex(empty)) == []
