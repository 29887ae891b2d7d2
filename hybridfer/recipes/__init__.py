"""Recipes: what to train and what to fit, as data in TOML files that are checked before anything runs.

A *feature recipe* names a network, how it is trained or which weights it has, and which layers and views are embedded.
A *pipeline recipe* names a scaler, a head, the head's parameters and its search grid. Both are closed tables: an
unknown key is an error that names the nearest known one, and nothing in a recipe is ever imported or executed.
"""

from hybridfer.recipes.expansion import expand_recipe
from hybridfer.recipes.feature import AugmentationRecipe, FeatureRecipe, TrainingRecipe
from hybridfer.recipes.grid import RecipeGrid
from hybridfer.recipes.loading import list_recipes, load_recipe
from hybridfer.recipes.pipeline import HeadName, PipelineRecipe, ScalerName
from hybridfer.recipes.published import PublishedFigure

__all__ = [
    "AugmentationRecipe",
    "FeatureRecipe",
    "HeadName",
    "PipelineRecipe",
    "PublishedFigure",
    "RecipeGrid",
    "ScalerName",
    "TrainingRecipe",
    "expand_recipe",
    "list_recipes",
    "load_recipe",
]
