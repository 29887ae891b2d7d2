"""What a hyperparameter is drawn from: a range of numbers, a few choices, or a list of numbers of varying length."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from hybridfer.recipes.grid import Scalar
from hybridfer.recipes.table import RecipeTable

if TYPE_CHECKING:
    from optuna.trial import Trial

Number = int | float


class Range(RecipeTable):
    """Numbers from `low` to `high`, both included: integers where all its numbers are integers.

    Parameters
    ----------
    low, high : int or float
        The ends.
    step : int or float, optional
        Distance of neighbouring numbers; it leads from `low` to `high` exactly. Without it integers are 1 apart, and other
        numbers may be any.
    log : bool
        Draw orders of magnitude evenly, as for learning rates.

    Examples
    --------
    >>> Range(low=32, high=256, step=32).ends
    (32, 256)
    """

    low: Number
    high: Number
    step: Number | None = None
    log: bool = False

    @model_validator(mode="after")
    def _can_be_walked(self) -> Range:
        if any(abs(number) > sys.float_info.max for number in (self.low, self.high, self.step or 0)):
            raise ValueError(f"low, high and step: expected numbers up to {sys.float_info.max:.2g}")
        if self.low > self.high:
            raise ValueError(f"low is above high: {self.low} and {self.high}")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("log = true needs a low above 0, and no step")
        if self.step is not None:
            if self.step <= 0:
                raise ValueError(f"step: expected a number above 0, got {self.step}")
            steps = self._steps(self.step)
            if not math.isfinite(steps) or not math.isclose(steps, round(steps), rel_tol=0, abs_tol=1e-6):
                raise ValueError(f"steps of {self.step} do not lead from {self.low} to {self.high}")
        return self

    def _steps(self, step: Number) -> float:
        try:
            return (self.high - self.low) / step
        except OverflowError:
            return math.inf

    @property
    def ends(self) -> tuple[Number, Number]:
        """The smallest and the largest value."""
        return self.low, self.high

    @property
    def whole(self) -> bool:
        """Whether it holds integers alone."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 0))

    def draw(self, trial: Trial, name: str) -> Number:
        """Let a trial draw a number."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


class Choices(RecipeTable):
    """One of a few values without an order.

    Parameters
    ----------
    choices : list of a number, a string or a truth value
        The values, each once.

    Examples
    --------
    >>> Choices(choices=["adam", "sgd"]).ends
    ('adam', 'sgd')
    """

    choices: Annotated[list[Scalar], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Choices:
        if len(set(self.choices)) < len(self.choices):
            raise ValueError(f"choices: expected every choice once, got {self.choices}")
        return self

    @property
    def ends(self) -> tuple[Scalar, ...]:
        """All values."""
        return tuple(self.choices)

    def draw(self, trial: Trial, name: str) -> Scalar:
        """Let a trial draw a choice."""
        chosen: Any = trial.suggest_categorical(name, self.choices)
        return chosen


class NumberList(RecipeTable):
    """A list of integers of varying length, written ``"256-512-384"``, such as the filters of a network's layers.

    Parameters
    ----------
    length : Range
        How many integers; at least one.
    each : Range
        What each of them is drawn from.
    first : Range, optional
        What the first one is drawn from instead.

    Examples
    --------
    >>> NumberList(length=Range(low=1, high=3), each=Range(low=64, high=128, step=64)).ends
    ('64', '128-128-128')
    """

    length: Range
    each: Range
    first: Range | None = None

    @model_validator(mode="after")
    def _integers(self) -> NumberList:
        for name in ("length", "each", "first"):
            part = getattr(self, name)
            if part is not None and not (part.whole and part.low >= 1):
                raise ValueError(f"{name}: expected integers from 1, got {part.low} to {part.high}")
        return self

    @property
    def ends(self) -> tuple[str, str]:
        """The shortest list of the smallest numbers, and the longest of the largest."""
        first = self.first or self.each
        low, high = (
            [end, *[one] * (int(length) - 1)]
            for end, one, length in zip(first.ends, self.each.ends, self.length.ends, strict=True)
        )
        return _joined(low), _joined(high)

    def draw(self, trial: Trial, name: str) -> str:
        """Let a trial draw the length, as ``name.length``, then each number, as ``name.1``, ``name.2``, ..."""
        length = int(self.length.draw(trial, f"{name}.length"))
        numbers = [
            (self.first or self.each if place == 1 else self.each).draw(trial, f"{name}.{place}")
            for place in range(1, length + 1)
        ]
        return _joined(numbers)


Axis = Range | Choices | NumberList


def _joined(numbers: list[Number]) -> str:
    return "-".join(str(number) for number in numbers)
