import dataclasses

import numpy as np
import pytest

from hybridfer.evaluation.rows import Prediction, Row, SoftmaxComparison, compare_rows
from hybridfer.evaluation.verdict import verdict


def row(pipeline: str, points: float | None = None, p: float = 1.0, *, twins: bool = True) -> Row:
    """A row whose comparison with softmax is given; None for softmax itself."""
    labels = np.array([0, 1])
    found = compare_rows(labels, np.array([twins, False]), {("compact", pipeline): Prediction(labels)}, ["happy", "sad"])[0]
    if points is None:
        return dataclasses.replace(found, is_softmax=True)
    comparison = SoftmaxComparison(points, (points - 1, points + 1), 10, 5, p / 2, p)
    return dataclasses.replace(found, versus_softmax=comparison)


def test_a_winner_is_named_with_its_lead_and_p_value():
    assert verdict([row("softmax"), row("svm-rbf", 1.13, 0.0031), row("forest", 0.4, 0.41)]) == (
        "svm-rbf on compact beats its softmax by 1.1 points on the twin-free part "
        "(McNemar p = 0.003 after Holm's correction)."
    )


def test_further_winners_follow_the_best():
    text = verdict([row("forest", 0.9, 0.01), row("svm-rbf", 1.0, 0.00001), row("knn", 0.8, 0.02)])
    assert text.startswith("svm-rbf on compact beats its softmax by 1.0 point on")
    assert "(McNemar p < 0.001 after" in text
    assert text.endswith("So do forest on compact (+0.9, p = 0.010) and knn on compact (+0.8, p = 0.020).")


def test_no_winner_is_said_with_how_near_the_best_came():
    assert verdict([row("softmax"), row("knn", -0.2, 0.8), row("forest", 0.4, 0.41)]) == (
        "No head differs from softmax beyond chance on the twin-free part after Holm's correction for all 2 "
        "(best against its own: forest on compact, +0.4 points, p = 0.410)."
    )


def test_a_head_that_is_worse_is_named():
    assert verdict([row("knn", -3.04, 0.0002), row("forest", 0.4, 0.41)]) == (
        "No head beats softmax beyond chance on the twin-free part after Holm's correction for all 2 "
        "(best against its own: forest on compact, +0.4 points, p = 0.410). "
        "knn on compact is worse than its softmax by 3.0 points (p < 0.001)."
    )


def test_several_losers_are_listed_the_worst_first():
    text = verdict([row("knn", -1.5, 0.01), row("forest", -3.0, 0.001), row("svm-rbf", 2.0, 0.001)])
    assert text.endswith(
        "Worse than their softmax: forest on compact (-3.0, p = 0.001) and knn on compact (-1.5, p = 0.010)."
    )


def test_without_twins_the_test_split_is_named():
    assert "beyond chance on the test split (forest on compact, +0.4" in verdict([row("forest", 0.4, 0.41, twins=False)])


@pytest.mark.parametrize(
    ("rows", "start"),
    [
        ([], "Nothing was scored"),
        ([row("softmax")], "Nothing was compared: the table holds softmax alone"),
        ([dataclasses.replace(row("forest", 1), versus_softmax=None)], "Nothing was compared: no head stands beside"),
        ([dataclasses.replace(row("forest", 1), twin_free=None)], "Nothing can be concluded: every test image has"),
    ],
)
def test_where_nothing_can_be_said_the_reason_is(rows, start):
    assert verdict(rows).startswith(start)


def test_heads_without_their_own_softmax_are_named_where_no_head_won():
    alone = [dataclasses.replace(row(name, 1), versus_softmax=None, feature="views") for name in ("knn", "forest")]
    assert verdict([row("softmax"), row("forest", 1.02, 0.41), *alone]) == (
        "No head differs from its own softmax beyond chance on the twin-free part "
        "(forest on compact, +1.0 point, p = 0.410). The heads on views have no softmax of their own."
    )
    won = verdict([row("forest", 2.0, 0.001), alone[0]])
    assert won.endswith("(McNemar p = 0.001 after Holm's correction). The heads on views have no softmax of their own.")
