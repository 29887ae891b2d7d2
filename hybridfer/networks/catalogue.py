"""The closed table of networks that recipes and the command line may name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..errors import RecipeError
from .architectures import build_baseline, build_compact, build_model_f, build_tiny


@dataclass(frozen=True)
class Architecture:
    """A row of the catalogue: how a network is built and where it comes from.

    Attributes
    ----------
    name : str
        What recipes, weights files and the command line call it.
    build : callable
        Takes ``n_classes``, ``channels`` and ``image_size=(h, w)`` by keyword, and the network's own arguments; returns
        a module whose children are its named layers, the last two being ``embedding`` and ``logits``.
    source : str
        Who published it.
    smallest : int
        The smallest side of an image in pixels that its pooling leaves something of.
    """

    name: str
    build: Callable[..., nn.Module]
    source: str
    smallest: int = 16

    @property
    def arguments(self) -> dict[str, Any]:
        """The network's own arguments with their defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        shared = {"n_classes", "channels", "image_size"}
        return {parameter.name: parameter.default for parameter in parameters if parameter.name not in shared}


NETWORKS: dict[str, Architecture] = {
    row.name: row
    for row in (
        Architecture("compact", build_compact, "hybridfer: three residual stages for 48 x 48 grey faces", smallest=8),
        Architecture(
            "model_f",
            build_model_f,
            "Model F of 'Feature extraction with classical heads', Universidad de Antioquia, 2024",
        ),
        Architecture("baseline", build_baseline, "The two-convolution network that FER tutorials begin with", smallest=4),
        Architecture("tiny", build_tiny, "hybridfer: trains on drawn faces in seconds", smallest=8),
    )
}


@dataclass(frozen=True)
class NetworkSummary:
    """What ``hybridfer networks`` prints of a network.

    Attributes
    ----------
    name, source : str
        As in the catalogue.
    image_size : tuple of (int, int)
        Height and width in pixels that the figures below hold for.
    channels, n_classes : int
        As the figures below hold for.
    parameters : int
        Trainable parameters.
    layers : dict of str to tuple of int
        Output shape of each layer without the batch axis, in the order an image passes them.
    """

    name: str
    source: str
    image_size: tuple[int, int]
    channels: int
    n_classes: int
    parameters: int
    layers: dict[str, tuple[int, ...]]


def find_architecture(name: str) -> Architecture:
    """Look a network up by name, or say which name was meant."""
    if name not in NETWORKS:
        near = difflib.get_close_matches(str(name), NETWORKS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise RecipeError(f"network must be among {sorted(NETWORKS)}; got {name!r}.{hint}")
    return NETWORKS[name]


def check_arguments(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a network's own arguments, or say which of them it does not take."""
    known = find_architecture(name).arguments
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise RecipeError(f"{name} takes the arguments {sorted(known)}; got {unknown}.")
    return dict(arguments)


def build_network(
    name: str, *, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48), **arguments: Any
) -> nn.Module:
    """Build an untrained network of the catalogue.

    Parameters
    ----------
    name : str
        A name that `list_networks` gives.
    n_classes : int
        Width of the last layer.
    channels : int
        1 for grey, 3 for colour.
    image_size : tuple of (int, int)
        Height and width in pixels.
    **arguments
        The network's own arguments, such as ``dropout``.

    Returns
    -------
    torch.nn.Module
        Its children are its named layers; weights are drawn from torch's global generator.

    Raises
    ------
    RecipeError
        If the name or an argument is unknown, or the image is too small for the network's pooling.

    Examples
    --------
    >>> sum(p.numel() for p in build_network("model_f").parameters())
    4474759
    """
    architecture = find_architecture(name)
    check_arguments(name, arguments)
    if not isinstance(n_classes, int) or n_classes < 1:
        raise RecipeError(f"n_classes must be a positive integer; got {n_classes!r}.")
    if min(image_size) < architecture.smallest:
        raise RecipeError(
            f"{name} needs images of at least {architecture.smallest} x {architecture.smallest} pixels; got "
            f"{image_size[0]} x {image_size[1]}. Resize them with image_size, or choose another network."
        )
    return architecture.build(n_classes=n_classes, channels=channels, image_size=image_size, **arguments)


def list_networks() -> tuple[NetworkSummary, ...]:
    """Summarise every network of the catalogue, for 48 x 48 grey images and seven classes.

    Examples
    --------
    >>> [summary.name for summary in list_networks()]
    ['compact', 'model_f', 'baseline', 'tiny']
    """
    return tuple(summarise_network(name) for name in NETWORKS)


def summarise_network(
    name: str, *, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48)
) -> NetworkSummary:
    """Count a network's parameters and trace its layers' shapes, without allocating its weights."""
    with torch.device("meta"):
        module = build_network(name, n_classes=n_classes, channels=channels, image_size=image_size).eval()
        output = torch.empty(1, channels, *image_size)
        layers: dict[str, tuple[int, ...]] = {}
        for layer, block in module.named_children():
            output = block(output)
            layers[layer] = tuple(output.shape[1:])
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return NetworkSummary(name, NETWORKS[name].source, image_size, channels, n_classes, parameters, layers)
