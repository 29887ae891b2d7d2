"""What the parameters of a training may be, checked before anything is loaded or trained."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from hybridfer.errors import RecipeError
from hybridfer.home import given_path
from hybridfer.networks import is_backbone
from hybridfer.training.augmentation import Augmentation

SWITCHES = ("colour", "nesterov", "calibrate", "resume")
TABLES = ("network_arguments", "augmentation", "balance_augmentation")
# half-open intervals [low, high)
RANGES = {
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, math.inf),
    "label_smoothing": (0.0, 1.0),
    "validation_fraction": (0.0, 1.0),
    "mixup": (0.0, math.inf),
    "start_share": (0.0, 1.0),
}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Check the parameters of a `CNNClassifier` that depend on no images, and those that need each other.

    Raises
    ------
    RecipeError
        Naming the parameter, what it must be, and what it is.
    """
    _check_positive("max_epochs", parameters["max_epochs"])
    # BatchNorm has no variance over one image
    _check_whole("batch_size", parameters["batch_size"], 2, "an integer, 2 or more")
    if parameters["patience"] is not None:
        _check_positive("patience", parameters["patience"], "a positive integer or None")
    for name, (low, high) in RANGES.items():
        value = parameters[name]
        if not _is_number(value) or not low <= value < high:
            raise RecipeError(f"{name} must lie in [{low:g}, {high:g}); got {value!r}.")
    rate = parameters["learning_rate"]
    if not _is_number(rate) or not 0 < rate < math.inf:
        raise RecipeError(f"learning_rate must be a number above 0; got {rate!r}.")
    scale = parameters["initial_scale"]
    if not _is_number(scale) or not 0 < scale <= 1:
        raise RecipeError(f"initial_scale must be a number above 0 and at most 1; got {scale!r}.")
    for name in SWITCHES:
        if parameters[name] not in (False, True):
            raise RecipeError(f"{name} must be True or False; got {parameters[name]!r}.")
    _check_random_state(parameters["random_state"])
    _check_tables(parameters)
    _check_start(parameters)
    _check_teacher(parameters)
    if parameters["precision"] == "fp16":
        raise RecipeError("precision must be 'auto', 'fp32' or 'bf16' in training; got 'fp16'.")
    _check_checkpoint(parameters)


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn NumPy's numbers among parameters, and in their tables, into Python's.

    Checkpoints are read as plain values alone, and a training is named by the text of its parameters.

    Parameters
    ----------
    parameters : mapping
        Of a `CNNClassifier`.

    Examples
    --------
    >>> plain_parameters({"learning_rate": np.float64(0.5), "image_size": (np.int64(40), 32), "augmentation": None})
    {'learning_rate': 0.5, 'image_size': (40, 32), 'augmentation': None}
    """
    return {name: _plain(value) for name, value in parameters.items()}


def check_class_weight(class_weight: Any, classes: Sequence[Any]) -> None:
    """Check that a class weight is ``"balanced"``, None, or a mapping from classes that there are to positive numbers.

    Raises
    ------
    RecipeError
        If it is none of these.
    """
    if class_weight is None or class_weight == "balanced":
        return
    if not isinstance(class_weight, Mapping):
        raise RecipeError(f"class_weight must be 'balanced', a dict of class to weight, or None; got {class_weight!r}.")
    unknown = [label for label in class_weight if label not in classes]
    if unknown:
        raise RecipeError(f"class_weight names {unknown}; the classes are {list(classes)}.")
    for label, weight in class_weight.items():
        if not _is_number(weight) or not 0 < weight < math.inf:
            raise RecipeError(f"class_weight of {label!r} must be a number above 0; got {weight!r}.")


def check_balance(balance: Any, classes: Sequence[Any]) -> None:
    """Check that a balance is ``"match-majority"``, None, or a mapping from classes that there are to positive integers.

    Raises
    ------
    RecipeError
        If it is none of these.
    """
    if balance is None or (isinstance(balance, str) and balance == "match-majority"):
        return
    if not isinstance(balance, Mapping):
        raise RecipeError(
            f"balance must be 'match-majority', a dict of class to number of images to add, or None; got {balance!r}."
        )
    unknown = [label for label in balance if label not in classes]
    if unknown:
        raise RecipeError(f"balance names {unknown}; the classes are {list(classes)}.")
    for label, count in balance.items():
        _check_positive(f"balance of {label!r}", count)


def image_sides(image_size: Any) -> tuple[int, int]:
    """Turn one side or (height, width) into (height, width).

    Raises
    ------
    RecipeError
        If it is neither.

    Examples
    --------
    >>> image_sides(48), image_sides([40, 32])
    ((48, 48), (40, 32))
    """
    sides = [image_size, image_size] if isinstance(image_size, Integral) else image_size
    if not isinstance(sides, Sequence) or len(sides) != 2 or not all(isinstance(side, Integral) for side in sides):
        raise RecipeError(f"image_size must be an integer or (height, width); got {image_size!r}.")
    return int(sides[0]), int(sides[1])


def _check_random_state(random_state: Any) -> None:
    try:
        check_random_state(random_state)
    except ValueError as error:
        raise RecipeError(
            f"random_state must be an integer from 0 to 2**32 - 1, a RandomState or None; got {random_state!r}."
        ) from error


def _check_tables(parameters: Mapping[str, Any]) -> None:
    for name in TABLES:
        table = parameters[name]
        if table is not None and not isinstance(table, Mapping):
            raise RecipeError(f"{name} must be a dict or None; got {table!r}.")
    for name in ("augmentation", "balance_augmentation"):
        Augmentation.from_fields(parameters[name] or {})
    if (parameters["balance_augmentation"] or {}).get("noise"):
        raise RecipeError("noise is added to all images alike: give it in augmentation, not in balance_augmentation.")


def _check_checkpoint(parameters: Mapping[str, Any]) -> None:
    checkpoint = parameters["checkpoint"]
    if checkpoint is None:
        if parameters["resume"]:
            raise RecipeError("resume=True needs the checkpoint to go on from; got checkpoint=None.")
        return
    if not isinstance(checkpoint, str | os.PathLike):
        raise RecipeError(f"checkpoint must be the path of a file, or None; got {checkpoint!r}.")
    if given_path(checkpoint).is_dir():
        raise RecipeError(f"checkpoint must be the path of a file, or None; {os.fspath(checkpoint)!r} is a folder.")


def _check_start(parameters: Mapping[str, Any]) -> None:
    start = parameters["start"]
    if start is None:
        if parameters["start_share"]:
            raise RecipeError(f"start_share needs a start to average with; got start_share={parameters['start_share']!r}.")
        return
    told = "start must be the name of weights in the wheel, a weights file of one network, or None"
    if not isinstance(start, str | os.PathLike) or start == "ensemble":
        raise RecipeError(f"{told}; got {start!r}. Several networks cannot be trained on as one; they can be a teacher.")
    if is_backbone(start):
        raise RecipeError(
            f"{told}; got {start!r}. Published weights of a model of timm are had by its argument pretrained, 'hub' or the "
            "path of a state dict."
        )
    pretrained = (parameters["network_arguments"] or {}).get("pretrained")
    if pretrained:
        raise RecipeError(
            "start and the network's argument pretrained both say which weights a training begins with: leave one of them "
            f"out; got start={start!r}, pretrained={pretrained!r}."
        )


def _check_teacher(parameters: Mapping[str, Any]) -> None:
    share, temperature = parameters["distillation"], parameters["temperature"]
    if not _is_number(share) or not 0 <= share <= 1:
        raise RecipeError(f"distillation must lie in [0, 1]; got {share!r}.")
    if not _is_number(temperature) or not 0 < temperature < math.inf:
        raise RecipeError(f"temperature must be a number above 0; got {temperature!r}.")
    teacher = parameters["teacher"]
    if teacher is None:
        return
    members = [teacher] if isinstance(teacher, str | os.PathLike) else teacher
    if not isinstance(members, Sequence) or not all(isinstance(member, str | os.PathLike) for member in members):
        raise RecipeError(
            f"teacher must be the name of weights in the wheel, a weights file, a list of these, or None; got {teacher!r}."
        )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        entries = [_plain(entry) for entry in value]
        return tuple(entries) if isinstance(value, tuple) else entries
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int | np.floating | np.integer)


def _check_positive(name: str, value: Any, wanted: str = "a positive integer") -> None:
    _check_whole(name, value, 1, wanted)


def _check_whole(name: str, value: Any, least: int, wanted: str) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise RecipeError(f"{name} must be {wanted}; got {value!r}.")
