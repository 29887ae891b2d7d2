"""Paths in a file of recipes or of a search space: they start from the file's own folder, wherever they are read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hybridfer.home import given_path

# what weights, or the weights that a network begins with, may be besides a path
NO_PATHS = ("", "builtin", "hub")
# begins the names of models, which have tags that look like suffixes
MODEL = "timm:"


def resolve_paths(table: Any, folder: Path) -> None:
    """Let the relative paths in a table, as it was read, start from a folder.

    Parameters
    ----------
    table : dict
        Of a recipe, of its ``grid`` or of what a search draws: its ``weights``, its network's argument ``pretrained``, and
        ``start`` and ``teacher`` of its training are changed in place, each of several where there are several. Names of
        weights stay, and so does what is no such table: both are for others to check.
    folder : Path
        Where the file is.

    Examples
    --------
    >>> table = {"training": {"start": "compact", "teacher": ["compact", "big.safetensors"]}}
    >>> resolve_paths(table, Path("mine"))
    >>> [Path(teacher).name for teacher in table["training"]["teacher"]], Path(table["training"]["teacher"][1]).parent.name
    (['compact', 'big.safetensors'], 'mine')
    """
    if not isinstance(table, dict):
        return
    _resolve(table, "weights", folder, named=True)
    _resolve(table.get("network_arguments"), "pretrained", folder, named=False)
    for key in ("start", "teacher"):
        _resolve(table.get("training"), key, folder, named=True)


def _resolve(table: Any, key: str, folder: Path, named: bool) -> None:
    if isinstance(table, dict) and key in table:
        table[key] = _resolved(table[key], folder, named)


def _resolved(value: Any, folder: Path, named: bool) -> Any:
    """Resolve a path, each of a list, or each of the choices that a search draws from."""
    if isinstance(value, list):
        return [_resolved(one, folder, named) for one in value]
    if isinstance(value, dict) and "choices" in value:
        return {**value, "choices": _resolved(value["choices"], folder, named)}
    if not isinstance(value, str) or value in NO_PATHS or value.startswith(MODEL):
        return value
    # a single word without a suffix is the name of weights in the wheel where such names may stand
    is_name = named and Path(value).name == value and not Path(value).suffix
    return value if is_name else str(folder / given_path(value))
