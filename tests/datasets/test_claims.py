import struct

import cv2
import numpy as np
import pytest

from hybridfer.datasets.claims import check_claims, is_image
from hybridfer.datasets.decode import decode_image
from hybridfer.errors import DatasetError

SIDE = 12_000


def encoded(suffix, *options):
    image = np.random.default_rng(0).integers(0, 255, (30, 50, 3), dtype=np.uint8)
    return cv2.imencode(suffix, image, options)[1].tobytes()


def patched(blob, place, form, sides=2):
    whole = bytearray(blob)
    struct.pack_into(form, whole, place, *([SIDE] * sides))
    return bytes(whole)


def jpeg_bomb():
    blob = encoded(".jpg")
    return patched(blob, blob.index(b"\xff\xc0") + 5, ">HH")


def tiff_bomb():
    blob = encoded(".tiff")
    for tag in (256, 257):
        at = blob.index(struct.pack("<HHI", tag, 3, 1), struct.unpack_from("<I", blob, 4)[0])
        blob = patched(blob, at + 8, "<H", 1)
    return blob


BOMBS = {
    "jpeg": jpeg_bomb(),
    "jpeg with strays": jpeg_bomb()[:2] + b"\0\xff\xff\0" + jpeg_bomb()[2:],
    "gif": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + bytes(60),
    "bmp": patched(encoded(".bmp"), 18, "<ii"),
    "bmp from the top": encoded(".bmp")[:18] + struct.pack("<ii", SIDE, -SIDE) + encoded(".bmp")[26:],
    "webp": patched(encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 50), 26, "<HH"),
    "lossless webp": encoded(".webp")[:21] + struct.pack("<I", SIDE - 1 | (SIDE - 1) << 14) + encoded(".webp")[25:],
    "tiff": tiff_bomb(),
    "pgm": b"P5 # a comment\n12000\n# another\r12000 255\n" + bytes(90),
    "pbm": b"P4 12000 12000\n" + bytes(90),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("tail", [b"", b"\xff\xd9"])
def test_no_format_may_claim_a_monstrous_size(kind, tail, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decodes what claims too much"))
    with pytest.raises(DatasetError, match="claims 12000x12000 pixels, too many for a face"):
        decode_image(memoryview(BOMBS[kind] + tail))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm"])
def test_what_opencv_writes_is_an_image(suffix):
    blob = encoded(suffix)
    assert is_image(blob[:512])
    assert decode_image(memoryview(blob)).shape == (30, 50)


def test_a_jpeg_after_many_is_looked_at_if_its_size_differs():
    head = check_claims(encoded(".jpg"))
    assert encoded(".jpg", cv2.IMWRITE_JPEG_OPTIMIZE, 1).startswith(head)
    assert not jpeg_bomb().startswith(head)


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_is_whole_whatever_stands_behind_its_end_and_truncated_before_it(progressive):
    blob = encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    assert decode_image(blob + b"\xff\xda motion photos append a film").shape == (30, 50)
    for end in (30, 200, len(blob) // 2, len(blob) - 2):
        with pytest.raises(DatasetError, match="is a truncated JPEG"):
            decode_image(blob[:end])


def test_the_end_of_a_thumbnail_is_not_that_of_its_jpeg():
    thumbnail, blob = encoded(".jpg"), encoded(".jpg", cv2.IMWRITE_JPEG_QUALITY, 100)
    whole = blob[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + blob[2:]
    assert decode_image(whole).shape == (30, 50)
    with pytest.raises(DatasetError, match="is a truncated JPEG"):
        decode_image(whole[:-40])


@pytest.mark.parametrize("text", [b"P5 is the fifth panel of the study.", b"BMI and other measures", b"P2\n", b"GIMP"])
def test_texts_that_begin_as_images_do_are_none(text):
    assert not is_image(text)
