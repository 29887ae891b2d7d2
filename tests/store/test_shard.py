from pathlib import Path

import h5py
import numpy as np
import pytest

from hybridfer.errors import StoreError
from hybridfer.store import FeatureStore, verify_store
from hybridfer.store.shard import contents_seal, row_checksums


def forge(store: FeatureStore, rows, change) -> Path:
    """Write a shard that is right in every detail but the one that `change` makes wrong."""
    digests, features = rows(100, 110)
    checksums = row_checksums(digests, features)
    path = store.path / "shards" / f"{'0' * 32}.h5"
    with h5py.File(path, "w") as file:
        file["features"], file["digests"], file["checksums"] = features, digests, checksums
        file.attrs["format"], file.attrs["key"] = 1, store.key.digest
        file.attrs["seal"] = contents_seal(store.key.digest, 8, digests, checksums)
        change(file, features)
    return path


def replaced(name: str, **settings):
    def change(file: h5py.File, features: np.ndarray) -> None:
        values = file[name][:]
        del file[name]
        file.create_dataset(name, **{"data": values, **settings})

    return change


def linked(link):
    def change(file, features):
        del file["features"]
        file["features"] = link

    return change


def external(file, features):
    elsewhere = Path(file.filename).with_suffix(".raw")
    elsewhere.write_bytes(features.tobytes())
    del file["features"]
    storage = [(str(elsewhere), 0, features.nbytes)]
    file.create_dataset("features", shape=features.shape, dtype="<f4", external=storage)


def virtual(file, features):
    del file["features"]
    layout = h5py.VirtualLayout(shape=features.shape, dtype="<f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "features", shape=features.shape)
    file.create_virtual_dataset("features", layout)


def group(file, features):
    del file["features"]
    file.create_group("features")


def attributes(**values):
    def change(file, features):
        for name, value in values.items():
            del file.attrs[name]
            if value is not None:
                file.attrs[name] = value

    return change


HUGE = {"data": None, "shape": (1 << 56, 8), "dtype": "<f4"}
HOSTILE = {
    "chunked": (replaced("features", chunks=(5, 8)), "expected contiguous bytes"),
    "compressed": (replaced("features", compression="gzip"), "expected contiguous bytes"),
    "chunked checksums": (replaced("checksums", chunks=(10,)), "expected contiguous bytes"),
    "external": (external, "expected contiguous bytes"),
    "virtual": (virtual, "expected contiguous bytes"),
    "soft link": (linked(h5py.SoftLink("/digests")), "is a link"),
    "external link": (linked(h5py.ExternalLink("elsewhere.h5", "features")), "is a link"),
    "group": (group, "is a Group"),
    "float64": (replaced("features", dtype="<f8"), "expected <f4"),
    "big-endian": (replaced("features", dtype=">f4"), "expected <f4"),
    "short digests": (replaced("digests", dtype="S8"), "expected .S16"),
    "texts as digests": (replaced("digests", data=["a"] * 10, dtype=h5py.string_dtype()), "expected .S16"),
    "signed checksums": (replaced("checksums", data=np.zeros(10), dtype="<i8"), "expected <u8"),
    "three axes": (replaced("features", data=np.zeros((10, 8, 1), "<f4")), "with 2 axes"),
    "fewer digests": (replaced("digests", data=np.array([b"a"] * 9, "S16")), "10, 8"),
    "no rows": (replaced("features", data=np.zeros((0, 8), "<f4")), "0, 8"),
    "huge": (replaced("features", **HUGE), "beyond the end"),
    "one object more": (lambda file, _: file.create_group("more"), "exactly"),
    "one object less": (lambda file, _: file.pop("checksums"), "exactly"),
    "older format": (attributes(format=0), "format"),
    "no format": (attributes(format=None), "format"),
    "many formats": (attributes(format=[1, 1]), "format"),
    "no key": (attributes(key=None), "text attribute 'key'"),
    "numeric key": (attributes(key=7), "text attribute 'key'"),
    "other key": (attributes(key="0" * 64), "seal"),
    "other seal": (attributes(seal="0" * 32), "seal"),
    "other checksums": (replaced("checksums", data=np.zeros(10, "<u8")), "seal"),
}


def test_the_forgery_is_accepted_where_nothing_is_wrong(filled, rows):
    forge(filled, rows, lambda file, features: None)
    reader = FeatureStore(filled.path)
    np.testing.assert_array_equal(reader.get(rows(100, 110)[0]), rows(100, 110)[1])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_shard_is_refused_named_and_found(filled, rows, name):
    change, message = HOSTILE[name]
    shard = forge(filled, rows, change)
    with pytest.raises(StoreError, match=message) as caught:
        FeatureStore(filled.path)
    assert shard.name in str(caught.value)
    assert f"hybridfer store verify {filled.path}" in str(caught.value)
    report = verify_store(filled.path)
    assert any(shard.name in problem for problem in report.problems)


def test_a_shard_behind_a_user_block_is_refused(filled, rows, tmp_path):
    source = forge(filled, rows, lambda file, features: None)
    moved = tmp_path / "moved.h5"
    with h5py.File(source) as old, h5py.File(moved, "w", userblock_size=512) as new:
        for name in old:
            new[name] = old[name][:]
        new.attrs.update(old.attrs)
    moved.replace(source)
    with pytest.raises(StoreError, match="exactly"):
        FeatureStore(filled.path)


def test_a_shard_of_another_store_is_refused(filled, rows, tmp_path, key):
    other = FeatureStore.create(tmp_path / "other.store", key, {"conv3": 4, "embedding": 5})
    other.append(*rows(50, 60, width=9))
    (stray,) = (other.path / "shards").iterdir()
    stray.rename(filled.path / "shards" / stray.name)
    with pytest.raises(StoreError, match="written for other features"):
        FeatureStore(filled.path)
    assert any("written for other features" in problem for problem in verify_store(filled.path).problems)


@pytest.mark.parametrize("keep", [0, 1, 100, 1000, -1])
def test_a_truncated_shard_is_refused_and_found(filled, keep):
    shard = min((filled.path / "shards").iterdir())
    shard.write_bytes(shard.read_bytes()[:keep])
    with pytest.raises(StoreError, match=shard.name):
        FeatureStore(filled.path)
    assert any(shard.name in problem for problem in verify_store(filled.path).problems)


def test_a_shard_truncated_under_an_open_reader_is_an_error_not_a_crash(filled, rows):
    reader = FeatureStore(filled.path)
    for shard in (filled.path / "shards").iterdir():
        with shard.open("r+b") as file:
            file.truncate(500)
    with pytest.raises(StoreError, match="truncated"):
        reader.get(rows(0, 30)[0])


def test_a_shard_compacted_away_while_it_is_being_opened_is_not_taken_for_damaged(filled, rows, monkeypatch):
    writer, genuine = FeatureStore(filled.path), h5py.File

    def compact_first(path, *args, **kwargs):
        monkeypatch.undo()
        writer.compact()
        # What h5py says when the file goes between HDF5's opening it and looking it up again.
        raise OSError("Unable to synchronously open file (can't retrieve stat info for file)")

    monkeypatch.setattr(h5py, "File", compact_first)
    reader = FeatureStore(filled.path)
    assert h5py.File is genuine
    np.testing.assert_array_equal(reader.get(rows(0, 30)[0]), rows(0, 30)[1])


def test_a_folder_in_a_shards_place_is_refused(filled):
    (filled.path / "shards" / "x.h5").mkdir()
    with pytest.raises(StoreError, match=r"x\.h5"):
        FeatureStore(filled.path)


def test_rows_are_written_contiguous_and_plain(filled):
    for path in (filled.path / "shards").iterdir():
        with h5py.File(path) as file:
            assert set(file) == {"features", "digests", "checksums"}
            assert all(dataset.chunks is None and dataset.compression is None for dataset in file.values())
            assert (file["features"].dtype, file["digests"].dtype) == (np.float32, np.dtype("S16"))


def test_checksums_tell_swapped_rows_and_every_flipped_bit(rows):
    digests, features = rows(0, 2)
    checksums = row_checksums(digests, features)
    assert (row_checksums(digests, features[::-1].copy()) != checksums).all()
    for bit in range(32 * 8):
        raw = features.copy()
        raw.view(np.uint8)[0, bit // 8] ^= 1 << bit % 8
        assert row_checksums(digests, raw)[0] != checksums[0]


def test_a_checksum_never_changes_between_releases():
    digests = np.array([b"0123456789abcdef"], dtype="S16")
    assert row_checksums(digests, np.arange(4, dtype=np.float32)[None]).tolist() == [15641435809786906982]
