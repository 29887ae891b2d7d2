"""pydantic's findings about a recipe, told in the recipe's own words and all at once."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hybridfer.suggestion import suggest

_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "literal_error": "{expected}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "too_short": "at least {min_length} of them",
    "string_too_short": "a string of at least {min_length} character",
    "string_pattern_mismatch": "a parameter's name",
}


def describe_problems(error: ValidationError, model: type[BaseModel], table: Mapping[str, Any]) -> list[str]:
    """Turn a validation error into one readable line for each wrong key.

    Parameters
    ----------
    error : pydantic.ValidationError
        What validating ``table`` raised.
    model : type of BaseModel
        The model that it was validated with.
    table : mapping
        The recipe as it was read.

    Returns
    -------
    list of str
        One line for each key, in the order in which pydantic found them.

    Examples
    --------
    >>> from hybridfer.recipes import TrainingRecipe
    >>> table = {"batch_sise": 3, "max_epochs": "many"}
    >>> try:
    ...     TrainingRecipe.model_validate(table)
    ... except ValidationError as error:
    ...     print(*describe_problems(error, TrainingRecipe, table), sep="; ")
    max_epochs: expected an integer, got 'many'; batch_sise: unknown key, did you mean 'batch_size'?
    """
    lines: dict[str, str] = {}
    expected: dict[str, list[str]] = {}
    hints: dict[str, str] = {}
    for finding in error.errors(include_url=False):
        keys, value = _where(finding, table)
        path = ".".join(keys)
        kind, context = finding["type"], finding.get("ctx", {})
        if kind == "extra_forbidden":
            known = _table_model(model, keys[:-1]).model_fields
            lines[path] = f"{path}: unknown key, {suggest(keys[-1], known)}"
        elif kind == "missing":
            lines[path] = f"{path}: this key is required"
        elif kind == "value_error":
            lines[path] = f"{path}: {context['error']}" if path else str(context["error"])
        else:
            wanted = expected.setdefault(path, [])
            wanted.append(_EXPECTED[kind].format(**context) if kind in _EXPECTED else finding["msg"])
            hints[path] = hints.get(path) or _option_hint(value, context.get("expected"))
            lines[path] = f"{path}: expected {' or '.join(dict.fromkeys(wanted))}, got {value!r}{hints[path]}"
    return list(lines.values())


def _where(finding: ErrorDetails, table: Any) -> tuple[list[str], Any]:
    """Keep the parts of a location that are keys of the recipe: pydantic mixes the branches of unions in."""
    keys: list[str] = []
    value = table
    for part in finding["loc"]:
        inside = part in value if isinstance(value, Mapping) else isinstance(value, list) and isinstance(part, int)
        if inside:
            value = value[part]
            keys.append(str(part))
    if finding["type"] == "missing":
        keys.append(str(finding["loc"][-1]))
    return keys, keys[-1] if "[key]" in finding["loc"] else value


def _table_model(model: type[BaseModel], keys: list[str]) -> type[BaseModel]:
    # numbers are places in a list of tables
    for key in (key for key in keys if not key.isdigit()):
        annotation = model.model_fields[key].annotation
        alternatives = (annotation, *typing.get_args(annotation))
        model = next(part for part in alternatives if isinstance(part, type) and issubclass(part, BaseModel))
    return model


def _option_hint(value: Any, options: object) -> str:
    if not isinstance(value, str) or not isinstance(options, str):
        return ""
    hint = suggest(value, [option.strip(" '") for option in options.replace(" or ", ",").split(",")])
    return f"; {hint}" if hint.startswith("did you mean") else ""
