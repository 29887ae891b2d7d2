"""What a store's identity is made of, and where a store lies when nobody says where."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torch import nn

from hybridfer.errors import RecipeError, StoreError
from hybridfer.extraction.architecture import function_of
from hybridfer.home import home
from hybridfer.networks import Embedder, Network
from hybridfer.store import FeatureStore, StoreKey, is_store
from hybridfer.store.manifest import NAME, Manifest, read_manifest

log = logging.getLogger("hybridfer")

# what every store on disk keeps beside the layers asked for: a benchmark's softmax row needs it, and it costs a few columns
RIDING = "logits"


def asked_layers(layers: object) -> tuple[str, ...]:
    """Bring a layer's name, or a sequence of names, to a tuple in which each stands once.

    Raises
    ------
    RecipeError
        If it is neither.

    Examples
    --------
    >>> asked_layers("embedding"), asked_layers(["conv2", "embedding", "conv2"])
    (('embedding',), ('conv2', 'embedding'))
    """
    named = (layers,) if isinstance(layers, str) else tuple(layers) if isinstance(layers, Iterable) else (layers,)
    if not all(isinstance(layer, str) for layer in named):
        raise RecipeError(f"layers must be the name of a layer, or a sequence of names; got {layers!r}.")
    return tuple(dict.fromkeys(named))


def with_riding(layers: Sequence[str], network: Network | None = None) -> tuple[str, ...]:
    """Add the layers that ride along in a store to those that are asked for, each once.

    Parameters
    ----------
    layers : sequence of str
        Those that are asked for.
    network : Network, optional
        What embeds: nothing rides along with a plain feature extractor, which knows no classes and whose logits are its
        embedding once more.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> with_riding(["conv2", "embedding"]), with_riding(["logits"])
    (('conv2', 'embedding', 'logits'), ('logits',))
    """
    riding = () if network is not None and _is_plain(network) else (RIDING,)
    return tuple(dict.fromkeys((*layers, *riding)))


def _is_plain(network: Network) -> bool:
    """Tell a network whose logits are another layer's output as it is; an ensemble is one if all of its members are."""
    if network.members:
        return all(map(_is_plain, network.members))
    return not network.classes and isinstance(network.submodule(RIDING), nn.Identity)


def store_key(network: Network, embedder: Embedder, layers: Sequence[str] | None = None) -> StoreKey:
    """Name everything that an embedding depends on but the pixels; of some of the embedder's layers where they are named."""
    layers = embedder.layers if layers is None else tuple(layers)
    # of a user's own module, the same name may stand for another submodule
    named = {layer: network.layers[layer] for layer in layers if network.layers[layer] != layer}
    function = function_of(network)
    return StoreKey(
        weights=network.digest,
        network=f"{function} {json.dumps(named, sort_keys=True)}" if named else function,
        preprocessing=network.preprocessing.to_json(),
        layers=layers,
        views=embedder.views,
        precision=embedder.precision,
    )


def default_store_path(key: StoreKey, name: str, root: Path | None = None, asked: Sequence[str] | None = None) -> Path:
    """Find the store of a key on a shelf, whatever it is called there, or name a new one.

    Parameters
    ----------
    key : StoreKey
        What the features depend on; features of another kind never meet its store.
    name : str
        What a new store is called after. Of several stores of one key the one of this name is taken.
    root : Path, optional
        The shelf; by default the one in `hybridfer.home.home`.
    asked : sequence of str, optional
        Pass over stores of another name that give other layers where none are named: for who reads without naming them.

    Returns
    -------
    Path
        A folder, which need not be there. A store of another name whose key.json is damaged is passed over, with a warning.
    """
    shelf = root or home() / "stores"
    ending = f"-{key.digest[:12]}.store"
    # a network of a user's own may be called anything, and files have 255 bytes for their names
    plain = re.sub(r"[/:\\\0]", "-", name).encode(errors="replace")[: 255 - len(ending)].decode(errors="ignore")
    own = shelf / f"{plain}{ending}"
    found = sorted(path.parent for path in shelf.glob(f"*{ending}/{NAME}"))
    if own in found:
        return own
    fitting = (path for path, manifest in _readable(found) if asked is None or manifest.layers == tuple(asked))
    return next(fitting, own)


def _readable(stores: Sequence[Path]) -> Iterator[tuple[Path, Manifest]]:
    """Read what stores hold, and pass over those that do not say, as a new one takes their place."""
    for path in stores:
        try:
            yield path, read_manifest(path)
        except StoreError as error:
            log.warning("a store is passed over: %s", error)


def layer_widths(network: Network, layers: Sequence[str]) -> dict[str, int]:
    """Return the number of columns of each layer, in the order asked for.

    Raises
    ------
    RecipeError
        If the network cannot take an image of the size and the channels that it says it takes.
    """
    try:
        widths = network.widths
    # models of timm assert their size
    except (RuntimeError, TypeError, AssertionError) as error:
        height, width = network.preprocessing.image_size
        raise RecipeError(
            f"{network.name} cannot take an image of {height} x {width} x {network.preprocessing.channels} "
            f"({str(error).partition('. ')[0]}). Say what it takes: load_network(module, layers, "
            "preprocessing=Preprocessing(image_size=(h, w), channels=3))."
        ) from error
    return {layer: widths[layer] for layer in layers}


def open_store(
    path: Path, network: Network, embedder: Embedder, asked: Sequence[str], *, without_riding: bool = True
) -> FeatureStore:
    """Open the store of an embedder's layers, or make it; those that were not asked for ride along.

    Parameters
    ----------
    path : Path
        The store's folder.
    network, embedder : Network, Embedder
        What embeds.
    asked : sequence of str
        The layers that are read where none are named, first among the embedder's.
    without_riding : bool
        Use a store that is there as it is if it holds the layers asked for alone, as stores did before any rode along.

    Returns
    -------
    FeatureStore

    Raises
    ------
    StoreError
        If the store there holds other features; the message names the field that differs.
    """
    riding = [layer for layer in embedder.layers if layer not in asked]
    if without_riding and riding and is_store(path):
        found = FeatureStore(path)
        if found.key == store_key(network, embedder, asked):
            return found
    widths = (layer_widths(network, layers) for layers in (asked, riding))
    return FeatureStore.create(path, store_key(network, embedder), *widths)
