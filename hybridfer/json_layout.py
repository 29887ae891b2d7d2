"""Frozen dataclasses to JSON that is pleasant to read and compare, and back with every field checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

Value = TypeVar("Value")

# beyond this a list of numbers or words is broken into lines
_LINE = 110
# a broken report can miss every field; the first few say enough
_SHOWN_FAULTS = 5
# bytes of file names that are no UTF-8; neither UTF-8 nor strict readers of JSON take them
_SURROGATES = re.compile("[\ud800-\udfff]")
# commands of terminals that json.dumps leaves as they are
_CONTROLS = re.compile("[\x7f-\x9f]")


class LayoutError(ValueError):
    """JSON is not of the expected layout; the message names the fields."""


def plain(value: Any, skip: Sequence[str] = ()) -> Any:
    """Turn nested dataclasses and pydantic models into dictionaries and lists.

    Parameters
    ----------
    value : object
        A dataclass of dataclasses, mappings, sequences and scalars.
    skip : sequence of str
        Fields of the outermost dataclass to leave out.

    Returns
    -------
    object
        The same in dictionaries, lists and scalars.

    Examples
    --------
    >>> from dataclasses import make_dataclass
    >>> Leak = make_dataclass("Leak", [("images", int)])
    >>> plain((Leak(images=3),))
    [{'images': 3}]
    """
    if is_dataclass(value):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value) if part.name not in skip}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def to_json(value: Any) -> str:
    """Write JSON with two spaces of indent, lists of scalars on one line, and a newline at the end.

    Bytes of file names that are no UTF-8 are spelt out in the text, with a backslash.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, which JSON does not know.

    Examples
    --------
    >>> print(to_json({"confusion": [[3, 1], [0, 4]]}), end="")
    {
      "confusion": [
        [3, 1],
        [0, 4]
      ]
    }
    """
    text = _SURROGATES.sub(lambda found: f"\\\\u{ord(found[0]):04x}", _indented(value, ""))
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def from_json(kind: type[Value], text: str | bytes) -> Value:
    """Read a dataclass from JSON; fields that it does not know are left out.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are typed.
    text : str or bytes
        JSON.

    Returns
    -------
    object
        An instance of `kind`.

    Raises
    ------
    LayoutError
        If a field is missing or of another type.

    Examples
    --------
    >>> from dataclasses import make_dataclass
    >>> Leak = make_dataclass("Leak", [("images", int)])
    >>> from_json(Leak, '{"images": 3}')
    Leak(images=3)
    """
    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        lines = [f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}" for fault in faults]
        more = f"; and {len(lines) - _SHOWN_FAULTS} more" if len(lines) > _SHOWN_FAULTS else ""
        raise LayoutError(f"the layout is broken. {'; '.join(lines[:_SHOWN_FAULTS])}{more}.") from error


def check_version(text: str | bytes, version: int, *older: int) -> None:
    """Make sure that JSON is an object of the given format version, or of one of the older ones, before its fields are read.

    Raises
    ------
    LayoutError
        If it is no JSON object, has no version, or another one.

    Examples
    --------
    >>> check_version('{"format_version": 1}', 1)
    """
    try:
        values = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise LayoutError(f"this is no JSON ({error}).") from error
    if not isinstance(values, dict) or "format_version" not in values:
        raise LayoutError("this is no report of hybridfer: it has no format_version.")
    found = values["format_version"]
    if found not in (version, *older):
        known = " or ".join(str(one) for one in sorted((version, *older)))
        raise LayoutError(
            f"format_version must be {known}; got {found!r}. "
            "Should a newer hybridfer have written it, run: pip install --upgrade hybridfer"
        )


def _no_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(f"{name} is no JSON number")


def _indented(value: Any, indent: str) -> str:
    """Write a value whose first line already stands at its place."""
    nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(part, dict | list) for part in value))
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not value or not (nested or (isinstance(value, list) and len(indent) + len(line) > _LINE)):
        return line
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_indented(part, deeper)}" for key, part in value.items()]
        return "{\n" + ",\n".join(deeper + part for part in parts) + "\n" + indent + "}"
    return "[\n" + ",\n".join(deeper + _indented(part, deeper) for part in value) + "\n" + indent + "]"
