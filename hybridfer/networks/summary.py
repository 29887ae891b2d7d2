"""What a network is made of: a line for each layer, as published summaries have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hybridfer.errors import RecipeError
from hybridfer.networks.catalogue import NETWORKS, build_network, find_architecture
from hybridfer.networks.network import network_preprocessing

# Keras's names for the layers, as papers print them; padding and a ReLU right behind a layer are parts of that layer there
KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "Conv2D",
    nn.BatchNorm2d: "BatchNormalization",
    nn.BatchNorm1d: "BatchNormalization",
    nn.LayerNorm: "LayerNormalization",
    nn.ReLU: "ReLU",
    nn.LeakyReLU: "LeakyReLU",
    nn.MaxPool2d: "MaxPooling2D",
    nn.AdaptiveAvgPool2d: "GlobalAveragePooling2D",
    nn.Dropout: "Dropout",
    nn.Flatten: "Flatten",
    nn.Linear: "Dense",
}


@dataclass(frozen=True)
class LayerSummary:
    """One line of a network's summary.

    Attributes
    ----------
    name : str
        Path of the module in the network.
    kind : str
        Keras's name of such a layer.
    shape : tuple of int
        Output of one image: (height, width, channels) of a map, as Keras and the papers write it, or (features,).
    trainable, non_trainable : int
        Parameters that the optimiser moves, and those that it does not: BatchNorm's running mean and variance, and all of a
        frozen layer.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    trainable: int
    non_trainable: int

    @property
    def parameters(self) -> int:
        """All parameters of the layer, running statistics among them."""
        return self.trainable + self.non_trainable


@dataclass(frozen=True)
class NetworkSummary:
    """What ``hybridfer networks`` prints of a network.

    Published counts of parameters differ in what they count: Keras's total has BatchNorm's running mean and variance in it,
    as parameters that are not trained; torch's parameters have not, as they are buffers there. Both are here.

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
    non_trainable : int
        Running means and variances of BatchNorm, and frozen weights.
    total : int
        Both together: the total of a summary by Keras.
    layers : dict of str to tuple of int
        Output shape of each named layer without the batch axis, channels first, in the order an image passes them.
    lines : tuple of LayerSummary
        Every layer that a published summary has a line for, in that order.
    """

    name: str
    source: str
    image_size: tuple[int, int]
    channels: int
    n_classes: int
    parameters: int
    non_trainable: int
    total: int
    layers: dict[str, tuple[int, ...]]
    lines: tuple[LayerSummary, ...]


def list_networks() -> tuple[NetworkSummary, ...]:
    """Summarise every network of the catalogue, for 48 x 48 grey images and the number of classes it was published for.

    Examples
    --------
    >>> [summary.name for summary in list_networks()][:4]
    ['compact', 'tiny', 'baseline', 'model_b']
    """
    return tuple(summarise_network(name) for name in NETWORKS)


def summarise_network(
    name: str,
    *,
    n_classes: int | None = None,
    channels: int = 1,
    image_size: tuple[int, int] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> NetworkSummary:
    """Count a network's parameters and trace its layers' shapes, without allocating its weights.

    Parameters
    ----------
    name : str
        A name that `list_networks` gives, or ``"timm:"`` and the name of a model of timm.
    n_classes : int, optional
        Number of logits; the number that the network was published for by default, 7 for a backbone.
    channels : int
        1 for grey, 3 for colour, which a backbone takes in any case.
    image_size : tuple of (int, int), optional
        Height and width in pixels: 48 x 48 by default, and the size that it was trained at for a backbone.
    arguments : mapping, optional
        The network's own arguments.

    Returns
    -------
    NetworkSummary

    Raises
    ------
    RecipeError
        As `build_network`, or if torch cannot build it so, of sizes beyond all its numbers.

    Examples
    --------
    >>> summary = summarise_network("grigorasi")
    >>> summary.total, summary.parameters, summary.non_trainable
    (5173959, 5170503, 3456)
    >>> summary.lines[0].kind, summary.lines[0].shape, summary.lines[0].parameters
    ('Conv2D', (48, 48, 256), 2560)
    """
    architecture = find_architecture(name)
    n_classes = architecture.n_classes if n_classes is None else n_classes
    preprocessing = network_preprocessing(name, image_size, channels=channels)
    image_size, channels = preprocessing.image_size, preprocessing.channels
    given = dict(arguments or {})
    try:
        with torch.device("meta"):
            module = build_network(name, n_classes=n_classes, channels=channels, image_size=image_size, **given)
            outputs = _traced(module.eval(), torch.empty(1, channels, *image_size))
    except (TypeError, RuntimeError, OverflowError) as error:
        told = str(error).splitlines()[0].rstrip(".")
        raise RecipeError(
            f"{name} cannot be built for {n_classes} classes with {given or 'its own arguments'}: {told}. "
            "Give smaller numbers."
        ) from error
    layers = {layer: tuple(outputs[layer].shape[1:]) for layer, _ in module.named_children()}
    lines = _lines(module, outputs)
    trainable, non_trainable = (sum(counts) for counts in zip(*map(_counts, module.modules()), strict=True))
    return NetworkSummary(
        name,
        architecture.source,
        image_size,
        channels,
        n_classes,
        parameters=trainable,
        non_trainable=non_trainable,
        total=trainable + non_trainable,
        layers=layers,
        lines=lines,
    )


def _traced(module: nn.Module, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    """Output of every submodule, in the order in which they are run."""
    outputs: dict[str, Any] = {}
    for path, part in module.named_modules():
        part.register_forward_hook(lambda _part, _inputs, output, path=path: outputs.__setitem__(path, output))
    module(batch)
    return {path: output for path, output in outputs.items() if isinstance(output, torch.Tensor)}


def _lines(module: nn.Module, outputs: Mapping[str, torch.Tensor]) -> tuple[LayerSummary, ...]:
    lines: list[LayerSummary] = []
    for path, output in outputs.items():
        part = module.get_submodule(path)
        kind = _kind(part)
        if kind is None or (kind == "ReLU" and lines and lines[-1].kind in ("Conv2D", "Dense")):
            continue
        trainable, non_trainable = _counts(part)
        lines.append(LayerSummary(path, kind, _channels_last(output), trainable, non_trainable))
    return tuple(lines)


def _kind(part: nn.Module) -> str | None:
    """Keras's name of a layer; for another that has parameters, that of the layer it is derived from, or its own."""
    if type(part) in KINDS:
        return KINDS[type(part)]
    if next(part.parameters(recurse=False), None) is None:
        return None
    return next((name for kind, name in KINDS.items() if isinstance(part, kind)), type(part).__name__)


def _counts(part: nn.Module) -> tuple[int, int]:
    """Trainable parameters of a module itself, and the others with its running statistics, but not its count of batches."""
    parameters = list(part.parameters(recurse=False))
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    frozen = sum(parameter.numel() for parameter in parameters if not parameter.requires_grad)
    names = {name for name, _ in part.named_buffers(recurse=False)} & set(part.state_dict())
    running = sum(part.get_buffer(name).numel() for name in names if part.get_buffer(name).is_floating_point())
    return trainable, frozen + running


def _channels_last(output: torch.Tensor) -> tuple[int, ...]:
    if output.ndim == 4:
        return (*output.shape[2:], output.shape[1])
    return tuple(output.shape[1:])
