"""The closed table of networks that recipes and the command line may name; and, by ``"timm:NAME"``, the models of timm."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from hybridfer.errors import RecipeError
from hybridfer.networks.architectures import build_compact, build_tiny
from hybridfer.networks.backbones import PREFIX, build_backbone, find_backbone, is_backbone
from hybridfer.networks.conv_stack import build_conv_stack
from hybridfer.networks.feature_models import (
    build_baseline,
    build_model_b,
    build_model_c,
    build_model_d,
    build_model_e,
    build_model_f,
)
from hybridfer.networks.published import build_grigorasi, build_leaky_cnn, build_model_1, build_model_2, build_model_3
from hybridfer.suggestion import nearest

REPORT_A = "'Feature extraction with classical heads', Universidad de Antioquia, 2024"
REPORT_B = "a capstone on facial emotion detection, MIT Applied Data Science Program, 2022"
GRIGORASI = (
    "Vulpe-Grigorasi and Grigore, 'Convolutional Neural Network Hyperparameters optimization for Facial Emotion "
    "Recognition', ATEE 2021"
)
BETWEEN = "hybridfer: a step from the baseline to model F; the layers of the report's own are not published"

# arguments that say how a network is trained, or begins; what its weights mean does not depend on them
HOW_TRAINED = ("dropout", "conv_dropout", "dense_dropout", "initialisation", "pretrained", "frozen")


@dataclass(frozen=True)
class Architecture:
    """A row of the catalogue: how a network is built and where it comes from.

    Attributes
    ----------
    name : str
        What recipes, weights files and the command line call it.
    build : callable
        Takes ``n_classes``, ``channels`` and ``image_size=(h, w)`` by keyword, and the network's own arguments; returns
        a module whose children are its named layers, the last two being ``embedding`` and ``logits``. The default of
        ``n_classes`` is the number of classes that the network was published for.
    source : str
        Who published it.
    smallest : int
        The smallest side of an image in pixels that its pooling leaves something of.
    fewest_classes : int
        0 where it can be built without logits of its own.
    """

    name: str
    build: Callable[..., nn.Module]
    source: str
    smallest: int = 16
    fewest_classes: int = 1

    @property
    def n_classes(self) -> int:
        """Number of classes that the network was published for."""
        return inspect.signature(self.build).parameters["n_classes"].default

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
        Architecture("tiny", build_tiny, "hybridfer: trains on drawn faces in seconds", smallest=8),
        Architecture("baseline", build_baseline, "The two-convolution network that FER tutorials begin with", smallest=4),
        Architecture("model_b", build_model_b, BETWEEN, smallest=8),
        Architecture("model_c", build_model_c, BETWEEN),
        Architecture("model_d", build_model_d, BETWEEN),
        Architecture("model_e", build_model_e, BETWEEN),
        Architecture("model_f", build_model_f, f"Model F of {REPORT_A}"),
        Architecture("model_1", build_model_1, f"Model 1 of {REPORT_B}", smallest=8),
        Architecture(
            "model_2", build_model_2, f"hybridfer, near the count of model 2 of {REPORT_B}: its layers are unpublished"
        ),
        Architecture("model_3", build_model_3, f"Model 3 of {REPORT_B}", smallest=32),
        Architecture(
            "leaky_cnn", build_leaky_cnn, "Study of LeakyReLU in three convolutions; the widths are ours", smallest=8
        ),
        Architecture("grigorasi", build_grigorasi, GRIGORASI),
        Architecture("conv_stack", build_conv_stack, "hybridfer: depth and widths as arguments, for searches", smallest=1),
    )
}


def find_architecture(name: str) -> Architecture:
    """Look a network up by name, or say which name was meant."""
    if is_backbone(name):
        published = find_backbone(name)
        source = f"timm, weights of {published.hub}" if published.hub else "timm, without published weights"
        return Architecture(name, partial(build_backbone, name), source, smallest=32, fewest_classes=0)
    if name not in NETWORKS:
        near = nearest(str(name), NETWORKS)
        hint = f" Did you mean {near!r}?" if near else ""
        raise RecipeError(
            f"network must be among {sorted(NETWORKS)}, or {PREFIX!r} and the name of a model of timm; got {name!r}.{hint}"
        )
    return NETWORKS[name]


def check_arguments(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a network's own arguments, or say which of them it does not take, or not as such a value."""
    known = find_architecture(name).arguments
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise RecipeError(f"{name} takes the arguments {sorted(known)}; got {unknown}.")
    for argument, value in arguments.items():
        kind = type(known[argument])
        # a truth value is an integer to isinstance
        if isinstance(value, bool) != (kind is bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise RecipeError(f"{argument} of {name} must be of the kind of {known[argument]!r}; got {value!r}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise RecipeError(f"{argument} of {name} must be a finite number; got {value!r}.")
    return dict(arguments)


def build_network(
    name: str, *, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48), **arguments: Any
) -> nn.Module:
    """Build an untrained network of the catalogue.

    Parameters
    ----------
    name : str
        A name that `list_networks` gives, or ``"timm:"`` and the name of a model of timm.
    n_classes : int
        Width of the last layer; 0, for a backbone of timm alone, gives a plain feature extractor.
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
        If the name or an argument is unknown, an argument is out of range, or the image is too small for the network's
        pooling.

    Examples
    --------
    >>> sum(p.numel() for p in build_network("model_f").parameters())
    4474759
    """
    architecture = find_architecture(name)
    check_arguments(name, arguments)
    if not isinstance(n_classes, int) or n_classes < architecture.fewest_classes:
        wanted = "a positive integer" if architecture.fewest_classes else "0 or a positive integer"
        raise RecipeError(f"n_classes must be {wanted}; got {n_classes!r}.")
    if min(image_size) < architecture.smallest:
        raise RecipeError(
            f"{name} needs images of at least {architecture.smallest} x {architecture.smallest} pixels; got "
            f"{image_size[0]} x {image_size[1]}. Resize them with image_size, or choose another network."
        )
    try:
        return architecture.build(n_classes=n_classes, channels=channels, image_size=image_size, **arguments)
    except RecipeError:
        raise
    except ValueError as error:
        # torch's own words on a dropout above 1, say
        raise RecipeError(f"{name} cannot be built with {arguments}: {error}.") from error
