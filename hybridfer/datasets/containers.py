"""Folders, archives and single files, all seen alike: sorted member paths whose bytes can be read by many threads.

Nothing is ever unpacked to disk. An archive with a member whose path leaves it is refused as a whole.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from hybridfer.datasets.layout import is_unwanted
from hybridfer.errors import DatasetError

#: No face image is this large: a member that claims more is a decompression bomb or a mistake.
LARGEST_MEMBER = 256 * 2**20
#: What is compressed as a whole tells its size nowhere: a csv (fer2013.csv has 301 MB), an npz, or a tar of many images.
LARGEST_HELD = 4 * 2**30
HEAD = 512

_OPENERS: dict[bytes, Callable[[Path], BinaryIO]] = {
    b"\x1f\x8b": cast(Callable[[Path], BinaryIO], gzip.open),
    b"\xfd7zXZ\x00": cast(Callable[[Path], BinaryIO], lzma.open),
    b"BZh": cast(Callable[[Path], BinaryIO], bz2.open),
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: What reading a damaged compressed stream raises.
BROKEN_STREAM = (EOFError, OSError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)

#: Bytes, or a view of them in a memory map.
Blob = bytes | memoryview


class Container(ABC):
    """Members of a source: `names[i]` is read by `read(i)`, from any thread.

    Attributes
    ----------
    label : str
        What errors call it.
    names : list of str
        Member paths with forward slashes, sorted.
    folders : list of str
        Folders that are told of, empty ones among them.
    broken : list of (str, str)
        Members that cannot be read at all, and why.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.names: list[str] = []
        self.folders: list[str] = []
        self.broken: list[tuple[str, str]] = []

    @abstractmethod
    def read(self, member: int) -> Blob:
        """All bytes of a member; DatasetError says what is wrong with it."""

    @abstractmethod
    def open(self, member: int) -> BinaryIO:
        """A stream over a member, for what is better not held at once."""

    def _leave_out_repeated(self, members: dict[str, Any], times: Counter[str]) -> None:
        """Remember as broken what several members share a name with: none of them can be told from the others."""
        for name, count in times.items():
            if count > 1 and not name.endswith("/") and not is_unwanted(name):
                members.pop(name, None)
                self.broken.append(
                    (name, f"is the name of {count} members of the archive; pack it again with each name once")
                )

    def head(self, member: int) -> bytes:
        """The first bytes of a member, empty where it cannot be read."""
        try:
            with self.open(member) as file:
                return file.read(HEAD)
        except (DatasetError, *BROKEN_STREAM):
            return b""


def open_container(path: Path) -> Container:
    """Open a folder, a zip, a tar (plain, gzip, xz or bzip2) or a single file, told apart by their first bytes.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Container

    Raises
    ------
    DatasetError
        If nothing is there, it cannot be read, or a member's path leaves the archive.
    """
    from hybridfer.datasets.tars import PackedTar, PlainTar
    from hybridfer.datasets.zips import ZipArchive

    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise DatasetError(f"{path} does not exist. Give a folder, an archive, a csv, an npz, or the word faces.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if head.startswith(_ZIP):
            return ZipArchive(path)
        opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
        if opener is None:
            return PlainTar(path) if is_tar(head) else SingleFile(path)
        with opener(path) as stream:
            packed_tar = is_tar(stream.read(HEAD))
        return PackedTar(path, opener) if packed_tar else SingleFile(path, opener)
    except BROKEN_STREAM as error:
        raise DatasetError(f"{path} cannot be read ({error}); it may be truncated. Copy or download it again.") from error


def is_tar(head: bytes) -> bool:
    """Whether 512 bytes are a tar header with a correct checksum."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def safe_path(name: str, label: str) -> str:
    """Give a member's path with forward slashes, or refuse one that leaves the archive.

    Raises
    ------
    DatasetError
        For an absolute path, a drive letter, or a ".." on the way.
    """
    path = name.replace("\\", "/")
    if ".." not in path and ":" not in path and "//" not in path and not path.startswith(("/", "./")):
        return path
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in path.split("/"):
        raise DatasetError(f"{label} holds a member whose path leaves the archive: {name!r}. It was not read.")
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def check_size(size: int) -> None:
    """Refuse a member that claims more bytes than any image has."""
    if size > LARGEST_MEMBER:
        raise DatasetError(f"claims {size / 2**20:.0f} MiB, more than the {LARGEST_MEMBER // 2**20} MiB allowed")


class Folder(Container):
    """A folder on disk; links are followed, but for those that lead back to a folder above them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name or str(path))
        self.root = path
        # where, what names below it begin with, and the real paths of it and of the folders above it
        todo = [(os.fspath(path), "", frozenset({os.path.realpath(path)}))]
        while todo:
            where, below, above = todo.pop()
            for entry in self._listed(where, below):
                name = below + entry.name
                kind = _kind(entry)
                if kind == "file":
                    self.names.append(name)
                elif kind == "folder" and (real := os.path.realpath(entry.path)) not in above:
                    self.folders.append(name)
                    todo.append((entry.path, f"{name}/", above | {real}))
        self.names.sort()

    def _listed(self, where: str, below: str) -> list[os.DirEntry[str]]:
        """What is in a folder, but for litter; a folder that cannot be looked into is remembered as broken."""
        try:
            with os.scandir(where) as entries:
                return [entry for entry in entries if not is_unwanted(entry.name)]
        except OSError as error:
            self.broken.append((below.rstrip("/") or self.label, f"cannot be looked into ({error.strerror})"))
            return []

    def read(self, member: int) -> Blob:
        """All bytes of a file."""
        try:
            with self.open(member) as file:
                check_size(os.fstat(file.fileno()).st_size)
                return file.read()
        except OSError as error:
            raise DatasetError(f"cannot be read ({error.strerror})") from error

    def open(self, member: int) -> BinaryIO:
        """A stream over a file."""
        return open(self.root / self.names[member], "rb")


def _kind(entry: os.DirEntry[str]) -> str:
    """Tell folders and files; what is neither, such as a pipe, whose reading may wait for ever, is "other"."""
    try:
        if entry.is_dir():
            return "folder"
        # a link that leads nowhere is told when it is read
        return "file" if entry.is_file() or not os.path.exists(entry.path) else "other"
    except OSError:
        return "file"


class SingleFile(Container):
    """One file outside any archive, perhaps compressed: then `opener` decompresses it, up to a limit."""

    def __init__(self, path: Path, opener: Callable[[Path], BinaryIO] | None = None) -> None:
        super().__init__(path.name)
        self.path, self.opener = path, opener
        self.names = [path.name]

    def read(self, member: int) -> Blob:
        """All bytes of the file."""
        with self.open(member) as file:
            return file.read()

    def open(self, member: int) -> BinaryIO:
        """A stream over the file, decompressed."""
        if self.opener is None:
            return self.path.open("rb")
        unpacked = _Bounded(cast(io.BufferedIOBase, self.opener(self.path)), self.path)
        return cast(BinaryIO, io.BufferedReader(unpacked, buffer_size=2**16))


class _Bounded(io.RawIOBase):
    """What is unpacked of a file, until it is more than may be held: a kilobyte may stand for a megabyte."""

    def __init__(self, stream: io.BufferedIOBase, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, LARGEST_HELD

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # what comes before a break is given before the break is told
        blob = self._stream.read1(len(buffer))
        self._left -= len(blob)
        if self._left < 0:
            raise DatasetError(
                f"{self._path} holds more than the {LARGEST_HELD // 2**20:,} MiB that are read of a compressed file. "
                "Unpack it."
            )
        buffer[: len(blob)] = blob
        return len(blob)

    def close(self) -> None:
        self._stream.close()
        super().close()


def memory_stream(blob: Blob) -> BinaryIO:
    """A stream over bytes in memory."""
    return io.BytesIO(blob)
