import re
from dataclasses import replace

import numpy as np
import pytest

from hybridfer.evaluation.few_images import ENOUGH, find_few_images
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.significance import holm, mcnemar_exact
from hybridfer.evaluation.summary import DatasetSummary

CLASSES = ("fear", "happy")
FACES = DatasetSummary("faces", CLASSES, (48, 48), {"validation": (500, 500)}, "test", "carved", 0, 0, 0)


def rows_of(n: int, heads: int = 1, n_twins: int = 0):
    y = np.arange(n + n_twins) % 2
    wrong = {("tiny", f"head-{i}"): Prediction(1 - y) for i in range(heads)}
    predictions = {("tiny", "softmax"): Prediction(y, is_softmax=True), **wrong}
    return compare_rows(y, np.arange(y.size) < n_twins, predictions, CLASSES)


def test_a_thousand_images_are_enough_and_fewer_are_told():
    assert find_few_images(FACES, rows_of(ENOUGH)) == ()
    (told,) = find_few_images(FACES, rows_of(ENOUGH - 1))
    assert told.startswith("Only 999 test images decide: an accuracy near 50 % would have the 95 % interval [46.9, 53.0]")


def test_twins_do_not_count():
    (told,) = find_few_images(FACES, rows_of(300, n_twins=1000))
    assert told.startswith("Only 300 test images decide")


@pytest.mark.parametrize(("n", "heads"), [(28, 1), (28, 7), (420, 7), (900, 39)])
def test_the_lead_that_is_told_is_the_least_that_the_tests_of_a_report_find(n, heads):
    (told,) = find_few_images(FACES, rows_of(n, heads))
    needed = round(float(re.search(r"no lead below ([\d.]+) points? can be told from chance\.$", told)[1]) * n / 100)
    y = np.zeros(n, dtype=int)

    def found(lead: int) -> bool:
        least = mcnemar_exact(y, y, (np.arange(n) < lead).astype(int)).p_value
        return holm([least, *[1.0] * (heads - 1)])[0] < 0.05

    assert found(needed)
    assert not found(needed - 1)


def test_where_no_lead_could_ever_be_told_it_is_said():
    (told,) = find_few_images(FACES, rows_of(5))
    assert told.endswith("and no lead at all can be told from chance.")


def test_one_image_and_a_row_alone_are_told_without_a_lead():
    (told,) = find_few_images(FACES, rows_of(1, heads=0))
    assert told == "Only 1 test image decides: an accuracy near 50 % would have the 95 % interval [0.0, 79.3]."


def test_nothing_scored_nothing_told():
    assert find_few_images(FACES, []) == ()
    assert find_few_images(FACES, rows_of(0, n_twins=9)) == ()


def test_few_validation_images_that_choose_heads_are_told():
    y = np.zeros(ENOUGH, dtype=int)
    tuned = {
        ("tiny", "softmax"): Prediction(y, is_softmax=True, validation_accuracy=0.5),
        ("tiny", "forest"): Prediction(y, validation_accuracy=0.6),
    }
    few = replace(FACES, counts={"validation": (21, 21)})

    def told(dataset, keys):
        rows = compare_rows(y, np.zeros(ENOUGH, dtype=bool), {key: tuned[key] for key in keys}, CLASSES)
        return find_few_images(dataset, rows)

    assert told(few, tuned) == (
        "Only 42 validation images choose heads and their parameters: of two candidates, no lead below 14.3 points there "
        "can be told from chance.",
    )
    assert told(FACES, tuned) == ()
    assert told(few, list(tuned)[:1]) == ()
    assert told(replace(FACES, counts={}), tuned) == ()
