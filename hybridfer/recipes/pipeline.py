"""The pipeline recipe: a scaler, a head, the head's parameters and its search grid."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, PositiveInt, StringConstraints, model_validator

from hybridfer.recipes.table import RecipeName, RecipeTable

ScalerName = Literal["none", "standard", "minmax", "l2", "power"]
HeadName = Literal["svm", "linear-svc", "forest", "xgboost", "logistic", "knn", "softmax"]

Scalar = bool | int | float | str


def _plain_value(value: Any) -> Any:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
    for part in inner:
        if not isinstance(part, Scalar):
            raise ValueError(f"expected a string, a number, true, false, or a list or table of these, got {value!r}")
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError(f"expected finite numbers, got {value!r}")
        # what TOML itself promises; heads fail on larger ones by errors of all kinds, or never come to an end
        if isinstance(part, int) and not -(2**63) <= part < 2**63:
            raise ValueError(f"expected whole numbers of at most 64 bits, got {value!r}")
    return value


def _alternatives(grid: Any) -> Any:
    grids = [grid] if isinstance(grid, dict) else grid
    return [table for table in grids if table != {}] if isinstance(grids, list) else grids


Value = Annotated[Scalar | list[Scalar] | dict[str, Scalar], PlainValidator(_plain_value)]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w*$")]
Grid = dict[ParameterName, Annotated[list[Value], Field(min_length=1)]]


class PipelineRecipe(RecipeTable):
    """What classifies the embeddings, and what is tried to tune it.

    Parameters
    ----------
    name : str
        Name of the recipe, without slashes and control characters; a file's own name where the file gives none.
    description : str
        One line for lists of recipes.
    source : str
        Citation of where the settings come from.
    scaler : {"none", "standard", "minmax", "l2", "power"}
        What is done to the columns (``"l2"``: to the rows) before the head.
    pca : int, float or None
        Keep so many principal components, or components that explain this share of the variance (between 0 and 1).
    head : {"svm", "linear-svc", "forest", "xgboost", "logistic", "knn", "softmax"}
        The classifier.
    parameters : dict of str to value
        The head's parameters, named as its scikit-learn class names them. TOML has no null: ``"none"`` stands for None.
    grid : dict of str to list, or list of such dicts
        Values to try, kept as a list of tables, each of them searched in full. A bare name is a parameter of the head;
        ``scaler__`` and ``pca__`` reach the other steps. Empty where there is nothing to search.

    Examples
    --------
    >>> recipe = PipelineRecipe(name="mine", scaler="standard", head="svm", grid={"C": [0.1, 1, 10]})
    >>> recipe.grid
    [{'C': [0.1, 1, 10]}]
    """

    name: RecipeName
    description: str = ""
    source: str = ""
    scaler: ScalerName = "none"
    pca: PositiveInt | Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    head: HeadName
    parameters: dict[ParameterName, Value] = Field(default_factory=dict)
    grid: Annotated[list[Grid], BeforeValidator(_alternatives)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _softmax_takes_logits_as_they_are(self) -> PipelineRecipe:
        if self.head == "softmax" and (self.scaler != "none" or self.pca is not None):
            raise ValueError('head = "softmax" reads the logits as they are; leave out scaler and pca')
        return self

    @model_validator(mode="after")
    def _grid_reaches_steps_that_exist(self) -> PipelineRecipe:
        steps = {"head": True, "scaler": self.scaler != "none", "pca": self.pca is not None}
        for key in (key for grid in self.grid for key in grid):
            step, separator, _ = key.partition("__")
            if separator and not steps.get(step, False):
                present = ", ".join(f"{step}__" for step, there in steps.items() if there)
                raise ValueError(
                    f"grid key {key!r} reaches a step that this recipe has not; expected a bare parameter "
                    f"of the head, or a key that begins with one of: {present}"
                )
        return self
