"""A trained network's probabilities made honest: its last layer divided by the temperature that fits held-out images."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..networks import Embedder, Network
from ..temperature import MIN_IMAGES, best_temperature

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
        log.warning(
            "the probabilities are not calibrated: on %d held-out images no temperature is the best; it takes %d images or "
            "more, some of which the network takes for the wrong class",
            len(labels),
            MIN_IMAGES,
        )
        return network
    module = copy.deepcopy(network.module)
    with torch.no_grad():
        for parameter in module.get_submodule(network.layers["logits"]).parameters():
            parameter.div_(temperature)
    log.info("the logits were divided by %.3f, the temperature that fits the held-out images", temperature)
    return replace(network, module=module, training={**network.training, "fitted_temperature": temperature})
