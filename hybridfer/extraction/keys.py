"""What a store's identity is made of, and where a store lies when nobody says where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..home import home
from ..networks import Embedder, Network
from ..store import StoreKey


def store_key(network: Network, embedder: Embedder) -> StoreKey:
    """Name everything that an embedding depends on but the pixels."""
    # of a user's own module, the same name may stand for another submodule
    named = {layer: network.layers[layer] for layer in embedder.layers if network.layers[layer] != layer}
    return StoreKey(
        weights=network.digest,
        network=f"{network.name} {json.dumps(named, sort_keys=True)}" if named else network.name,
        preprocessing=network.preprocessing.to_json(),
        layers=embedder.layers,
        views=embedder.views,
        precision=embedder.precision,
    )


def default_store_path(key: StoreKey, name: str, root: Path | None = None) -> Path:
    """Name a store so that features of another kind never meet it."""
    return (root or home() / "stores") / f"{name}-{key.digest[:12]}.store"


def layer_widths(network: Network, layers: Sequence[str]) -> dict[str, int]:
    """Return the number of columns of each layer, in the order asked for."""
    return {layer: network.widths[layer] for layer in layers}
