"""A trained network's probabilities made honest: its last layer divided by the temperature that fits held-out images."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from hybridfer.networks import Embedder, Network
from hybridfer.temperature import MIN_IMAGES, TEMPERATURES, best_temperature

log = logging.getLogger("hybridfer")


def calibrated(
    network: Network, images: NDArray, labels: NDArray[np.integer], *, device: str = "auto", precision: str = "auto"
) -> Network:
    """Divide a network's logits by the temperature that fits images which it was not trained on.

    The weights and the bias of its last layer take the temperature in, so that whatever reads the logits sees calibrated
    ones. The most probable class of an image stays what it is, and so does the embedding.

    Parameters
    ----------
    network : Network
        Its layer ``logits`` is linear, as that of every network of the catalogue, and every model of timm, is.
    images, labels : ndarray
        Held-out images, and the position of each one's class among the logits.
    device, precision : str
        Where, and in which arithmetic, the logits are computed.

    Returns
    -------
    Network
        A copy, whose ``training`` holds ``fitted_temperature``; the network itself, after a warning, where no temperature
        can be fitted.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    logits = Embedder(network, ["logits"], device=device, precision=precision).embed(images)["logits"]
    temperature = best_temperature(labels, logits)
    if temperature is None:
        log.warning("the probabilities are not calibrated: %s", _hindrance(labels, logits))
        return network
    module = copy.deepcopy(network.module)
    with torch.no_grad():
        for parameter in module.get_submodule(network.layers["logits"]).parameters():
            parameter.div_(temperature)
    log.info("the logits were divided by %.3f, the temperature that fits the held-out images", temperature)
    return replace(network, module=module, training={**network.training, "fitted_temperature": temperature})


def _hindrance(labels: NDArray[np.integer], logits: NDArray[np.floating]) -> str:
    """Say why no temperature fits."""
    n = len(labels)
    if n < MIN_IMAGES:
        return f"it takes {MIN_IMAGES} held-out images or more; there are {n}"
    if (logits.argmax(axis=1) == labels).all():
        return f"the network is wrong on none of {n} held-out images, so that no temperature makes it sure enough"
    # the likelihood's slope where the temperature is infinite
    if (logits[np.arange(n), labels] - logits.mean(axis=1)).mean() <= 0:
        return f"on {n} held-out images the network is no better than chance, so that no temperature makes it unsure enough"
    low, high = TEMPERATURES
    return f"the temperature that fits {n} held-out images is beyond the range from {low:g} to {high:g}"
