"""What a hyperparameter may be drawn from."""

import optuna
import pytest
from pydantic import ValidationError

from hybridfer.search import Choices, NumberList, Range


def drawn(axis, values):
    return axis.draw(optuna.trial.FixedTrial(values), "x")


@pytest.mark.parametrize(
    "table",
    [
        {"low": 3, "high": 2},
        {"low": 32, "high": 256, "step": 100},
        {"low": 0, "high": 4, "step": 0},
        {"low": 0.0, "high": 1.0, "log": True},
        {"low": 0.1, "high": 1.0, "step": 0.1, "log": True},
        {"low": float("nan"), "high": 1.0},
        {"low": "1", "high": 2},
        {"low": 1e-300, "high": 1e300, "step": 1e-320},
        {"low": -(10**308), "high": 10**308, "step": 1},
        {"low": 0.5, "high": 10**400},
        {"low": 1, "high": 10**400, "step": 3},
    ],
)
def test_a_range_that_cannot_be_walked_is_refused(table):
    with pytest.raises(ValidationError):
        Range(**table)


def test_integers_stay_integers_and_steps_of_tenths_are_exact_enough():
    assert drawn(Range(low=32, high=256, step=32), {"x": 64}) == 64
    assert isinstance(drawn(Range(low=0, high=4), {"x": 3}), int)
    assert Range(low=0.1, high=0.4, step=0.1).whole is False
    assert Range(low=1, high=4, step=0.5).whole is False


def test_choices_differ_from_each_other():
    with pytest.raises(ValidationError, match="every choice once"):
        Choices(choices=["adam", "adam"])
    with pytest.raises(ValidationError):
        Choices(choices=[])


def test_a_list_draws_its_length_and_then_its_numbers_the_first_by_its_own_range():
    axis = NumberList(
        length=Range(low=1, high=5), first=Range(low=32, high=256, step=32), each=Range(low=64, high=512, step=64)
    )

    assert drawn(axis, {"x.length": 3, "x.1": 32, "x.2": 512, "x.3": 64}) == "32-512-64"
    assert axis.ends == ("32", "256-512-512-512-512")


def test_a_list_holds_positive_integers_alone():
    with pytest.raises(ValidationError, match="length: expected integers from 1"):
        NumberList(length=Range(low=0, high=2), each=Range(low=4, high=8))
    with pytest.raises(ValidationError, match="each: expected integers from 1"):
        NumberList(length=Range(low=1, high=2), each=Range(low=0.5, high=8))
