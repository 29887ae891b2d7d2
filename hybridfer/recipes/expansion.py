"""From a recipe with a grid to the recipes it stands for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hybridfer.recipes.feature import FeatureRecipe
from hybridfer.recipes.paths import MODEL
from hybridfer.recipes.table import UNFIT_IN_NAMES

# settings whose values are names of weights, or files
WEIGHTS = ("start", "teacher", "pretrained")


def expand_recipe(recipe: FeatureRecipe) -> list[FeatureRecipe]:
    """Turn a feature recipe with a grid into one recipe for each of its points.

    Parameters
    ----------
    recipe : FeatureRecipe
        With or without a grid.

    Returns
    -------
    list of FeatureRecipe
        Without grids, each named after the recipe and its own values of the settings that differ; weights files go by
        their names, without folder and suffix. What is ``published`` of each is still said of the grid as a whole, which
        ``member_of`` names. A recipe without a grid comes back alone.

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
                "name": f"{recipe.name}[{name}]",
                "network_arguments": {**recipe.network_arguments, **point["network_arguments"]},
                "training": {**recipe.training.model_dump(), **point["training"]},
            }
        ).as_member_of(recipe.name)
        for name, point in zip(_named(settings), points, strict=True)
    ]


def _named(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the settings in which each point differs from another."""
    weights = {name: _weights_named(settings, name) for name in WEIGHTS}
    names = []
    for own in settings:
        differing = {name: value for name, value in own.items() if any(other.get(name) != value for other in settings)}
        told = {name: weights[name][value] if name in weights else value for name, value in (differing or own).items()}
        written = ",".join(f"{name}={value}" for name, value in told.items())
        names.append(UNFIT_IN_NAMES.sub("-", written))
    return names


def _weights_named(settings: Sequence[Mapping[str, Any]], name: str) -> dict[Any, str]:
    """Name the weights of a setting without folders, which a recipe's name has none of; numbered where names repeat."""
    named: dict[Any, str] = {}
    for value in dict.fromkeys(own[name] for own in settings if name in own):
        stem = str(value) if str(value).startswith(MODEL) else Path(str(value)).stem
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        named[value] = next(free for free in names if free not in named.values())
    return named
