"""The named blocks that networks are built from."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn


def conv_block(
    channels_in: int, channels_out: int, kernel: int, *, pool: bool = True, norm: bool = True, dropout: float = 0.0
) -> nn.Sequential:
    """Same-padded convolution, then BatchNorm, ReLU, 2 x 2 max-pooling and dropout, as far as they are asked for."""
    parts: list[tuple[str, nn.Module]] = [
        ("conv", nn.Conv2d(channels_in, channels_out, kernel, padding="same")),
        ("norm", nn.BatchNorm2d(channels_out)),
        ("relu", nn.ReLU()),
        ("pool", nn.MaxPool2d(2)),
        ("dropout", nn.Dropout(dropout)),
    ]
    wanted = {"conv": True, "norm": norm, "relu": True, "pool": pool, "dropout": dropout > 0}
    return nn.Sequential(OrderedDict((name, part) for name, part in parts if wanted[name]))


def dense_block(features_in: int, features_out: int, *, norm: bool = True, dropout: float = 0.0) -> nn.Sequential:
    """Fully connected layer, then BatchNorm, ReLU and dropout, as far as they are asked for."""
    parts: list[tuple[str, nn.Module]] = [
        ("linear", nn.Linear(features_in, features_out)),
        ("norm", nn.BatchNorm1d(features_out)),
        ("relu", nn.ReLU()),
        ("dropout", nn.Dropout(dropout)),
    ]
    wanted = {"linear": True, "norm": norm, "relu": True, "dropout": dropout > 0}
    return nn.Sequential(OrderedDict((name, part) for name, part in parts if wanted[name]))


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
        inner = torch.relu(self.norm1(self.conv1(maps)))
        return torch.relu(maps + self.norm2(self.conv2(inner)))
