"""Networks that are given to a benchmark themselves, as `hybridfer.load_network` returns them, instead of by recipes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Self

from pydantic import Field, InstanceOf

from hybridfer.errors import RecipeError
from hybridfer.extraction import layer_widths, network_of
from hybridfer.networks import Network
from hybridfer.recipes import FeatureRecipe


class GivenNetwork(FeatureRecipe):
    """A network as a feature recipe: its ``"embedding"``, from single views; nothing of it is trained.

    Parameters
    ----------
    given : Network
        What embeds.
    """

    given: InstanceOf[Network] = Field(exclude=True, repr=False)

    @classmethod
    def of(cls, network: Network, name: str) -> Self:
        """Call a network by a name."""
        return cls(name=name, network=network.name, weights="in memory", given=network)

    def check(self) -> None:
        """Find out whether the network runs, and whether it has a logit for each class that it says it knows.

        Raises
        ------
        RecipeError
            Saying what is wrong with it.
        """
        logits = layer_widths(self.given, ("logits",))["logits"]
        if self.given.classes and len(self.given.classes) != logits:
            raise RecipeError(
                f"{self.name} must have a class for each of its {logits} logits; got {list(self.given.classes)}. "
                "Name them in the order of the logits: load_network(module, layers, classes=[...])."
            )


def network_behind(recipe: FeatureRecipe, weights: str | os.PathLike[str] | None = None) -> Network:
    """Return the network of a recipe that trains none: the one that was given, or else the recipe's or a file's."""
    return recipe.given if isinstance(recipe, GivenNetwork) else network_of(recipe, weights)


def name_networks(networks: Sequence[Network], taken: Sequence[str]) -> list[GivenNetwork]:
    """Turn networks into recipes of names that are not taken: ``"mine"``, ``"mine-2"``, ...

    Raises
    ------
    RecipeError
        If one network is given twice.

    Examples
    --------
    >>> from hybridfer.networks import catalogue_network
    >>> [recipe.name for recipe in name_networks([catalogue_network("tiny"), catalogue_network("tiny")], ["compact"])]
    ['tiny', 'tiny-2']
    """
    if len({id(network) for network in networks}) < len(networks):
        raise RecipeError(f"Every network must be given once; got {[network.name for network in networks]}.")
    recipes: list[GivenNetwork] = []
    for network in networks:
        names = itertools.chain([network.name], (f"{network.name}-{number}" for number in itertools.count(2)))
        used = {*taken, *(recipe.name for recipe in recipes)}
        recipes.append(GivenNetwork.of(network, next(name for name in names if name not in used)))
    return recipes
