"""key.json: what wrote a store, and how wide its layers are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hybridfer.errors import StoreError
from hybridfer.store.key import FORMAT_VERSION, StoreKey, canonical_json, parse_json
from hybridfer.store.layout import LOCK, listings_folder, shards_folder, writing
from hybridfer.store.sealing import PARTIAL, aside, seal, sync

NAME = "key.json"
# Far beyond any key; a file larger than this was not written by a store.
LONGEST = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """A store's key and the width of each of its layers, in the order of the columns."""

    key: StoreKey
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.key.layers) or not all(type(width) is int and width > 0 for width in self.widths):
            raise StoreError(f"expected a width above 0 for each of {self.key.layers}; got {self.widths}.")

    @classmethod
    def of(cls, key: StoreKey, widths: Mapping[str, int]) -> Manifest:
        """Pair a key with its widths, which must name the key's layers."""
        if set(widths) != set(key.layers):
            raise StoreError(f"widths must name the layers {key.layers}; got {tuple(widths)}.")
        return cls(key, tuple(int(widths[layer]) for layer in key.layers))

    @property
    def width(self) -> int:
        """Columns of a whole row."""
        return sum(self.widths)

    def columns(self, layer: str) -> slice:
        """Tell which columns of a row belong to a layer."""
        if layer not in self.key.layers:
            raise StoreError(f"layers must be among {self.key.layers}; got {layer!r}.")
        place = self.key.layers.index(layer)
        start = sum(self.widths[:place])
        return slice(start, start + self.widths[place])

    def selection(self, layers: str | Sequence[str] | None) -> tuple[list[tuple[slice, slice]], int]:
        """Plan how to read some layers: pairs of stored and wanted columns, and the number of the latter."""
        if layers is None:
            return [(slice(None), slice(None))], self.width
        pairs = []
        end = 0
        for layer in [layers] if isinstance(layers, str) else layers:
            stored = self.columns(layer)
            pairs.append((stored, slice(end, end + stored.stop - stored.start)))
            end = pairs[-1][1].stop
        if not pairs:
            raise StoreError(f"layers must name one or more of {self.key.layers}; got none.")
        return pairs, end

    def difference(self, other: Manifest) -> list[str]:
        """Say what differs, one sentence each."""
        found = self.key.difference(other.key)
        if not found and self.widths != other.widths:
            found.append(f"widths: the store holds {self.widths}, these features need {other.widths}")
        return found

    def to_json(self) -> str:
        """Write the text of key.json."""
        checksum = hashlib.sha256(canonical_json([asdict(self.key), self.widths]).encode()).hexdigest()
        content = {
            "format": FORMAT_VERSION,
            "key": asdict(self.key),
            "widths": self.widths,
            "digest": self.key.digest,
            "checksum": checksum,
        }
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read the text of key.json; a single changed character is refused."""
        content = parse_json(text)
        if not isinstance(content, dict):
            raise StoreError(f"expected an object; got {type(content).__name__}.")
        version = content.get("format")
        if type(version) is int and version > FORMAT_VERSION:
            raise StoreError(
                f"it was written by a newer hybridfer (format {version}; this one reads {FORMAT_VERSION}). "
                "Run: pip install --upgrade hybridfer"
            )
        widths = content.get("widths")
        if not isinstance(widths, list):
            raise StoreError(f"expected a list of widths; got {widths!r}.")
        manifest = cls(StoreKey.from_json(json.dumps(content.get("key"))), tuple(widths))
        if text != manifest.to_json():
            raise StoreError("its checksum does not match: it was changed after it was written.")
        return manifest


def read_manifest(path: Path) -> Manifest:
    """Read the key.json of the store at `path`.

    Raises
    ------
    StoreError
        If there is none, or it is damaged, with the command that mends it.
    """
    file = path / NAME
    try:
        with file.open("rb") as stream:
            text = stream.read(LONGEST).decode()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path} is no feature store. Run: hybridfer extract DATA --store {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} cannot be read: {error}. Restore it from a copy.") from error
    try:
        return Manifest.from_json(text)
    except StoreError as error:
        raise StoreError(f"{file} is damaged: {error} Restore it from a copy, or extract again elsewhere.") from error


def lay_out(path: Path, manifest: Manifest) -> None:
    """Make the folder of a store, unless another process is faster; key.json comes last and makes it one.

    Raises
    ------
    StoreError
        If the folder holds other things, holds shards without their key, or cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        sync(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be made a feature store: {error}. Choose another --store.") from error
    with writing(path):
        if not (path / NAME).exists():
            _require_blank(path)
            with aside(path) as partial:
                partial.write_text(manifest.to_json(), encoding="utf-8", newline="\n")
                seal(partial, path / NAME)


def _require_blank(path: Path) -> None:
    """Refuse a folder in which anything stands but the beginnings of a store."""
    begun = {path / LOCK, shards_folder(path), listings_folder(path)}
    strange = sorted(entry.name for entry in path.iterdir() if entry not in begun and entry.suffix != PARTIAL)
    if strange:
        raise StoreError(f"{path} holds other things ({', '.join(strange[:5])}). Choose a new or empty folder.")
    if any(shards_folder(path).iterdir()):
        raise StoreError(f"{path} holds shards but no {NAME}. Restore that file from a copy, or choose another folder.")
