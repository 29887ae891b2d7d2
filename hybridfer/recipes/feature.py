"""The feature recipe: a network, its training or its weights, and what is embedded with it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, PrivateAttr, ValidationError, model_validator

from hybridfer.errors import RecipeError
from hybridfer.recipes.grid import Name, RecipeGrid, Scalar
from hybridfer.recipes.problems import describe_problems
from hybridfer.recipes.published import PublishedFigure
from hybridfer.recipes.table import RecipeName, RecipeTable

UnitFraction = Annotated[float, Field(ge=0.0, le=1.0)]
ProperFraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Weights = Annotated[str, Field(min_length=1)]
Members = Annotated[tuple[Weights, ...], Field(strict=False, min_length=2)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


def _tables(grid: Any) -> Any:
    """One table or several: TOML's [grid] and [[grid]]."""
    return tuple(grid) if isinstance(grid, list) else (grid,) if isinstance(grid, dict) else grid


def _refuse_repeats(layers: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(layers)) != len(layers):
        raise ValueError(f"expected every layer once, got {list(layers)}")
    return layers


class AugmentationRecipe(RecipeTable):
    """Random changes that training makes to each image, drawn anew in every epoch.

    Parameters
    ----------
    flip : bool
        Mirror left and right with probability one half.
    rotation : float
        Largest rotation to either side, in degrees (0 to 180).
    shift : float
        Largest shift along each axis, as a fraction of the image's side.
    scale : float
        Largest zoom in or out, as a fraction: 0.1 scales by 0.9 to 1.1.
    crop : float
        Largest part of each side that is cut away, anywhere, before the rest is enlarged to the whole image.
    shear : float
        Largest shear, as a fraction of the image's side.
    brightness : float
        Largest brightness added or taken, as a fraction of the grey range.
    contrast : float
        Largest contrast change, as a fraction: 0.2 multiplies by 0.8 to 1.2.
    blur : float
        Largest standard deviation, in pixels (0 to 8), of a Gaussian that half of the images are smoothed by.
    erasing : float
        Probability that a random rectangle is blanked.
    noise : float
        Largest standard deviation, as a fraction of the grey range, of Gaussian noise that half of the images get. A teacher
        sees the images without it.

    Examples
    --------
    >>> AugmentationRecipe(flip=True, rotation=12).rotation
    12.0
    """

    flip: bool = False
    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0
    shift: ProperFraction = 0.0
    scale: ProperFraction = 0.0
    crop: ProperFraction = 0.0
    shear: UnitFraction = 0.0
    brightness: UnitFraction = 0.0
    contrast: UnitFraction = 0.0
    blur: Annotated[float, Field(ge=0.0, le=8.0)] = 0.0
    erasing: UnitFraction = 0.0
    noise: UnitFraction = 0.0


class TrainingRecipe(RecipeTable):
    """How a network is trained; the fields are the parameters of ``CNNClassifier``, one to one.

    Parameters
    ----------
    optimizer : {"adam", "adamw", "sgd", "adadelta", "rmsprop"}
        The optimizer; ``momentum`` and ``nesterov`` concern ``"sgd"`` alone.
    learning_rate : float
        Learning rate; the peak of it under the ``"one-cycle"`` schedule.
    momentum : float
        Momentum, from 0 to below 1.
    nesterov : bool
        Nesterov's variant of momentum.
    weight_decay : float
        Weight decay.
    max_epochs : int
        The most passes over the training images.
    batch_size : int
        Images a step, 2 or more, as BatchNorm has no variance over one.
    patience : int or None
        Stop after so many epochs without a better validation score; None trains ``max_epochs``.
    schedule : {"constant", "plateau", "cosine", "one-cycle"}
        How the learning rate moves.
    initial_scale : float
        Fraction of the image's side that training starts with, growing to 1; below 1 it saves time.
    label_smoothing : float
        Share of the target spread over all classes, from 0 to below 1.
    class_weight : "balanced", dict of str to float, or None
        Weight of each class in the loss.
    balance : "match-majority", dict of str to int, or None
        Number of augmented copies to add to each class in every epoch, drawn anew each time; ``"match-majority"`` brings all
        classes to the number of the largest. The numbers are added to what is trained on, after a validation split was
        carved. Of FER's seven classes, those that a dataset is without are left out.
    balance_augmentation : AugmentationRecipe or None
        Random changes to the added copies, instead of ``augmentation``; None changes them as the others.
    standardize : {"none", "image"}
        ``"image"`` gives each image zero mean and unit variance before the network.
    precision : {"auto", "fp32", "bf16"}
        Arithmetic of the training's matrix products; ``"auto"`` is bf16 on CUDA and fp32 elsewhere.
    augmentation : AugmentationRecipe or None
        Random changes to the images; None trains on the images as they are.
    start : str or None
        Trained weights of the recipe's network to go on from: the name of weights in the wheel, or the path of a weights
        file (with a suffix, and relative to the recipe's own file). None begins with random weights.
    start_share : float
        With a start, its share of the weights in the end, from 0 to below 1: what was trained is averaged with it.
    mixup : float
        Above 0, images are mixed with each other, by shares from Beta(mixup, mixup).
    teacher : str, tuple of str, or None
        Trained weights that the network learns from beside the labels: the name of weights in the wheel, the path of a
        weights file (with a suffix, and relative to the recipe's own file), or several of these, which teach as an ensemble.
    distillation : float
        The teacher's share of the loss, from 0 to 1.
    temperature : float
        What logits are divided by in the teacher's part of the loss.
    calibrate : bool
        At the end, divide the logits by the temperature that fits the validation images: probabilities become honest, no
        prediction changes.
    random_state : int
        Seed of everything random.

    Examples
    --------
    >>> TrainingRecipe(optimizer="sgd", learning_rate=0.1).nesterov
    True
    """

    optimizer: Literal["adam", "adamw", "sgd", "adadelta", "rmsprop"] = "adam"
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-3
    momentum: ProperFraction = 0.9
    nesterov: bool = True
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    max_epochs: PositiveInt = 30
    batch_size: Annotated[int, Field(ge=2)] = 128
    patience: PositiveInt | None = None
    schedule: Literal["constant", "plateau", "cosine", "one-cycle"] = "constant"
    initial_scale: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    label_smoothing: ProperFraction = 0.0
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0.0)]] | None = None
    balance: Literal["match-majority"] | dict[str, PositiveInt] | None = None
    balance_augmentation: AugmentationRecipe | None = None
    standardize: Literal["none", "image"] = "none"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    augmentation: AugmentationRecipe | None = None
    start: Weights | None = None
    start_share: ProperFraction = 0.0
    mixup: Annotated[float, Field(ge=0.0)] = 0.0
    teacher: Weights | Members | None = None
    distillation: UnitFraction = 0.5
    temperature: Annotated[float, Field(gt=0.0)] = 1.0
    calibrate: bool = False
    random_state: Seed = 0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> TrainingRecipe:
        if self.optimizer == "sgd" and self.nesterov and self.momentum == 0:
            raise ValueError("nesterov = true needs a momentum above 0; set momentum or nesterov = false")
        return self

    @model_validator(mode="after")
    def _added_copies_are_there_to_be_changed(self) -> TrainingRecipe:
        if self.balance_augmentation is not None and self.balance is None:
            raise ValueError("balance_augmentation needs a balance: which classes to add copies of")
        return self

    @model_validator(mode="after")
    def _there_is_a_start_to_average_with(self) -> TrainingRecipe:
        if self.start is None and self.start_share:
            raise ValueError("start_share needs a start, whose share of the weights it is")
        return self

    @model_validator(mode="after")
    def _there_is_a_teacher_to_learn_from(self) -> TrainingRecipe:
        for name in ("distillation", "temperature"):
            if self.teacher is None and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} needs a teacher to learn from")
        return self

    def to_params(self) -> dict[str, Any]:
        """Give the fields as plain values, the parameters of a ``CNNClassifier``.

        Returns
        -------
        dict of str to object
            Every field; ``augmentation`` and ``balance_augmentation`` as plain dicts or None.

        Examples
        --------
        >>> TrainingRecipe(augmentation={"flip": True}).to_params()["augmentation"]["flip"]
        True
        """
        return self.model_dump()


class FeatureRecipe(RecipeTable):
    """Which embeddings of an image: the network, its weights or training, the layers and the views.

    Parameters
    ----------
    name : str
        Name of the recipe, without slashes and control characters; a file's own name where the file gives none.
    description : str
        One line for lists of recipes.
    source : str
        Citation of where the settings come from.
    network : str
        Name of a network in the catalogue; or ``"timm:"`` and the name of a model of timm, as in ``"timm:resnetv2_50"``.
    network_arguments : dict of str to a number, a string or a truth value
        The network's own arguments; ``hybridfer networks`` and the error about a wrong one name them.
    weights : str, tuple of str, or None
        ``"builtin"``, the weights of the network's name in the wheel; the name of others in the wheel; the path of a weights
        file (with a suffix, and relative to the recipe's own file); or None to train by ``training``. Of a model of timm
        also ``"hub"``, which downloads its published weights, or the path of a state dict of its own: nothing is trained
        then. Of ``network = "ensemble"`` its members: names of weights in the wheel and weights files.
    layers : tuple of str
        The layers to embed, each once; their columns are put side by side in this order.
    views : {"single", "flip", "ten-crop"}
        ``"flip"`` averages an image's embedding with its mirror image's; ``"ten-crop"`` averages those of its corners, its
        middle and their mirror images.
    precision : {"auto", "fp32", "bf16", "fp16"}
        Number format of the forward pass.
    image_size : int or None
        Side of the square image that the network takes, in pixels. By default 48, and for a model of timm None: the size
        that it was trained at.
    colour : bool
        Three channels instead of one.
    training : TrainingRecipe
        How the network is trained where there are no weights.
    grid : tuple of RecipeGrid
        Settings to try instead of one each, as one table or several: such a recipe stands for all that `expand_recipe`
        gives.
    published : tuple of PublishedFigure
        What the source says of its own system.

    Examples
    --------
    >>> FeatureRecipe(name="mine", network="tiny", layers=["embedding", "logits"]).layers
    ('embedding', 'logits')
    """

    name: RecipeName
    description: str = ""
    source: str = ""
    network: Annotated[str, Field(min_length=1)] = "compact"
    network_arguments: dict[Name, Scalar] = Field(default_factory=dict)
    weights: Weights | Members | None = None
    # a list is the only sequence that TOML has
    layers: Annotated[
        tuple[Annotated[str, Field(strict=True, min_length=1)], ...],
        Field(strict=False, min_length=1),
        AfterValidator(_refuse_repeats),
    ] = ("embedding",)
    views: Literal["single", "flip", "ten-crop"] = "single"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    image_size: Annotated[int, Field(ge=8, le=1024)] | None = 48
    colour: bool = False
    training: TrainingRecipe = TrainingRecipe()
    grid: Annotated[tuple[RecipeGrid, ...], BeforeValidator(_tables)] = ()
    published: Annotated[tuple[PublishedFigure, ...], Field(strict=False)] = ()
    # no field: what a recipe is a member of is not for its file to say
    _member_of: str = PrivateAttr("")

    @model_validator(mode="before")
    @classmethod
    def _models_of_timm_have_sizes_of_their_own(cls, table: Any) -> Any:
        if isinstance(table, dict) and str(table.get("network", "")).startswith("timm:"):
            return {"image_size": None, **table}
        return table

    @model_validator(mode="after")
    def _every_point_of_the_grid_is_a_training(self) -> FeatureRecipe:
        if self.grid and self.weights is not None:
            raise ValueError("a grid is trained; leave out weights or grid")
        points = [point for grid in self.grid for point in grid.points()]
        if len({json.dumps(point, sort_keys=True) for point in points}) < len(points):
            raise ValueError("grid: expected different trainings, got one of them twice; leave out the values that repeat")
        for point in points:
            table = {**self.training.model_dump(), **point["training"]}
            try:
                TrainingRecipe.model_validate(table)
            except ValidationError as error:
                told = "; ".join(describe_problems(error, TrainingRecipe, table))
                raise ValueError(f"grid of training: {told}") from None
        return self

    @property
    def member_of(self) -> str:
        """The recipe with a grid that `expand_recipe` made this one of; empty of any other."""
        return self._member_of

    def as_member_of(self, grid: str) -> Self:
        """Return the recipe as one of those that a recipe with a grid stands for.

        Parameters
        ----------
        grid : str
            Name of that recipe.

        Returns
        -------
        FeatureRecipe

        Examples
        --------
        >>> FeatureRecipe(name="mine[kernel=2]", network="model_3").as_member_of("mine").member_of
        'mine'
        """
        member = self.model_copy()
        member._member_of = grid
        return member

    def check_trains(self) -> None:
        """Refuse to train by a recipe that has weights and does not say how they were made.

        Raises
        ------
        RecipeError
            If it is such a one: training by default settings would make others than it names.

        Examples
        --------
        >>> FeatureRecipe(name="mine", network="compact", weights="builtin", training={"max_epochs": 3}).check_trains()
        """
        if self.weights is None or "training" in self.model_fields_set:
            return
        name = self.network.replace(":", "-")
        if name == self.name:
            way_out = "Train what it is made of by recipes of its own, or write a [training] into this one."
        else:
            way_out = (
                f"Train by the recipe of its network, if there is one (-f {name}; in Python training={name!r}), or write a "
                "[training] into this one."
            )
        raise RecipeError(f"{self.name} has weights, and no [training] that says how to make others. {way_out}")

    def retrained(self, **changed: Any) -> FeatureRecipe:
        """Return the recipe with some fields of its training replaced.

        Parameters
        ----------
        **changed
            Fields of `TrainingRecipe`; None leaves a field as it is.

        Returns
        -------
        FeatureRecipe

        Raises
        ------
        RecipeError
            If a value is not one that its field takes, or the recipe has weights and no training.

        Examples
        --------
        >>> FeatureRecipe(name="mine", network="tiny").retrained(max_epochs=3, batch_size=None).training.max_epochs
        3
        """
        self.check_trains()
        given = {name: value for name, value in changed.items() if value is not None}
        table = {**self.training.model_dump(), **given}
        try:
            training = TrainingRecipe.model_validate(table)
        except ValidationError as error:
            raise RecipeError(f"training: {'; '.join(describe_problems(error, TrainingRecipe, table))}") from None
        return self.model_copy(update={"training": training})
