"""Make a trained module cheaper to run: BatchNorm disappears into the convolution or dense layer before it."""

from __future__ import annotations

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

from .blocks import ResidualBlock


def fold_batchnorm(module: nn.Module) -> nn.Module:
    """Return a copy in which every BatchNorm that directly follows a convolution or dense layer is folded into it.

    Only blocks whose order of execution is known are touched: `torch.nn.Sequential` and our residual blocks. Outputs agree
    with the original's up to float32 rounding; layers keep their names, as a folded BatchNorm becomes an identity.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; it is not changed.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.
    """
    folded = copy.deepcopy(module).eval()
    for part in folded.modules():
        if isinstance(part, nn.Sequential):
            names = list(part._modules)
            for before, after in pairwise(names):
                _fold_pair(part, before, after)
        elif isinstance(part, ResidualBlock):
            _fold_pair(part, "conv1", "norm1")
            _fold_pair(part, "conv2", "norm2")
    return folded


def _fold_pair(parent: nn.Module, before: str, after: str) -> None:
    first, norm = getattr(parent, before), getattr(parent, after)
    # a hook on either would see other values than it was registered for
    if first._forward_hooks or norm._forward_hooks:
        return
    if isinstance(first, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
        fused: nn.Module = fuse_conv_bn_eval(first, norm)
    elif isinstance(first, nn.Linear) and isinstance(norm, nn.BatchNorm1d) and norm.track_running_stats:
        fused = fuse_linear_bn_eval(first, norm)
    else:
        return
    setattr(parent, before, fused)
    setattr(parent, after, nn.Identity())
