"""A training's end: its weights averaged with those that it started with."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from hybridfer.networks import Network
from hybridfer.training.batches import DeviceBatches, DeviceImages
from hybridfer.training.construction import trained_module
from hybridfer.training.fine_tuning import state_of

log = logging.getLogger("hybridfer")


def averaged_with_start(
    network: Network, start: Network, images: DeviceImages, parameters: Mapping[str, Any], seed: int
) -> Network:
    """Average a trained network's weights with those that its training started with.

    Where a network was trained on from good weights, those between the two often keep what the first were good at and what
    the training has added. Rows of the last layer for classes that `start` does not know stay as they were trained.
    Statistics of BatchNorm cannot be averaged; they are computed anew, in one pass over the training images as they are,
    without augmentation, as these are nearer to what will be looked at. It depends on the weights and the seed alone, not on
    how the training went.

    Parameters
    ----------
    network : Network
        Trained.
    start : Network
        What it was trained on from.
    images : DeviceImages
        The training images, on the device.
    parameters : mapping
        Of a `CNNClassifier`; ``start_share`` is the share of the starting weights.
    seed : int
        Of the order of the images.

    Returns
    -------
    Network
        A copy.

    References
    ----------
    M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    share = parameters["start_share"]
    begun = state_of(start, network, network.classes)
    state = network.module.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            state[name] = torch.lerp(tensor, begun[name], share)
    module = copy.deepcopy(network.module)
    module.load_state_dict(state)
    network = replace(network, module=module)
    _measure_anew(network, images, parameters, seed)
    log.info("the weights were averaged with those of the start, whose share is %g", share)
    return network


def _measure_anew(network: Network, images: DeviceImages, parameters: Mapping[str, Any], seed: int) -> None:
    """Compute the statistics of a network's BatchNorm, and leave it in evaluation mode on the CPU."""
    device = images.images.device
    generator = torch.Generator(device).manual_seed(seed)
    batches = DeviceBatches(images, parameters["batch_size"], generator=generator)
    plain = {**parameters, "augmentation": None, "balance_augmentation": None}
    measured = trained_module(plain, network, generator).to(device).train()
    # update_bn resets those of a frozen part too, which stays in evaluation mode and would measure nothing
    kept = [(norm, copy.deepcopy(norm.state_dict())) for norm in _batch_norms(measured) if not norm.training]
    update_bn(batches, measured)
    for norm, state in kept:
        norm.load_state_dict(state)
    network.module.cpu().eval()


def _batch_norms(module: nn.Module) -> Iterator[_BatchNorm]:
    return (part for part in module.modules() if isinstance(part, _BatchNorm))
