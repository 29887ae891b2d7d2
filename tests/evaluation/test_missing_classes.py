from dataclasses import replace

import numpy as np
import pytest

from hybridfer.evaluation.missing_classes import find_missing_classes
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.summary import DatasetSummary

CLASSES = ("fear", "happy", "sad")
WHOLE = DatasetSummary(
    "fer.zip", CLASSES, (48, 48), {"train": (9, 9, 9), "validation": (2, 2, 2), "test": (4, 4, 4)}, "test", "train", 0, 0, 0
)


def with_counts(**counts: tuple[int, ...]) -> DatasetSummary:
    return replace(WHOLE, counts={**WHOLE.counts, **counts})


def test_splits_with_images_of_every_class_are_not_told():
    assert find_missing_classes(WHOLE) == ()


def test_a_test_split_without_some_classes_is_told_with_what_macro_f1_is_then():
    (told,) = find_missing_classes(with_counts(test=(4, 0, 0)))
    assert told.startswith("The test split has no image of happy and sad: macro-F1 is the mean over the 1 of 3 classes that")


def test_validation_without_a_class_is_told():
    (told,) = find_missing_classes(with_counts(validation=(0, 2, 2)))
    assert told.startswith("Validation has no image of fear:")


@pytest.mark.parametrize(
    ("y", "starts"),
    [
        (
            [0, 0, 1, 1, 2, 2],
            ["The twin-free part of the test split has no image of fear: macro-F1 is the mean over the 2 of"],
        ),
        (
            [0, 0, 1, 1, 1, 1],
            ["The test split has no image of sad", "The twin-free part of the test split has no image of fear"],
        ),
    ],
)
def test_a_class_whose_test_images_are_all_twins_is_told_once(y, starts):
    y, twins = np.array(y), np.arange(6) < 2
    rows = compare_rows(y, twins, {("tiny", "softmax"): Prediction(y, is_softmax=True)}, CLASSES)
    told = find_missing_classes(with_counts(test=tuple(np.bincount(y, minlength=3).tolist())), rows)
    assert len(told) == len(starts)
    assert all(text.startswith(start) for text, start in zip(told, starts, strict=True))
    if len(told) == 2:
        assert "over the 1 of 3 classes" in told[1]


def test_a_report_that_counts_no_images_says_nothing():
    assert find_missing_classes(replace(WHOLE, counts={})) == ()
