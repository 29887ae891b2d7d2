"""Networks that are loaded once per process, for as long as their files stay as they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

from hybridfer.errors import RecipeError
from hybridfer.extraction.extract import sized_preprocessing
from hybridfer.home import given_path
from hybridfer.networks import Network, is_backbone, load_network

# what tells one state of a file from another
State = tuple[str | int, ...]


def loaded_once(
    network: str | os.PathLike[str],
    weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    image_size: int | None,
) -> Network:
    """Load a network once per process for each state of its files; nobody may change it.

    Parameters
    ----------
    network, weights, image_size
        As of `hybridfer.CNNFeaturizer`.

    Raises
    ------
    RecipeError, WeightsError
        If a parameter is none of those, or the network cannot be had.
    """
    if image_size is not None and not is_backbone(network):
        raise RecipeError(f"image_size is for models of timm; {network} takes the size that its weights were trained at.")
    if isinstance(weights, str | os.PathLike):
        return _load(os.fspath(network), os.fspath(weights), image_size, _changed(network), _changed(weights))
    members = tuple(os.fspath(member) for member in weights)
    return _load(os.fspath(network), members, image_size, *map(_changed, members))


def _changed(file: str | os.PathLike[str]) -> State | None:
    """Tell one state of a file from the next, and one file from another; None for a name that is no file."""
    try:
        path = given_path(file)
        found = path.stat()
    except OSError:
        return None
    # of two files in folders that are worked in by turns, relative path, size and time of writing may agree
    return os.path.realpath(path), found.st_dev, found.st_ino, found.st_ctime_ns, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _load(network: str, weights: str | tuple[str, ...], image_size: int | None, *changed: State | None) -> Network:
    loaded = load_network(network, weights=weights, preprocessing=sized_preprocessing(network, weights, image_size))
    if image_size is not None and loaded.preprocessing.image_size != (image_size, image_size):
        raise RecipeError(
            f"image_size is for models of timm without a weights file; {weights} takes images of "
            f"{' x '.join(map(str, loaded.preprocessing.image_size))} pixels. Leave image_size out."
        )
    return loaded
