"""A recipe's values tried on a few synthetic rows, before anything long is run."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from ..errors import RecipeError
from ..recipes import PipelineRecipe, load_recipe
from .build import build_head, search_grid

_CLASSES = 3
_ROWS_PER_CLASS = 20


def rehearse_recipe(recipe: str | Path | PipelineRecipe) -> int:
    """Fit every candidate of a recipe on a few synthetic rows, so that a wrong value is found before the CNN is trained.

    A recipe's names are checked when it is built; what a head accepts as a value, only the head itself knows.

    Parameters
    ----------
    recipe : str, Path or PipelineRecipe
        A shipped recipe's name, a TOML file, or a recipe.

    Returns
    -------
    int
        How many candidates were tried.

    Raises
    ------
    RecipeError
        If the recipe cannot be read or built, or if a candidate cannot be fitted; the message gives the candidate and
        the head's own words.

    Examples
    --------
    >>> rehearse_recipe("logistic")
    5
    """
    recipe = load_recipe("pipeline", recipe)
    pipeline, grid = build_head(recipe, n_jobs=1), search_grid(recipe)
    # the recipe's own parameters are what a run without a search fits
    candidates: list[dict[str, Any]] = [{}, *(ParameterGrid(grid) if grid else ())]
    X, y = _rows(_CLASSES if recipe.head == "softmax" else _columns(candidates, recipe.pca))
    for params in candidates:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                clone(pipeline).set_params(**params).fit(X, y)
        except (ValueError, TypeError) as error:
            tried = ", ".join(f"{name} = {value!r}" for name, value in params.items()) or "its own parameters"
            raise RecipeError(f"pipeline recipe {recipe.name!r} cannot be fitted with {tried}: {error}") from error
    return max(1, len(candidates) - 1)


def _columns(candidates: list[dict[str, Any]], pca: int | float | None) -> int:
    kept = [pca, *(params.get("pca__n_components") for params in candidates)]
    return max([8, *(int(count) for count in kept if isinstance(count, int | float))])


def _rows(columns: int) -> tuple[np.ndarray, np.ndarray]:
    rows = max(_ROWS_PER_CLASS * _CLASSES, columns)
    y = np.arange(rows) % _CLASSES
    X = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    X[np.arange(rows), y] += 2.0
    return X, y
