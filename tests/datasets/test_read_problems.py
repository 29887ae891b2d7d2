"""Bad input is collected, told with file names or line numbers, and never a bare traceback."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from hybridfer.datasets import read_dataset, scan_dataset
from hybridfer.errors import DatasetError

ROW = " ".join(["7"] * 4)


def read_text(tmp_path, text, **options):
    (tmp_path / "a.csv").write_text(text)
    return read_dataset(tmp_path / "a.csv", **options)


def check_skip_and_raise(source, where, what):
    """The problem raises by default; skipped, it is kept with its place."""
    with pytest.raises(DatasetError, match=what) as caught:
        read_dataset(source)
    assert where in str(caught.value)
    skipped = read_dataset(source, on_error="skip")
    assert where in [problem.where for problem in skipped.problems]
    assert where not in skipped.names.tolist()
    return skipped


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("train/happy/a.png", b"", "is an empty file"),
        ("train/happy/a.jpg", b"no image at all, but long enough to be looked at", "is no readable image"),
        ("train/x.png", None, "stands in no class folder"),
        ("extra/x.png", None, "stands outside the train, validation and test folders"),
    ],
)
def test_a_file_that_is_no_use_is_told_by_its_path(tree, png, name, content, what):
    path = tree / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(png(np.zeros((48, 48), dtype=np.uint8)) if content is None else content)
    assert len(check_skip_and_raise(tree, name, what)) == 84


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_image_is_no_image(tree, faces, suffix):
    import cv2

    whole = cv2.imencode(suffix, faces.images[0])[1].tobytes()
    (tree / "train" / "happy" / f"half{suffix}").write_bytes(whole[: len(whole) // 2])
    check_skip_and_raise(tree, f"train/happy/half{suffix}", "is a truncated JPEG|is no readable image")


def test_a_jpeg_with_something_behind_its_end_is_an_image(tree, faces):
    import cv2

    whole = cv2.imencode(".jpg", faces.images[0])[1].tobytes()
    (tree / "train" / "happy" / "tail.jpg").write_bytes(whole + b"\0" * 40)
    assert len(read_dataset(tree)) == 85


@pytest.mark.parametrize("tail", [b"", b"\xff\xd9"])
def test_a_png_that_claims_a_monstrous_size_is_never_allocated(tree, png, tail):
    monster = bytearray(png(np.zeros((48, 48), dtype=np.uint8)))
    monster[16:24] = struct.pack(">II", 30_000, 30_000)
    monster[29:33] = struct.pack(">I", zlib.crc32(monster[12:29]))
    (tree / "train" / "happy" / "bomb.png").write_bytes(monster + tail)
    check_skip_and_raise(tree, "train/happy/bomb.png", "claims 30000x30000 pixels")


def test_an_empty_class_folder_is_told(tree, faces, same):
    (tree / "train" / "contempt").mkdir()
    assert same(check_skip_and_raise(tree, "train/contempt", "is a class folder without any image"), faces)
    assert read_dataset(tree, classes="happy,sad").problems == ()


def test_an_empty_class_folder_in_a_zip_is_told(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.mkdir("train/contempt")
    check_skip_and_raise(packed, "train/contempt", "is a class folder without any image")


def test_a_folder_that_cannot_be_looked_into_is_told(tree, faces, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if os.fspath(path).endswith("validation"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    read = check_skip_and_raise(tree, "validation", r"cannot be looked into \(Permission denied\)")
    assert len(read) == np.sum(faces.splits != "validation")


def test_a_link_that_leads_nowhere_is_told(tree):
    (tree / "train" / "happy" / "gone.png").symlink_to(tree / "nothing")
    check_skip_and_raise(tree, "train/happy/gone.png", "cannot be read")


def test_all_problems_are_counted_and_the_first_ten_listed(tree):
    for number in range(14):
        (tree / "train" / "happy" / f"bad{number:02d}.png").write_bytes(b"")
    with pytest.raises(DatasetError) as caught:
        read_dataset(tree)
    told = str(caught.value)
    assert "14 problems" in told
    assert "and 4 more" in told
    assert "bad09.png" in told
    assert "bad10.png" not in told
    assert "--on-error skip" in told
    assert len(read_dataset(tree, on_error="skip").problems) == 14


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("3,1 2 3,Training", r"has 3 pixels where 4 \(2x2\) were expected"),
        ("3,1 2 3 256,Training", "pixel 3 is '256', not within 0..255"),
        ("3,1 2 3 -1,Training", "pixel 3 is '-1', not a number"),
        ("3,1 2 x 4,Training", "pixel 2 is 'x', not a number"),
        ("3,1 2 3.5 4,Training", "pixel 2 is '3.5', not a number"),
        ("3,1 2 3 4294967300,Training", "pixel 3 is '4294967300', not within"),
        ("3,,Training", "has 0 pixels"),
        ("7,1 2 3 4,Training", "unknown label '7'"),
        ("7.0,1 2 3 4,Training", r"unknown label '7\.0'"),
        ("3.5,1 2 3 4,Training", r"unknown label '3\.5'"),
        ("-1,1 2 3 4,Training", "unknown label '-1'"),
        ("bored,1 2 3 4,Training", "unknown label 'bored'"),
        (",1 2 3 4,Training", "has no label"),
        ("3,1 2 3 4,Practice", "unknown Usage 'Practice'"),
        ("3,1 2 3 4", "has 2 columns where 3 were expected"),
    ],
)
def test_a_line_that_is_no_use_is_told_by_its_number(tmp_path, line, what):
    (tmp_path / "a.csv").write_text(f"emotion,pixels,Usage\n0,{ROW},Training\n\n{line}\n6,{ROW},PrivateTest\n")
    assert check_skip_and_raise(tmp_path / "a.csv", "a.csv:4", what).names.tolist() == ["a.csv:2", "a.csv:5"]


@pytest.mark.parametrize(
    ("text", "column"),
    [("emotion,Usage\n0,Training\n", "pixels"), ("mood,pixels\n0,1 2 3 4\n", "emotion"), ("id,name\n1,x\n", "pixels")],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_missing_column_is_always_an_error(tmp_path, text, column, on_error):
    with pytest.raises(DatasetError, match=f"no column '{column}'"):
        read_text(tmp_path, text, on_error=on_error)


@pytest.mark.parametrize("text", ["emotion,pixels\n", "emotion,pixels\n9,1 2 3 4\n", "emotion,pixels\n0,1 2 3\n"])
def test_a_table_without_any_usable_line_is_always_an_error(tmp_path, text):
    with pytest.raises(DatasetError, match="has no line that can be used"):
        read_text(tmp_path, text, on_error="skip")


@pytest.mark.parametrize("rows", [4, 84])
def test_a_csv_whose_compression_breaks_off_is_told_by_its_line(faces, csv_of, tmp_path, rows):
    whole = gzip.compress(csv_of(faces.subset(slice(rows))).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(DatasetError, match=r"a\.csv\.gz:\d+: the file breaks off here"):
        read_dataset(tmp_path / "a.csv.gz")
    assert 0 < len(read_dataset(tmp_path / "a.csv.gz", on_error="skip")) < len(faces)


def test_images_of_several_sizes_ask_for_one(tree, png):
    for number in range(2):
        (tree / "train" / "happy" / f"big{number}.png").write_bytes(png(np.zeros((64, 60), dtype=np.uint8)))
    with pytest.raises(DatasetError, match=r"several sizes: 48x48 \(84 images\), 64x60 \(2 images\).*--image-size 48"):
        read_dataset(tree, on_error="skip")
    with pytest.raises(DatasetError, match="several sizes"):
        list(scan_dataset(tree).batches())


def test_of_several_sizes_none_of_which_a_network_takes_the_networks_own_is_advised(tree, png):
    for file in tree.rglob("*.png"):
        file.write_bytes(png(np.zeros((95, 107), dtype=np.uint8)))
    next(tree.rglob("*.png")).write_bytes(png(np.zeros((96, 96), dtype=np.uint8)))
    with pytest.raises(DatasetError, match=r"several sizes: 95x107.*--image-size 48 \(image_size=48 in Python\)"):
        read_dataset(tree)


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "train/../../evil.png", "C:/evil.png", "..\\evil.png"])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_zip_member_that_leaves_the_archive_is_refused(tree, pack, tmp_path, name, on_error):
    packed = pack(tree, tmp_path / "a.zip")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(DatasetError, match="path leaves the archive"):
        read_dataset(packed, on_error=on_error)


def test_a_link_in_a_zip_is_refused(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    link = zipfile.ZipInfo("train/happy/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DatasetError, match="holds a link"):
        read_dataset(packed)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "train/../../evil.png"])
def test_a_tar_member_that_leaves_the_archive_is_refused(tree, tmp_path, mode, name):
    with tarfile.open(tmp_path / "a.tar", mode) as archive:
        archive.add(tree, "data")
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(DatasetError, match="path leaves the archive"):
        read_dataset(tmp_path / "a.tar", on_error="skip")


@pytest.mark.parametrize("mode", ["w", "w:xz"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tree, tmp_path, mode, kind):
    with tarfile.open(tmp_path / "a.tar", mode) as archive:
        archive.add(tree, "data")
        member = tarfile.TarInfo("data/train/happy/x.png")
        member.type, member.linkname = kind, "../../../../etc/passwd"
        archive.addfile(member)
    with pytest.raises(DatasetError, match="holds a link or a device"):
        read_dataset(tmp_path / "a.tar")


def spoil(packed, inside):
    """Overwrite some bytes in the middle of a zip member's data."""
    with zipfile.ZipFile(packed) as archive:
        info = archive.getinfo(inside)
    start = info.header_offset + 30 + len(inside) + info.compress_size // 2
    raw = bytearray(packed.read_bytes())
    raw[start : start + 8] = bytes(byte ^ 0x5A for byte in raw[start : start + 8])
    packed.write_bytes(raw)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_zip_member_is_told_by_its_name(tree, tmp_path, method):
    name = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.png"))[0]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for path in tree.rglob("*.png"):
            archive.write(path, path.relative_to(tree))
    spoil(tmp_path / "a.zip", name)
    assert len(check_skip_and_raise(tmp_path / "a.zip", name, "is damaged inside the zip")) == 83


def test_an_encrypted_zip_member_is_told(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    raw = bytearray(packed.read_bytes())
    raw[raw.rfind(b"PK\x01\x02") + 8] |= 1
    packed.write_bytes(raw)
    with pytest.raises(DatasetError, match="is encrypted"):
        read_dataset(packed)


def test_a_member_that_claims_too_much_is_a_problem_and_is_not_inflated(tree, pack, tmp_path, monkeypatch):
    monkeypatch.setattr("hybridfer.datasets.containers.LARGEST_MEMBER", 2 * 2**20)
    with zipfile.ZipFile(pack(tree, tmp_path / "a.zip"), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/happy/bomb.png", bytes(3 * 2**20))
    check_skip_and_raise(tmp_path / "a.zip", "train/happy/bomb.png", "claims 3 MiB, more than the 2 MiB allowed")


def test_a_member_that_inflates_to_more_than_it_claims_is_a_problem(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/happy/liar.png", bytes(2**20))
    raw = bytearray(packed.read_bytes())
    entry = raw.rfind(b"PK\x01\x02")
    raw[entry + 24 : entry + 28] = struct.pack("<I", 100)
    packed.write_bytes(raw)
    check_skip_and_raise(packed, "train/happy/liar.png", "is damaged inside the zip")


def test_members_of_one_name_are_told_and_none_of_them_is_taken(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    name = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.png"))[0]
    with zipfile.ZipFile(packed, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(name, b"another one")
    assert len(check_skip_and_raise(packed, name, "is the name of 2 members of the archive")) == 83


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_members_of_one_name_in_a_tar_are_told_as_those_of_a_zip_are(tree, png, pack, tmp_path, suffix):
    name = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.png"))[0]
    packed, other = pack(tree, tmp_path / "a.tar"), tmp_path / "b.png"
    other.write_bytes(png(np.zeros((48, 48), dtype=np.uint8)))
    with tarfile.open(packed, "a") as archive:
        archive.add(other, name)
    if suffix == "tar.gz":
        packed = tmp_path / "a.tar.gz"
        packed.write_bytes(gzip.compress((tmp_path / "a.tar").read_bytes()))
    assert len(check_skip_and_raise(packed, name, "is the name of 2 members of the archive")) == 83


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.xz"])
def test_a_compressed_tar_holds_the_heads_alone_of_what_is_no_image(tree, pack, faces, same, tmp_path, suffix):
    for number in range(6):
        (tree / f"{number}.bin").write_bytes(bytes(8 * 2**20))
    packed = pack(tree, tmp_path / f"a.{suffix}")
    tracemalloc.start()
    read = read_dataset(packed, n_jobs=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert same(read, faces)
    assert peak < 16 * 2**20


def test_a_compressed_tar_that_fills_the_memory_is_refused(tree, pack, tmp_path, monkeypatch):
    packed = pack(tree, tmp_path / "a.tar.gz")
    monkeypatch.setattr("hybridfer.datasets.tars.LARGEST_HELD", 2**16)
    with pytest.raises(DatasetError, match=r"held in memory; .*a\.tar\.gz has more\. Unpack it, or pack it as a zip"):
        read_dataset(packed)


@pytest.mark.parametrize("opener", [gzip.open, lzma.open, bz2.open])
@pytest.mark.parametrize("name", ["a.npz", "a.csv"])
def test_a_small_file_that_unpacks_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch, name, opener):
    beginning = b"emotion,pixels\n"
    if name == "a.npz":
        np.savez(tmp_path / name, images=np.zeros((2, 48, 48), dtype=np.uint8))
        beginning = (tmp_path / name).read_bytes()
    with opener(tmp_path / f"{name}.packed", "wb") as file:
        file.write(beginning)
        for _ in range(24):
            file.write(bytes(2**20))
    monkeypatch.setattr("hybridfer.datasets.containers.LARGEST_HELD", 2**20)
    tracemalloc.start()
    with pytest.raises(DatasetError, match=r"packed holds more than the 1 MiB that are read of .*Unpack it"):
        read_dataset(tmp_path / f"{name}.packed")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20


def test_a_compressed_csv_is_read_up_to_the_limit(faces, csv_of, tmp_path, monkeypatch):
    whole = csv_of(faces).encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(whole))
    monkeypatch.setattr("hybridfer.datasets.containers.LARGEST_HELD", len(whole))
    assert len(read_dataset(tmp_path / "a.csv.gz")) == len(faces)
    monkeypatch.setattr("hybridfer.datasets.containers.LARGEST_HELD", len(whole) // 2)
    with pytest.raises(DatasetError, match=r"a\.csv\.gz:\d+: the file breaks off here .*Unpack it"):
        read_dataset(tmp_path / "a.csv.gz")
    assert 0 < len(read_dataset(tmp_path / "a.csv.gz", on_error="skip")) < len(faces)


def test_a_truncated_zip_says_so(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="damaged or truncated zip"):
        read_dataset(packed)


def test_a_zip_of_an_unknown_version_says_so(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    raw = bytearray(packed.read_bytes())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 6 : entry + 8] = struct.pack("<H", 99)
    packed.write_bytes(raw)
    with pytest.raises(DatasetError, match=r"zip file version 9\.9 is newer than known here\). Pack it again"):
        read_dataset(packed)


def test_a_member_of_an_unknown_compression_is_a_problem(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.zip")
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/happy/odd.png", bytes(100))
    raw = bytearray(packed.read_bytes())
    entry = raw.rfind(b"PK\x01\x02")
    raw[entry + 10 : entry + 12] = struct.pack("<H", 97)
    packed.write_bytes(raw)
    check_skip_and_raise(packed, "train/happy/odd.png", "cannot be read from the zip")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_a_tar_that_breaks_off_keeps_what_came_before(tree, pack, tmp_path, suffix):
    packed = pack(tree, tmp_path / f"a.{suffix}")
    size = packed.stat().st_size
    cut = size // 2 if suffix != "tar.bz2" else size * 9 // 10
    packed.write_bytes(packed.read_bytes()[:cut])
    with pytest.raises(DatasetError, match=r"breaks off|truncated"):
        read_dataset(packed)


def test_a_plain_tar_that_breaks_off_is_read_up_to_there(tree, pack, tmp_path):
    packed = pack(tree, tmp_path / "a.tar")
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    read = read_dataset(packed, on_error="skip")
    assert 20 < len(read) < 60
    assert any("breaks off" in problem.what for problem in read.problems)


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"labels": [0]}, "has no array 'images'"),
        ({"images": np.zeros((1, 4, 4))}, "must be uint8"),
        ({"images": np.zeros((2, 4, 4), dtype=np.uint8), "labels": [0]}, "one entry for each of 2 images"),
        ({"images": np.array([{}], dtype=object)}, "cannot be read as an npz"),
        ({"images": np.zeros((1, 4, 4), dtype=np.uint8), "labels": [9]}, r"unknown label 9; expected 0\.\.6"),
        ({"images": np.zeros((2, 4, 4), dtype=np.uint8), "labels": [9, 0]}, r"a\.npz\[0\]: unknown label 9"),
        ({"images": np.zeros((2, 4, 4), dtype=np.uint8), "splits": ["dev", "train"]}, "unknown split 'dev'"),
        ({"images": np.zeros((1, 4, 4), dtype=np.uint8), "labels": [1j]}, "labels must be positions of classes or words"),
        ({"images": np.zeros((1, 4, 4), dtype=np.uint8), "y": np.zeros(1, dtype="M8[D]")}, "y must be positions of classes"),
        (
            {"images": np.zeros((1, 4, 4), dtype=np.uint8), "labels": [0], "classes": [["a", "b"]]},
            r"classes must be one word for each class; got an array of shape \(1, 2\)",
        ),
    ],
)
def test_an_npz_that_does_not_fit_is_told(tmp_path, arrays, what):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DatasetError, match=what):
        read_dataset(tmp_path / "a.npz")


def test_of_images_of_one_name_only_those_with_a_fault_are_left_out(tmp_path):
    images, labels = np.zeros((8, 4, 4), dtype=np.uint8), [0] * 7 + [99]
    np.savez(tmp_path / "a.npz", images=images, labels=labels, names=["face.png"] * 8)
    with pytest.raises(DatasetError, match="has 1 problem"):
        read_dataset(tmp_path / "a.npz")
    assert len(read_dataset(tmp_path / "a.npz", on_error="skip")) == 7


def test_an_array_by_itself_is_told_how_to_save_it(tmp_path):
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "x.npy", np.zeros((2, 4, 4), dtype=np.uint8))
    for source in (tmp_path / "arrays", tmp_path / "arrays" / "x.npy"):
        with pytest.raises(DatasetError, match=r"holds x\.npy, an array by itself.*numpy\.savez"):
            read_dataset(source)


@pytest.mark.parametrize(("place", "value"), [(8, 1), (10, 97)])
def test_an_npz_that_is_encrypted_or_of_an_unknown_compression_is_told(tmp_path, place, value):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=np.zeros((2, 4, 4), dtype=np.uint8))
    raw = bytearray(path.read_bytes())
    raw[raw.rfind(b"PK\x01\x02") + place] = value
    # the header before the member says the same, two bytes earlier
    raw[place - 2] = value
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match=r"a\.npz cannot be read as an npz"):
        read_dataset(path)


def test_an_npz_that_claims_more_than_there_is_memory_for_is_told(tmp_path):
    header = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 4800, 48)}
    np.lib.format.write_array_header_1_0(header, described)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    with pytest.raises(DatasetError, match=r"a\.npz cannot be read as an npz"):
        read_dataset(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({}, "holds no images"),
        ({"notes.txt": b"x"}, "holds no images"),
        ({"fer.zip": b"PK\x03\x04"}, "It holds archives; give one by its path: fer.zip"),
        ({"a.png": b"\x89PNG"}, "no class folders"),
        ({"happy/a.png": b"x" * 50, "happy/b.png": b"x" * 50}, "none of 2 files is an image"),
        ({"happy/a.png": b"x", "x.csv": b"emotion,pixels\n0,1\n"}, "not clear which is meant"),
        ({"a.csv": b"emotion,pixels,Usage\n", "b.csv": b"emotion,pixels,Usage\n"}, "several complete tables: a.csv, b.csv"),
    ],
)
def test_a_source_without_anything_to_read_is_always_an_error(tmp_path, files, what):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=what):
        read_dataset(tmp_path, on_error="skip")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8bbroken", b"BZh", b"PK\x03\x04broken", b"\x89PNG\r\n\x1a\n"])
def test_a_file_of_another_kind_is_not_recognised(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DatasetError, match=r"not recognised|cannot be read|damaged"):
        read_dataset(tmp_path / "file")


@pytest.mark.parametrize(("content", "what"), [(b"", "it is empty"), (b"hello", "its name ends in .zip, and")])
def test_a_zip_that_is_none_says_so(tmp_path, content, what):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DatasetError, match=f"a.zip is not recognised: {what}.*download it again"):
        read_dataset(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"mode": "gray"}, "mode must be among grey, colour"),
        ({"image_size": 0}, "image_size must be"),
        ({"image_size": (1, 2, 3)}, "image_size must be"),
        ({"on_error": "ignore"}, "on_error must be among raise, skip"),
        ({"test_split": "none"}, "test_split must be among"),
        ({"n_jobs": 0}, "n_jobs must be at least 1"),
        ({"classes": "bored"}, r"Classes must be among .*; got bored\.$"),
        ({"classes": "sad,hapy"}, "got hapy. Did you mean 'happy'?"),
    ],
)
def test_a_wrong_option_is_told(tree, options, what):
    with pytest.raises(DatasetError, match=what):
        read_dataset(tree, **options)


@pytest.mark.parametrize("source", ["faces:", "faces:many", "faces:0"])
def test_a_wrong_number_of_faces_is_told(source):
    if source == "faces:":
        assert read_dataset(source, image_size=16, classes="happy").image_size == (16, 16)
        return
    with pytest.raises(DatasetError, match=r"Drawn faces are asked for|Faces can be drawn"):
        read_dataset(source)


def test_a_csv_in_a_zip_that_is_damaged_is_told_by_its_line(faces, csv_of, pack, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "fer.csv").write_text(csv_of(faces))
    packed = pack(tmp_path / "in", tmp_path / "a.zip")
    spoil(packed, "fer.csv")
    with pytest.raises(DatasetError, match=r"fer\.csv:\d+"):
        read_dataset(packed)


@pytest.mark.parametrize(
    ("first", "told"),
    [("0,28 46 43 17,Training", "its first line is no header"), ("\ufefflabel,_", "its first line has 'label, _'")],
)
def test_a_csv_without_a_header_is_told_so_without_its_pixels(tmp_path, first, told):
    (tmp_path / "faces.csv").write_text(f"{first}\n{first}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=rf"no column 'pixels'; {told}\. Expected a first line of emotion,pixels"):
        read_dataset(tmp_path / "faces.csv")
