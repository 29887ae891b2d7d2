"""Weights files: safetensors with everything that is known of a network, and nothing that could run.

A file holds the tensors ``module.<name>``, ``trained_on`` and ``watched`` (n x 16 bytes, digests of images), and in its
metadata, each as JSON: ``format``, ``network``, ``arguments``, ``layers``, ``classes``, ``preprocessing``, ``training``,
``history``, ``versions``; and ``sha256``, of the tensors. Files of earlier versions have neither ``watched`` nor ``sha256``.
Files are hostile until checked: names, shapes, types and sizes are compared with what the network asks for.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from hybridfer.digest import DIGEST
from hybridfer.errors import RecipeError, WeightsError
from hybridfer.files import write_aside
from hybridfer.home import given_path
from hybridfer.networks.backbones import is_backbone
from hybridfer.networks.device import PRECISIONS
from hybridfer.networks.network import Network
from hybridfer.networks.preprocessing import Preprocessing

FORMAT = "hybridfer-weights/1"
FIELDS = ("network", "arguments", "layers", "classes", "preprocessing", "training", "history", "versions")


@dataclass(frozen=True)
class WeightsFile:
    """What a weights file says of itself, and its tensors."""

    network: str
    arguments: Mapping[str, Any]
    layers: Mapping[str, str]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]
    state: Mapping[str, torch.Tensor]
    trained_on: NDArray[np.bytes_]
    watched: NDArray[np.bytes_] | None


def save_network(
    network: Network, path: str | os.PathLike[str], *, precision: str = "fp32", overwrite: bool = False
) -> Path:
    """Write a network's weights, and all that is known of them, to a file.

    Parameters
    ----------
    network : Network
        Trained or not.
    path : path
        Usually ends in ``.safetensors``. It appears at once and whole, or not at all.
    precision : {"fp32", "fp16", "bf16"}
        How weights are stored; half precision halves the file and is widened again on loading.
    overwrite : bool
        Replace a file that exists.

    Returns
    -------
    Path
        Where the file is.

    Raises
    ------
    WeightsError
        If the file exists and `overwrite` is false, or a weight is not finite in the precision asked for.
    RecipeError
        If the precision is unknown, or the network is an ensemble, which is kept as its members' files.
    """
    path = given_path(path)
    if path.exists() and not overwrite:
        raise WeightsError(
            f"{path} exists already. Choose another name, or overwrite it with overwrite=True or --overwrite."
        )
    # save_file would make a file that only its owner may read
    write_aside(path, weights_content(network, precision))
    return path


def weights_content(network: Network, precision: str = "fp32") -> bytes:
    """Make the content of a weights file, as `save_network` writes it.

    Raises
    ------
    WeightsError, RecipeError
        As `save_network`.

    Examples
    --------
    >>> from hybridfer.networks.network import catalogue_network
    >>> read_content(weights_content(catalogue_network("tiny")), "its weights").network
    'tiny'
    """
    if network.members:
        raise RecipeError(
            f"an {network.name} has no weights file of its own: save each of network.members, and load them by "
            "load_network('ensemble', weights=[...])."
        )
    if precision not in PRECISIONS:
        raise RecipeError(f"precision must be among {sorted(PRECISIONS)}; got {precision!r}.")
    tensors = {f"module.{name}": _stored(name, tensor, precision) for name, tensor in network.module.state_dict().items()}
    tensors["trained_on"] = _digest_tensor(network.trained_on)
    if network.watched is not None:
        tensors["watched"] = _digest_tensor(network.watched)
    metadata = {"format": FORMAT, "preprocessing": network.preprocessing.to_json(), "sha256": _checksum(tensors)}
    for field in ("network", "arguments", "layers", "classes", "training", "history", "versions"):
        metadata[field] = json.dumps(_field(network, field), default=_plain)
    return save(tensors, metadata=metadata)


def read_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Read and check a weights file, without building its network.

    Raises
    ------
    WeightsError
        If the file is missing, a folder, damaged, or not one of ours.
    """
    path = given_path(path)
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; weights are a file, as hybridfer train writes it. Give the file's path.")
    if not path.is_file():
        raise WeightsError(f"{path} does not exist. Make it with: hybridfer train DATA -f RECIPE -o {path}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is no safetensors file, or a damaged one ({error}).") from error
    return _checked(path, metadata, tensors)


def _checked(path: Path, metadata: Mapping[str, str], tensors: dict[str, torch.Tensor]) -> WeightsFile:
    """Take apart what a file holds; `path` is what messages call it."""
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} must have the format {FORMAT!r}; got {metadata.get('format')!r}. Was it made by hybridfer train?"
        )
    if "sha256" in metadata and metadata["sha256"] != _checksum(tensors):
        raise WeightsError(f"{path} is damaged: its tensors are not those that were written (their checksum differs).")
    fields = {field: _parsed(path, metadata, field) for field in FIELDS if field != "preprocessing"}
    trained_on = _digests(path, tensors, "trained_on")
    watched = _digests(path, tensors, "watched")
    state = {name.removeprefix("module."): _widened(path, name, tensor) for name, tensor in tensors.items()}
    return WeightsFile(
        network=str(fields["network"]),
        arguments=dict(fields["arguments"]),
        layers=dict(fields["layers"]),
        classes=tuple(fields["classes"]),
        preprocessing=Preprocessing.from_json(metadata.get("preprocessing", "")),
        training=dict(fields["training"]),
        history=tuple(fields["history"]),
        versions=dict(fields["versions"]),
        state=state,
        trained_on=np.empty(0, dtype=DIGEST) if trained_on is None else trained_on,
        watched=watched,
    )


def read_content(content: bytes, called: str) -> WeightsFile:
    """Read and check a weights file's content; `called` is what messages call it.

    Raises
    ------
    WeightsError
        If it is damaged, or not one of ours.
    """
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise WeightsError(f"{called} are no safetensors, or damaged ({error}).") from error
    # eight bytes say how long the header is, which has just been found sound
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return _checked(Path(called), header.get("__metadata__", {}), tensors)


def is_weights_file(path: str | os.PathLike[str]) -> bool:
    """Tell a weights file from the safetensors of others, such as a bare state dict, by what it says of itself."""
    try:
        with safe_open(given_path(path), framework="pt") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


def _digest_tensor(digests: NDArray[np.bytes_]) -> torch.Tensor:
    return torch.from_numpy(
        np.frombuffer(digests.astype(DIGEST).tobytes(), dtype=np.uint8).reshape(-1, DIGEST.itemsize).copy()
    )


def _digests(path: Path, tensors: dict[str, torch.Tensor], name: str) -> NDArray[np.bytes_] | None:
    """Take the digests of images out of a file's tensors; None where it has none of that name."""
    tensor = tensors.pop(name, None)
    if tensor is None:
        return None
    if tensor.dtype != torch.uint8 or tensor.ndim != 2 or tensor.shape[1] != DIGEST.itemsize:
        raise WeightsError(f"{name} in {path} must be uint8 (n, {DIGEST.itemsize}); got {tuple(tensor.shape)}.")
    return np.frombuffer(tensor.contiguous().numpy().tobytes(), dtype=DIGEST)


def _checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    """Sha256 of tensors as they are stored: names, types, shapes and bytes, in the order of the names."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        sha.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def _field(network: Network, field: str) -> Any:
    if field == "versions":
        packages = (
            "hybridfer",
            "torch",
            "numpy",
            "scikit-learn",
            "skorch",
            *(("timm",) if is_backbone(network.name) else ()),
        )
        return {"python": platform.python_version(), **{package: version(package) for package in packages}}
    value = network.name if field == "network" else getattr(network, field)
    return dict(value) if isinstance(value, Mapping) else value


def _plain(value: Any) -> Any:
    """Turn what JSON does not know, NumPy's numbers above all, into what it does."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _stored(name: str, tensor: torch.Tensor, precision: str) -> torch.Tensor:
    # a copy, as safetensors refuses tensors that share memory, such as tied weights
    copied = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    if not copied.is_floating_point():
        return copied
    stored = copied.to(PRECISIONS[precision])
    if not torch.isfinite(stored).all():
        raise WeightsError(
            f"{name} is not finite in {precision}: the training diverged, or the precision's range is too small. "
            "Train with a lower learning_rate, or save with precision='fp32'."
        )
    return stored


def _widened(path: Path, name: str, tensor: torch.Tensor) -> torch.Tensor:
    if not name.startswith("module."):
        raise WeightsError(f"{path} holds a tensor {name!r}; only trained_on, watched and module.* are known.")
    if not tensor.is_floating_point():
        return tensor
    try:
        widened = tensor.to(torch.float32)
    except NotImplementedError as error:
        # formats of half a byte: torch can hold them, and nothing else
        raise WeightsError(f"{name} in {path} is of {tensor.dtype}, which torch cannot widen to float32.") from error
    if not torch.isfinite(widened).all():
        raise WeightsError(
            f"{name} in {path} holds values that are not finite: the training diverged, or the file is damaged."
        )
    if name.endswith(".running_var") and (widened < 0).any():
        raise WeightsError(f"{name} in {path} holds variances below 0: the file is damaged.")
    return widened


KINDS: dict[str, type] = {
    "network": str,
    "arguments": dict,
    "layers": dict,
    "classes": list,
    "training": dict,
    "history": list,
    "versions": dict,
}
# what the lists hold
ENTRIES: dict[str, type] = {"classes": str, "history": dict}


def _parsed(path: Path, metadata: Mapping[str, str], field: str) -> Any:
    try:
        value = json.loads(metadata[field])
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} must say its {field} as JSON; it does not.") from error
    if not isinstance(value, KINDS[field]):
        raise WeightsError(f"{field} in {path} must be a {KINDS[field].__name__}; got {type(value).__name__}.")
    if isinstance(value, list) and not all(isinstance(entry, ENTRIES[field]) for entry in value):
        raise WeightsError(f"{field} in {path} must be a list of {ENTRIES[field].__name__}; it is not.")
    return value
