"""What encoded images claim in their first bytes: their kind and size, told before anything is allocated for them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from hybridfer.datasets.containers import Blob
from hybridfer.errors import DatasetError

#: Any format may claim 32,000 x 32,000 pixels in a few hundred bytes; no photograph of a face has more than this.
LARGEST_PIXELS = 2**27

#: No image file is shorter: a PNG's header alone has 33 bytes.
SHORTEST = 24
UNREADABLE = "is no readable image"

PNG, JPEG, END_OF_JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\xff\xd9"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # tables and extensions have these three
_SCAN = 0xDA
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
#: Lengths of the second header of a BMP in all its versions; a text that begins with BM has none of them.
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_NUMBER = rb"(?:\s|#[^\r\n]*[\r\n]){1,999}(\d{1,9})"
_PNM = re.compile(rb"P[1-6]" + 2 * _NUMBER + rb"\s")
_PNM_OF_PIXELS = re.compile(rb"P[2356]" + 3 * _NUMBER + rb"\s")
_TIFF_SIDES = {256: "width", 257: "height"}
_TIFF_NUMBERS = {3: "H", 4: "I"}
_MARKER = re.compile(rb"\xff[^\x00\xff]")


def is_image(head: bytes) -> bool:
    """Whether bytes start as an image file does."""
    if head.startswith(b"BM"):
        return int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return head.startswith((PNG, JPEG + b"\xff", b"GIF8", b"II*\x00", b"MM\x00*")) or (
        _is_webp(head) or _PNM_OF_PIXELS.match(head) is not None
    )


def check_claims(blob: Blob) -> bytes:
    """Refuse what OpenCV would fill up (a JPEG that breaks off) or allocate (a bomb).

    Parameters
    ----------
    blob : bytes or memoryview
        An encoded image.

    Returns
    -------
    bytes
        What a JPEG begins with, its size included: another one that begins so, and ends as a JPEG does, may pass. Of other
        images what no JPEG begins with.

    Raises
    ------
    DatasetError
        If it is too large, or only a part of an image.
    """
    if len(blob) < SHORTEST:
        raise DatasetError(UNREADABLE if len(blob) else "is an empty file")
    head = bytes(blob[:SHORTEST])
    if head.startswith(JPEG):
        return _check_jpeg(blob)
    reader = next((reader for known, reader in _READERS if known(head)), None)
    try:
        if reader is not None:
            _check_size(*reader(blob))
    except struct.error as error:
        raise DatasetError(UNREADABLE) from error
    return head


def _check_size(width: int, height: int) -> None:
    if width * height > LARGEST_PIXELS:
        raise DatasetError(f"claims {height}x{width} pixels, too many for a face")


def _check_jpeg(blob: Blob) -> bytes:
    """Check a JPEG's size, and whether it ends behind its first scan; something else may stand behind the end."""
    whole, claimed = blob[-2:] == END_OF_JPEG, b""
    for marker, start in _segments(blob):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", blob, start + 3)
            _check_size(width, height)
            claimed = bytes(blob[: start + 7])
        if claimed and (whole or (marker == _SCAN and bytes(blob[start:]).find(END_OF_JPEG) >= 0)):
            return claimed
    raise DatasetError(UNREADABLE if whole else "is a truncated JPEG")


def _segments(blob: Blob) -> Iterator[tuple[int, int]]:
    """Markers of a JPEG up to its first scan, and where the lengths behind them stand; strays are skipped, as by libjpeg."""
    place = len(JPEG)
    while (match := _MARKER.search(blob, place)) and match.end() + 8 < len(blob):
        marker, place = blob[match.end() - 1], match.end()
        if marker in _WITHOUT_LENGTH:
            continue
        yield marker, place
        if marker == _SCAN:
            return
        place += struct.unpack_from(">H", blob, place)[0]


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _png(blob: Blob) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", blob, 16)
    return width, height


def _gif(blob: Blob) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", blob, 6)
    return width, height


def _bmp(blob: Blob) -> tuple[int, int]:
    old = struct.unpack_from("<I", blob, 14)[0] == _BMP_HEADERS[0]
    width, height = struct.unpack_from("<HH" if old else "<ii", blob, 18)
    return abs(width), abs(height)  # a negative height counts rows from the top


def _webp(blob: Blob) -> tuple[int, int]:
    kind = bytes(blob[12:16])
    if kind == b"VP8X":
        return 1 + int.from_bytes(blob[24:27], "little"), 1 + int.from_bytes(blob[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(blob[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", blob, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff(blob: Blob) -> tuple[int, int]:
    """The largest sides that the first directory of a TIFF has."""
    order = "<" if blob[0] == ord("I") else ">"
    (directory,) = struct.unpack_from(order + "I", blob, 4)
    (count,) = struct.unpack_from(order + "H", blob, directory)
    sides = dict.fromkeys(_TIFF_SIDES.values(), 0)
    for entry in range(count):
        place = directory + 2 + 12 * entry
        tag, kind = struct.unpack_from(order + "HH", blob, place)
        if tag in _TIFF_SIDES:
            if kind not in _TIFF_NUMBERS:
                raise DatasetError(UNREADABLE)
            (side,) = struct.unpack_from(order + _TIFF_NUMBERS[kind], blob, place + 8)
            sides[_TIFF_SIDES[tag]] = max(sides[_TIFF_SIDES[tag]], side)
    return sides["width"], sides["height"]


def _pnm(blob: Blob) -> tuple[int, int]:
    match = _PNM.match(blob)
    if match is None:
        raise DatasetError(UNREADABLE)
    return int(match[1]), int(match[2])


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[Blob], tuple[int, int]]], ...] = (
    (lambda head: head.startswith(PNG), _png),
    (lambda head: head.startswith(b"GIF8"), _gif),
    (lambda head: head.startswith((b"II*\x00", b"MM\x00*")), _tiff),
    (lambda head: head.startswith(b"BM"), _bmp),
    (lambda head: head.startswith((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")), _pnm),
    (_is_webp, _webp),
)
