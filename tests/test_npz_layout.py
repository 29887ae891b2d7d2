import io
import struct
import zipfile

import numpy as np
import pytest

from hybridfer.npz_layout import NpzError, read_npz


def packed(**members: bytes) -> bytes:
    """An npz of members whose bytes are given as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def claiming(shape: tuple[int, ...], content: bytes = b"") -> bytes:
    """An array's file that says it has this shape."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def array_alone() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(3))
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_they_were_written(tmp_path, save):
    written = {"labels": np.arange(3), "names": np.array(["a", "é"]), "none": np.zeros((0, 2))}
    save(tmp_path / "a.npz", **written)
    read = read_npz(tmp_path / "a.npz")
    assert list(read) == list(written)
    for name, array in written.items():
        np.testing.assert_array_equal(read[name], array, strict=True)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "No data left in file"),
        (b"PK\x03\x04 half", "not a zip file"),
        (b"no npz at all", "pickled"),
        (packed(a=claiming((100_000_000, 1_000_000)), b=claiming((1,), b"x")), "Unable to allocate 90.9 TiB"),
        (packed(a=claiming((10,), b"x")), "EOF|reading array data"),
        (array_alone(), "context manager"),
    ],
    ids=["empty", "half", "another file", "claims too much", "breaks off", "an array alone"],
)
def test_what_is_no_sound_npz_is_refused(tmp_path, content, what):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(NpzError, match=what):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(NpzError, match=what):
        read_npz(io.BytesIO(content))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(NpzError, match="No such file"):
        read_npz(tmp_path / "a.npz")


def test_an_array_that_is_missing_is_told_by_its_name(tmp_path):
    np.savez(tmp_path / "a.npz", labels=[1])
    arrays = read_npz(tmp_path / "a.npz")
    with pytest.raises(NpzError, match="it has no array 'images'"):
        arrays["images"]
    assert "images" not in arrays


def test_pickled_objects_are_not_loaded(tmp_path):
    np.savez(tmp_path / "a.npz", labels=np.array([{}], dtype=object))
    with pytest.raises(NpzError, match="Object arrays cannot be loaded"):
        read_npz(tmp_path / "a.npz")
