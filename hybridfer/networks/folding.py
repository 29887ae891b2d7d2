"""Make a trained module cheaper to run: BatchNorm disappears into the convolution or dense layer before it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval

from hybridfer.networks.blocks import ResidualBlock


def fold_batchnorm(module: nn.Module, keep: Iterable[str] = ()) -> nn.Module:
    """Return a copy in which every BatchNorm that directly follows a convolution or dense layer is folded into it.

    Only blocks whose order of execution is known are touched: `torch.nn.Sequential` and our residual blocks. Outputs agree
    with the original's up to float32 rounding; layers keep their names, as a folded BatchNorm becomes an identity.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; it is not changed.
    keep : iterable of str
        Paths of submodules whose own outputs are wanted: nothing is folded into them.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.
    """
    folded = copy_module(module).eval()
    kept = {folded.get_submodule(path) for path in keep}
    for part in folded.modules():
        for before, after in _consecutive(part):
            if getattr(part, before) not in kept:
                _fold_pair(part, before, after)
    return folded


def copy_module(module: nn.Module) -> nn.Module:
    """Copy a module; also one that holds tensors computed of its parameters, as of weight_norm, as torch does not."""
    held = [value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor)]
    copied: dict[int, Any] = {id(tensor): tensor.detach().clone() for tensor in held if not tensor.is_leaf}
    return copy.deepcopy(module, copied)


def _consecutive(part: nn.Module) -> list[tuple[str, str]]:
    """Names of children of which the second gets what the first gives, and nobody else does."""
    if isinstance(part, ResidualBlock):
        return [("conv1", "norm1"), ("conv2", "norm2")]
    # a subclass with a forward of its own may run its children in any order
    if type(part).forward is nn.Sequential.forward:
        return list(pairwise(part._modules))
    return []


def _fold_pair(parent: nn.Module, before: str, after: str) -> None:
    first, norm = getattr(parent, before), getattr(parent, after)
    # exact types: a subclass may do more, such as a BatchNorm with its activation, or a convolution that scales its weights
    if _is_hooked(first) or _is_hooked(norm):
        return
    if type(first) is nn.Conv2d and type(norm) is nn.BatchNorm2d and _folds(norm, first.out_channels):
        fused: nn.Module = fuse_conv_bn_eval(first, norm)
    elif type(first) is nn.Linear and type(norm) is nn.BatchNorm1d and _folds(norm, first.out_features):
        fused = fuse_linear_bn_eval(first, norm)
    else:
        return
    setattr(parent, before, fused)
    setattr(parent, after, nn.Identity())


def _folds(norm: nn.BatchNorm1d | nn.BatchNorm2d, channels: int) -> bool:
    return norm.affine and norm.track_running_stats and norm.num_features == channels


def _is_hooked(module: nn.Module) -> bool:
    """Whether a hook would see other values than it was registered for."""
    return bool(module._forward_hooks or module._forward_pre_hooks)
