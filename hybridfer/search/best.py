"""The best trial as a feature recipe in a file."""

from __future__ import annotations

from pathlib import Path

from hybridfer.errors import HybridferError, require
from hybridfer.files import write_aside
from hybridfer.recipes import FeatureRecipe
from hybridfer.recipes.paths import resolve_paths
from hybridfer.search.result import SearchResult, TrialRow
from hybridfer.search.space import SearchSpace

# by which a file is known as one that may be replaced
FIRST_LINE = "# the best trial of a search by hybridfer"


def check_replaceable(path: Path) -> None:
    """Refuse a path that holds anything but an earlier best trial.

    Raises
    ------
    HybridferError
        If it does.
    """
    if path.exists() and not path.read_bytes().startswith(FIRST_LINE.encode()):
        raise HybridferError(f"{path} exists and is no best trial of a search. Choose another --best, or remove it.")


def best_recipe(result: SearchResult, space: SearchSpace, name: str) -> FeatureRecipe:
    """Make a feature recipe of the best trial.

    Parameters
    ----------
    result : SearchResult
        With a completed trial.
    space : SearchSpace
        That it was drawn from.
    name : str
        Of the recipe.

    Returns
    -------
    FeatureRecipe

    Raises
    ------
    HybridferError
        If no trial was completed.
    """
    best = result.best
    if best is None:
        raise HybridferError(f"No trial was completed, so there is no best one.{_why(result)}")
    drawn = {
        "network_arguments": {key: best.drawn[key] for key in space.space.network_arguments},
        "training": {key: best.drawn[key] for key in space.space.training},
    }
    return space.recipe(drawn, name, _description(best, result))


def write_best(path: Path, recipe: FeatureRecipe) -> None:
    """Write a recipe as TOML, so that `load_recipe` gives it back.

    Parameters
    ----------
    path : Path
        Replaced in one step.
    recipe : FeatureRecipe
        Without grid and published figures.

    Raises
    ------
    MissingExtraError
        If tomli-w is not installed.
    """
    tomli_w = require("tomli_w", extra="search")
    table = recipe.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    # all of the training, as what is a default now may be another one in years
    table["training"] = recipe.training.model_dump(mode="json", exclude_none=True)
    # those of a recipe that was read from this file would start from its folder
    resolve_paths(table, Path.cwd())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, f"{FIRST_LINE}\n{tomli_w.dumps(table)}".encode())


def _description(best: TrialRow, result: SearchResult) -> str:
    return (
        f"Trial {best.number} of {result.ended}: {best.accuracy:.2%} of the {result.n_validation:,} validation images that "
        "it was chosen by"
    )


def _why(result: SearchResult) -> str:
    reasons = [trial.failure for trial in result.trials if trial.failure]
    return f" The last failure: {reasons[-1]}" if reasons else ""
