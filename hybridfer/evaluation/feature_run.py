"""A feature recipe in the report: the CNN behind its rows, how it was trained, and what its features cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import JsonValue

from hybridfer.evaluation.twins import Leak
from hybridfer.recipes import PublishedFigure

Origin = Literal["file", "memory", "earlier run", "this run"]

# skorch's early stopping takes a loss for a better one from this fall on, relative to the best so far
_LEAST_FALL = 1e-4


@dataclass(frozen=True)
class Epoch:
    """An epoch of a CNN's training; what was not recorded is None.

    Attributes
    ----------
    epoch : int
        Its number, from 1.
    train_loss, train_accuracy : float or None
        Mean over the (augmented) training images while their weights moved.
    valid_loss, valid_accuracy : float or None
        On the validation images after the epoch.
    learning_rate : float or None
        During the epoch.
    seconds : float or None
        That it took.
    """

    epoch: int
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class FeatureRun:
    """One feature recipe of the report: the CNN behind its rows, and what its features cost.

    Attributes
    ----------
    recipe, network : str
        Names of the recipe and of the network.
    weights_digest : str
        Digest of the weights.
    epochs : int or None
        Epochs that the weights were trained for; None where the weights do not say.
    layers : tuple of str
        The layers whose outputs are the features.
    views : str
        The views of each image that were embedded.
    n_features, parameters : int
        Length of a feature row; trainable parameters of the network.
    device : str
        What the CNN ran on.
    precision : {"fp32", "bf16", "fp16"} or None
        The arithmetic of its forward pass; None in reports that do not say.
    train_seconds : float or None
        Seconds that training took; None where the weights were loaded.
    extract_seconds : float
        Seconds that extraction took, or reading the store.
    images_per_second : float or None
        Throughput of the extraction; None where the store held every image.
    forward_passes : int
        Images that went through the CNN, of an ensemble through one member or more; 0 where stores held every image.
    validation_leak : int or None
        Validation images, on which heads are tuned, that the CNN was trained on though they are no copies of train images;
        None where the weights do not say.
    leak : Leak or None
        Test images that the CNN was trained on; None where the weights do not say what they were trained on.
    history : tuple of Epoch
        The training, epoch by epoch; empty where the weights do not say.
    restored_epoch : int or None
        The epoch whose weights were kept: with early stopping the best on validation, otherwise the last.
    trained_counts : tuple of int, or None
        Images by class in each epoch of the training after classes were balanced; None where nothing was balanced.
    projection_variance : tuple of two floats, or None
        Shares of the test embeddings' variance along their first two principal components, on which
        `PredictionTable.projections` shows them; None where there are none.
    weights_origin : {"file", "memory", "earlier run", "this run"} or None
        Whether the weights were loaded from a file, given with a network, found as a training that an earlier run had
        finished, or trained in this run; None in reports that do not say.
    training_seed : int or None
        The seed that the network was trained with; None where the weights do not say.
    max_epochs : int or None
        The most epochs that it was to be trained for; None where the weights do not say.
    training : dict of str to object
        All that it was trained by, as in `hybridfer.networks.Network.training`; empty where the weights do not say.
    source : str
        Where the recipe comes from, as it says itself.
    published : tuple of PublishedFigure
        What that source says of its own system; for a member of a grid, of the grid as a whole.
    member_of : str
        The recipe with a grid that this one is a member of; empty where it is none.
    """

    recipe: str
    network: str
    weights_digest: str
    epochs: int | None
    layers: tuple[str, ...]
    views: str
    n_features: int
    parameters: int
    device: str
    train_seconds: float | None
    extract_seconds: float
    images_per_second: float | None
    forward_passes: int
    leak: Leak | None
    validation_leak: int | None = None
    history: tuple[Epoch, ...] = ()
    restored_epoch: int | None = None
    trained_counts: tuple[int, ...] | None = None
    projection_variance: tuple[float, float] | None = None
    weights_origin: Origin | None = None
    training_seed: int | None = None
    max_epochs: int | None = None
    training: dict[str, JsonValue] = field(default_factory=dict)
    source: str = ""
    published: tuple[PublishedFigure, ...] = ()
    member_of: str = ""
    precision: str | None = None

    def with_training(self, origin: Origin, training: Mapping[str, Any]) -> FeatureRun:
        """Add where the weights came from, and how they were trained.

        Parameters
        ----------
        origin : {"file", "memory", "earlier run", "this run"}
            As the attribute `weights_origin`.
        training : mapping of str to object
            As in `hybridfer.networks.Network.training`.
        """
        seed, epochs = (_whole(training.get(name)) for name in ("random_state", "max_epochs"))
        return replace(self, weights_origin=origin, training_seed=seed, max_epochs=epochs, training=dict(training))


def read_history(history: Sequence[Mapping[str, Any]]) -> tuple[Epoch, ...]:
    """Take over the history of a network; numbers that are missing or not finite are None.

    An epoch without a whole number of its own has that of its place.

    Parameters
    ----------
    history : sequence of mapping
        As in `hybridfer.networks.Network.history`.

    Returns
    -------
    tuple of Epoch

    Examples
    --------
    >>> read_history([{"epoch": 1, "train_loss": 1.9, "dur": 2.5, "valid_loss": float("nan")}])[0].seconds
    2.5
    """
    return tuple(_epoch(told, number) for number, told in enumerate(history, start=1))


def find_restored_epoch(history: Sequence[Epoch], training: Mapping[str, Any]) -> int | None:
    """Find the epoch whose weights a training kept.

    Parameters
    ----------
    history : sequence of Epoch
        The training.
    training : mapping of str to object
        What it was trained by, as in `hybridfer.networks.Network.training`. With ``patience`` the weights of the best epoch
        on validation are kept.

    Returns
    -------
    int or None
        The epoch's number; None where there is no history.

    Examples
    --------
    >>> losses = [Epoch(1, valid_loss=1.2), Epoch(2, valid_loss=0.9), Epoch(3, valid_loss=1.0)]
    >>> find_restored_epoch(losses, {"patience": 5}), find_restored_epoch(losses, {"patience": None})
    (2, 3)
    """
    if not history:
        return None
    kept, best = history[-1].epoch, math.inf
    if training.get("patience") is not None:
        for epoch in history:
            if epoch.valid_loss is not None and epoch.valid_loss < best * (1 - _LEAST_FALL):
                kept, best = epoch.epoch, epoch.valid_loss
    return kept


def order_trained_counts(
    training: Mapping[str, Any], network_classes: Sequence[str], classes: Sequence[str]
) -> tuple[int, ...] | None:
    """Give the balanced training images of each class of a dataset.

    Parameters
    ----------
    training : mapping of str to object
        As in `hybridfer.networks.Network.training`: ``trained_counts`` is in it where classes were balanced.
    network_classes, classes : sequence of str
        Classes in the order of these counts, and in that of the dataset.

    Returns
    -------
    tuple of int, or None
        None where nothing was balanced, or the network was trained on other classes.

    Examples
    --------
    >>> order_trained_counts({"trained_counts": [400, 300]}, ["sad", "happy"], ["happy", "sad"])
    (300, 400)
    """
    by_class = read_counts(training, "trained_counts", network_classes)
    if not by_class or not set(classes) <= set(network_classes):
        return None
    return tuple(by_class[name] for name in classes)


def read_counts(training: Mapping[str, Any], name: str, classes: Sequence[str]) -> dict[str, int]:
    """Give the images of each class that a training was recorded to have.

    Parameters
    ----------
    training : mapping of str to object
        As in `hybridfer.networks.Network.training`.
    name : {"train_counts", "trained_counts"}
        Before balancing, or an epoch after it.
    classes : sequence of str
        The network's, in the order of these counts.

    Returns
    -------
    dict of str to int
        Empty where nothing was recorded, or no whole number for each class.

    Examples
    --------
    >>> read_counts({"train_counts": [400, 300]}, "train_counts", ["happy", "sad"])
    {'happy': 400, 'sad': 300}
    >>> read_counts({"train_counts": ["many", 300]}, "train_counts", ["happy", "sad"])
    {}
    """
    told = training.get(name)
    counts = [_whole(count) for count in told] if isinstance(told, list | tuple) else []
    if len(counts) != len(classes):
        return {}
    by_class = {label: count for label, count in zip(classes, counts, strict=True) if count is not None}
    return by_class if len(by_class) == len(classes) else {}


def _epoch(told: Mapping[str, Any], place: int) -> Epoch:
    """An epoch as it was recorded."""
    number = _whole(told.get("epoch"))
    return Epoch(
        epoch=place if number is None else number,
        train_loss=_number(told.get("train_loss")),
        train_accuracy=_number(told.get("train_accuracy")),
        valid_loss=_number(told.get("valid_loss")),
        valid_accuracy=_number(told.get("valid_accuracy")),
        learning_rate=_number(told.get("learning_rate")),
        seconds=_number(told.get("dur")),
    )


def _number(value: Any) -> float | None:
    """A finite number; None for all else."""
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    # a whole number that no float holds
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    """A whole number; None for all else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
