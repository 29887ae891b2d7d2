"""Networks built again from what a weights file holds, once its tensors are known to fit."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch

from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks.network import Network, catalogue_network
from hybridfer.networks.weights import WeightsFile, read_content, read_weights


def network_from_weights(path: str | os.PathLike[str]) -> Network:
    """Build the network of the catalogue that a weights file names, and give it its weights.

    Raises
    ------
    WeightsError
        If the file is unfit, or names a network that is not in the catalogue.
    """
    return _network(path, read_weights(path))


def network_from_content(content: bytes, called: str = "the network's weights") -> Network:
    """Build a network as `network_from_weights` does, of a weights file's content.

    Parameters
    ----------
    content : bytes
        As of `hybridfer.networks.weights.weights_content`.
    called : str
        What messages call it.

    Raises
    ------
    WeightsError
        If the content is unfit, or names a network that is not in the catalogue.
    """
    return _network(called, read_content(content, called))


def is_of_catalogue(network: Network) -> bool:
    """Say whether a weights file would give back a network as it is: one of the catalogue, as nobody has changed it.

    Examples
    --------
    >>> is_of_catalogue(catalogue_network("tiny"))
    True
    """
    if "n_classes" not in network.arguments:
        return False
    module, arguments = network.module, dict(network.arguments)
    tensors = [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]
    if module.training or any(tensor.dtype != torch.float32 or not tensor.isfinite().all() for tensor in tensors):
        return False
    n_classes = arguments.pop("n_classes")
    try:
        with torch.device("meta"):
            built = catalogue_network(
                network.name, n_classes=n_classes, preprocessing=network.preprocessing, arguments=arguments
            )
    except (RecipeError, TypeError, ValueError):
        # one that its owner has renamed, say
        return False
    return repr(built.module) == repr(module)


def _network(path: str | os.PathLike[str], file: WeightsFile) -> Network:
    try:
        # without memory for its weights: a file may ask for a far larger network than it holds
        with torch.device("meta"):
            network = _built(file)
    # sizes beyond all numbers of torch are RuntimeErrors
    except (RecipeError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{path} holds weights of {file.network!r}, which cannot be built here ({error}) "
            "For a network of your own, pass its module: load_network(module, layers, weights=path)."
        ) from error
    n_classes = file.arguments.get("n_classes")
    if file.classes and len(file.classes) != n_classes:
        raise WeightsError(f"{path} names {len(file.classes)} classes for {n_classes} logits.")
    check_state(network.module, file.state, path)
    if _has_unsaved_tensors(network.module):
        network = _built(file)
    else:
        network.module.to_empty(device="cpu")
    network.module.load_state_dict(dict(file.state))
    return described(network, file)


def _built(file: WeightsFile) -> Network:
    arguments = dict(file.arguments)
    n_classes = arguments.pop("n_classes", -1)
    return catalogue_network(file.network, n_classes=n_classes, preprocessing=file.preprocessing, arguments=arguments)


def _has_unsaved_tensors(module: torch.nn.Module) -> bool:
    """Whether building a module computes tensors that its state dict leaves out, such as masks of attention."""
    return not {name for name, _ in module.named_buffers()} <= set(module.state_dict())


def described(network: Network, file: WeightsFile) -> Network:
    """Copy what a weights file says of itself to a network that has its weights."""
    return Network(
        file.network,
        network.module,
        network.layers,
        file.preprocessing,
        file.arguments,
        file.classes,
        file.training,
        file.history,
        file.trained_on,
        file.watched,
    )


def check_state(module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: str | os.PathLike[str]) -> None:
    """Compare a file's tensors with a module's: names, shapes and kinds must agree to the last one.

    Raises
    ------
    WeightsError
        Naming the first tensors that differ.
    """
    expected = {name: _described_tensor(tensor) for name, tensor in module.state_dict().items()}
    found = {name: _described_tensor(tensor) for name, tensor in state.items()}
    if expected != found:
        differing = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
        details = "; ".join(f"{name}: expected {expected.get(name)}, got {found.get(name)}" for name in differing[:3])
        raise WeightsError(f"{path} does not fit {type(module).__name__}: {len(differing)} tensors differ ({details}).")


def _described_tensor(tensor: object) -> str:
    if not isinstance(tensor, torch.Tensor):
        # what a module of one's own keeps beside its tensors
        return f"a {type(tensor).__name__}"
    return f"{'float' if tensor.is_floating_point() else tensor.dtype} {tuple(tensor.shape)}"
