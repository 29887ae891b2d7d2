"""The named blocks that networks are built from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

# the parts of a block, in the order in which most networks have them; a network names its own
CONV = ("conv", "norm", "relu", "pool", "dropout")
DENSE = ("linear", "norm", "relu", "dropout")


def conv_block(
    channels_in: int,
    channels_out: int,
    kernel: int,
    *,
    order: Sequence[str] = CONV,
    dropout: float = 0.0,
    slope: float = 0.0,
) -> nn.Sequential:
    """Same-padded convolution, BatchNorm, activation, 2 x 2 max-pooling and dropout: those parts that `order` names.

    Parameters
    ----------
    channels_in, channels_out, kernel : int
        Of the convolution. The odd row and column of padding of an even kernel are at the bottom and at the right, as Keras
        has them.
    order : sequence of str
        Some of ``"conv"``, ``"norm"``, ``"relu"``, ``"pool"`` and ``"dropout"``.
    dropout : float
        0 leaves the part out.
    slope : float
        Of the activation below zero: 0 is ReLU, anything else LeakyReLU.
    """
    parts: dict[str, nn.Module] = {
        "conv": nn.Conv2d(channels_in, channels_out, kernel, padding="same" if kernel % 2 else 0),
        "norm": nn.BatchNorm2d(channels_out),
        "relu": _activation(slope),
        "pool": nn.MaxPool2d(2),
        "dropout": nn.Dropout(dropout),
    }
    chosen = [(name, parts[name]) for name in order if name != "dropout" or dropout > 0]
    if kernel % 2 == 0:
        # torch's own padding="same" does the same and warns at every first call
        before, after = (kernel - 1) // 2, kernel // 2
        chosen.insert(0, ("pad", nn.ZeroPad2d((before, after, before, after))))
    return nn.Sequential(OrderedDict(chosen))


def dense_block(
    features_in: int, features_out: int, *, order: Sequence[str] = DENSE, dropout: float = 0.0, slope: float = 0.0
) -> nn.Sequential:
    """Fully connected layer, BatchNorm, activation and dropout: those parts that `order` names."""
    parts: dict[str, nn.Module] = {
        "linear": nn.Linear(features_in, features_out),
        "norm": nn.BatchNorm1d(features_out),
        "relu": _activation(slope),
        "dropout": nn.Dropout(dropout),
    }
    return nn.Sequential(OrderedDict((name, parts[name]) for name in order if name != "dropout" or dropout > 0))


def stack(
    filters: Sequence[int],
    dense: Sequence[int],
    *,
    n_classes: int,
    channels: int,
    image_size: tuple[int, int],
    kernels: Sequence[int] | int = 3,
    bare: int = 0,
    order: Sequence[str] = CONV,
    dense_order: Sequence[str] = DENSE,
    dropout: float = 0.0,
    dense_dropout: Sequence[float] | float = 0.0,
    slope: float = 0.0,
) -> nn.Sequential:
    """Convolutions ``conv1``, ``conv2``, ..., then ``flatten``, dense layers of which the last is ``embedding``, ``logits``.

    Parameters
    ----------
    filters, dense : sequence of int
        Widths of the convolutions and of the dense layers before the logits.
    n_classes, channels, image_size : int, int, tuple of (h, w)
        As the catalogue gives them.
    kernels : int or sequence of int
        Of each convolution.
    bare : int
        So many convolutions at the beginning have an activation and nothing else.
    order, dense_order : sequence of str
        Parts of a block, as for `conv_block` and `dense_block`.
    dropout, dense_dropout : float, or sequence of float for the dense layers
        Shares of the values that dropout blanks.
    slope : float
        Of all activations below zero.
    """
    layers: list[tuple[str, nn.Module]] = []
    height, width = image_size
    before = channels
    kernels = [kernels] * len(filters) if isinstance(kernels, int) else kernels
    for number, (after, kernel) in enumerate(zip(filters, kernels, strict=True), start=1):
        parts = order if number > bare else ("conv", "relu")
        layers.append((f"conv{number}", conv_block(before, after, kernel, order=parts, dropout=dropout, slope=slope)))
        if "pool" in parts:
            height, width = height // 2, width // 2
        before = after
    layers.append(("flatten", nn.Flatten()))
    before *= height * width
    shares = [dense_dropout] * len(dense) if isinstance(dense_dropout, int | float) else dense_dropout
    for number, (after, share) in enumerate(zip(dense, shares, strict=True), start=1):
        name = f"dense{number}" if number < len(dense) else "embedding"
        layers.append((name, dense_block(before, after, order=dense_order, dropout=share, slope=slope)))
        before = after
    return nn.Sequential(OrderedDict([*layers, ("logits", nn.Linear(before, n_classes))]))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with BatchNorm around an identity shortcut (He et al., 2016, figure 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        # starts as the identity, so that a deep stack trains from the first step (Goyal et al., 2017, section 5.1)
        nn.init.zeros_(self.norm2.weight)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of the same shape (n, channels, h, w)."""
        inner = torch.relu_(self.norm1(self.conv1(maps)))
        return torch.relu_(self.norm2(self.conv2(inner)).add_(maps))


def _activation(slope: float) -> nn.Module:
    """ReLU or LeakyReLU, in place: maps of their own would have to be had from the kernel, a tenth of a forward pass."""
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
