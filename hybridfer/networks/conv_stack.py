"""A plain network whose depth and widths are arguments, so that a search can choose them."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from hybridfer.errors import RecipeError
from hybridfer.networks.blocks import conv_block, dense_block
from hybridfer.networks.number_list import numbers_of

ORDER = ("conv", "relu", "norm", "pool", "dropout")
DENSE_ORDER = ("linear", "relu", "norm", "dropout")


def build_conv_stack(
    *,
    n_classes: int = 7,
    channels: int = 1,
    image_size: tuple[int, int] = (48, 48),
    filters: str = "64-128-256",
    kernel: int = 3,
    bare: int = 0,
    conv_dropout: float = 0.0,
    dense: int = 256,
    dense_dropout: float = 0.0,
) -> nn.Sequential:
    """Convolutions, each with ReLU, BatchNorm, 2 x 2 max-pooling and dropout, then one dense layer: layers ``conv1``, ...

    Maps are halved after each convolution for as long as both of their sides have 2 pixels or more: in images of 48 x 48
    pixels five times at most, 48, 24, 12, 6, 3, 1. Later convolutions go without pooling.

    With ``filters="256-512-384-192-384"``, ``bare=1``, ``conv_dropout=0.4`` and ``dense_dropout=0.3`` this is the network
    ``grigorasi`` of the catalogue.

    Parameters
    ----------
    n_classes, channels, image_size : int, int, tuple of (h, w)
        As the catalogue gives them.
    filters : str
        Filters of each convolution, joined by ``-``: 1 to 16 numbers from 1 to 9999.
    kernel : int
        Side of all kernels in pixels.
    bare : int
        So many convolutions at the beginning have ReLU and nothing else; the last convolution never is one of them, as a
        dense layer on maps of full size would have hundreds of millions of weights.
    conv_dropout, dense_dropout : float
        Shares of the values that dropout blanks after each convolution that is not bare, and after the dense layer.
    dense : int
        Units of the dense layer, ``embedding``.

    Raises
    ------
    RecipeError
        If ``filters`` is no such list, or ``kernel`` or ``dense`` is below 1, or ``bare`` below 0.

    Examples
    --------
    >>> list(dict(build_conv_stack(filters="8-16").named_children()))
    ['conv1', 'conv2', 'flatten', 'embedding', 'logits']
    """
    _check_at_least("kernel", kernel, 1)
    _check_at_least("dense", dense, 1)
    _check_at_least("bare", bare, 0)
    widths = numbers_of(filters, "filters of conv_stack", fewest=1, most=16, like="64-128")
    layers: list[tuple[str, nn.Module]] = []
    height, width = image_size
    before = channels
    for number, after in enumerate(widths, start=1):
        plain = number <= min(bare, len(widths) - 1)
        pooled = not plain and min(height, width) >= 2
        order = ("conv", "relu") if plain else [part for part in ORDER if part != "pool" or pooled]
        layers.append((f"conv{number}", conv_block(before, after, kernel, order=order, dropout=conv_dropout)))
        if pooled:
            height, width = height // 2, width // 2
        before = after
    layers.append(("flatten", nn.Flatten()))
    layers.append(("embedding", dense_block(before * height * width, dense, order=DENSE_ORDER, dropout=dense_dropout)))
    return nn.Sequential(OrderedDict([*layers, ("logits", nn.Linear(dense, n_classes))]))


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise RecipeError(f"{name} of conv_stack must be at least {least}; got {value}.")
