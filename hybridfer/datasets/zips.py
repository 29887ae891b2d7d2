"""Zip archives, read by many threads at once without unpacking.

`zipfile` reads the directory; members are then sliced out of a memory map and inflated here, because a ZipFile.open for
each of 36,000 members of 1.5 kB costs as much as decoding them.
"""

from __future__ import annotations

import io
import mmap
import stat
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import BinaryIO, cast

from hybridfer.datasets.containers import HEAD, Blob, Container, check_size, memory_stream, safe_path
from hybridfer.datasets.layout import is_unwanted
from hybridfer.errors import DatasetError

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1
# the name is UTF-8, and Info-ZIP's field that tells a name in UTF-8 beside another (APPNOTE 4.4.4 and 4.6.9)
_UTF8 = 0x800
_UNICODE_PATH = 0x7075


class ZipArchive(Container):
    """A zip archive; stored and deflated members are read without a lock."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.path = path
        try:
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                members = [(self._checked(info), info) for info in archive.infolist()]
        # zipfile's word for a version of the format that it does not know
        except NotImplementedError as error:
            raise DatasetError(
                f"{path} cannot be read ({error} is newer than known here). Pack it again with zip."
            ) from error
        except (zipfile.BadZipFile, ValueError) as error:
            if isinstance(error, DatasetError):
                raise
            raise DatasetError(f"{path} is a damaged or truncated zip ({error}). Copy or download it again.") from error
        self._bytes = memoryview(self._map)
        infos = dict(members)
        if len(infos) < len(members):
            self._leave_out_repeated(infos, Counter(name for name, _ in members))
        self.folders = sorted(name.rstrip("/") for name in infos if name.endswith("/") and not is_unwanted(name[:-1]))
        self.names = sorted(name for name in infos if not name.endswith("/") and not is_unwanted(name))
        self._infos = [infos[name] for name in self.names]

    def _checked(self, info: zipfile.ZipInfo) -> str:
        name = _name_of(info)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DatasetError(f"{self.label} holds a link, which may leave the archive: {name!r}. It was not read.")
        return safe_path(name, self.label)

    def read(self, member: int) -> Blob:
        """All bytes of a member, checked against its CRC."""
        info = self._infos[member]
        method, size = info.compress_type, info.file_size
        if size > 2**20:
            check_size(size)
        if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & _ENCRYPTED:
            return self._read_slowly(info)
        blob: Blob = self._raw(info)
        if method == zipfile.ZIP_DEFLATED:
            blob = _inflate(blob, size)
        if len(blob) != size or zlib.crc32(blob) != info.CRC:
            raise DatasetError("is damaged inside the zip: its checksum is wrong")
        return blob

    def _raw(self, info: zipfile.ZipInfo) -> Blob:
        try:
            magic, name_length, extra_length = _LOCAL_HEADER.unpack_from(self._map, info.header_offset)
        except struct.error:
            magic, name_length, extra_length = b"", 0, 0
        if magic != b"PK\x03\x04":
            raise DatasetError("is damaged inside the zip: its header is missing")
        start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        return self._bytes[start : start + info.compress_size]

    def _read_slowly(self, info: zipfile.ZipInfo) -> bytes:
        """Leave rarer compressions to zipfile."""
        if info.flag_bits & _ENCRYPTED:
            raise DatasetError("is encrypted; unpack it and pack it again without a password")
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(info) as file:
                return file.read()
        # zipfile's word for a compression that it does not know
        except NotImplementedError as error:
            raise DatasetError(f"cannot be read from the zip ({error}); pack it again with zip") from error
        except Exception as error:  # each codec has its own errors, and all mean a member that cannot be read
            raise DatasetError(f"is damaged inside the zip ({error})") from error

    def open(self, member: int) -> BinaryIO:
        """A stream over a member, inflated as it is read: for tables of any size."""
        info = self._infos[member]
        if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & _ENCRYPTED:
            return memory_stream(self._raw(info))
        try:
            # The member keeps the file open; closing the archive first is safe.
            with zipfile.ZipFile(self.path) as archive:
                file = archive.open(info)
        # what zipfile raises for encrypted members and for unknown compressions, and for damaged ones
        except (RuntimeError, zipfile.BadZipFile) as error:
            raise DatasetError(f"cannot be read from the zip ({error})") from error
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, file), buffer_size=2**16))

    def head(self, member: int) -> bytes:
        """The first bytes of a member, without checking the rest of it."""
        info = self._infos[member]
        if info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & _ENCRYPTED:
            return super().head(member)
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(self._raw(info)[: 2 * HEAD], HEAD)
        except (DatasetError, zlib.error):
            return b""


def _name_of(info: zipfile.ZipInfo) -> str:
    """Decode a member's name: zip and most of its kind write UTF-8 without saying so, which zipfile takes for cp437."""
    if info.flag_bits & _UTF8:
        return info.filename
    raw = info.orig_filename.encode("cp437")
    for candidate in (_unicode_path(info.extra, raw), raw):
        try:
            if candidate is not None:
                # what stands behind a null byte is no part of the name, as in zipfile
                return candidate.decode("utf-8").partition("\0")[0]
        except UnicodeDecodeError:
            continue
    return info.filename


def _unicode_path(extra: bytes, raw: bytes) -> bytes | None:
    """Find the name in UTF-8 among a member's extra fields; one that was made for another name does not count."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and field[:5] == struct.pack("<BI", 1, zlib.crc32(raw)):
            return field[5:]
    return None


def _inflate(raw: Blob, size: int) -> bytes:
    """Inflate to at most `size` bytes: what the directory promised bounds what a bomb can fill."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        blob = inflater.decompress(raw, size + 1)
    except zlib.error as error:
        raise DatasetError(f"is damaged inside the zip ({error})") from error
    return blob
