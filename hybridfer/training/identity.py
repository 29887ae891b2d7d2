"""What a training is known by: the parameters that its weights depend on, and the images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridfer.networks import Network, identified_arguments
from hybridfer.training.ancestry import Ancestry
from hybridfer.training.checkpoint import TrainingIdentity
from hybridfer.training.construction import TrainingData

# parameters that the weights do not depend on
ASIDE = ("device", "checkpoint", "resume", "verbose")
# parameters that came when trainings were already remembered: each with the one that turns it on, and that one's default.
# While it is off they are left out, so that what was trained, or interrupted, before they came is found by its old name
LATER: Mapping[str, tuple[str, object]] = {
    "mixup": ("mixup", 0.0),
    "teacher": ("teacher", None),
    "distillation": ("teacher", None),
    "temperature": ("teacher", None),
    "start": ("start", None),
    "start_share": ("start_share", 0.0),
    "calibrate": ("calibrate", False),
}
# the rule by which `fit` holds out validation images: a training that does so is known by it, too
HELD_OUT = "by digest"
# the same of the fields of an augmentation, each with its default
LATER_AUGMENTATION: Mapping[str, object] = {"noise": 0.0}


def training_recipe(parameters: Mapping[str, Any], ancestry: Ancestry) -> dict[str, Any]:
    """Give the parameters that the weights of a `CNNClassifier` depend on, as plain values.

    Parameters
    ----------
    parameters : mapping
        All of a classifier's.
    ancestry : Ancestry
        What its ``start`` and its ``teacher`` name.

    Returns
    -------
    dict
        With files, and other networks' weights, by what they hold instead of their paths.
    """
    recipe = {name: value for name, value in parameters.items() if name not in ASIDE and not _is_off(name, parameters)}
    for name in ("augmentation", "balance_augmentation"):
        if isinstance(recipe[name], Mapping):
            recipe[name] = {field: value for field, value in recipe[name].items() if value != LATER_AUGMENTATION.get(field)}
    for name in ("class_weight", "balance"):
        if isinstance(recipe[name], Mapping):
            recipe[name] = {str(label): value for label, value in recipe[name].items()}
    if recipe["network_arguments"]:
        recipe["network_arguments"] = identified_arguments(recipe["network_arguments"])
    seed = recipe["random_state"]
    recipe["random_state"] = int(seed) if isinstance(seed, int | np.integer) else None
    return {**recipe, **{name: _identified(network) for name, network in ancestry.named.items()}}


def with_hold_out(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a recipe, of a training that is given no validation images, the rule by which it holds some out.

    Parameters
    ----------
    recipe : mapping
        As `training_recipe` gives it.

    Examples
    --------
    >>> with_hold_out({"validation_fraction": 0}), with_hold_out({"validation_fraction": 0.1})
    ({'validation_fraction': 0}, {'validation_fraction': 0.1, 'held_out': 'by digest'})
    """
    return {**recipe, "held_out": HELD_OUT} if recipe["validation_fraction"] else dict(recipe)


def training_identity(recipe: Mapping[str, Any], data: TrainingData, seed: int) -> TrainingIdentity:
    """Name a training of a recipe on images and labels in their order, and what it is made of."""
    settings = {**recipe, "random_state": seed, "names of classes": list(data.names)}
    parts = {name: json.dumps(value, sort_keys=True, default=str) for name, value in settings.items()}
    for split, digests, part in zip(("train", "validation"), data.digests, (data.train, data.valid), strict=True):
        if part is not None:
            parts[f"{split} images"] = hashlib.sha256(digests.tobytes()).hexdigest()
            parts[f"{split} labels"] = hashlib.sha256(_label_bytes(part[1])).hexdigest()
    return TrainingIdentity(training_fingerprint(recipe, data, seed), parts)


def training_fingerprint(recipe: Mapping[str, Any], data: TrainingData, seed: int) -> str:
    """Name a training of a recipe on images and labels in their order."""
    # what is taken from another network goes by the names of classes; without one they are but names
    names = [list(data.names)] if {"start", "teacher"} & recipe.keys() else []
    sha = hashlib.sha256(json.dumps([recipe, seed, *names], sort_keys=True, default=str).encode())
    for digests, part in zip(data.digests, (data.train, data.valid), strict=True):
        if part is not None:
            sha.update(digests.tobytes())
            sha.update(_label_bytes(part[1]))
    return sha.hexdigest()


def _label_bytes(labels: NDArray) -> bytes:
    return np.ascontiguousarray(labels, dtype=np.int64).tobytes()


def _identified(network: Network) -> dict[str, Any]:
    return {
        "network": network.name,
        "digest": network.digest,
        "preprocessing": network.preprocessing.to_json(),
        "classes": list(network.classes),
    }


def _is_off(name: str, parameters: Mapping[str, Any]) -> bool:
    if name not in LATER:
        return False
    switch, off = LATER[name]
    value = parameters[switch]
    return value is None if off is None else bool(value == off)
