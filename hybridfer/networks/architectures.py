"""The networks of our own: sequences of named blocks that end in ``embedding`` and ``logits``."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from hybridfer.networks.blocks import ResidualBlock, conv_block
from hybridfer.networks.number_list import numbers_of

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
    *,
    n_classes: int = 7,
    channels: int = 1,
    image_size: tuple[int, int] = (48, 48),
    dropout: float = 0.0,
    widths: str = "64-128-224",
    depths: str = "1-1-1",
) -> nn.Sequential:
    """Three residual stages at a half, a quarter and an eighth of the image.

    Parameters
    ----------
    n_classes, channels, image_size : int, int, tuple of (h, w)
        As the catalogue gives them.
    dropout : float
        Share of the embedding that is blanked before the last layer.
    widths, depths : str
        Channels and residual blocks of each stage, joined by ``-``.

    Raises
    ------
    RecipeError
        If ``widths`` or ``depths`` are not three numbers.

    Examples
    --------
    >>> sum(parameter.numel() for parameter in build_compact(widths="64-128-192", depths="2-2-1").parameters())
    1719367
    """
    (width1, width2, width3), (depth1, depth2, depth3) = (
        numbers_of(text, f"{name} of compact", fewest=3, most=3, like=like)
        for name, text, like in (("widths", widths, "64-128-224"), ("depths", depths, "1-1-1"))
    )
    return nn.Sequential(
        OrderedDict(
            stem=conv_block(channels, 32, 3),
            stage1=_residual_stage(32, width1, depth1),
            pool1=nn.MaxPool2d(2),
            stage2=_residual_stage(width1, width2, depth2),
            pool2=nn.MaxPool2d(2),
            stage3=_residual_stage(width2, width3, depth3),
            embedding=_global_pool(),
            logits=nn.Sequential(OrderedDict(dropout=nn.Dropout(dropout), linear=nn.Linear(width3, n_classes))),
        )
    )


def _residual_stage(channels_in: int, channels_out: int, depth: int) -> nn.Sequential:
    """One convolution to the new width, then residual blocks: ``residual``, ``residual2``, ..."""
    widen = ("widen", conv_block(channels_in, channels_out, 3, order=UNPOOLED))
    names = ["residual", *(f"residual{number}" for number in range(2, depth + 1))]
    return nn.Sequential(OrderedDict([widen, *((name, ResidualBlock(channels_out)) for name in names)]))


def _global_pool() -> nn.Sequential:
    """Mean over the map, (n, c, h, w) to (n, c)."""
    return nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))
