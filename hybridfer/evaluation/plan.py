"""What a benchmark is asked for, with all that can be found wrong with it before images are read."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hybridfer.datasets import Dataset
from hybridfer.errors import RecipeError
from hybridfer.evaluation.embedded import check_recipe
from hybridfer.evaluation.given import GivenNetwork, name_networks, network_behind
from hybridfer.extraction import check_features
from hybridfer.heads import build_head, check_size, rehearse_recipe
from hybridfer.networks import Network
from hybridfer.recipes import FeatureRecipe, PipelineRecipe, expand_recipe, load_recipe
from hybridfer.training.ancestry import Ancestry, load_ancestry

Source = str | os.PathLike[str] | Dataset
Features = str | os.PathLike[str] | FeatureRecipe | Network
Pipelines = str | os.PathLike[str] | PipelineRecipe
Recipe = TypeVar("Recipe", Features, Pipelines)


@dataclass(frozen=True)
class Plan:
    """The recipes of a benchmark, and where its networks run.

    Attributes
    ----------
    features : tuple of FeatureRecipe
        Each to be trained or loaded, and embedded with; those with a grid stand here as their members.
    heads : tuple of PipelineRecipe
        Each to be fitted on every one of them. Softmax is not among them: it is a row of its own, from the network itself.
    weights, store : path or None
        For a single feature recipe.
    device, precision : str
        As for `CNNFeaturizer`; without a precision each recipe's own counts.
    epochs : int or None
        The most that the networks are trained for, instead of the recipes' own.

    Raises
    ------
    RecipeError
        If two recipes have one name, a weights file or a store is given to several, a weights file to a network that was
        given itself, or epochs to none that is trained.
    """

    features: tuple[FeatureRecipe, ...]
    heads: tuple[PipelineRecipe, ...]
    weights: str | os.PathLike[str] | None = None
    store: str | os.PathLike[str] | None = None
    device: str = "auto"
    precision: str | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        if any(head.name == "softmax" for head in self.heads):
            raise RecipeError("The name 'softmax' is the CNN's own row; give the pipeline recipe another one.")
        for kind, names in (
            ("feature", [recipe.name for recipe in self.features]),
            ("pipeline", [recipe.name for recipe in self.heads]),
        ):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise RecipeError(f"Every {kind} recipe must be named once; got {repeated} several times.")
        if len(self.features) > 1 and (self.weights is not None or self.store is not None):
            names = [recipe.name for recipe in self.features]
            raise RecipeError(f"weights and store go with one feature recipe; got {names}.")
        if self.weights is not None and any(isinstance(recipe, GivenNetwork) for recipe in self.features):
            raise RecipeError("weights go with a feature recipe; a network that is given itself has its own.")
        if self.epochs is not None and all(self.loads(recipe) for recipe in self.features):
            names = [recipe.name for recipe in self.features]
            raise RecipeError(f"epochs is for networks that are trained here; {names} load their weights.")

    def loads(self, recipe: FeatureRecipe) -> bool:
        """Whether the network of a recipe is loaded from a weights file, not trained."""
        return self.weights is not None or recipe.weights is not None

    def load_networks(self) -> Iterator[tuple[str, Network]]:
        """Load the networks that are not trained, one after the other, each with the name of its recipe."""
        for recipe in self.features:
            if self.loads(recipe):
                yield recipe.name, network_behind(recipe, self.weights)

    def load_ancestries(self) -> Iterator[tuple[str, Ancestry]]:
        """Load what trainings start with, and their teachers, one training after the other, each with its recipe's name."""
        for recipe in self.features:
            if not self.loads(recipe):
                ancestry = load_ancestry(recipe.training.to_params())
                if ancestry.named:
                    yield recipe.name, ancestry

    def rehearse(self, *, searched: bool = True) -> dict[str, int | None]:
        """Find out whether networks, layers, device and precision can be had, and fit each head on a few synthetic rows.

        Parameters
        ----------
        searched : bool
            Whether the heads' grids are tried; without it their own parameters are fitted.

        Returns
        -------
        dict of str to int or None
            By feature recipe the number of its features; None where that depends on the images.

        Raises
        ------
        RecipeError, WeightsError
            Naming what cannot be had, or cannot be fitted on so many features.
        """
        widths = {recipe.name: check_recipe(recipe, self.weights, self.device, self.precision) for recipe in self.features}
        for head in self.heads:
            rehearse_recipe(head)
        self._check_sizes(widths, None, searched)
        return widths

    def check_heads(
        self, widths: Mapping[str, int | None], rows: int, classes: Sequence[str], *, searched: bool = True
    ) -> None:
        """Find out whether each head can be fitted on so many train images, and knows the classes that it weighs.

        Parameters
        ----------
        widths : mapping of str to int or None
            From `rehearse`.
        rows : int
            Train images.
        classes : sequence of str
            Of the dataset.
        searched : bool
            As for `rehearse`.

        Raises
        ------
        RecipeError
            Naming the head.
        """
        for head in self.heads:
            build_head(head, classes=classes)
            if len(classes) == 2:
                rehearse_recipe(head, n_classes=2)
        self._check_sizes(widths, rows, searched)

    def _check_sizes(self, widths: Mapping[str, int | None], rows: int | None, searched: bool) -> None:
        for head, (features, columns) in itertools.product(self.heads, widths.items()):
            check_size(head, rows, columns, features=features, searched=searched)


def load_features(
    features: Features | Sequence[Features] | None,
    source: Source,
    epochs: int | None = None,
    precision: str | None = None,
    *,
    single: bool = False,
) -> tuple[FeatureRecipe, ...]:
    """Load the feature recipes that were named; without a name those that suit the source, or the `single` first of them.

    Recipes that train do so for at most `epochs`, in the given precision. Networks are numbered where names repeat.

    Raises
    ------
    RecipeError
        If there is no such recipe, or something is neither a recipe nor a network.

    Examples
    --------
    >>> [recipe.name for recipe in load_features(None, "faces:200")]
    ['tiny']
    >>> [recipe.name for recipe in load_features(None, "fer2013.zip")]
    ['compact', 'compact-views']
    """
    asked = _several(features) or _default_recipes(source)[: 1 if single else None]
    for one in asked:
        check_features(one)
    members = [[] if isinstance(one, Network) else expand_recipe(load_recipe("feature", one)) for one in asked]
    names = [member.name for expanded in members for member in expanded]
    networks = iter(name_networks([one for one in asked if isinstance(one, Network)], names))
    recipes = (recipe for expanded in members for recipe in expanded or [next(networks)])
    return tuple(as_trained_here(recipe, epochs, precision) if recipe.weights is None else recipe for recipe in recipes)


def as_trained_here(recipe: FeatureRecipe, epochs: int | None = None, precision: str | None = None) -> FeatureRecipe:
    """Change a recipe's training as a benchmark's options ask; fp16 is no precision that anything is trained in.

    Examples
    --------
    >>> as_trained_here(load_recipe("feature", "tiny"), precision="bf16").training.precision
    'bf16'
    """
    return recipe.retrained(max_epochs=epochs, precision=None if precision == "fp16" else precision)


def load_heads(pipelines: Pipelines | Sequence[Pipelines]) -> tuple[PipelineRecipe, ...]:
    """Load the pipeline recipes that were named, but for softmax.

    Examples
    --------
    >>> [recipe.name for recipe in load_heads(["softmax", "knn"])]
    ['knn']
    """
    recipes = (load_recipe("pipeline", recipe) for recipe in _several(pipelines))
    return tuple(recipe for recipe in recipes if recipe.head != "softmax")


def _several(recipes: Recipe | Sequence[Recipe] | None) -> list[Recipe]:
    """Take one recipe for a list of one."""
    if recipes is None:
        return []
    return [recipes] if isinstance(recipes, str) or not isinstance(recipes, Sequence) else list(recipes)


def _default_recipes(source: Source) -> list[str]:
    name = source.source if isinstance(source, Dataset) else os.fspath(source)
    return ["tiny"] if name.partition(":")[0] == "faces" else ["compact", "compact-views"]
