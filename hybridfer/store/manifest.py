"""key.json: what wrote a store, how wide its layers are, and which of them ride along."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hybridfer.errors import StoreError, UnreadableStoreError
from hybridfer.files import sync
from hybridfer.home import given_path, home
from hybridfer.store.key import FORMAT_VERSION, StoreKey, canonical_json, parse_json, refuse_newer
from hybridfer.store.layout import LOCK, listings_folder, shards_folder, writing
from hybridfer.store.sealing import aside, is_partial, seal

NAME = "key.json"
# Far beyond any key; a file larger than this was not written by a store.
LONGEST = 1 << 20
# The format of key.json where layers ride along; shards, listings and keys are the same in both.
RIDING_VERSION = FORMAT_VERSION + 1


@dataclass(frozen=True)
class Manifest:
    """A store's key and the width of each of its layers, in the order of the columns.

    Attributes
    ----------
    key : StoreKey
        What the features depend on.
    widths : tuple of int
        Columns of each of the key's layers.
    riding : tuple of str
        The last of the key's layers, which are kept with the others and read only where they are named.
    """

    key: StoreKey
    widths: tuple[int, ...]
    riding: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.key.layers) or not all(type(width) is int and width > 0 for width in self.widths):
            raise StoreError(f"expected a width above 0 for each of {self.key.layers}; got {self.widths}.")
        if self.riding != self.key.layers[len(self.key.layers) - len(self.riding) :] or not self.layers:
            raise StoreError(f"riding must be the last of {self.key.layers}, but not all of them; got {self.riding}.")

    @classmethod
    def of(cls, key: StoreKey, widths: Mapping[str, int], riding: Mapping[str, int]) -> Manifest:
        """Pair a key with its widths, which must name the key's layers, those that ride along last."""
        every = {**widths, **riding}
        if set(every) != set(key.layers):
            raise StoreError(f"widths must name the layers {key.layers}; got {tuple(every)}.")
        return cls(key, tuple(int(every[layer]) for layer in key.layers), tuple(riding))

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are read where none are named."""
        return self.key.layers[: len(self.key.layers) - len(self.riding)]

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

    def column_name(self, column: int) -> str:
        """Name a column of a whole row after its layer."""
        layer = next(layer for layer in self.key.layers if column < self.columns(layer).stop)
        return f"{layer}_{column - self.columns(layer).start}"

    def selection(self, layers: str | Sequence[str] | None) -> tuple[list[tuple[slice, slice]], int]:
        """Plan how to read some layers: pairs of stored and wanted columns, and the number of the latter."""
        if layers is None:
            asked = slice(sum(self.widths[: len(self.layers)]))
            return [(asked, asked)], asked.stop
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
        """Say what differs in the rows, one sentence each; which layers ride along makes no difference to them."""
        found = self.key.difference(other.key)
        if not found and self.widths != other.widths:
            found.append(f"widths: the store holds {self.widths}, these features need {other.widths}")
        return found

    def to_json(self) -> str:
        """Write the text of key.json."""
        riding = {"riding": self.riding} if self.riding else {}
        checksum = hashlib.sha256(canonical_json([asdict(self.key), self.widths, *riding.values()]).encode()).hexdigest()
        content = {
            "format": RIDING_VERSION if riding else FORMAT_VERSION,
            "key": asdict(self.key),
            "widths": self.widths,
            **riding,
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
        refuse_newer(content.get("format"), RIDING_VERSION)
        widths, riding = content.get("widths"), content.get("riding", [])
        if not isinstance(widths, list) or not isinstance(riding, list):
            raise StoreError(f"expected lists of widths and of the layers that ride along; got {widths!r} and {riding!r}.")
        manifest = cls(StoreKey.from_json(json.dumps(content.get("key"))), tuple(widths), tuple(riding))
        if text != manifest.to_json():
            raise StoreError("its checksum does not match: it was changed after it was written.")
        return manifest


def is_store(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is a store, be it damaged: key.json makes a folder one.

    Parameters
    ----------
    path : str or path-like
        A folder, or where there is none.

    Examples
    --------
    >>> is_store("no folder")
    False
    """
    return (given_path(path) / NAME).exists()


def read_manifest(path: Path) -> Manifest:
    """Read the key.json of the store at `path`.

    Raises
    ------
    StoreError
        If there is none, or it is damaged, with the command that mends it.
    UnreadableStoreError
        If a newer hybridfer wrote it, or the system refuses to read it.
    """
    file = path / NAME
    try:
        with file.open("rb") as stream:
            text = stream.read(LONGEST).decode()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path} is no feature store. {_mending(path)}") from error
    except OSError as error:
        raise UnreadableStoreError(f"{file} cannot be read: {error}. Check permissions and the disk.") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{file} is damaged: {error}. Restore it from a copy, or extract again elsewhere.") from error
    try:
        return Manifest.from_json(text)
    except UnreadableStoreError as error:
        raise UnreadableStoreError(f"{file} cannot be read: {error}") from error
    except StoreError as error:
        raise StoreError(f"{file} is damaged: {error} Restore it from a copy, or extract again elsewhere.") from error


def _mending(path: Path) -> str:
    """Say how to come by a store at a path that has no key.json; none can be made where other things are."""
    if os.path.isfile(path):
        got = "a file"
    elif not path.is_dir():
        return f"Run: hybridfer extract DATA --store {path}"
    elif strange := _strangers(path):
        got = f"a folder that holds {', '.join(strange[:3])}{' and more' if len(strange) > 3 else ''}"
    elif shards_folder(path).is_dir() and any(shards_folder(path).iterdir()):
        return f"It holds shards but no {NAME}. Restore that file from a copy."
    else:
        return f"Run: hybridfer extract DATA --store {path}"
    return f"Expected the folder that hybridfer extract wrote, with {NAME} in it; got {got}."


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
        raise StoreError(f"{path} cannot be made a feature store: {_reason(path, error)}. {_way_out(path)}") from error
    _require_no_strangers(path)
    with writing(path):
        if not is_store(path):
            _require_blank(path)
            with aside(path) as partial:
                partial.write_text(manifest.to_json(), encoding="utf-8", newline="\n")
                seal(partial, path / NAME)


def _reason(path: Path, error: OSError) -> str:
    """Say why a folder could not be made; a file in its place is no matter of the system's words."""
    file = next((place for place in (path, *path.parents) if os.path.isfile(place)), None)
    return error.strerror or str(error) if file is None else f"{file} is a file, and a store is a folder"


def _way_out(path: Path) -> str:
    """Say what to set, to make a store elsewhere: those that nobody gave a path lie in the home."""
    if path.is_relative_to(home() / "stores"):
        return "Set HYBRIDFER_HOME to a folder that can be written."
    return "Choose another --store."


def _require_no_strangers(path: Path) -> None:
    """Refuse a folder that is neither a store nor the beginnings of one, before anything is written into it."""
    if is_store(path):
        return
    if strange := _strangers(path):
        raise StoreError(f"{path} holds other things ({', '.join(strange[:5])}). Choose a new or empty folder.")


def _strangers(path: Path) -> list[str]:
    """Name what in a folder is not the beginnings of a store."""
    # another process may be making the store just now, key.json included
    begun = {path / LOCK, path / NAME, shards_folder(path), listings_folder(path)}
    return sorted(entry.name for entry in path.iterdir() if entry not in begun and not is_partial(entry))


def _require_blank(path: Path) -> None:
    """Refuse a folder in which anything stands but the beginnings of a store; the caller holds the lock."""
    _require_no_strangers(path)
    if any(shards_folder(path).iterdir()):
        raise StoreError(f"{path} holds shards but no {NAME}. Restore that file from a copy, or choose another folder.")
