import math

import pytest

from hybridfer.evaluation.feature_run import Epoch, find_restored_epoch, order_trained_counts, read_history


def test_an_epoch_tells_what_was_recorded_and_nothing_else():
    (epoch,) = read_history([{"epoch": 4, "train_loss": 1.5, "valid_accuracy": 0.5, "valid_loss": math.inf, "dur": 2}])
    assert epoch == Epoch(4, train_loss=1.5, valid_accuracy=0.5, seconds=2.0)


def test_epochs_without_a_number_are_counted():
    assert [epoch.epoch for epoch in read_history([{"train_loss": 1.0}, {"train_loss": 0.5}])] == [1, 2]


def test_an_epoch_whose_number_is_none_has_that_of_its_place():
    assert [epoch.epoch for epoch in read_history([{"epoch": "one"}, {"epoch": None}, {"epoch": 7}])] == [1, 2, 7]


def test_a_number_that_no_float_holds_is_not_told():
    (epoch,) = read_history([{"train_loss": 10**400, "valid_loss": 1.5, "dur": -(10**400)}])
    assert epoch == Epoch(1, valid_loss=1.5)


def losses(*values: float | None) -> list[Epoch]:
    return [Epoch(number, valid_loss=value) for number, value in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("history", "patience", "kept"),
    [
        (losses(1.2, 0.9, 1.1), 2, 2),
        (losses(1.2, 0.9, 1.1), None, 3),
        (losses(1.2, 0.9, 0.89999), 2, 2),
        (losses(None, None), 2, 2),
        ([], 2, None),
    ],
)
def test_early_stopping_keeps_the_best_epoch_on_validation(history, patience, kept):
    assert find_restored_epoch(history, {"patience": patience}) == kept
    if patience is None:
        assert find_restored_epoch(history, {}) == kept


def test_counts_are_told_in_the_order_of_the_dataset():
    training = {"train_counts": [10, 4], "trained_counts": [10, 9]}
    assert order_trained_counts(training, ("sad", "happy"), ("happy", "sad")) == (9, 10)


def test_counts_of_other_classes_and_of_no_balancing_are_not_told():
    assert order_trained_counts({"trained_counts": [10, 9]}, ("sad", "happy"), ("happy", "cat")) is None
    assert order_trained_counts({"trained_counts": [10, 9]}, ("sad",), ("sad",)) is None
    assert order_trained_counts({"train_counts": [10, 4]}, ("sad", "happy"), ("happy", "sad")) is None


@pytest.mark.parametrize("counts", [["ten", 9], [None, 9], [9.5, 9], "99", 9])
def test_counts_that_are_no_whole_numbers_are_not_told(counts):
    assert order_trained_counts({"trained_counts": counts}, ("sad", "happy"), ("happy", "sad")) is None


def test_the_epoch_is_the_one_that_the_training_kept():
    from skorch.callbacks import EarlyStopping

    # what is mirrored here: a loss counts as better when it falls by this share of the best one
    assert (EarlyStopping().threshold, EarlyStopping().threshold_mode) == (1e-4, "rel")
