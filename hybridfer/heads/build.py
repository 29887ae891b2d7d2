"""Recipes become scikit-learn pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline

from hybridfer.errors import RecipeError
from hybridfer.heads.class_weights import by_position
from hybridfer.heads.table import SCALERS, build_estimator
from hybridfer.recipes import FeatureRecipe, PipelineRecipe, load_recipe
from hybridfer.suggestion import suggest


def build_head(
    recipe: str | Path | PipelineRecipe,
    *,
    random_state: int = 0,
    n_jobs: int | None = None,
    device: str = "cpu",
    classes: Sequence[str] | None = None,
) -> Pipeline:
    """Build the pipeline that classifies a matrix of embeddings.

    Parameters
    ----------
    recipe : str, Path or PipelineRecipe
        A shipped recipe's name, a TOML file, or a recipe.
    random_state : int
        Seed, for steps that draw random numbers.
    n_jobs : int or None
        Workers, for heads that can use several.
    device : str
        Device of the network; boosted trees are grown there.
    classes : sequence of str or None
        Names of the classes where labels are their positions: a recipe's ``class_weight`` goes by names. None where labels
        are names themselves.

    Returns
    -------
    Pipeline
        Unfitted steps ``"scaler"`` and ``"pca"``, where the recipe has them, and ``"head"``.

    Raises
    ------
    RecipeError
        If the recipe cannot be read, or if it names an unknown parameter in ``parameters`` or ``grid``, or a class that is
        not among `classes`.

    Examples
    --------
    >>> build_head("svm-rbf").named_steps["head"].kernel
    'rbf'
    """
    recipe = load_recipe("pipeline", recipe)
    pipeline = Pipeline(_head_steps(recipe, random_state, n_jobs, device, classes))
    _qualified_grids(recipe, pipeline, classes)
    return pipeline


def build_pipeline(
    feature_recipe: str | Path | FeatureRecipe,
    pipeline_recipe: str | Path | PipelineRecipe,
    *,
    random_state: int = 0,
    n_jobs: int | None = None,
    device: str = "auto",
    **featurizer: Any,
) -> Pipeline:
    """Build the whole way from images to labels: a featurizer, and the head's steps behind it.

    Parameters
    ----------
    feature_recipe : str, Path or FeatureRecipe
        What is embedded; for the head ``"softmax"`` the layer is ``"logits"``, whatever the recipe says.
    pipeline_recipe : str, Path or PipelineRecipe
        What classifies the embeddings. A ``"softmax"`` head takes its columns for the sorted labels; where the network
        has them in another order, set ``head__classes``.
    random_state : int
        Seed, for steps of the head that draw random numbers; the network's is in the feature recipe.
    n_jobs : int or None
        Workers, for heads that can use several.
    device : str
        Where the network runs; boosted trees are grown there too.
    **featurizer : object
        Further parameters of ``CNNFeaturizer``, such as ``store`` or ``batch_size``; they win over the recipe's.

    Returns
    -------
    Pipeline
        Unfitted steps ``"features"``, those of ``build_head``, and so parameters such as ``features__layers`` and
        ``head__C``.

    Raises
    ------
    RecipeError
        If a recipe cannot be read, or names something unknown.

    Examples
    --------
    >>> list(build_pipeline("tiny", "svm-linear").named_steps)
    ['features', 'scaler', 'head']
    """
    from hybridfer.featurizer import CNNFeaturizer
    from hybridfer.networks.device import choose_device

    recipe = load_recipe("pipeline", pipeline_recipe)
    if recipe.head == "softmax":
        featurizer["layers"] = ("logits",)
    embed = CNNFeaturizer.from_recipe(feature_recipe, device=device, **featurizer)
    head = build_head(recipe, random_state=random_state, n_jobs=n_jobs, device=str(choose_device(device)))
    return Pipeline([("features", embed), *head.steps])


def search_grid(recipe: str | Path | PipelineRecipe, *, classes: Sequence[str] | None = None) -> list[dict[str, list[Any]]]:
    """Give a recipe's grid with the names that its pipeline has for the parameters.

    Parameters
    ----------
    recipe : str, Path or PipelineRecipe
        A shipped recipe's name, a TOML file, or a recipe.
    classes : sequence of str or None
        As for `build_head`.

    Returns
    -------
    list of dict of str to list
        Grids for ``GridSearchCV`` over ``build_head(recipe)`` or ``build_pipeline(..., recipe)``; empty where there
        is nothing to search.

    Raises
    ------
    RecipeError
        If the recipe cannot be read, or if the grid names an unknown parameter, or a class that is not among `classes`.

    Examples
    --------
    >>> search_grid("svm-linear")
    [{'head__C': [0.001, 0.01, 0.1]}]
    """
    recipe = load_recipe("pipeline", recipe)
    return _qualified_grids(recipe, Pipeline(_head_steps(recipe, 0, None, "cpu", classes)), classes)


def _head_steps(
    recipe: PipelineRecipe, random_state: int, n_jobs: int | None, device: str, classes: Sequence[str] | None
) -> list[tuple[str, BaseEstimator]]:
    steps: list[tuple[str, BaseEstimator]] = []
    if recipe.scaler != "none":
        steps.append(("scaler", SCALERS[recipe.scaler]()))
    if recipe.pca is not None:
        steps.append(("pca", PCA(n_components=recipe.pca, random_state=random_state)))
    try:
        parameters = {name: _value(name, value, classes) for name, value in recipe.parameters.items()}
        head = build_estimator(recipe.head, parameters, random_state=random_state, n_jobs=n_jobs, device=device)
    except RecipeError as error:
        raise RecipeError(f"pipeline recipe {recipe.name!r}, parameters: {error}") from None
    return [*steps, ("head", head)]


def _qualified_grids(
    recipe: PipelineRecipe, pipeline: Pipeline, classes: Sequence[str] | None
) -> list[dict[str, list[Any]]]:
    known = pipeline.get_params()
    grids = [{_qualified(key, known, recipe.name): values for key, values in grid.items()} for grid in recipe.grid]
    try:
        return [{key: [_value(key, value, classes) for value in values] for key, values in grid.items()} for grid in grids]
    except RecipeError as error:
        raise RecipeError(f"pipeline recipe {recipe.name!r}, grid: {error}") from None


def _qualified(key: str, known: dict[str, Any], recipe_name: str) -> str:
    # the second spelling reaches through EncodedClassifier
    spellings = [key] if "__" in key else [f"head__{key}", f"head__estimator__{key}"]
    for spelling in spellings:
        if spelling in known:
            return spelling
    short = [name.removeprefix("head__").removeprefix("estimator__") for name in known if "__" in name]
    raise RecipeError(f"pipeline recipe {recipe_name!r}, grid: there is no parameter {key!r}; {suggest(key, short)}")


def _value(parameter: str, value: Any, classes: Sequence[str] | None) -> Any:
    """Read ``"none"`` as None: TOML has no null, and scikit-learn and xgboost no parameter whose value is "none"."""
    return None if value == "none" else by_position(parameter, value, classes)
