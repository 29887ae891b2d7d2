from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from hybridfer.networks import NETWORKS, Network, Preprocessing, catalogue_network


def season(module: nn.Module) -> nn.Module:
    """Give every BatchNorm the statistics and scales of a trained one."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.5, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.5, generator=generator)
                nn.init.normal_(part.bias, 0, 0.5, generator=generator)
    return module.eval()


@pytest.fixture(scope="session")
def seasoned() -> Callable[[nn.Module], nn.Module]:
    return season


@pytest.fixture(scope="session")
def trained() -> Callable[..., Network]:
    """A network of the catalogue with BatchNorms as after a training, for small images."""

    def make(name: str = "tiny", side: int = 16, **arguments) -> Network:
        side = max(side, NETWORKS[name].smallest)
        network = catalogue_network(name, preprocessing=Preprocessing((side, side)), **arguments)
        season(network.module)
        return network

    return make


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 16, 16), dtype=np.uint8)
