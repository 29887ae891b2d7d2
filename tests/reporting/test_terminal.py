import re
from dataclasses import replace

import pytest

from hybridfer.audit.report import AuditReport, Duplicates
from hybridfer.evaluation.rows import count_comparisons
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.chosen_words import chosen_lines
from hybridfer.reporting.terminal import render_table

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def lines_of(text: str, pipeline: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(rf"[* ] {pipeline} ", line)]


@pytest.fixture(scope="module")
def report(make_report):
    return make_report()


def test_each_row_gives_its_figures(report):
    text = render_table(report, width=100, colour=False)
    for row in report.rows:
        part, whole, versus = row.twin_free, row.whole, row.versus_softmax
        wanted = [f"{100 * part.accuracy:.1f}", f"{100 * part.macro_f1:.1f}", f"{100 * whole.accuracy:.1f}"]
        wanted += [f"{100 * end:.1f}" for end in (*part.accuracy_interval, *whole.accuracy_interval)]
        if versus is not None:
            wanted += [f"{versus.points:+.1f}", "< 0.001" if versus.p_holm < 0.001 else f"{versus.p_holm:.3f}"]
        assert any(all(figure in line for figure in wanted) for line in lines_of(text, row.pipeline)), row.name


def test_softmax_stands_first_and_the_best_head_next(report):
    text = render_table(report, width=100, colour=False)
    order = [found.group(1) for found in re.finditer(r"^[* ] ([\w-]+) ", text, re.MULTILINE)]
    assert order == ["softmax", "svm-rbf", "forest", "svm-linear", "knn", "softmax", "logistic"]


def test_the_star_marks_a_head_that_beats_softmax_beyond_chance_only(report, make_report):
    text = render_table(report, width=100, colour=False)
    assert re.findall(r"^\* ([\w-]+) ", text, re.MULTILINE) == ["svm-rbf"]
    close = make_report(heads={"compact": {"forest": (0.03, 0.02)}})
    assert close.rows[0].versus_softmax.p_holm > 0.05
    assert not re.search(r"^\* ", render_table(close, width=100, colour=False), re.MULTILINE)


def test_the_parts_are_named_with_their_images(report, make_report):
    text = render_table(report, width=100, colour=False)
    assert "twin-free part (3,301 images)" in text
    assert "whole split" in text
    assert "with the 288 images whose pixels are in train or validation too" in text
    alone = render_table(make_report(n=500, n_twins=0), width=100, colour=False)
    assert "test split (500 images, no twins)" in alone
    assert "whole split" not in alone


def test_the_verdict_stands_below_the_table_and_then_what_validation_chose(report):
    text = re.sub(r"\s+", " ", render_table(report, width=80, colour=False))
    chosen = re.sub(r"\s+", " ", " ".join(chosen_lines(report)))
    assert text.strip().endswith(f"{report.verdict} {chosen}")
    bare = render_table(replace(report, chosen=None), width=80, colour=False)
    assert re.sub(r"\s+", " ", bare).strip().endswith(report.verdict)


@pytest.mark.parametrize("width", [100, 93, 80, 72, 60])
def test_the_table_keeps_to_its_width(report, width):
    for line in render_table(report, width=width, colour=False).splitlines():
        assert len(line) <= width, line


@pytest.mark.parametrize("width", [100, 80, 60])
def test_decimals_stand_under_one_another(report, width):
    text = render_table(report, width=width, colour=False)
    rows = re.findall(r"^[* ] (?:softmax|svm-rbf|forest|svm-linear|knn|logistic) .*$", text, re.MULTILINE)
    assert len({line.index(".") for line in rows}) == 1
    assert len({len(line) for line in rows}) == 1
    assert max(len(heading) for heading in text.splitlines()[:2]) <= len(rows[0])


def test_the_essential_columns_never_give_way(report):
    text = render_table(report, width=20, colour=False)
    for title in ("accuracy", "vs softmax", "p (Holm)"):
        assert title in text.splitlines()[1]


def test_a_p_value_is_never_broken_across_lines(report):
    for width in range(40, 100):
        text = render_table(report, width=width, colour=False)
        assert not re.search(r"p( [<=])?\n", text), width


def test_colours_change_nothing_but_the_colours(report):
    plain, coloured = (render_table(report, width=100, colour=colour) for colour in (False, True))
    assert not ANSI.search(plain)
    assert ANSI.search(coloured)
    assert ANSI.sub("", coloured) == plain


class Terminal:
    def __init__(self, is_terminal: bool) -> None:
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "coloured"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False)],
)
def test_colours_are_for_terminals_whose_user_wants_them(report, monkeypatch, is_terminal, no_color, coloured):
    monkeypatch.setattr("sys.stdout", Terminal(is_terminal))
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert bool(ANSI.search(render_table(report, width=100))) is coloured


def test_the_window_is_asked_for_its_width(report, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert render_table(report, colour=False) == render_table(report, width=80, colour=False)
    monkeypatch.setenv("COLUMNS", "300")
    assert render_table(report, colour=False) == render_table(report, width=100, colour=False)


def test_the_table_is_plain_ascii(report):
    assert render_table(report, width=100, colour=True).isascii()


def test_warnings_of_a_row_are_shown_with_its_name(make_report):
    text = render_table(make_report(n=200, warnings=("did not converge",)), width=100, colour=False)
    assert "warning: svm-linear on compact: did not converge" in text


def test_missing_classes_are_warned_of(make_report):
    report = make_report(n=200)
    counts = {**report.dataset.counts, "test": (0, *report.dataset.counts["test"][1:])}
    text = render_table(replace(report, dataset=replace(report.dataset, counts=counts)), width=100, colour=False)
    assert "warning: The test split has no image of angry: macro-F1 is the mean over the 6 of 7" in re.sub(r"\s+", " ", text)


def test_the_legend_says_what_twin_free_is_where_there_are_twins(report, make_report):
    words = "twin-free    test images whose pixels are in neither train nor validation; they decide"
    assert words in render_table(report, width=100, colour=False)
    assert "twin-free" not in render_table(make_report(n=200, n_twins=0), width=100, colour=False)


def test_a_cnn_is_described_in_as_many_lines_as_it_needs(report):
    assert "compact: 4,474,759 trainable parameters, 512 features of embedding\n" in render_table(report, 100, colour=False)
    narrow = render_table(report, width=40, colour=False)
    assert "compact: 4,474,759 trainable parameters,\n  512 features of embedding\n" in narrow


def test_a_leak_is_shown_before_the_verdict(make_report):
    text = render_table(make_report(n=200, n_twins=20, leak=Leak(40, 12)), width=100, colour=False)
    assert "Do not trust this comparison: the CNNs of compact and model_f were trained on 12" in re.sub(r"\s+", " ", text)


def test_training_images_as_test_split_are_told_in_red_at_the_end(make_report):
    text = render_table(make_report(n=60, n_twins=60), width=100, colour=True)
    words = "Do not trust this comparison: 60 of 60 test images are also training images"
    assert words in re.sub(r"\s+", " ", ANSI.sub("", text))
    line = next(line for line in text.splitlines() if "Do not trust" in line)
    assert "\x1b[31m" in line


def test_softmax_alone_has_no_columns_for_comparisons(make_report):
    text = render_table(make_report(n=200, heads={"compact": {}}), width=100, colour=False)
    assert "vs softmax" not in text
    assert "Holm" not in text
    assert "Nothing was compared" in text


def test_all_comparisons_of_the_report_are_counted(report, make_report):
    heads, _ = count_comparisons(report.rows)
    assert f"corrected for the {heads} heads that are held against a softmax" in render_table(
        report, width=100, colour=False
    )
    one = make_report(n=200, heads={"compact": {"forest": (0.1, 0.05)}})
    assert "exact McNemar test, the report's only one" in render_table(one, width=100, colour=False)


def test_what_the_audit_found_is_told_where_it_bears_on_the_comparison(make_report, report):
    assert "audit:" not in render_table(report, width=100, colour=False)

    def told(across: int, conflicting: int, blanks: int) -> str:
        exact = Duplicates(800, 1700, 900, across, conflicting)
        audit = AuditReport("a", 5000, ("happy",), {"train": (5000,)}, 1.0, exact, None, blanks, (), ())
        return render_table(make_report(n=200, audit=audit), width=100, colour=False)

    words = "audit: 557 groups of identical images across splits, 1 group with conflicting labels, 13 blank images"
    assert words in re.sub(r"\s+", " ", told(557, 1, 13))
    assert "audit: 1 blank image; see report.md" in told(0, 0, 1)
    assert "audit:" not in told(0, 0, 0)


def test_a_test_split_of_twins_alone_is_shown_without_a_comparison(make_report):
    text = render_table(make_report(n=60, n_twins=60), width=100, colour=False)
    assert "twin-free part (0 images)" in text
    assert "Nothing can be concluded" in text
    assert "p (Holm)" not in text


@pytest.mark.parametrize("colour", [False, True])
def test_names_from_elsewhere_do_not_command_the_terminal(make_report, colour):
    report = make_report(n=200, heads={"compact\x1b[2J": {"svm-rbf\x1b]0;owned\x07": (0.2, 0.05)}})
    text = ANSI.sub("", render_table(report, width=100, colour=colour))
    assert r"svm-rbf\x1b]0;owned\x07 " in text
    assert "\x1b" not in text
    assert "\x07" not in text
