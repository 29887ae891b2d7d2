"""What a source says of its own system, to stand beside our figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from hybridfer.recipes.table import RecipeTable

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class PublishedFigure(RecipeTable):
    """One figure of a source, with what it was measured on.

    Parameters
    ----------
    pipeline : str
        The head: a pipeline recipe's name, or ``"softmax"``.
    split : {"train", "validation", "test"}
        Which images it was measured on, whatever the source calls them.
    n : int or None
        Number of images; None where the source does not say.
    accuracy, macro_f1 : float or None
        Shares from 0 to 1; at least one figure is given.
    f1 : dict of str to float
        F1 of single classes.
    remark : str
        What a reader has to know before comparing.

    Examples
    --------
    >>> PublishedFigure(pipeline="softmax", split="test", n=7178, accuracy=0.6293).accuracy
    0.6293
    """

    pipeline: Annotated[str, Field(min_length=1)] = "softmax"
    split: Literal["train", "validation", "test"]
    n: PositiveInt | None = None
    accuracy: Share | None = None
    macro_f1: Share | None = None
    f1: dict[str, Share] = Field(default_factory=dict)
    remark: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> PublishedFigure:
        if self.accuracy is None and self.macro_f1 is None and not self.f1:
            raise ValueError("expected at least one of accuracy, macro_f1 and f1")
        return self
