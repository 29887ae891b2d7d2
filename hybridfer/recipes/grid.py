"""The grid of a feature recipe: several trainings that differ in a few settings."""

from __future__ import annotations

import itertools
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from hybridfer.recipes.table import RecipeTable

Scalar = bool | int | float | str
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w*$")]
Tried = Annotated[list[Scalar], Field(min_length=1)]


class RecipeGrid(RecipeTable):
    """Settings to try, every value of one with every value of the others.

    Parameters
    ----------
    training : dict of str to list
        Values of fields of the recipe's ``training``.
    network_arguments : dict of str to list
        Values of the network's own arguments.

    Examples
    --------
    >>> grid = RecipeGrid(training={"learning_rate": [0.001, 0.003]}, network_arguments={"kernel": [2]})
    >>> [point["training"]["learning_rate"] for point in grid.points()]
    [0.001, 0.003]
    """

    training: dict[Name, Tried] = Field(default_factory=dict)
    network_arguments: dict[Name, Tried] = Field(default_factory=dict)

    def points(self) -> list[dict[str, dict[str, Any]]]:
        """Every combination of the values, as tables of the recipe; the last setting changes fastest."""
        axes = [
            (table, name, values)
            for table in ("network_arguments", "training")
            for name, values in getattr(self, table).items()
        ]
        points: list[dict[str, dict[str, Any]]] = []
        for chosen in itertools.product(*(values for _, _, values in axes)):
            point: dict[str, dict[str, Any]] = {"network_arguments": {}, "training": {}}
            for (table, name, _), value in zip(axes, chosen, strict=True):
                point[table][name] = value
            points.append(point)
        return points
