"""Search spaces by name or by file, checked key by key."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hybridfer.errors import RecipeError
from hybridfer.home import given_path
from hybridfer.recipes.loading import read_toml
from hybridfer.recipes.paths import resolve_paths
from hybridfer.recipes.problems import describe_problems
from hybridfer.search.axes import Axis, Choices, NumberList, Range
from hybridfer.search.space import Axes, SearchSpace
from hybridfer.suggestion import suggest


def load_space(space: str | os.PathLike[str] | SearchSpace) -> SearchSpace:
    """Read and check a search space.

    Parameters
    ----------
    space : str, Path or SearchSpace
        The name of a shipped space, the path of a TOML file, or a space, which comes back as it is. A string is a path if it
        ends in ``.toml`` or has a folder in it. Relative paths in a file, fixed or to be drawn, start from its own folder,
        as in a recipe that `load_recipe` reads.

    Returns
    -------
    SearchSpace

    Raises
    ------
    RecipeError
        If there is no such space or file, if the file is no TOML, or if it has an unknown key or a wrong value; the message
        lists every wrong key.

    Examples
    --------
    >>> load_space("grigorasi").network
    'conv_stack'
    """
    if isinstance(space, SearchSpace):
        return space
    if not isinstance(space, str) or space.endswith(".toml") or "/" in space or "\\" in space:
        file = given_path(space)
        return _read(file, folder=file.absolute().parent)
    shipped = {file.name.removesuffix(".toml"): file for file in _shipped()}
    if space not in shipped:
        raise RecipeError(
            f"There is no search space {space!r}; {suggest(space, shipped)} A space of your own is given as a path that "
            "ends in .toml."
        )
    return _read(shipped[space], folder=None)


def _shipped() -> Iterator[Traversable]:
    return (file for file in importlib.resources.files("hybridfer.search").iterdir() if file.name.endswith(".toml"))


def _read(file: Traversable, folder: Path | None) -> SearchSpace:
    table = read_toml(file)
    if folder is not None:
        resolve_paths(table, folder)
        resolve_paths(table.get("space"), folder)
    problems: list[str] = []
    axes = _read_axes(table.get("space"), problems)
    drawn = _drawn(axes, problems)
    try:
        checked = SearchSpace.model_validate({**table, "space": drawn})
    except ValidationError as error:
        problems += describe_problems(error, SearchSpace, table)
    if problems:
        raise RecipeError("\n  ".join([f"{file} is not a valid search space:", *problems]))
    return checked


def _drawn(axes: dict[str, dict[str, Axis]], problems: list[str]) -> Axes:
    if not problems:
        try:
            return Axes(**axes)
        except ValidationError as error:
            problems += [f"space.{line}" for line in describe_problems(error, Axes, axes)]
    # a stand-in for axes that are told of already, so that what is wrong elsewhere is told in the same breath
    return Axes(training={"random_state": Choices(choices=[0])})


def _read_axes(space: Any, problems: list[str]) -> dict[str, dict[str, Axis]]:
    """Read the axes one by one, as only so each key's problem is told by its own path."""
    if not isinstance(space, Mapping):
        problems.append(f"space: expected a table, got {space!r}" if space is not None else "space: this key is required")
        return {}
    axes: dict[str, dict[str, Axis]] = {}
    for name, tables in space.items():
        if name not in Axes.model_fields:
            problems.append(f"space.{name}: unknown key, {suggest(name, Axes.model_fields)}")
        elif not isinstance(tables, Mapping):
            problems.append(f"space.{name}: expected a table, got {tables!r}")
        else:
            read = {axis: _read_axis(f"space.{name}.{axis}", table, problems) for axis, table in tables.items()}
            axes[name] = {axis: value for axis, value in read.items() if value is not None}
    return axes


def _read_axis(path: str, table: Any, problems: list[str]) -> Axis | None:
    if not isinstance(table, Mapping):
        problems.append(f"{path}: expected a table with low and high, or choices, or length and each; got {table!r}")
        return None
    kind: type[Range] | type[Choices] | type[NumberList]
    kind = Choices if "choices" in table else NumberList if {"length", "each"} & set(table) else Range
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        told = describe_problems(error, kind, table)
        # what is wrong with the axis as a whole has no key of its own
        whole = not any(finding["loc"] for finding in error.errors(include_url=False))
        problems += [f"{path}{': ' if whole else '.'}{line}" for line in told]
        return None
