"""Recipes by name or by file, checked; the shipped ones are read from the installed package."""

from __future__ import annotations

import importlib.resources
import os
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, overload

from pydantic import BaseModel, ValidationError

from hybridfer.errors import RecipeError
from hybridfer.home import given_path
from hybridfer.recipes.expansion import expand_recipe
from hybridfer.recipes.feature import FeatureRecipe
from hybridfer.recipes.paths import resolve_paths
from hybridfer.recipes.pipeline import PipelineRecipe
from hybridfer.recipes.problems import describe_problems
from hybridfer.suggestion import suggest

RecipeKind = Literal["feature", "pipeline"]

_MODELS: dict[RecipeKind, type[FeatureRecipe] | type[PipelineRecipe]] = {
    "feature": FeatureRecipe,
    "pipeline": PipelineRecipe,
}
WEIGHTS_SUFFIX = ".safetensors"
_PACKAGES: dict[RecipeKind, str] = {"feature": "hybridfer.features", "pipeline": "hybridfer.pipelines"}


def list_recipes(kind: RecipeKind) -> tuple[str, ...]:
    """Name the recipes that ship with hybridfer.

    Parameters
    ----------
    kind : {"feature", "pipeline"}
        Which recipes.

    Returns
    -------
    tuple of str
        The names, sorted.

    Raises
    ------
    RecipeError
        If there is no such kind of recipe.

    Examples
    --------
    >>> "svm-rbf" in list_recipes("pipeline")
    True
    """
    return tuple(sorted(_shipped(kind)))


@overload
def load_recipe(kind: Literal["feature"], recipe: str | os.PathLike[str] | FeatureRecipe) -> FeatureRecipe: ...


@overload
def load_recipe(kind: Literal["pipeline"], recipe: str | os.PathLike[str] | PipelineRecipe) -> PipelineRecipe: ...


def load_recipe(
    kind: RecipeKind, recipe: str | os.PathLike[str] | FeatureRecipe | PipelineRecipe
) -> FeatureRecipe | PipelineRecipe:
    """Read and check a recipe.

    Parameters
    ----------
    kind : {"feature", "pipeline"}
        Which kind of recipe is expected.
    recipe : str, Path or recipe
        The name of a shipped recipe, the path of a TOML file, or a recipe, which comes back as it is. A string is a
        path if it ends in ``.toml`` or has a folder in it. One recipe of a shipped grid goes by the name that
        `expand_recipe` gives it: ``"model_3-grid[kernel=2,learning_rate=0.001]"``. A file without a ``name`` is named
        after itself, and a relative path in it, of ``weights``, of the network's argument ``pretrained``, or of ``start`` or
        ``teacher`` of its training, in its grid too, starts from the file's own folder.

    Returns
    -------
    FeatureRecipe or PipelineRecipe
        The recipe.

    Raises
    ------
    RecipeError
        If there is no such recipe or file, if the file is no TOML, or if it has an unknown key or a wrong value; the
        message lists every wrong key.

    Examples
    --------
    >>> load_recipe("pipeline", "forest").head
    'forest'
    """
    shipped = _shipped(kind)
    if isinstance(recipe, BaseModel):
        return _of_kind(kind, recipe)
    if kind == "feature" and os.fspath(recipe).endswith(WEIGHTS_SUFFIX):
        raise RecipeError(
            f"{os.fspath(recipe)} is a weights file, by its name; expected a feature recipe. Name a recipe of its network, "
            f"and give the file beside it: -f RECIPE --weights {os.fspath(recipe)} (in Python weights=; of hybridfer train "
            "--start)."
        )
    if not isinstance(recipe, str) or recipe.endswith(".toml") or "/" in recipe or "\\" in recipe:
        path = given_path(recipe)
        return _read(kind, path, folder=path.parent)
    if kind == "feature" and recipe.endswith("]") and recipe.partition("[")[0] in shipped:
        return _member(recipe)
    if recipe not in shipped:
        raise RecipeError(
            f"There is no {kind} recipe {recipe!r}; {suggest(recipe, shipped)} List them with: hybridfer recipes, "
            f"or list_recipes({kind!r}). A recipe of your own is given as a path that ends in .toml."
        )
    return _read(kind, shipped[recipe], folder=None)


def _shipped(kind: RecipeKind) -> dict[str, Traversable]:
    if kind not in _PACKAGES:
        raise RecipeError(f"The kind of a recipe is one of {sorted(_PACKAGES)}; got {kind!r}.")
    entries = importlib.resources.files(_PACKAGES[kind]).iterdir()
    return {entry.name.removesuffix(".toml"): entry for entry in entries if entry.name.endswith(".toml")}


def _member(name: str) -> FeatureRecipe:
    """One recipe of a shipped grid."""
    members = {member.name: member for member in expand_recipe(load_recipe("feature", name.partition("[")[0]))}
    if name not in members:
        raise RecipeError(f"There is no feature recipe {name!r}; {suggest(name, members)}")
    return members[name]


def _of_kind(kind: RecipeKind, recipe: FeatureRecipe | PipelineRecipe) -> FeatureRecipe | PipelineRecipe:
    if not isinstance(recipe, _MODELS[kind]):
        raise RecipeError(f"Expected a {kind} recipe; got a {type(recipe).__name__} named {recipe.name!r}.")
    return recipe


def _read(kind: RecipeKind, file: Traversable, folder: Path | None) -> FeatureRecipe | PipelineRecipe:
    table = {"name": file.name.removesuffix(".toml"), **read_toml(file)}
    if folder is not None:
        grid = table.get("grid")
        for part in (table, *(grid if isinstance(grid, list) else [grid])):
            resolve_paths(part, folder)
    model = _MODELS[kind]
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = describe_problems(error, model, table)
        raise RecipeError("\n  ".join([f"{file} is not a valid {kind} recipe:", *problems])) from None


def read_toml(file: Traversable) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    RecipeError
        If it cannot be read, or is none.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{file} could not be read: {error.strerror}. Expected the path of a TOML file.") from error
    except (ValueError, RecursionError) as error:
        # among the former, integers of more digits than Python reads
        told = "its lists or tables are nested too deeply" if isinstance(error, RecursionError) else error
        raise RecipeError(f"{file} is not a TOML file: {told}.") from error
