"""A recipe's values tried on a few synthetic rows, and held against what there is, before anything long is run."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from hybridfer.errors import RecipeError
from hybridfer.heads.build import build_head, search_grid
from hybridfer.heads.class_weights import NAME as CLASS_WEIGHT
from hybridfer.heads.needs import most_needed, part_candidates
from hybridfer.recipes import PipelineRecipe, load_recipe

_COLUMNS = 8
_ROWS_PER_CLASS = 20


def rehearse_recipe(recipe: str | Path | PipelineRecipe, n_classes: int = 3) -> int:
    """Fit every candidate of a recipe on a few synthetic rows, so that a wrong value is found before the CNN is trained.

    A recipe's names are checked when it is built; what a head accepts as a value, only the head itself knows.

    Parameters
    ----------
    recipe : str, Path or PipelineRecipe
        A shipped recipe's name, a TOML file, or a recipe.
    n_classes : int
        Classes of the rows, or as many as the recipe weighs, if these are more: heads may take other values for two.

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
    named = _weighed_classes(build_head(recipe, n_jobs=1), search_grid(recipe))
    classes = (*named, *(f"(class {number})" for number in range(len(named), n_classes)))
    pipeline, grid = build_head(recipe, n_jobs=1, classes=classes), search_grid(recipe, classes=classes)
    # the recipe's own parameters are what a run without a search fits
    candidates: list[dict[str, Any]] = [{}, *(ParameterGrid(grid) if grid else ())]
    least = len(classes) if recipe.head == "softmax" else max(_COLUMNS, len(classes))
    columns = max(least, most_needed(pipeline, candidates, "columns"))
    X, y = _rows(max(_ROWS_PER_CLASS * len(classes), most_needed(pipeline, candidates, "rows")), columns, len(classes))
    for params in candidates:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                clone(pipeline).set_params(**params).fit(X, y)
        # OverflowError comes of whole numbers that a head's own arithmetic does not hold
        except (ValueError, TypeError, OverflowError) as error:
            tried = ", ".join(f"{name} = {value!r}" for name, value in params.items()) or "its own parameters"
            raise RecipeError(f"pipeline recipe {recipe.name!r} cannot be fitted with {tried}: {error}") from error
    return max(1, len(candidates) - 1)


def check_size(
    recipe: PipelineRecipe, rows: int | None, columns: int | None, *, features: str = "", searched: bool = True
) -> None:
    """Find out whether any candidate of a recipe can be fitted on so many rows and columns.

    Parameters
    ----------
    recipe : PipelineRecipe
        Whose candidates are meant.
    rows, columns : int or None
        Train images, and features of each; None where that is not known.
    features : str
        Name of the feature recipe that gives them.
    searched : bool
        Whether the grid is tried; without it the recipe's own parameters are fitted.

    Raises
    ------
    RecipeError
        If all candidates need more rows or columns.

    Examples
    --------
    >>> check_size(load_recipe("pipeline", "knn"), 84, 128)
    >>> check_size(PipelineRecipe(name="mine", pca=500, head="svm"), None, 128, features="tiny")
    Traceback (most recent call last):
    ...
    hybridfer.errors.RecipeError: pipeline recipe 'mine' cannot be fitted on 128 features of tiny: they are too few for \
n_components = 500. Change its recipe, or leave it out by naming others with -p.
    """
    grid = search_grid(recipe) if searched else []
    candidates = ParameterGrid(grid) if grid else [{}]
    fitting, unmet = part_candidates(build_head(recipe, n_jobs=1), candidates, rows, columns)
    if not fitting:
        parts = [f"{rows} train images"] * (rows is not None) + [f"{columns} features of {features}"] * (columns is not None)
        raise RecipeError(
            f"pipeline recipe {recipe.name!r} cannot be fitted on {' with '.join(parts)}: they are too few for "
            f"{', '.join(unmet)}. Change its recipe, or leave it out by naming others with -p."
        )


def _weighed_classes(pipeline: Pipeline, grids: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of all classes that a recipe gives weights to."""
    key = f"head__{CLASS_WEIGHT}"
    tables = [pipeline.get_params().get(key), *(table for grid in grids for table in grid.get(key, ()))]
    return tuple(dict.fromkeys(name for table in tables if isinstance(table, dict) for name in table))


def _rows(rows: int, columns: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(rows) % classes
    X = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    X[np.arange(rows), y] += 2.0
    return X, y
