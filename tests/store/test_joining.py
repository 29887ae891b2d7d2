from dataclasses import replace

import h5py
import numpy as np
import pytest

from hybridfer.errors import StoreError
from hybridfer.store import FeatureStore


@pytest.fixture
def other(tmp_path, key, rows, store):
    other = FeatureStore.create(tmp_path / "other.store", key, store.widths)
    digests, features = rows(20, 50)
    other.append(digests, features)
    other.record(digests, [0] * 30, ["train"] * 30, ["x"] * 30, ("happy",), "other.zip")
    return other


def test_merge_adds_what_is_lacking_and_the_datasets(filled, other, rows):
    assert filled.merge(other) == 20
    reader = FeatureStore(filled.path)
    np.testing.assert_array_equal(reader.get(rows(0, 50)[0]), rows(0, 50)[1])
    assert {listing.source for listing in reader.listings()} == {"faces.zip", "other.zip"}
    assert reader.verify().ok


def test_merging_again_changes_nothing(filled, other):
    filled.merge(other)
    before = sorted(filled.path.rglob("*.h5"))
    assert filled.merge(other.path, other) == 0
    assert sorted(filled.path.rglob("*.h5")) == before


def test_merging_a_store_into_itself_changes_nothing(filled):
    assert filled.merge(filled, filled.path) == 0
    assert len(filled) == 30


def test_merge_leaves_the_other_store_as_it_is(filled, other):
    before = {file: file.read_bytes() for file in other.path.rglob("*.h5")}
    filled.merge(other)
    assert {file: file.read_bytes() for file in other.path.rglob("*.h5")} == before


def test_merge_in_small_blocks_gives_the_same(filled, other, rows, monkeypatch):
    monkeypatch.setattr("hybridfer.store.shard.BLOCK_BYTES", 7 * 32)
    assert filled.merge(other) == 20
    np.testing.assert_array_equal(filled.get(rows(0, 50)[0]), rows(0, 50)[1])


def test_merge_refuses_another_key_before_it_writes_anything(filled, other, tmp_path, key):
    strange = FeatureStore.create(tmp_path / "strange.store", replace(key, views="flip"), filled.widths)
    with pytest.raises(StoreError, match=r"strange\.store cannot be merged.*views: the store holds single"):
        filled.merge(other, strange)
    assert len(filled) == 30


def test_merge_never_copies_a_damaged_row(filled, other, rows):
    (shard,) = (other.path / "shards").iterdir()
    with h5py.File(shard, "r+") as file:
        file["features"][25, 0] += 1
    with pytest.raises(StoreError, match=r"row 25 does not match.*hybridfer store verify .*other\.store"):
        filled.merge(other)
    assert filled.missing(rows(30, 50)[0]).all()


def test_compact_joins_shards_without_changing_a_row(filled, rows):
    reader = FeatureStore(filled.path)
    assert filled.compact() == 2
    assert len(list((filled.path / "shards").iterdir())) == 1
    for store in (filled, reader, FeatureStore(filled.path)):
        np.testing.assert_array_equal(store.get(rows(0, 30)[0]), rows(0, 30)[1])
    assert filled.verify().ok


def test_compacting_again_changes_nothing(filled):
    filled.compact()
    before = list((filled.path / "shards").iterdir())
    assert filled.compact() == 0
    assert list((filled.path / "shards").iterdir()) == before


def test_compact_fills_shards_of_the_size_asked_for(store, rows, monkeypatch):
    monkeypatch.setattr("hybridfer.store.store.SHARD_BYTES", 12 * 32)
    for start in range(0, 50, 5):
        store.append(*rows(start, start + 5))
    assert store.compact() == 5
    assert store.info().shards == 5
    np.testing.assert_array_equal(store.get(rows(0, 50)[0]), rows(0, 50)[1])


def test_compact_drops_rows_that_are_stored_twice(filled, other, rows):
    (shard,) = (other.path / "shards").iterdir()
    (filled.path / "shards" / shard.name).write_bytes(shard.read_bytes())
    filled.compact()
    assert filled.verify().rows == len(filled) == 50
    np.testing.assert_array_equal(filled.get(rows(0, 50)[0]), rows(0, 50)[1])


def test_compact_drops_a_shard_of_which_no_row_counts(filled, rows, tmp_path, key):
    filled.compact()
    copied = FeatureStore.create(tmp_path / "copied.store", key, filled.widths)
    copied.append(*rows(3, 6))
    (shard,) = (copied.path / "shards").iterdir()
    (filled.path / "shards" / shard.name).write_bytes(shard.read_bytes())
    assert FeatureStore(filled.path).compact() == 1
    assert filled.verify().rows == 30


def test_compact_never_copies_a_damaged_row_and_keeps_the_old_shards(filled):
    shards = sorted((filled.path / "shards").iterdir())
    with h5py.File(shards[1], "r+") as file:
        file["features"][3, 0] += 1
    with pytest.raises(StoreError, match="row 3 does not match"):
        filled.compact()
    assert sorted((filled.path / "shards").iterdir()) == shards
