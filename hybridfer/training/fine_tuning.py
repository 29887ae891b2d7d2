"""Fine-tuning: a network begins with the weights that another training has ended with."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hybridfer.errors import RecipeError
from hybridfer.networks import HOW_TRAINED, Network, find_architecture

log = logging.getLogger("hybridfer")


def check_start(start: Network, network: Network) -> None:
    """Check that a network may begin with the weights of another.

    Name, arguments, channels and standardisation must be the same, but for rates of dropout, random weights and whether a
    backbone is frozen; the size of images may be another where no layer is bound to one. Classes may be any.

    Parameters
    ----------
    start : Network
        With trained weights.
    network : Network
        As it is to be trained.

    Raises
    ------
    RecipeError
        Naming all that differs.
    """
    has, wanted = {"network": start.name}, {"network": network.name}
    if has == wanted:
        has, wanted = _settings(start), _settings(network)
    differing = [name for name in wanted if has[name] != wanted[name]]
    if differing:
        raise RecipeError(
            f"start must hold weights of the network that is to be trained: the weights have {_listed(has, differing)}, the "
            f"training {_listed(wanted, differing)}. Set the training as the weights have it, or choose other weights."
        )
    trained, state = start.module.state_dict(), network.module.state_dict()
    bound = [name for name in state if not _is_of_classes(network, name) and state[name].shape != trained[name].shape]
    if bound:
        raise RecipeError(
            f"start must hold weights for images of the same size, as {network.name} has layers that are bound to one: the "
            f"weights have {_sides(start)} pixels, the training {_sides(network)} ({', '.join(bound)}). Set image_size as "
            "the weights have it, or choose other weights."
        )


def begin_with(start: Network, network: Network, names: Sequence[str]) -> None:
    """Give a network, in place, the weights that another training has ended with, statistics of BatchNorm included.

    The layer ``logits`` has a row for each class. Rows go with the names of their classes, in whatever order those stand; of
    classes that `start` does not know they stay as they are.

    Parameters
    ----------
    start : Network
        With trained weights.
    network : Network
        Untrained.
    names : sequence of str
        Its classes, in the order of its logits.

    Raises
    ------
    RecipeError
        If the two do not go together: see `check_start`.

    Examples
    --------
    >>> from hybridfer.networks import catalogue_network, load_network, network_preprocessing
    >>> preprocessing = network_preprocessing("compact", standardize="image")
    >>> fresh = catalogue_network("compact", n_classes=2, preprocessing=preprocessing)
    >>> trained = load_network("compact", weights="compact-plain")
    >>> begin_with(trained, fresh, ["surprise", "happy"])
    >>> bool((fresh.module.logits.linear.bias == trained.module.logits.linear.bias[[5, 3]]).all())
    True
    """
    check_start(start, network)
    network.module.load_state_dict(state_of(start, network, names))
    _tell(start, network, names)


def state_of(start: Network, network: Network, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """Give the state of a network that begins with the weights of another, rows of classes that are new as they are in it.

    Parameters
    ----------
    start : Network
        With trained weights, which go with the network: see `check_start`.
    network : Network
        Of the same architecture.
    names : sequence of str
        Its classes, in the order of its logits.

    Returns
    -------
    dict of str to torch.Tensor
        As of ``Module.state_dict``.
    """
    shared = [name for name in names if name in start.classes]
    own, theirs = ([classes.index(name) for name in shared] for classes in (list(names), list(start.classes)))
    state = network.module.state_dict()
    for name, tensor in start.module.state_dict().items():
        if not _is_of_classes(network, name):
            state[name] = tensor
        elif shared:
            state[name] = _with_rows(state[name], own, tensor[theirs])
    return state


def _tell(start: Network, network: Network, names: Sequence[str]) -> None:
    new = [name for name in names if name not in start.classes]
    left_out = [name for name in start.classes if name not in names]
    log.info("the training starts with the weights of %s, digest %s", start.name, start.digest[:12])
    if start.preprocessing.image_size != network.preprocessing.image_size:
        log.info("they were trained on images of %s pixels; now it is %s", _sides(start), _sides(network))
    if new:
        # that nothing is shared was hardly meant: labels are numbers, say, which the weights call by names
        log.log(
            logging.WARNING if start.classes and len(new) == len(names) else logging.INFO,
            "the layer logits begins anew for %s, as the weights know %s (where labels are no names, give labels that "
            "are; fit of CNNClassifier takes the names beside the labels, too, as class_names)",
            ", ".join(new),
            ", ".join(start.classes) or "no classes by name",
        )
    if left_out:
        log.info("what the weights know of %s is left out", ", ".join(left_out))


def _settings(network: Network) -> dict[str, Any]:
    """Give what the meaning of a network's weights depends on, beside its name, as the parameters of a training call it."""
    arguments = {**find_architecture(network.name).arguments, **network.arguments}
    preprocessing = network.preprocessing
    return {
        **{name: value for name, value in arguments.items() if name not in ("n_classes", *HOW_TRAINED)},
        "colour": preprocessing.channels == 3,
        "standardize": preprocessing.standardize,
        "mean": preprocessing.mean,
        "std": preprocessing.std,
    }


def _is_of_classes(network: Network, tensor: str) -> bool:
    """Tell the tensors of the last layer, each of which has a row for each class."""
    return tensor.startswith(f"{network.layers['logits']}.")


def _with_rows(tensor: torch.Tensor, places: Sequence[int], rows: torch.Tensor) -> torch.Tensor:
    return tensor.index_copy(0, torch.tensor(places), rows)


def _listed(settings: Mapping[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name}={settings[name]!r}" for name in names)


def _sides(network: Network) -> str:
    return " x ".join(map(str, network.preprocessing.image_size))
