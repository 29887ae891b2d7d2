"""Tar archives: plain ones are read in place, compressed ones keep their members' bytes in memory.

An encoded image is smaller than its pixels, so keeping the bytes costs less than the dataset that is made of them. Of what
is no image and no table the first bytes alone are kept.
"""

from __future__ import annotations

import mmap
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from hybridfer.datasets.containers import (
    BROKEN_STREAM,
    HEAD,
    LARGEST_HELD,
    LARGEST_MEMBER,
    Blob,
    Container,
    memory_stream,
    safe_path,
)
from hybridfer.datasets.kinds import is_named_image, kind_of
from hybridfer.datasets.layout import is_unwanted
from hybridfer.errors import DatasetError


def _checked(info: tarfile.TarInfo, label: str) -> str:
    """Refuse links and devices; give the member's safe path."""
    if not (info.isreg() or info.isdir()):
        raise DatasetError(f"{label} holds a link or a device, which may leave the archive: {info.name!r}. It was not read.")
    return safe_path(info.name, label)


class _Tar(Container):
    """What both kinds share: members by sorted name, and the folders above them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.path = path

    def _walk(self, archive: tarfile.TarFile, keep: Callable[[str, tarfile.TarInfo], None]) -> Counter[str]:
        """Hand every regular member to `keep`, and count the names; a break in the archive ends the walk, and is told."""
        last, times = "its first member", Counter[str]()
        try:
            for info in archive:
                last = name = _checked(info, self.label)
                if is_unwanted(name):
                    continue
                if info.isdir():
                    self.folders.append(name.rstrip("/"))
                elif info.issparse():
                    self.broken.append((name, "is a sparse file, which is not read from a tar"))
                else:
                    times[name] += 1
                    keep(name, info)
        except BROKEN_STREAM as error:
            self.broken.append((self.label, f"the archive breaks off after {last} ({error})"))
        return times

    def open(self, member: int) -> BinaryIO:
        """A stream over a member."""
        return memory_stream(self.read(member))


class PlainTar(_Tar):
    """A tar without compression: members are slices of a memory map."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        found: dict[str, tuple[int, int]] = {}
        with path.open("rb") as file:
            self._bytes = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            with tarfile.open(fileobj=file, mode="r:") as archive:
                times = self._walk(archive, lambda name, info: found.update({name: (info.offset_data, info.size)}))
        self._leave_out_repeated(found, times)
        self.names = sorted(found)
        self._spans = [found[name] for name in self.names]

    def read(self, member: int) -> Blob:
        """All bytes of a member, without a copy."""
        start, size = self._spans[member]
        blob = self._bytes[start : start + size]
        if len(blob) != size:
            raise DatasetError(f"is truncated: {len(blob)} of {size} bytes are in the tar")
        return blob


class PackedTar(_Tar):
    """A tar inside gzip, xz or bzip2: read once from end to end."""

    def __init__(self, path: Path, opener: Callable[[Path], BinaryIO]) -> None:
        super().__init__(path)
        self._blobs: dict[str, Blob] = {}
        self._held = 0
        with opener(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            times = self._walk(archive, lambda name, info: self._keep(archive, name, info))
        self._leave_out_repeated(self._blobs, times)
        self.names = sorted(self._blobs)

    def _keep(self, archive: tarfile.TarFile, name: str, info: tarfile.TarInfo) -> None:
        """Hold a member's bytes; of what is neither image nor table its head, which errors tell of."""
        file = archive.extractfile(info)
        if file is None:
            raise DatasetError(f"{self.label} holds a member without contents: {name!r}.")
        with file:
            blob = file.read(HEAD)
            kind = "image" if is_named_image(name) else kind_of(blob)
            if kind == "other":
                self._blobs[name] = blob
                return
            limit = LARGEST_MEMBER if kind == "image" else LARGEST_HELD
            if info.size > limit:
                told = f"claims {info.size / 2**20:.0f} MiB, more than the {limit // 2**20} MiB allowed"
                self.broken.append((name, told))
                return
            self._held += info.size
            if self._held > LARGEST_HELD:
                raise DatasetError(
                    f"Of a compressed tar at most {LARGEST_HELD // 2**20:,} MiB are held in memory; {self.path} has more. "
                    "Unpack it, or pack it as a zip, which is read in place."
                )
            blob += file.read()
        if len(blob) != info.size:
            self.broken.append((name, f"is truncated: {len(blob)} of {info.size} bytes are in the tar"))
            return
        self._blobs[name] = blob

    def read(self, member: int) -> Blob:
        """All bytes of a member."""
        return self._blobs[self.names[member]]
