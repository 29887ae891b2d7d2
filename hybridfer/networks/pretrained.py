"""The weights that a backbone begins with: the hub's, where they are asked for by name, or a state dict's.

Nothing here downloads anything unless it is told ``"hub"``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from hybridfer.errors import RecipeError, WeightsError
from hybridfer.home import given_path
from hybridfer.networks.backbones import PublishedBackbone, adapted, create, find_backbone, is_backbone
from hybridfer.networks.network import Network, catalogue_network
from hybridfer.networks.preprocessing import Preprocessing
from hybridfer.networks.rebuilding import check_state
from hybridfer.networks.seeding import seeded
from hybridfer.networks.torch_files import load_plain

HUB = "hub"


def pretrained_network(
    name: str,
    *,
    n_classes: int = 7,
    preprocessing: Preprocessing | None = None,
    random_state: int = 0,
    arguments: Mapping[str, Any] | None = None,
) -> Network:
    """Build a network as `catalogue_network` does, and give a backbone the weights that its argument ``pretrained`` names.

    Parameters
    ----------
    name, n_classes, preprocessing, random_state, arguments
        As for `catalogue_network`. Without ``pretrained`` among the arguments all weights are random.

    Returns
    -------
    Network
        In evaluation mode. A file that ``pretrained`` names is among its arguments by its digest.

    Raises
    ------
    WeightsError
        If the weights cannot be had, or do not fit.
    RecipeError
        If a backbone is to be frozen with random weights, or as `catalogue_network`.

    Examples
    --------
    >>> pretrained_network("tiny", n_classes=4).arguments
    {'n_classes': 4}
    """
    network = catalogue_network(
        name, n_classes=n_classes, preprocessing=preprocessing, random_state=random_state, arguments=arguments
    )
    if not is_backbone(name):
        return network
    source = network.arguments.get("pretrained", "")
    if source:
        # a second model of timm is built for it, whose random weights nobody needs
        with seeded(random_state):
            _fill(network, source)
        return replace(network, arguments=identified_arguments(network.arguments))
    if network.arguments.get("frozen", False):
        raise RecipeError(
            f"{name} would be frozen with random weights. Set pretrained = 'hub' to download trained ones, or pretrained to "
            "the path of a state dict (.pt, .safetensors)."
        )
    return network


def identified_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a network's own arguments, with the contents of the file that it begins with, as a digest, instead of its path.

    Raises
    ------
    WeightsError
        If there is no such file.

    Examples
    --------
    >>> identified_arguments({"pretrained": "hub", "hidden": 64})
    {'pretrained': 'hub', 'hidden': 64}
    """
    source = arguments.get("pretrained", "")
    if source in ("", HUB):
        return dict(arguments)
    try:
        with given_path(source).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"{source} could not be read ({error.strerror}): expected a state dict for pretrained."
        ) from error
    return {**arguments, "pretrained": f"sha256:{digest}"}


def read_state_dict(path: str | os.PathLike[str]) -> Mapping[str, torch.Tensor]:
    """Read a state dict, of safetensors or of torch, as tensors only: nothing in the file is run.

    Raises
    ------
    WeightsError
        If it cannot be read so, or holds anything else.
    """
    path = given_path(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = load_plain(path)
    except (SafetensorError, FileNotFoundError) as error:
        raise WeightsError(f"{path} must hold a state dict; it could not be read ({error}).") from error
    # a damaged file may fail anywhere in torch's reader, by any error
    except Exception as error:
        raise WeightsError(f"{path} must hold a state dict of tensors alone; it could not be read so ({error}).") from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items()
    ):
        raise WeightsError(f"{path} must hold a state dict: names and tensors. It does not.")
    return state


def _fill(network: Network, source: str) -> None:
    published = find_backbone(network.name)
    trained = _from_hub(published) if source == HUB else _from_file(published, source)
    pre_logits = network.arguments.get("pre_logits", True)
    trained = adapted(trained, published, network.preprocessing.image_size, pre_logits)
    backbone = network.submodule("pooled").get_submodule("model")
    backbone.load_state_dict(trained.state_dict())


def _from_hub(published: PublishedBackbone) -> nn.Module:
    name = published.name
    if not published.hub:
        raise WeightsError(f"No weights of timm:{name} are published. Give a state dict of it, or choose another model.")
    try:
        return create(published, pretrained=True)
    # without a network the hub's client, urllib and timm each fail by errors of their own
    except Exception as error:
        raise WeightsError(
            f"The weights of timm:{name} could not be had from {published.hub} ({type(error).__name__}: {error}). Where "
            "there is no network, download them on a machine that has one, by: python -c "
            f"\"import timm; timm.create_model('{name}', pretrained=True)\"; copy its cache, ~/.cache/huggingface, and set "
            "HF_HOME to the copy. Or give a state dict of that model, .pt or .safetensors, instead of 'hub'."
        ) from error


def _from_file(published: PublishedBackbone, path: str) -> nn.Module:
    """Fill a model of its own size; the tensors of the classifier that it had are left out."""
    left_out = tuple(f"{layer}." for layer in published.classifier)
    state = {name: tensor for name, tensor in read_state_dict(path).items() if not name.startswith(left_out)}
    model: nn.Module = create(published)
    check_state(model, state, path)
    model.load_state_dict(state)
    return model
