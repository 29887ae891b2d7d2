"""Progressive resizing: small images first, as they cost less, and full ones at the end."""

from __future__ import annotations

from typing import Any

import torch
from skorch.callbacks import Callback

from hybridfer.errors import RecipeError
from hybridfer.networks import Network

# shares of the epochs: before the first the size stays small, from the second on it is full
DELAY, FULL = 0.3, 0.75
# sizes are multiples of this many pixels, so that pooling leaves no remainder
STEP = 4


class ProgressiveResizing(Callback):
    """Sets the size of the training images at the beginning of each epoch; validation is always at full size.

    Small images cost less, and a network with global pooling learns the same shapes from them (Howard, 2018; the method
    of that name in Composer). They stay small for the first 30 % of the epochs, then grow linearly, in steps of 4 pixels,
    to the full size that the last quarter is trained at.

    Parameters
    ----------
    initial_scale : float
        Fraction of the side to begin with.
    epochs : int
        Epochs in all.
    image_size : tuple of (h, w)
        The full size in pixels.

    Examples
    --------
    >>> resizing = ProgressiveResizing(0.5, 20, (48, 48))
    >>> [resizing.size(epoch) for epoch in (0, 6, 11, 15)]
    [(24, 24), (24, 24), (36, 36), (48, 48)]
    """

    def __init__(self, initial_scale: float, epochs: int, image_size: tuple[int, int]) -> None:
        self.initial_scale = initial_scale
        self.epochs = epochs
        self.image_size = image_size

    def size(self, epoch: int) -> tuple[int, int]:
        """Height and width of the training images in an epoch, counted from 0."""
        progress = min(max((epoch / self.epochs - DELAY) / (FULL - DELAY), 0.0), 1.0)
        scale = self.initial_scale + (1 - self.initial_scale) * progress
        height, width = (side if scale == 1 else _rounded(side, scale) for side in self.image_size)
        return height, width

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Tell the network's wrapper the size of this epoch."""
        size = self.size(len(net.history) - 1)
        net.module_.training_size = None if size == self.image_size else size


def check_takes_sizes(network: Network, initial_scale: float) -> None:
    """Refuse a network whose layers are bound to one image size, or are too many for the size that a training begins with.

    Raises
    ------
    RecipeError
        If it does not take images of half the side, or of a little more; or those that are scaled.
    """
    height, width = network.preprocessing.image_size
    try:
        # a model that cuts images into patches takes some sizes and not the next
        for more in (0, STEP):
            _pass_blank(network, tuple(max(side // 2, 8) + more for side in (height, width)))
    # models of timm assert their size
    except (RuntimeError, AssertionError) as error:
        raise RecipeError(
            f"initial_scale below 1 needs a network that takes images of any size; {network.name!r} takes "
            f"{height} x {width} alone. Leave initial_scale at 1, or choose a network with global pooling, as 'compact' has."
        ) from error
    first = ProgressiveResizing(initial_scale, 1, (height, width)).size(0)
    try:
        _pass_blank(network, first)
    except (RuntimeError, AssertionError) as error:
        raise RecipeError(
            f"initial_scale must leave {network.name!r} images that its pooling leaves something of; got {initial_scale:g}, "
            f"which makes {first[0]} x {first[1]} of {height} x {width} pixels. Choose a larger initial_scale."
        ) from error


def _pass_blank(network: Network, sides: tuple[int, ...]) -> None:
    with torch.inference_mode():
        network.module.eval()(torch.zeros(1, network.preprocessing.channels, *sides, dtype=torch.float32))


def _rounded(side: int, scale: float) -> int:
    return min(max(STEP * round(side * scale / STEP), STEP), side)
