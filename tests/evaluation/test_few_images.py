import re
from dataclasses import replace

import numpy as np
import pytest

from hybridfer.evaluation.chosen import compare_chosen
from hybridfer.evaluation.few_images import ENOUGH, find_few_images
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.significance import mcnemar_exact
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
def test_the_lead_that_is_told_is_the_least_that_a_test_finds(n, heads):
    (told,) = find_few_images(FACES, rows_of(n, heads))
    least = float(re.search(r"can tell no lead below ([\d.]+) points? from chance\.$", told)[1])
    y = np.zeros(n, dtype=int)

    def found(lead: int) -> bool:
        return mcnemar_exact(y, y, (np.arange(n) < lead).astype(int)).p_value < 0.05

    needed = round(least * n / 100)
    assert found(needed)
    assert not found(needed - 1)


def test_no_row_of_the_table_nor_the_planned_comparison_is_better_by_less_than_the_least_lead():
    y, right = np.zeros(100, dtype=int), {"softmax": 40, "all-right": 100, "chosen": 46}
    predictions = {
        ("tiny", name): Prediction(
            (np.arange(100) >= n).astype(int), is_softmax=name == "softmax", validation_accuracy=float(name == "chosen")
        )
        for name, n in right.items()
    }
    rows = compare_rows(y, np.zeros(100, dtype=bool), predictions, CLASSES)
    told = find_few_images(replace(FACES, counts={}), rows)[0]
    leads = [row.versus_softmax.points for row in rows if row.versus_softmax is not None and row.versus_softmax.is_better]
    leads += [one.points for one in compare_chosen(y, np.zeros(100, dtype=bool), predictions).comparisons if one.is_better]
    assert min(leads) == 6
    assert "no lead below 6.0 points" in told


def test_where_no_lead_could_ever_be_told_it_is_said():
    (told,) = find_few_images(FACES, rows_of(5))
    assert told.endswith("corrected for no other, can tell no lead at all from chance.")


def test_one_image_and_a_row_alone_are_told_without_a_lead():
    (told,) = find_few_images(FACES, rows_of(1, heads=0))
    assert told == "Only 1 test image decides: an accuracy near 50 % would have the 95 % interval [0.0, 79.3]."


def test_copies_within_the_test_split_are_told_and_count_once():
    rows = rows_of(2000)
    assert find_few_images(replace(FACES, distinct=1900), rows) == ()
    copies, few = find_few_images(replace(FACES, distinct=50), rows)
    assert copies.startswith("Of the 2,000 test images that decide only 50 differ from one another")
    assert few.startswith("Only 50 different test images decide")
    assert find_few_images(replace(FACES, distinct=1899), rows) != ()


def test_nothing_scored_nothing_told():
    assert find_few_images(FACES, []) == ()
    assert find_few_images(FACES, rows_of(0, n_twins=9)) == ()


def test_few_validation_images_that_choose_heads_are_told():
    y = np.zeros(ENOUGH, dtype=int)
    tuned = {
        ("tiny", "softmax"): Prediction(y, is_softmax=True, validation_accuracy=0.5),
        ("tiny", "forest"): Prediction(y, validation_accuracy=0.6, best_params={"forest__max_depth": 8}),
    }
    few = replace(FACES, counts={"validation": (21, 21)})

    def told(dataset, keys):
        rows = compare_rows(y, np.zeros(ENOUGH, dtype=bool), {key: tuned[key] for key in keys}, CLASSES)
        return find_few_images(dataset, rows)

    assert told(few, tuned) == (
        "Only 42 validation images choose parameters: of two candidates, no lead below 14.3 points there "
        "can be told from chance.",
    )
    # of 1,000 validation images all but 42 are copies of train images
    assert told(replace(FACES, tuning=42), tuned) == told(few, tuned)
    assert told(FACES, tuned) == ()
    assert told(few, list(tuned)[:1]) == ()
    assert told(replace(FACES, counts={}), tuned) == ()


@pytest.mark.parametrize(
    ("heads", "params", "chosen"),
    [(1, {}, None), (1, {"C": 1}, "parameters"), (2, {}, "heads"), (2, {"C": 1}, "heads and their parameters")],
)
def test_few_validation_images_are_told_to_choose_what_they_chose(heads, params, chosen):
    y = np.zeros(ENOUGH, dtype=int)
    fitted = {("tiny", f"{i}"): Prediction(y, validation_accuracy=0.6, best_params=params) for i in range(heads)}
    rows = compare_rows(y, np.zeros(ENOUGH, dtype=bool), fitted, CLASSES)
    told = find_few_images(replace(FACES, counts={"validation": (21, 21)}), rows)
    assert [one.partition(":")[0] for one in told] == ([f"Only 42 validation images choose {chosen}"] if chosen else [])
