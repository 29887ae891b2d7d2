import re
from dataclasses import replace

import pytest

from hybridfer.evaluation.chosen import ChosenComparison, ChosenHead
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.chosen_words import chosen_lines, describe_chosen
from hybridfer.reporting.markdown import render_markdown
from hybridfer.reporting.terminal import render_table

BETTER = ChosenComparison(0.93, (0.12, 1.74), 60, 30, 0.002, 0.03, "compact", False)
WORSE = ChosenComparison(-2.04, (-3.1, -0.97), 30, 97, 0.00001, 0.00002, "model_f", False)
NONE = ChosenComparison(0.21, (-0.61, 1.03), 50, 43, 0.45, 0.9, "views", True)


@pytest.fixture(scope="module")
def plain(make_report) -> BenchmarkReport:
    return make_report(n=400, n_twins=40)


def with_chosen(report: BenchmarkReport, *comparisons: ChosenComparison, n_heads: int = 14) -> BenchmarkReport:
    return replace(report, chosen=ChosenHead("views", "knn", 0.6881, n_heads, comparisons))


def own(comparison: ChosenComparison) -> ChosenComparison:
    return replace(comparison, feature="views", is_own=True)


def test_the_choice_is_told_with_its_accuracy_on_validation_and_among_how_many(plain):
    text = describe_chosen(with_chosen(plain, NONE))
    words = "Validation chose knn on views among 14 heads (68.8 % right there), without a look at the test split. "
    assert text.startswith(words + "On the twin-free part of the test split (360 images) it ")


def test_ties_on_validation_are_told_of(plain):
    report = with_chosen(plain, NONE)
    tied = replace(report, chosen=replace(report.chosen, n_tied=3))
    assert " among 14 heads (68.8 % right there, as 3 others; the first was taken), without" in describe_chosen(tied)
    assert chosen_lines(tied)[0].startswith("Validation chose knn on views (tied with 3 others); planned test: ")
    assert "tied" not in describe_chosen(report) + chosen_lines(report)[0]


def test_a_single_head_is_not_among_heads(plain):
    text = describe_chosen(with_chosen(plain, NONE, n_heads=1))
    assert text.startswith("Validation had one head to choose, knn on views (68.8 % right there), without")


def test_without_twins_the_part_is_the_whole(make_report):
    assert "On the test split (50 images) it " in describe_chosen(with_chosen(make_report(n=50, n_twins=0), NONE))


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (own(BETTER), "beats its softmax by 0.9 points (95 %: +0.1 to +1.7; exact McNemar test, p = 0.030"),
        (own(WORSE), "is worse than its softmax by 2.0 points (95 %: -3.1 to -1.0; exact McNemar test, p < 0.001"),
        (
            NONE,
            "does not differ from its softmax beyond chance (+0.2 points; 95 %: -0.6 to +1.0; exact McNemar test, p = 0.9",
        ),
    ],
)
def test_a_lead_a_lag_and_chance_are_told_apart(plain, comparison, words):
    text = describe_chosen(with_chosen(plain, comparison))
    assert f" it {words}" in text
    assert text.endswith(", the only one planned).")


@pytest.mark.parametrize("comparison", [replace(BETTER, p_holm=0.05), replace(WORSE, p_holm=0.05)])
def test_a_difference_at_the_level_itself_is_none(plain, comparison):
    report = with_chosen(plain, comparison)
    assert "does not differ from softmax on" in describe_chosen(report)
    assert ", not beyond chance (p = 0.050)" in chosen_lines(report)[0]


def test_a_softmax_of_another_recipe_is_named_and_the_lack_of_its_own_told(plain):
    text = describe_chosen(with_chosen(plain, BETTER))
    assert "beats softmax on compact by 0.9 points" in text
    assert text.endswith(" views has no softmax of its own.")
    assert "its softmax" not in text
    assert "of its own" not in describe_chosen(with_chosen(plain, NONE, BETTER))


def test_several_are_a_table_in_the_markdown_right_below_the_verdict(plain):
    report = with_chosen(plain, NONE, BETTER, WORSE)
    parts = render_markdown(report).split("\n\n")
    assert parts[1] == f"**{report.verdict}**"
    assert parts[2].startswith("Validation chose knn on views among 14 heads")
    assert parts[2].endswith("after Holm's correction for these 3 comparisons alone.")
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in parts[3].splitlines()]
    assert cells[0] == ["against softmax on", "points", "95 %", "p (Holm)", "beyond chance"]
    assert cells[2:] == [
        ["views (its own)", "+0.2", "[-0.6, +1.0]", "0.900", "no difference"],
        ["compact", "+0.9", "[+0.1, +1.7]", "0.030", "better"],
        ["model_f", "-2.0", "[-3.1, -1.0]", "< 0.001", "worse"],
    ]
    assert parts[4].startswith("Softmax is the answer of a CNN itself")


def test_a_single_one_needs_no_table_in_the_markdown(plain):
    report = with_chosen(plain, NONE)
    parts = render_markdown(report).split("\n\n")
    assert parts[2] == describe_chosen(report)
    assert parts[3].startswith("Softmax is the answer of a CNN itself")


def test_names_are_not_read_as_markup(plain):
    comparison = replace(BETTER, feature="<b>*x*|y")
    assert r"beats softmax on &lt;b>\*x\*\|y by" in render_markdown(with_chosen(plain, comparison)).split("\n\n")[2]
    table = render_markdown(with_chosen(plain, NONE, comparison)).split("\n\n")[3]
    assert r"| &lt;b>\*x\*\|y " in table
    assert len({len(line) for line in table.splitlines()}) == 1


def test_a_report_that_says_nothing_of_it_is_shown_without_it(plain):
    report = replace(plain, chosen=None)
    assert describe_chosen(report) == ""
    assert chosen_lines(report) == []
    text = render_markdown(report)
    assert text.split("\n\n")[2].startswith("Softmax is the answer of a CNN itself")
    assert "Validation chose" not in text + render_table(report, width=100, colour=False)


def test_weights_that_do_not_say_what_they_were_trained_on_are_told(make_report):
    caveat = "The weights of compact do not say what they were trained on: images of either may be among it."
    for leak, told in ((None, True), (Leak(0, 0), False)):
        report = make_report(n=100, n_twins=0, leak=leak, heads={"compact": {"knn": (0.2, 0.05)}})
        assert describe_chosen(report).endswith(caveat) == told
        assert (chosen_lines(report)[-1] == caveat) == told


def test_the_terminal_has_one_line_for_one_softmax(plain):
    assert chosen_lines(with_chosen(plain, NONE)) == [
        "Validation chose knn on views; planned test: +0.2 vs its softmax, not beyond chance (p = 0.900)"
    ]
    assert chosen_lines(with_chosen(plain, own(BETTER)))[0].endswith("+0.9 vs its softmax, beyond chance (p = 0.030)")


def test_the_terminal_has_a_line_for_each_of_several(plain):
    report = with_chosen(plain, NONE, BETTER, WORSE)
    lines = [
        "Validation chose knn on views; planned tests, corrected for these 3:",
        "  +0.2 vs its softmax, not beyond chance (p = 0.900)",
        "  +0.9 vs softmax on compact, beyond chance (p = 0.030)",
        "  -2.0 vs softmax on model_f, beyond chance (p < 0.001)",
    ]
    assert chosen_lines(report) == lines
    assert render_table(report, width=80, colour=False).splitlines()[-4:] == lines


def test_a_line_that_is_too_long_is_broken_within_the_width_and_never_in_a_p_value(plain):
    for report in (with_chosen(plain, NONE), with_chosen(plain, NONE, replace(BETTER, feature="a-rather-long-recipe"))):
        for width in range(40, 100):
            found = render_table(report, width=width, colour=False).partition("Validation chose")[1:]
            assert max(map(len, "".join(found).splitlines())) <= width
            assert not re.search(r"p( [<=])?\n", "".join(found))


def test_with_a_leak_it_is_told_to_be_trusted_no_more_than_the_verdict(make_report):
    report = with_chosen(make_report(n=200, n_twins=20, leak=Leak(40, 12)), own(BETTER))
    assert describe_chosen(report).startswith("The leak bears on this too: validation chose knn on views among 14 heads")
    assert chosen_lines(report)[0].startswith("The leak bears on this too: validation chose knn on views; planned")
    several = with_chosen(report, NONE, BETTER)
    assert chosen_lines(several)[0].startswith("The leak bears on this too: ")
    coloured = render_table(several, width=100, colour=True).splitlines()
    assert all(line.startswith("\x1b[31m") for line in coloured[-3:])


def test_weights_of_a_partly_unknown_past_are_told_of(make_report):
    partly = Leak(0, 0, untold=("the member tiny",))
    report = make_report(n=100, n_twins=0, leak=partly, heads={"compact": {"knn": (0.2, 0.05)}})
    assert describe_chosen(report).endswith(
        "Not all that the weights of compact come from is known: what the member tiny was trained on is unknown, and images "
        "of either may be among it."
    )


def test_a_single_point_and_a_single_image_are_no_more(make_report):
    one = make_report(n=1, n_twins=0)
    assert "On the test split (1 image) it " in describe_chosen(with_chosen(one, NONE))
    point = replace(own(BETTER), points=1.04)
    assert "beats its softmax by 1.0 point (" in describe_chosen(with_chosen(one, point))
    assert "beyond chance (+1.0 point; " in describe_chosen(with_chosen(one, replace(NONE, points=1.04)))
