"""load_network: from a name, a weights file, or a module of the user's own to a network that can embed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

import torch
from torch import nn

from hybridfer.errors import RecipeError, WeightsError
from hybridfer.home import given_path
from hybridfer.networks.backbones import is_backbone
from hybridfer.networks.catalogue import NETWORKS, find_architecture
from hybridfer.networks.ensemble import ENSEMBLE, ensemble_network
from hybridfer.networks.network import Network, catalogue_network, own_network
from hybridfer.networks.preprocessing import Preprocessing
from hybridfer.networks.pretrained import HUB, pretrained_network, read_state_dict
from hybridfer.networks.rebuilding import check_state, described, network_from_weights
from hybridfer.networks.weights import is_weights_file, read_weights
from hybridfer.suggestion import nearest

SHIPPED = "hybridfer.weights"


def load_network(
    network: str | os.PathLike[str] | nn.Module,
    layers: Sequence[str] | Mapping[str, str] | None = None,
    *,
    weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = "builtin",
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    classes: Sequence[str] = (),
) -> Network:
    """Load a network that can embed images.

    Parameters
    ----------
    network : str, path or torch.nn.Module
        A name that `list_networks` gives; or ``"timm:"`` and the name of any model of timm; or ``"ensemble"``; or the name
        of weights in the wheel, which `builtin_weights` lists; or a weights file that ``hybridfer train`` wrote; or your
        own module, which takes float32 (n, channels, h, w) and returns logits.
    layers : sequence of str, or mapping of str to str
        For your own module: dotted paths of the submodules to offer as layers, or public names for them. The last is also
        called ``"embedding"``, the module's output ``"logits"``.
    weights : "builtin", "hub", path, sequence of names and paths, or None
        For a name: ``"builtin"``, the weights of that name in the wheel; the name of others in the wheel; a weights file; or
        None for untrained. A weights file that stands for the network takes none beside it. For a backbone of timm also
        ``"hub"``, which downloads what was published for it unless it is in the cache, and the path of a state dict of that
        model: a plain feature extractor then, which knows no classes. For an ensemble: its members, each by the name of
        weights in the wheel or a weights file; ``"builtin"`` is all of the wheel's. For your own module: None keeps the
        weights it has, and so does ``"builtin"``; a path loads a weights file, or a ``.pt`` file with a state dict.
    preprocessing : Preprocessing, optional
        For your own module, a name with ``weights=None``, or a backbone without a weights file, which brings its own.
    name : str, optional
        For your own module: what stores call it; the class's name, or that in the weights file, by default. Features of two
        modules are told apart by their weights, by what the modules print, by the classes of their parts and by their
        buffers. What the code of a ``forward`` of your own does is not looked at: change it, and give it another name.
    classes : sequence of str
        Class of each logit, for your own module or a name with ``weights=None``.

    Returns
    -------
    Network
        In evaluation mode, on the CPU.

    Raises
    ------
    RecipeError
        If a name or layer is unknown, or something is given that does not apply: other things than `weights` for trained
        weights, which bring their own, `weights` beside a weights file, or other classes or another preprocessing than a
        weights file of your module was saved with.
    WeightsError
        If weights are missing, damaged, or do not fit, or the hub cannot be reached.
    MissingExtraError
        If a backbone is asked for and timm cannot be imported.

    Examples
    --------
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(2304, 16), nn.ReLU(), nn.Linear(16, 7))
    >>> network = load_network(module, layers=["1", "2"])
    >>> network.widths
    {'1': 16, '2': 16, 'embedding': 16, 'logits': 7}
    """
    if not isinstance(network, str | os.PathLike | nn.Module):
        raise RecipeError(
            f"network must be a name, the path of a weights file, or a torch.nn.Module; got a {type(network).__name__}. "
            "hybridfer.list_networks() gives the names."
        )
    given = {"layers": layers, "preprocessing": preprocessing, "name": name, "classes": tuple(classes)}
    if network == ENSEMBLE:
        _refuse_idle(given, f"an {ENSEMBLE}, whose members bring their own")
        return ensemble_network([load_trained(member) for member in _members(weights)])
    if weights is not None and not isinstance(weights, str | os.PathLike):
        raise RecipeError(f"several weights make an {ENSEMBLE!r}; {network!r} takes those of one network.")
    if isinstance(network, nn.Module):
        return _own(network, layers or (), weights, preprocessing, name, tuple(classes))
    if is_backbone(network) and weights is not None and weights != "builtin" and not is_weights_file(weights):
        _refuse_idle(given, f"{network} with published weights", applying=("preprocessing",))
        arguments = {"pretrained": os.fspath(weights)}
        return pretrained_network(str(network), n_classes=0, preprocessing=preprocessing, arguments=arguments)
    if not _is_name(network):
        _refuse_idle(given, f"the weights file {network}, which brings its own")
        _refuse_weights_beside(network, weights)
        return network_from_weights(network)
    if weights is None:
        _refuse_idle(given, f"an untrained {network}", applying=("preprocessing", "classes"))
        untrained = catalogue_network(str(network), preprocessing=preprocessing, n_classes=len(classes) or 7)
        return replace(untrained, classes=tuple(classes))
    _refuse_idle(given, f"{network} with trained weights, which bring their own")
    if weights == "builtin":
        return _shipped(str(network))
    loaded = load_trained(weights)
    if loaded.name != str(network):
        raise WeightsError(
            f"{weights} holds weights of {loaded.name!r}; {network!r} was asked for. Name their network: -f {loaded.name} "
            f"on the command line, CNNFeaturizer({loaded.name!r}, weights={os.fspath(weights)!r}) in Python."
        )
    return loaded


def builtin_weights() -> tuple[str, ...]:
    """Names of the weights in the wheel; those of a network's own name are what it is loaded with by default.

    Examples
    --------
    >>> "compact" in builtin_weights()
    True
    """
    return tuple(sorted(Path(row.name).stem for row in files(SHIPPED).iterdir() if row.name.endswith(".safetensors")))


def _refuse_idle(given: Mapping[str, object], what: str, applying: Sequence[str] = ()) -> None:
    """Refuse arguments that would change nothing."""
    idle = [name for name, value in given.items() if value not in (None, ()) and name not in applying]
    if idle:
        raise RecipeError(
            f"{', '.join(idle)} cannot be set for {what}: leave {'it' if len(idle) == 1 else 'them'} out. All of "
            f"{', '.join(given)} are for a module of your own, load_network(module, layers=[...]); preprocessing and "
            "classes also for a name with weights=None."
        )


def _refuse_weights_beside(network: str | os.PathLike[str], weights: str | os.PathLike[str] | None) -> None:
    """Refuse other weights beside a weights file that stands for the network."""
    if weights is None:
        raise RecipeError(
            f"weights=None is an untrained network, which goes by its name; {os.fspath(network)!r} is no name, but a file "
            "of trained weights. Leave weights out, or give the network's name."
        )
    if weights != "builtin":
        raise RecipeError(
            f"{os.fspath(network)!r} and weights={os.fspath(weights)!r} are both trained weights. Give one of them: leave "
            "weights out, or give the network's name with them."
        )


def _is_name(network: str | os.PathLike[str]) -> bool:
    known = is_backbone(network) or str(network) in NETWORKS or str(network) in builtin_weights()
    return known or not (Path(network).suffix or given_path(network).exists())


def _members(weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None) -> Sequence[str | os.PathLike[str]]:
    if weights == "builtin":
        return builtin_weights()
    if weights is None or isinstance(weights, str | os.PathLike):
        raise RecipeError(f"an {ENSEMBLE} takes a sequence of weights, one of each member; got {weights!r}.")
    members = list(weights) if isinstance(weights, Iterable) else [weights]
    for member in members:
        if not isinstance(member, str | os.PathLike):
            raise RecipeError(
                f"each member of an {ENSEMBLE} is the name of weights in the wheel, or a weights file; got {member!r}."
            )
    return members


def load_trained(weights: str | os.PathLike[str]) -> Network:
    """Load weights in the wheel by their name, or a weights file; names come first.

    Raises
    ------
    WeightsError
        If they are missing or damaged.

    Examples
    --------
    >>> load_trained("compact-plain").name
    'compact'
    """
    name = os.fspath(weights)
    if name in builtin_weights():
        return _shipped(name)
    if not Path(name).suffix and not given_path(name).exists():
        near = nearest(name, builtin_weights())
        meant = f" Did you mean {near!r}?" if near else ""
        raise WeightsError(
            f"weights must be a name of those in the wheel, {list(builtin_weights())}, or a weights file; got {name!r}, "
            f"which is neither.{meant}"
        )
    return network_from_weights(weights)


def _shipped(weights: str) -> Network:
    with as_file(_builtin(weights)) as path:
        return network_from_weights(path)


def _builtin(network: str) -> Traversable:
    if is_backbone(network):
        find_architecture(network)
        raise WeightsError(
            f"There are no weights for {network!r} in the wheel. Take the published ones by weights={HUB!r}, which "
            "downloads them unless they are in the cache; or a state dict of that model (.pt, .safetensors); or train a "
            "head for it: hybridfer train DATA --features RECIPE."
        )
    if network not in builtin_weights():
        near = nearest(network, {*builtin_weights(), *NETWORKS})
        if network not in NETWORKS and near in builtin_weights() and near not in NETWORKS:
            raise WeightsError(f"There are no weights {network!r} in the wheel. Did you mean {near!r}?")
        find_architecture(network)
        raise WeightsError(
            f"There are no weights for {network!r} in the wheel, only {list(builtin_weights())}. Train it: "
            f"hybridfer train DATA --network {network} -o {network}.safetensors, and pass that file as weights; "
            "or pass weights=None to train it in fit."
        )
    return files(SHIPPED) / f"{network}.safetensors"


def _own(
    module: nn.Module,
    layers: Sequence[str] | Mapping[str, str],
    weights: str | os.PathLike[str] | None,
    preprocessing: Preprocessing | None,
    name: str | None,
    classes: tuple[str, ...],
) -> Network:
    network = own_network(module, layers, name=name, preprocessing=preprocessing, classes=classes)
    if weights is None or weights == "builtin":
        return network
    if Path(weights).suffix == ".safetensors":
        file = read_weights(weights)
        _refuse_other("preprocessing", preprocessing, file.preprocessing, weights)
        _refuse_other("classes", classes or None, file.classes or classes, weights)
        _fill(module, file.state, weights)
        # whatever the file's network is built with, this one is built by its owner
        known = file.classes or classes
        return replace(described(network, file), name=name or file.network, classes=known, arguments={})
    _fill(module, read_state_dict(weights), weights)
    return network


def _refuse_other(field: str, given: object, saved: object, path: str | os.PathLike[str]) -> None:
    if given is not None and given != saved:
        raise RecipeError(
            f"{field} of {path} must be as the weights were saved with, {saved}; got {given}. Leave {field} out; or, where "
            f"another is meant, change it in what is loaded: dataclasses.replace(network, {field}=...)."
        )


def _fill(module: nn.Module, state: Mapping[str, torch.Tensor], path: str | os.PathLike[str]) -> None:
    check_state(module, state, path)
    module.load_state_dict(dict(state))
