"""Several networks as one: their embeddings side by side, their probabilities averaged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hybridfer.digest import DIGEST
from hybridfer.errors import RecipeError
from hybridfer.networks.network import Network

ENSEMBLE = "ensemble"


class Ensemble(nn.Module):
    """Networks that look at the same images, as one module: for a teacher, and whoever wants a single forward pass.

    An `Embedder` runs the members one by one instead, and so their rows may come from stores of their own.

    Parameters
    ----------
    networks : sequence of Network
        Each a `torch.nn.Sequential` whose last two children are ``embedding`` and ``logits``, as all of the catalogue are.

    Attributes
    ----------
    trunks, classifiers : torch.nn.ModuleList
        Of each network the layers up to its embedding, and those from there to its logits.
    embedding, logits : torch.nn.Identity
        What the networks' outputs pass through, so that they can be had as layers.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        parts = [list(network.module.children()) for network in networks]
        self.trunks = nn.ModuleList(nn.Sequential(*layers[:-1]) for layers in parts)
        self.classifiers = nn.ModuleList(layers[-1] for layers in parts)
        self.embedding = nn.Identity()
        self.logits = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Turn images (n, c, h, w) into the logarithms of the networks' mean probabilities (n, n_classes)."""
        rows = [trunk(images) for trunk in self.trunks]
        self.embedding(_side_by_side(rows))
        logits = [classify(row).float() for classify, row in zip(self.classifiers, rows, strict=True)]
        return self.logits(_mean_probabilities(logits))


def ensemble_network(networks: Sequence[Network]) -> Network:
    """Join networks of the same classes and preprocessing into one.

    Parameters
    ----------
    networks : sequence of Network
        Two or more of the catalogue, each with its trained weights.

    Returns
    -------
    Network
        Its ``embedding`` is their embeddings one after another, its ``logits`` the logarithms of their mean probabilities.
        It was trained on what any of them was trained on, as far as they say; `Network.untold` names those that do not.

    Raises
    ------
    RecipeError
        If there are fewer than two, or one differs from the first in classes or preprocessing, or is no sequence of layers.

    Examples
    --------
    >>> from hybridfer.networks import catalogue_network
    >>> pair = ensemble_network([catalogue_network("tiny"), catalogue_network("tiny", random_state=1)])
    >>> pair.widths
    {'embedding': 256, 'logits': 7}
    """
    if len(networks) < 2:
        raise RecipeError(f"an ensemble has two members or more; got {len(networks)}.")
    for network in networks:
        _check_member(network, networks[0])
    trained_on = np.unique(np.concatenate([network.trained_on for network in networks]))
    return Network(
        name=ENSEMBLE,
        module=Ensemble(networks).eval(),
        layers={layer: layer for layer in _JOINED},
        preprocessing=networks[0].preprocessing,
        classes=networks[0].classes,
        trained_on=trained_on.astype(DIGEST),
        watched=_watched(networks, trained_on),
        members=tuple(networks),
    )


def join_rows(rows: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Make an ensemble's layers of those of its members.

    Parameters
    ----------
    rows : sequence of mapping of str to torch.Tensor
        Of each member, in their order, its ``"embedding"`` (n, d) or its ``"logits"`` (n, n_classes), or both, for the same
        images. Several views have been averaged already, for each member by itself, as in a store of the member alone.

    Returns
    -------
    dict of str to torch.Tensor
        The same layers: embeddings side by side, and the logarithms of the members' mean probabilities.

    Examples
    --------
    >>> row = {"embedding": torch.ones(1, 2), "logits": torch.zeros(1, 4)}
    >>> joined = join_rows([row, row])
    >>> joined["embedding"].shape, joined["logits"].exp()
    (torch.Size([1, 4]), tensor([[0.2500, 0.2500, 0.2500, 0.2500]]))
    """
    return {layer: _JOINED[layer]([row[layer] for row in rows]) for layer in rows[0]}


def _side_by_side(embeddings: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(embeddings), dim=1)


def _mean_probabilities(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return logarithms, which take the place of logits."""
    return torch.stack(list(logits)).log_softmax(dim=2).logsumexp(dim=0) - math.log(len(logits))


# how each layer of an ensemble is made of its members' layers of that name
_JOINED = {"embedding": _side_by_side, "logits": _mean_probabilities}


def _check_member(network: Network, first: Network) -> None:
    children = [name for name, _ in network.module.named_children()]
    if not isinstance(network.module, nn.Sequential) or children[-2:] != ["embedding", "logits"]:
        raise RecipeError(f"members of an ensemble must be networks of the catalogue; {network.name} is none.")
    for field in ("classes", "preprocessing"):
        own, wanted = getattr(network, field), getattr(first, field)
        if own != wanted:
            raise RecipeError(
                f"members of an ensemble must agree in their {field}; {first.name} has {wanted}, {network.name} has {own}."
            )


def _watched(networks: Sequence[Network], trained_on: NDArray[np.bytes_]) -> NDArray[np.bytes_] | None:
    """Tell which images no member learnt from, of those that say what they have seen; None if one does not know which."""
    kept = trained_on
    for network in networks:
        if not len(network.trained_on):
            continue
        if network.watched is None:
            return None
        kept = np.setdiff1d(kept, np.setdiff1d(network.trained_on, network.watched))
    return kept.astype(DIGEST)
