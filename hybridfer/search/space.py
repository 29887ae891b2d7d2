"""The space of a search: what is fixed, and what each trial draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, model_validator

from hybridfer.errors import RecipeError
from hybridfer.networks import check_arguments, find_architecture, summarise_network
from hybridfer.recipes import FeatureRecipe, TrainingRecipe
from hybridfer.recipes.grid import Name, Scalar
from hybridfer.recipes.problems import describe_problems
from hybridfer.recipes.table import RecipeTable
from hybridfer.search.axes import Axis
from hybridfer.suggestion import suggest
from hybridfer.training import check_training

if TYPE_CHECKING:
    from optuna.trial import Trial

Drawn = dict[str, dict[str, Any]]


class Axes(RecipeTable):
    """What trials draw.

    Parameters
    ----------
    network_arguments : dict of str to Range, Choices or NumberList
        For arguments of the network's own.
    training : dict of str to Range, Choices or NumberList
        For fields of `hybridfer.TrainingRecipe`.
    """

    network_arguments: dict[Name, Axis] = Field(default_factory=dict)
    training: dict[Name, Axis] = Field(default_factory=dict)


class SearchSpace(RecipeTable):
    """Which networks and trainings a search tries.

    Parameters
    ----------
    description, source : str
        One line, and a citation.
    network : str
        Name of a network in the catalogue.
    network_arguments : dict of str to a number, a string or a truth value
        Arguments of the network's own that all trials share.
    image_size : int
        Side of the square image that the network takes, in pixels.
    colour : bool
        Three channels instead of one.
    training : TrainingRecipe
        What all trainings share.
    space : Axes
        What each trial draws.

    Examples
    --------
    >>> space = SearchSpace(network="tiny", space={"training": {"learning_rate": {"low": 1e-4, "high": 0.1, "log": True}}})
    >>> space.space.training["learning_rate"].ends
    (0.0001, 0.1)
    """

    description: str = ""
    source: str = ""
    network: Annotated[str, Field(min_length=1)] = "conv_stack"
    network_arguments: dict[Name, Scalar] = Field(default_factory=dict)
    image_size: Annotated[int, Field(ge=8, le=1024)] = 48
    colour: bool = False
    training: TrainingRecipe = TrainingRecipe()
    space: Axes

    @model_validator(mode="after")
    def _draws_trainings(self) -> SearchSpace:
        if not self.space.training and not self.space.network_arguments:
            raise ValueError("space: expected something to draw in space.network_arguments or space.training")
        for others, told in ((self.network_arguments, "fixed"), (self.space.training, "a field of training")):
            both = sorted(set(others) & set(self.space.network_arguments))
            if both:
                raise ValueError(f"space.network_arguments: {', '.join(both)} cannot be drawn and be {told} too")
        for name, axis in self.space.training.items():
            if name not in TrainingRecipe.model_fields:
                raise ValueError(f"space.training.{name}: unknown key, {suggest(name, TrainingRecipe.model_fields)}")
            for value in axis.ends:
                self._check_training(name, value)
        return self

    def _check_training(self, name: str, value: Any) -> None:
        """Try one value alone: what contradicts another value of a trial is a failed trial."""
        table = {name: value}
        try:
            TrainingRecipe.model_validate(table)
        except ValidationError as error:
            told = [line for line in describe_problems(error, TrainingRecipe, table) if line.startswith(f"{name}:")]
            if told:
                raise ValueError(f"space.training.{told[0]}") from None

    def draw(self, trial: Trial) -> Drawn:
        """Let a trial draw a value of each axis.

        Parameters
        ----------
        trial : optuna.trial.Trial
            Draws, and remembers what it drew.

        Returns
        -------
        dict of str to dict
            ``"network_arguments"`` and ``"training"``, as `recipe` takes them.
        """
        return {
            table: {name: axis.draw(trial, name) for name, axis in getattr(self.space, table).items()}
            for table in ("network_arguments", "training")
        }

    def recipe(self, drawn: Drawn, name: str = "trial", description: str = "") -> FeatureRecipe:
        """Put what is fixed and what a trial drew together.

        Parameters
        ----------
        drawn : dict of str to dict
            As `draw` gives it.
        name, description : str
            Of the recipe.

        Returns
        -------
        FeatureRecipe
            Without weights: it is trained.

        Raises
        ------
        RecipeError
            If the values contradict each other.

        Examples
        --------
        >>> space = SearchSpace(network="tiny", space={"training": {"batch_size": {"choices": [64, 128]}}})
        >>> space.recipe({"network_arguments": {}, "training": {"batch_size": 64}}).training.batch_size
        64
        """
        table = {
            "name": name,
            "description": description,
            "network": self.network,
            "network_arguments": {**self.network_arguments, **drawn["network_arguments"]},
            "image_size": self.image_size,
            "colour": self.colour,
            "training": {**self.training.model_dump(), **drawn["training"]},
        }
        try:
            return FeatureRecipe.model_validate(table)
        except ValidationError as error:
            raise RecipeError(f"{'; '.join(describe_problems(error, FeatureRecipe, table))}.") from None

    def with_epochs(self, epochs: int) -> SearchSpace:
        """Give the same space with another longest training."""
        if "max_epochs" in self.space.training:
            raise RecipeError("This space draws max_epochs; leave out the number of epochs.")
        return self.model_copy(update={"training": self.training.model_copy(update={"max_epochs": epochs})})


def check_space(space: SearchSpace, n_classes: int = 7) -> None:
    """Find out before any training whether the networks at both ends of a space can be built, and one of them be trained.

    Nothing of it depends on images.

    Parameters
    ----------
    space : SearchSpace
        The space.
    n_classes : int
        Number of logits.

    Raises
    ------
    RecipeError
        If the network is unknown, does not take an argument, or cannot be built of it for images of this size; or if the
        smallest may not begin with weights that trainings start with.
    WeightsError
        If weights that trainings start with, or learn from, are missing or damaged.

    Examples
    --------
    >>> check_space(SearchSpace(network="tiny", space={"training": {"batch_size": {"choices": [64, 128]}}}))
    """
    known = find_architecture(space.network).arguments
    for name in (*space.network_arguments, *space.space.network_arguments):
        if name not in known:
            raise RecipeError(f"{space.network} takes no argument {name!r}; {suggest(name, known)}")
    for name, axis in space.space.network_arguments.items():
        for value in axis.ends:
            check_arguments(space.network, {name: value})
    for end in (0, -1):
        count_parameters(space, {"network_arguments": _arguments_at(space, end), "training": {}}, n_classes)
    for recipe in _recipes_by_weights(space):
        check_training(recipe)


def _arguments_at(space: SearchSpace, end: int) -> dict[str, Any]:
    return {name: axis.ends[end] for name, axis in space.space.network_arguments.items()}


def _recipes_by_weights(space: SearchSpace) -> Iterator[FeatureRecipe]:
    """Give a recipe of the smallest network; where weights are drawn, one for each of them.

    What else of the training is drawn keeps its fixed value, as the ends of several fields may contradict each other.
    """
    drawn = {name: axis.ends for name, axis in space.space.training.items() if name in ("start", "teacher")}
    first = {name: weights[0] for name, weights in drawn.items()}
    others = [{**first, name: other} for name, weights in drawn.items() for other in weights[1:]]
    for training in (first, *others):
        yield space.recipe({"network_arguments": _arguments_at(space, 0), "training": training})


def count_parameters(space: SearchSpace, drawn: Drawn, n_classes: int) -> int:
    """Count the trainable parameters of a trial's network without allocating them.

    Raises
    ------
    RecipeError
        If it cannot be built.
    """
    summary = summarise_network(
        space.network,
        n_classes=n_classes,
        channels=3 if space.colour else 1,
        image_size=(space.image_size, space.image_size),
        arguments={**space.network_arguments, **drawn["network_arguments"]},
    )
    return summary.parameters
