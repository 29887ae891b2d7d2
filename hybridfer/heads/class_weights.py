"""Weights of classes: recipes give them by name, heads that are fitted on positions want these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NAME = "class_weight"


def by_position(parameter: str, value: Any, classes: Sequence[str] | None) -> Any:
    """Turn the names in a ``class_weight`` into positions; any other value, and all without `classes`, stay as they are.

    Parameters
    ----------
    parameter : str
        The parameter's name, alone or behind its step's: ``"head__class_weight"``.
    value : object
        Its value.
    classes : sequence of str, or None
        Names of the classes in the order of their positions.

    Raises
    ------
    RecipeError
        If it names a class that there is not, or a weight is no number above 0.

    Examples
    --------
    >>> by_position("class_weight", {"sad": 2.0}, ["happy", "sad"])
    {1: 2.0}
    """
    if classes is None or not _weighs_classes(parameter, value):
        return value
    # torch comes with it
    from hybridfer.training.parameters import check_class_weight

    check_class_weight(value, classes)
    return {list(classes).index(name): weight for name, weight in value.items()}


def by_name(parameter: str, value: Any, classes: Sequence[str]) -> Any:
    """Turn the positions in a ``class_weight`` back into names.

    Examples
    --------
    >>> by_name("class_weight", {1: 2.0}, ["happy", "sad"]), by_name("C", 1.0, ["happy", "sad"])
    ({'sad': 2.0}, 1.0)
    """
    return {classes[label]: weight for label, weight in value.items()} if _weighs_classes(parameter, value) else value


def _weighs_classes(parameter: str, value: Any) -> bool:
    return parameter.rpartition("__")[2] == NAME and isinstance(value, dict)
