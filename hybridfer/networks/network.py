"""A network ready to be used: its module, its layers' names, its preprocessing, and where its weights come from."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hybridfer.digest import DIGEST
from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks.backbones import backbone_preprocessing, is_backbone
from hybridfer.networks.catalogue import build_network, check_arguments
from hybridfer.networks.preprocessing import Preprocessing
from hybridfer.networks.seeding import seeded
from hybridfer.phrases import count


@dataclass(frozen=True, eq=False)
class Network:
    """A module with what is needed to embed images with it and to know what it has seen.

    The module is taken as it is: `digest` and `widths` are computed once. Train it further, and a new Network is needed.

    Attributes
    ----------
    name : str
        The catalogue's name, or the user's own.
    module : torch.nn.Module
        In evaluation mode.
    layers : dict of str to str
        Public layer name to the path of a submodule; ``""`` is the module itself. ``"embedding"`` and ``"logits"`` are
        always among them.
    preprocessing : Preprocessing
        What happens to an image before the first layer.
    arguments : dict
        What the catalogue's builder was called with; empty for a user's own module.
    classes : tuple of str
        Class of each logit; empty if unknown.
    training : dict
        The recipe the weights were trained by, as plain values.
    history : tuple of dict
        One entry an epoch: loss, accuracy, learning rate, seconds.
    trained_on : ndarray of shape (n,), dtype "S16"
        Sorted digests of the images that weights or choices of training depend on, as far as they are known: all of them
        where `untold` is empty.
    watched : ndarray of shape (m,), dtype "S16", or None
        Those of them that were only watched for validation, and that nothing of known past was trained on; None where that
        is not known.
    members : tuple of Network
        Of an ensemble the networks that it is made of, in their order; empty of any other.
    """

    name: str
    module: nn.Module
    layers: Mapping[str, str]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    trained_on: NDArray[np.bytes_] = field(default_factory=lambda: np.empty(0, dtype=DIGEST))
    watched: NDArray[np.bytes_] | None = None
    members: tuple[Network, ...] = ()

    def __repr__(self) -> str:
        """Tell it in a line; its digests, history and tensors would fill pages."""
        try:
            layers: object = self.widths
        except Exception:  # whatever a module of one's own raises, it raises again where it is run
            layers = list(self.layers)
        told = [
            repr(self.name),
            f"classes={self.classes}",
            f"layers={layers}",
            f"image_size={self.preprocessing.image_size}",
        ]
        if self.members:
            told.append(f"members={[member.name for member in self.members]}")
        told.append(f"trained_on={count(len(self.trained_on), 'image')}")
        return f"{type(self).__name__}({', '.join(told)})"

    def __getstate__(self) -> dict[str, Any]:
        """Give a network of the catalogue as a weights file's content, which is safe to open and outlives its code."""
        from hybridfer.networks.rebuilding import is_of_catalogue
        from hybridfer.networks.weights import weights_content

        if self.members:
            return {"members": self.members}
        if is_of_catalogue(self):
            return {"weights": weights_content(self)}
        return self._described()

    def __setstate__(self, state: dict[str, Any]) -> None:
        from hybridfer.networks.ensemble import ensemble_network
        from hybridfer.networks.rebuilding import network_from_content

        if isinstance(content := state.get("weights"), bytes):
            state = vars(network_from_content(content))
        elif isinstance(members := state.get("members"), tuple) and members:
            state = vars(ensemble_network(members))
        elif not isinstance(state.get("module"), nn.Module):
            raise WeightsError("A network must be kept as the content of a weights file, as members, or with its module.")
        self.__dict__.update(state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        copied = object.__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self._described(), memo))
        return copied

    def _described(self) -> dict[str, Any]:
        """Give its fields, without what was computed of its module, which may be changed in a copy."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def digest(self) -> str:
        """Sha256 of the canonical weights: every tensor's name, dtype, shape and bytes, in the order of the names."""
        sha = hashlib.sha256()
        for name, value in sorted(self.module.state_dict().items()):
            _hash(sha, name, value)
        return sha.hexdigest()

    @property
    def untold(self) -> tuple[str, ...]:
        """What its weights come from that does not say which images it was trained on; empty where all is in `trained_on`.

        It may be itself, members of an ensemble, the published weights that a backbone began with, or what a training
        started with or was taught by.

        Examples
        --------
        >>> catalogue_network("tiny").untold
        ('tiny',)
        """
        if not len(self.trained_on):
            return (self.name,)
        told = [name for member in self.members for name in member.untold_as("member")]
        told += [name for role in ("start", "teacher") for name in _untold_in(self.training.get(role))]
        if source := self.arguments.get("pretrained"):
            told.append(f"the {'published' if source == 'hub' else 'state dict of'} {self.name}")
        return tuple(dict.fromkeys(told))

    @property
    def seen_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes (h, w) or (h, w, 3) of the images in `trained_on`: equal pictures of other shapes have other digests.

        Of weights that do not say, what they take is given.

        Examples
        --------
        >>> import dataclasses
        >>> seen = np.array([b"a"], dtype="S16")
        >>> dataclasses.replace(catalogue_network("tiny"), trained_on=seen).seen_shapes
        ((48, 48),)
        """
        if not len(self.trained_on):
            return ()
        if self.members:
            return tuple(sorted({shape for member in self.members for shape in member.seen_shapes}))
        recorded = _shapes_in(self.training.get("image_shapes"))
        colour = (3,) if self.preprocessing.channels == 3 else ()
        return recorded or ((*self.preprocessing.image_size, *colour),)

    def untold_as(self, role: str) -> tuple[str, ...]:
        """Give the same for what takes from this network, to which it is a "start", a "teacher" or a "member"."""
        return self.untold if len(self.trained_on) else (f"the {role} {self.name}",)

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters() if parameter.requires_grad)

    def submodule(self, layer: str) -> nn.Module:
        """Find a layer's module, or say which layers there are."""
        if layer not in self.layers:
            raise RecipeError(f"layers of {self.name} must be among {list(self.layers)}; got {layer!r}.")
        return self.module.get_submodule(self.layers[layer])

    @cached_property
    def widths(self) -> dict[str, int]:
        """Number of features of each layer; maps count one feature a channel, as they are averaged over their area."""
        from hybridfer.networks.embedder import Embedder

        probe = np.zeros((1, *self.preprocessing.image_size), dtype=np.uint8)
        if self.preprocessing.channels == 3:
            probe = np.repeat(probe[..., None], 3, axis=-1)
        rows = Embedder(self, tuple(self.layers), device="cpu", precision="fp32").embed(probe)
        return {layer: features.shape[1] for layer, features in rows.items()}


def _hash(sha: Any, name: str, value: Any) -> None:
    """Take up a tensor, or what else a module keeps beside its tensors by `get_extra_state`."""
    if isinstance(value, torch.Tensor):
        values = value.detach().cpu().contiguous()
        sha.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode())
        sha.update(values.view(-1).view(torch.uint8).numpy().tobytes())
        return
    sha.update(json.dumps([name, type(value).__qualname__]).encode())
    if isinstance(value, Mapping):
        for key, part in sorted(value.items(), key=repr):
            _hash(sha, f"{name}.{key!r}", part)
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            _hash(sha, f"{name}.{place}", part)
    else:
        try:
            sha.update(pickle.dumps(value, protocol=4))
        except Exception as error:  # whatever a class of one's own raises
            raise RecipeError(
                f"{name} must be tensors, numbers, texts, or what else can be pickled; {type(value).__name__} cannot "
                f"({error}). Let get_extra_state of the module give such."
            ) from error


def _shapes_in(recorded: Any) -> tuple[tuple[int, ...], ...]:
    """Read shapes from a file's record of its training, which may hold anything."""
    shapes = recorded if isinstance(recorded, list | tuple) else ()
    fit = [shape for shape in shapes if isinstance(shape, list | tuple) and all(type(side) is int for side in shape)]
    return tuple(tuple(shape) for shape in fit)


def _untold_in(ancestor: object) -> tuple[str, ...]:
    """Take from what a training recorded of its start, or its teacher, whose past was not told of."""
    untold = ancestor.get("untold") if isinstance(ancestor, Mapping) else None
    return tuple(str(name) for name in untold) if isinstance(untold, list | tuple) else ()


def network_preprocessing(
    name: str,
    image_size: tuple[int, int] | None = None,
    *,
    channels: int = 1,
    standardize: Literal["none", "image"] = "none",
) -> Preprocessing:
    """Give the preprocessing of a network by its name.

    Parameters
    ----------
    name : str
        A name that `list_networks` gives, or ``"timm:"`` and the name of a model of timm.
    image_size : tuple of (int, int), optional
        Height and width in pixels: 48 x 48 by default, and the size that it was trained at for a backbone.
    channels : int
        1 for grey, 3 for colour, which a backbone takes in any case.
    standardize : {"none", "image"}
        As for `Preprocessing`; a backbone is normalised as it was trained, and takes ``"none"`` alone.

    Raises
    ------
    RecipeError
        If there is no such backbone, or a value is none of these.

    Examples
    --------
    >>> network_preprocessing("compact", channels=3)
    Preprocessing(image_size=(48, 48), channels=3, standardize='none', mean=None, std=None)
    """
    if is_backbone(name):
        return backbone_preprocessing(name, image_size, standardize)
    return Preprocessing(image_size or (48, 48), channels, standardize)


def catalogue_network(
    name: str,
    *,
    n_classes: int = 7,
    preprocessing: Preprocessing | None = None,
    random_state: int = 0,
    arguments: Mapping[str, Any] | None = None,
) -> Network:
    """Build an untrained network of the catalogue with reproducible first weights.

    Parameters
    ----------
    name : str
        A name that `list_networks` gives, or ``"timm:"`` and the name of a model of timm.
    n_classes : int
        Number of logits; 0 for a backbone that is to be a plain feature extractor, whose logits are its embedding.
    preprocessing : Preprocessing, optional
        Decides the input's size and channels; that of `network_preprocessing` by default. A backbone takes three channels
        and its own normalisation whatever is said here.
    random_state : int
        Seed of the first weights; torch's global generator is left as it was.
    arguments : mapping, optional
        The network's own arguments.

    Returns
    -------
    Network
        In evaluation mode.

    Examples
    --------
    >>> list(catalogue_network("tiny").layers)
    ['conv1', 'conv2', 'conv3', 'conv4', 'embedding', 'logits']
    """
    if preprocessing is None:
        preprocessing = network_preprocessing(name)
    elif is_backbone(name) and preprocessing.mean is None:
        preprocessing = backbone_preprocessing(name, preprocessing.image_size, preprocessing.standardize)
    arguments = check_arguments(name, arguments or {})
    with seeded(random_state):
        module = build_network(
            name,
            n_classes=n_classes,
            channels=preprocessing.channels,
            image_size=preprocessing.image_size,
            **arguments,
        )
    layers = {layer: layer for layer, _ in module.named_children()}
    built_with = {"n_classes": n_classes, **arguments}
    # what is built without memory takes torch's default dtype
    return Network(name, module.float().eval(), layers, preprocessing, built_with)


def own_network(
    module: nn.Module,
    layers: Sequence[str] | Mapping[str, str],
    *,
    name: str | None = None,
    preprocessing: Preprocessing | None = None,
    classes: Sequence[str] = (),
) -> Network:
    """Take a user's own module into the family.

    Parameters
    ----------
    module : torch.nn.Module
        Takes float32 (n, channels, h, w), returns logits (n, n_classes). It is set to evaluation mode.
    layers : sequence of str, or mapping of str to str
        Dotted paths of submodules, in the order an image passes them, or public names for such paths. The last one is
        also called ``"embedding"`` and the module's own output ``"logits"``, unless the mapping names those itself.
    name : str, optional
        What stores and reports call it; the class's name by default.
    preprocessing : Preprocessing, optional
        48 x 48 grey in [0, 1] by default.
    classes : sequence of str
        Class of each logit.

    Raises
    ------
    RecipeError
        If no layer is given, or one is no submodule; or if the module is one of TorchScript, or has not got all of its
        parameters yet.
    """
    _check_usable(module)
    named = dict(layers) if isinstance(layers, Mapping) else {path: path for path in layers}
    known = dict(module.named_modules())
    unknown = [path for path in named.values() if path not in known]
    if unknown or not named:
        raise RecipeError(
            f"layers must name at least one submodule of {type(module).__name__}, among {[path for path in known if path]}; "
            f"got {unknown or 'none'}."
        )
    last = list(named.values())[-1]
    named.setdefault("embedding", last)
    named.setdefault("logits", "")
    return Network(
        name or type(module).__name__, module.eval(), named, preprocessing or Preprocessing(), classes=tuple(classes)
    )


def _check_usable(module: nn.Module) -> None:
    """Refuse modules that cannot be copied, or whose layers cannot be looked into."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise RecipeError(
            f"{type(module).__name__} must be a module of Python, as layers of TorchScript cannot be looked into. Give the "
            "module that it was made of, with its weights by load_state_dict(scripted.state_dict())."
        )
    values = (*module.parameters(), *module.buffers())
    if any(map(nn.parameter.is_lazy, values)):
        raise RecipeError(
            f"{type(module).__name__} must know the shapes of its parameters; it has lazy ones. Run it once before: "
            "module(torch.zeros(1, channels, height, width))."
        )
