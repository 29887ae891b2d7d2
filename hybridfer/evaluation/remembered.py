"""Trainings that benchmarks remember, for others that need them."""

from __future__ import annotations

from pathlib import Path

from hybridfer.datasets import Dataset
from hybridfer.errors import DatasetError
from hybridfer.evaluation.plan import as_trained_here
from hybridfer.evaluation.splits import three_splits
from hybridfer.recipes import FeatureRecipe
from hybridfer.training import remembered_path


def find_training(
    recipe: FeatureRecipe, dataset: Dataset, test_split: str = "auto", precision: str | None = None
) -> Path | None:
    """Find the weights that a benchmark of a recipe trained on a dataset.

    Parameters
    ----------
    recipe : FeatureRecipe
        One that trains.
    dataset : Dataset
        As it was read; the splits that it lacks are carved as a benchmark carves them.
    test_split, precision : str
        As the benchmark was asked for.

    Returns
    -------
    Path or None
        A weights file; None if there was no such training, or none could have been.

    Raises
    ------
    RecipeError
        If the recipe is a grid, and so describes several trainings.
    """
    try:
        splits = three_splits(dataset, test_split)
    except DatasetError:
        return None
    path = remembered_path(as_trained_here(recipe, precision=precision), splits.dataset)
    return path if path.exists() else None
