"""The networks of our own: sequences of named blocks that end in ``embedding`` and ``logits``."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from .blocks import ResidualBlock, conv_block

UNPOOLED = ("conv", "norm", "relu")


def build_tiny(*, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48)) -> nn.Sequential:
    """Four narrow convolutions with global pooling: learns drawn faces in seconds on a laptop."""
    return nn.Sequential(
        OrderedDict(
            conv1=conv_block(channels, 16, 3),
            conv2=conv_block(16, 32, 3),
            conv3=conv_block(32, 64, 3),
            conv4=conv_block(64, 128, 3, order=UNPOOLED),
            embedding=_global_pool(),
            logits=nn.Linear(128, n_classes),
        )
    )


def build_compact(
    *, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48), dropout: float = 0.0
) -> nn.Sequential:
    """Residual stages of 64, 128 and 224 channels at a half, a quarter and an eighth of the image."""
    return nn.Sequential(
        OrderedDict(
            stem=conv_block(channels, 32, 3),
            stage1=_residual_stage(32, 64),
            pool1=nn.MaxPool2d(2),
            stage2=_residual_stage(64, 128),
            pool2=nn.MaxPool2d(2),
            stage3=_residual_stage(128, 224),
            embedding=_global_pool(),
            logits=nn.Sequential(OrderedDict(dropout=nn.Dropout(dropout), linear=nn.Linear(224, n_classes))),
        )
    )


def _residual_stage(channels_in: int, channels_out: int) -> nn.Sequential:
    """One convolution to the new width, then one residual block."""
    return nn.Sequential(
        OrderedDict(
            widen=conv_block(channels_in, channels_out, 3, order=UNPOOLED),
            residual=ResidualBlock(channels_out),
        )
    )


def _global_pool() -> nn.Sequential:
    """Mean over the map, (n, c, h, w) to (n, c)."""
    return nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))
