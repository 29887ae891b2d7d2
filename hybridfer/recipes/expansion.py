"""From a recipe with a grid to the recipes it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .feature import FeatureRecipe


def expand_recipe(recipe: FeatureRecipe) -> list[FeatureRecipe]:
    """Turn a feature recipe with a grid into one recipe for each of its points.

    Parameters
    ----------
    recipe : FeatureRecipe
        With or without a grid.

    Returns
    -------
    list of FeatureRecipe
        Without grids, each named after the recipe and its own values of the settings that differ. What is ``published``
        of each is still said of the grid as a whole, which ``member_of`` names. A recipe without a grid comes back
        alone.

    Examples
    --------
    >>> recipe = FeatureRecipe(name="mine", network="tiny", grid={"training": {"learning_rate": [0.01, 0.1]}})
    >>> [member.name for member in expand_recipe(recipe)]
    ['mine[learning_rate=0.01]', 'mine[learning_rate=0.1]']
    """
    if not recipe.grid:
        return [recipe]
    points = [point for grid in recipe.grid for point in grid.points()]
    settings = [{**point["network_arguments"], **point["training"]} for point in points]
    return [
        FeatureRecipe.model_validate(
            {
                **recipe.model_dump(exclude={"grid"}),
                "name": f"{recipe.name}[{_named(own, settings)}]",
                "member_of": recipe.name,
                "network_arguments": {**recipe.network_arguments, **point["network_arguments"]},
                "training": {**recipe.training.model_dump(), **point["training"]},
            }
        )
        for own, point in zip(settings, points, strict=True)
    ]


def _named(own: Mapping[str, Any], settings: list[dict[str, Any]]) -> str:
    """Write the settings in which a point differs from another."""
    differing = {name: value for name, value in own.items() if any(other.get(name) != value for other in settings)}
    return ",".join(f"{name}={value}" for name, value in (differing or own).items())
