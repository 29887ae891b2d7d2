"""What a store says about itself: its inventory, and the findings of a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hybridfer import phrases
from hybridfer.store.key import StoreKey
from hybridfer.store.listing import Listing

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ListingInfo:
    """One recorded dataset in brief: images by split and class."""

    digest: str
    source: str
    classes: tuple[str, ...]
    rows: int
    counts: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, listing: Listing) -> ListingInfo:
        """Sum a listing up."""
        return cls(listing.digest, listing.source, listing.classes, len(listing), listing.counts())

    def __str__(self) -> str:
        splits = ", ".join(f"{split} {sum(found.values()):,}" for split, found in self.counts.items())
        return f"{self.source} ({self.digest[:8]}): {splits}; {len(self.classes)} classes: {', '.join(self.classes)}"


@dataclass(frozen=True)
class StoreInfo:
    """Inventory of a store; ``str()`` is for the terminal, `to_dict` for JSON.

    Attributes
    ----------
    path : Path
        The store.
    rows, bytes, shards : int
        Distinct images, and what holds their features.
    widths : dict of str to int
        Columns of each layer that was asked for.
    riding : dict of str to int
        Columns of each layer that is kept beside these and read only by name.
    key : StoreKey
        What the features depend on.
    listings : tuple of ListingInfo
        The recorded datasets.
    """

    path: Path
    rows: int
    bytes: int
    shards: int
    widths: Mapping[str, int]
    riding: Mapping[str, int]
    key: StoreKey
    listings: tuple[ListingInfo, ...]

    def to_dict(self) -> dict[str, object]:
        """Give the inventory as plain JSON values."""
        return {**asdict(self), "path": str(self.path), "digest": self.key.digest}

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.rows:,} rows x {sum(self.widths.values()):,} features, "
            f"{self.bytes / MEBIBYTE:,.1f} MiB in {phrases.count(self.shards, 'shard')}",
            f"  layers         {_told(self.widths)}",
            *([f"  riding along   {_told(self.riding)}: read only by name"] if self.riding else []),
            f"  network        {self.key.network}",
            f"  weights        {self.key.weights}",
            f"  preprocessing  {self.key.preprocessing}",
            f"  views          {self.key.views}",
            f"  precision      {self.key.precision}",
        ]
        return "\n".join(lines + [f"  dataset        {listing}" for listing in self.listings])


def _told(widths: Mapping[str, int]) -> str:
    return ", ".join(f"{layer} ({width})" for layer, width in widths.items())


@dataclass(frozen=True)
class VerifyReport:
    """Findings of a check of a whole store.

    Attributes
    ----------
    path : Path
        The store.
    rows : int
        Rows whose checksum was computed.
    shards : int
        Shards that were looked at.
    problems : tuple of str
        Damage: each names the file, the row where there is one, and what is wrong.
    incomplete : tuple of str
        Datasets of which some images have no features yet. No damage: extract again.
    leftovers : tuple of str
        Unfinished files of writers that were killed, or are at work. Harmless; the next writer removes them.
    quarantined : tuple of str
        Files that were moved to ``damaged/``.
    """

    path: Path
    rows: int
    shards: int
    problems: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """Give the findings as plain JSON values."""
        return {**asdict(self), "path": str(self.path), "ok": self.ok}

    def __str__(self) -> str:
        verdict = "no damage" if self.ok else phrases.count(len(self.problems), "problem")
        lines = [
            f"{self.path}: checked {phrases.count(self.rows, 'row')} in {phrases.count(self.shards, 'shard')}: {verdict}"
        ]
        lines += [f"  damaged: {problem}" for problem in self.problems]
        lines += [f"  incomplete: {finding}" for finding in self.incomplete]
        lines += [f"  unfinished file: {name}" for name in self.leftovers]
        lines += [f"  moved to damaged/: {name}" for name in self.quarantined]
        if self.quarantined:
            lines.append(f"  To compute the rows again, run: hybridfer extract DATA --store {self.path}")
        elif not self.ok:
            lines.append(f"  To move the damage aside, run: hybridfer store verify {self.path} --quarantine")
        return "\n".join(lines)
