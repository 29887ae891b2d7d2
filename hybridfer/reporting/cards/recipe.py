"""The settings that a network was trained by, from its weights file, as a feature recipe that trains it so again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hybridfer.errors import RecipeError
from hybridfer.networks import Network, builtin_weights, is_backbone, load_network
from hybridfer.recipes import FeatureRecipe, TrainingRecipe
from hybridfer.recipes.problems import describe_problems

Recipe = TypeVar("Recipe", bound=BaseModel)

# keys that TOML takes without quotes
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def recipe_text(network: Network) -> str:
    """Write the settings of a training as TOML, those that are not a recipe's defaults.

    Parameters
    ----------
    network : Network
        From a weights file.

    Returns
    -------
    str
        A feature recipe without a name. Weights that the training took from, and are not in the wheel, are there as file
        names to be replaced; comments at the top say by what, and what had to be left out.

    Raises
    ------
    RecipeError
        If the settings are none that a recipe of this version can have.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from hybridfer import load_network
    >>> trained = {"learning_rate": 0.01, "batch_size": 128, "augmentation": {"flip": True}}
    >>> print(recipe_text(replace(load_network("tiny", weights=None), training=trained)))
    network = "tiny"
    <BLANKLINE>
    [training]
    learning_rate = 0.01
    <BLANKLINE>
    [training.augmentation]
    flip = true
    """
    told = dict(network.training)
    remarks: list[str] = []
    for role in ("start", "teacher"):
        if isinstance(told.get(role), Mapping):
            told[role], remark = _weights(role, told[role])
            remarks += remark
    arguments = told.get("network_arguments") or {}
    source = str(arguments.get("pretrained", "")) if isinstance(arguments, Mapping) else ""
    if source.startswith("sha256:"):
        arguments = {**arguments, "pretrained": "pretrained.safetensors"}
        remarks.append(f"pretrained.safetensors stands for the state dict of {_value(source)}: put the path of that file")
    table = {"network": str(told.get("network", network.name)), **_input(told, network)}
    if arguments:
        table["network_arguments"] = arguments
    for field in ("class_weight", "balance"):
        if isinstance(told.get(field), Mapping):
            told[field], remark = _by_class(field, told[field], network.classes)
            remarks += remark
    table["training"] = _training(told)
    _checked(FeatureRecipe, {"name": "card", **table})
    return "\n".join([*(f"# {remark}" for remark in remarks), *_toml(table)])


def _weights(role: str, told: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Name weights that are known by their digest: those of the wheel as they are called, others by a file to be put in."""
    digest = told.get("digest")
    for name in builtin_weights():
        if load_network(name).digest == digest:
            return name, []
    name = str(told.get("network"))
    put = "list those of its members" if name == "ensemble" else "put the path of that file"
    file = f"{role}.safetensors"
    return file, [f"{file} stands for the weights of {_value(name)} of the digest {_value(str(digest))}: {put}"]


def _input(told: Mapping[str, Any], network: Network) -> dict[str, Any]:
    """The keys of a recipe that say which images the network takes."""
    size, default = told.get("image_size"), None if is_backbone(network.name) else 48
    if isinstance(size, Sequence) and len(set(size)) == 1:
        size = size[0]
    table = {} if size is None or size == default else {"image_size": size}
    return {**table, "colour": True} if told.get("colour") else table


def _training(told: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the training, without what is a default anyway."""
    fields = {name: told[name] for name in TrainingRecipe.model_fields if told.get(name) is not None}
    return _checked(TrainingRecipe, fields).model_dump(mode="json", exclude_defaults=True)


def _by_class(field: str, values: Mapping[str, Any], classes: Sequence[str]) -> tuple[dict[str, Any] | None, list[str]]:
    """Name classes that a training knew by their position; leave out, with a remark, what may mean others."""
    names = {str(position): name for position, name in enumerate(classes)}
    by_position = {names[key]: value for key, value in values.items() if key in names}
    by_name = {key: value for key, value in values.items() if key in classes}
    readings = [reading for reading in (by_position, by_name) if len(reading) == len(values)]
    # of digits that are names too the one reading may be as good as the other
    if readings and readings[0] == readings[-1]:
        return readings[0], []
    return None, [f"{field} is left out, as it cannot be told which classes are meant by {_value(dict(values))}"]


def _checked(model: type[Recipe], table: dict[str, Any]) -> Recipe:
    """Validate a table, with an error in the recipe's words."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise RecipeError("; ".join(describe_problems(error, model, table))) from None


def _toml(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Write tables of strings, numbers, truth values and lists of these, line by line."""
    if path:
        yield f"[{'.'.join(map(_key, path))}]"
    for key, value in table.items():
        if not isinstance(value, Mapping):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield ""
            yield from _toml(value, (*path, key))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    """Write a value: TOML's are those of JSON here, but for characters that JSON leaves as they are."""
    return "".join(map(_spelt, json.dumps(value, ensure_ascii=False)))


def _spelt(letter: str) -> str:
    """Spell out what is no letter, as a terminal may obey it."""
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 1 << 16 else f"\\U{ord(letter):08x}"
