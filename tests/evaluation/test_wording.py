"""How numbers are written."""

import pytest

from hybridfer.evaluation import wording


@pytest.mark.parametrize(
    ("p", "written"),
    [
        (0.0496, "0.0496"),
        (0.0504, "0.0504"),
        (0.04999, "0.04999"),
        (0.0500001, "0.0500001"),
        (0.05, "0.050"),
        (0.0494, "0.049"),
        (0.0506, "0.051"),
        (0.0999, "0.100"),
        (1.0, "1.000"),
        (0.0009999, "< 0.001"),
    ],
)
def test_a_p_value_never_reads_as_the_level_that_it_is_not(p, written):
    assert wording.p_value(p) == written


def test_a_p_value_as_near_to_the_level_as_numbers_go_is_written():
    assert wording.p_value(0.05 - 1e-17) == "0.050"
    assert wording.p_value(0.05 - 1e-16).startswith("0.04999")


@pytest.mark.parametrize(
    ("difference", "lead", "gap"),
    [(1.0, "+1.0 point", "1.0 point"), (-0.96, "-1.0 point", "1.0 point"), (11.0, "+11.0 points", "11.0 points")],
)
def test_a_single_point_is_no_points(difference, lead, gap):
    assert (wording.lead(difference), wording.gap(difference)) == (lead, gap)


@pytest.mark.parametrize("equation", ["p = 0.030", "p < 0.001"])
def test_a_line_may_end_before_a_p_value_and_behind_it_but_not_within(equation):
    bound = equation.replace(" ", wording.HARD_SPACE)
    assert wording.unbroken(f"ahead ({equation}).").split(" ") == ["ahead", f"({bound})."]
