"""What a network computes beside its weights: two of equal weights may differ in it, and so may their features."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import torch
from torch import nn

from hybridfer.networks import HOW_TRAINED, Network, find_architecture

# where an object happened to lie in memory
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# hexadecimal digits of a structure's hash
SHOWN = 16


def function_of(network: Network) -> str:
    """Name what a network computes, for the key of its features.

    Parameters
    ----------
    network : Network
        Any.

    Returns
    -------
    str
        Of the catalogue the name, and the arguments that differ from their defaults, but for those that say how it is
        trained. Of a module of one's own the name and a hash of its structure: what it prints, the classes of its parts, and
        buffers that its state dict leaves out. What a forward pass of one's own does with these parts is not in it. Of an
        ensemble the same of each member.

    Examples
    --------
    >>> from hybridfer.networks import catalogue_network
    >>> function_of(catalogue_network("tiny")), function_of(catalogue_network("leaky_cnn", arguments={"slope": 0.3}))
    ('tiny', 'leaky_cnn {"slope": 0.3}')
    """
    if network.members:
        # the members also keep it apart from the stores of those that averaged views after joining them
        return f"{network.name} of {', '.join(map(function_of, network.members))}"
    if not network.arguments:
        return f"{network.name} (structure {_structure(network.module)})"
    changed = _changed_arguments(network)
    return f"{network.name} {json.dumps(changed, sort_keys=True)}" if changed else network.name


def _changed_arguments(network: Network) -> dict[str, Any]:
    defaults = find_architecture(network.name).arguments
    # 1 may stand for 1.0
    given = {name: type(default)(network.arguments.get(name, default)) for name, default in defaults.items()}
    return {name: value for name, value in given.items() if name not in HOW_TRAINED and value != defaults[name]}


def _structure(module: nn.Module) -> str:
    """Hash all of a module that can be told from outside and that its weights do not tell."""
    sha = hashlib.sha256(ADDRESS.sub("", repr(module)).encode())
    for path, part in module.named_modules(remove_duplicate=False):
        sha.update(json.dumps([path, type(part).__module__, type(part).__qualname__]).encode())
    saved = set(module.state_dict())
    for path, buffer in module.named_buffers(remove_duplicate=False):
        if path not in saved:
            values = buffer.detach().cpu().contiguous()
            sha.update(json.dumps([path, str(values.dtype), list(values.shape)]).encode())
            sha.update(values.view(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()[:SHOWN]
