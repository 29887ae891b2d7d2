"""What a store's rows depend on: its key, which no two different kinds of features share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields

import numpy as np

from hybridfer.errors import StoreError, UnreadableStoreError

FORMAT_VERSION = 1
PRECISIONS = ("fp32", "bf16", "fp16")
# A hash shown to a person; the whole one is in key.json.
SHOWN = 12


def refuse_newer(version: object, newest: int) -> None:
    """Refuse what is of a later format than is known here: it may be sound, and is only not to be read.

    Raises
    ------
    UnreadableStoreError
        If a newer hybridfer wrote it.
    """
    if isinstance(version, int | np.integer) and version > newest:
        raise UnreadableStoreError(
            f"it was written by a newer hybridfer (format {version}; this one reads {newest}). "
            "Run: pip install --upgrade hybridfer"
        )


def canonical_json(value: object) -> str:
    """Write JSON in the one way that is hashed: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def parse_json(text: str) -> object:
    """Read JSON of unknown origin; nesting too deep and numbers too long are malformed as well."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"expected JSON; got text that is none ({error}).") from error


@dataclass(frozen=True)
class StoreKey:
    """Everything that decides what a row of features looks like, besides the image itself.

    Two stores may share rows exactly when their keys are equal. The order of `layers` counts, because it is the order
    of the columns.

    Parameters
    ----------
    weights : str
        sha256 of the network's canonical weights, as hex.
    network : str
        Name and arguments of the network.
    preprocessing : str
        What is done to an image before the network sees it, as canonical JSON.
    layers : tuple of str
        Layers whose activations are stored, in the order of the columns.
    views : str
        Which views of an image are embedded, such as ``"single"``.
    precision : {"fp32", "bf16", "fp16"}
        Class of arithmetic in which the forward pass ran.

    Raises
    ------
    StoreError
        If a field is of the wrong kind.

    Examples
    --------
    >>> key = StoreKey("0" * 64, "compact", "{}", ("embedding",), "single", "fp32")
    >>> other = StoreKey("0" * 64, "compact", "{}", ("conv3", "embedding"), "single", "fp32")
    >>> key.difference(other)
    ["layers: the store holds ('embedding',), these features need ('conv3', 'embedding')"]
    >>> StoreKey.from_json(key.to_json()) == key
    True
    """

    weights: str
    network: str
    preprocessing: str
    layers: tuple[str, ...]
    views: str
    precision: str

    def __post_init__(self) -> None:
        for name in ("weights", "network", "preprocessing", "views", "precision"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise StoreError(f"{name} of a store's key must be a text that is not empty; got {value!r}.")
        if not isinstance(self.layers, tuple) or not all(isinstance(layer, str) and layer for layer in self.layers):
            raise StoreError(f"layers of a store's key must be a tuple of names; got {self.layers!r}.")
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise StoreError(f"layers of a store's key must be one or more distinct names; got {self.layers!r}.")
        if self.precision not in PRECISIONS:
            raise StoreError(f"precision of a store's key must be among {PRECISIONS}; got {self.precision!r}.")

    @property
    def digest(self) -> str:
        """sha256 over the fields and the format's version, as 64 hex digits."""
        return hashlib.sha256(canonical_json({**asdict(self), "format": FORMAT_VERSION}).encode()).hexdigest()

    def difference(self, other: StoreKey) -> list[str]:
        """Say which fields differ, one sentence each, with this key as the store's and `other` as what is wanted."""
        return [
            f"{field.name}: the store holds {shown(field.name, getattr(self, field.name))}, "
            f"these features need {shown(field.name, getattr(other, field.name))}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]

    def to_json(self) -> str:
        """Write the key as canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StoreKey:
        """Read a key back.

        Raises
        ------
        StoreError
            If the text is no JSON object with exactly the fields of a key.
        """
        found = parse_json(text)
        known = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or set(found) != known:
            got = sorted(found) if isinstance(found, dict) else type(found).__name__
            raise StoreError(f"a store's key must have the fields {sorted(known)}; got {got}.")
        if not isinstance(found["layers"], list):
            raise StoreError(f"layers of a store's key must be a list of names; got {found['layers']!r}.")
        try:
            return cls(**{**found, "layers": tuple(found["layers"])})
        except TypeError as error:
            raise StoreError(f"layers of a store's key must be a list of names; got {found['layers']!r}.") from error


def shown(name: str, value: object) -> str:
    """Render a field for a person: a hash by its first digits, text as it is."""
    if name == "weights" and isinstance(value, str) and len(value) > SHOWN:
        return f"{value[:SHOWN]}..."
    return repr(value) if isinstance(value, tuple) else str(value)
