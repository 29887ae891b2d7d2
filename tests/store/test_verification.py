import contextlib
import errno
import json
import shutil

import h5py
import numpy as np
import pytest

from hybridfer.errors import StoreError, UnreadableStoreError
from hybridfer.store import FeatureStore, verify_store


def offset_of(path, name):
    with h5py.File(path) as file:
        return file[name].id.get_offset()


def first_shard(store):
    return min((store.path / "shards").iterdir())


def test_a_sound_store_is_checked_to_the_last_row(filled):
    report = filled.verify()
    assert (report.ok, report.rows, report.shards) == (True, 30, 3)
    assert "checked 30 rows in 3 shards: no damage" in str(report)
    assert report.to_dict()["ok"] is True


def test_a_flipped_byte_of_features_is_found_with_its_row(filled, flip):
    shard = first_shard(filled)
    flip(shard, offset_of(shard, "features") + 4 * 32 + 5)
    report = verify_store(filled.path)
    (problem,) = report.problems
    assert f"{shard.name}: row 4 " in problem
    with h5py.File(shard) as file:
        assert bytes(file["digests"][4]).hex() in problem


@pytest.mark.parametrize("name", ["digests", "checksums"])
def test_a_flipped_byte_of_digests_or_checksums_stops_the_store_from_opening(filled, flip, name):
    shard = first_shard(filled)
    flip(shard, offset_of(shard, name) + 20)
    with pytest.raises(StoreError, match=rf"{shard.name} is damaged.*hybridfer store verify"):
        FeatureStore(filled.path)
    assert shard.name in verify_store(filled.path).problems[0]


def test_a_flip_of_any_byte_is_found_and_never_crashes_a_reader(filled, flip, rows):
    shard, digests = first_shard(filled), rows(0, 30)[0]
    whole = shard.read_bytes()
    for offset in np.random.default_rng(0).choice(len(whole), 60, replace=False):
        flip(shard, offset)
        assert not verify_store(filled.path).ok, offset
        with contextlib.suppress(StoreError):
            assert FeatureStore(filled.path).get(digests).shape == (30, 8)
        shard.write_bytes(whole)
    assert verify_store(filled.path).ok


def test_swapped_rows_are_found(filled):
    shard = first_shard(filled)
    with h5py.File(shard, "r+") as file:
        file["features"][:2] = file["features"][:2][::-1]
    problems = verify_store(filled.path).problems
    assert ["row 0 " in problems[0], "row 1 " in problems[1], len(problems)] == [True, True, 2]


def test_many_damaged_rows_are_counted_not_listed(store, rows):
    store.append(*rows(0, 100))
    with h5py.File(first_shard(store), "r+") as file:
        file["features"][:] = 0
    problems = store.verify().problems
    assert len(problems) == 11
    assert "90 more rows" in problems[-1]


def test_rows_stored_twice_alike_are_no_damage_but_different_ones_are(filled, rows, tmp_path, key):
    digests, features = rows(0, 4)
    for change, sound in ((0, True), (1, False)):
        other = FeatureStore.create(tmp_path / f"other{change}.store", key, filled.widths)
        other.append(digests, features + np.float32(change))
        shutil.copy(first_shard(other), filled.path / "shards")
        report = verify_store(filled.path)
        assert report.ok is sound
    assert all("stored twice with different features" in problem for problem in report.problems)
    assert len(FeatureStore(filled.path)) == 30


def test_quarantine_moves_damage_aside_and_the_rows_can_be_added_again(filled, flip, rows):
    shard = first_shard(filled)
    flip(shard, offset_of(shard, "digests"))
    report = verify_store(filled.path, quarantine=True)
    assert report.quarantined == (f"shards/{shard.name}",)
    assert (filled.path / "damaged" / shard.name).exists()
    again = FeatureStore(filled.path)
    digests, features = rows(0, 30)
    assert again.missing(digests).sum() == 10
    assert again.append(digests, features) == 10
    assert again.verify() == verify_store(filled.path)
    assert again.verify().ok
    np.testing.assert_array_equal(again.load()[0], features)


def test_quarantine_settles_rows_stored_twice_with_different_features(filled, rows, tmp_path, key):
    digests, features = rows(0, 4)
    other = FeatureStore.create(tmp_path / "other.store", key, filled.widths)
    other.append(digests, features + 1)
    shutil.copy(first_shard(other), filled.path / "shards")
    assert len(verify_store(filled.path, quarantine=True).quarantined) == 2
    assert verify_store(filled.path).ok
    assert FeatureStore(filled.path).missing(digests).all()


def test_quarantine_leaves_a_sound_store_alone(filled):
    filled.verify(quarantine=True)
    assert not (filled.path / "damaged").exists()
    assert len(filled) == 30


def test_an_open_store_sees_that_rows_were_moved_aside(filled, flip, rows):
    shard = first_shard(filled)
    flip(shard, offset_of(shard, "features"))
    filled.verify(quarantine=True)
    assert filled.missing(rows(0, 30)[0]).sum() == 10


def test_images_without_features_are_incomplete_not_damaged(filled, rows):
    digests, _ = rows(25, 35)
    filled.record(digests, [0] * 10, ["dev"] * 10, ["x"] * 10, ("happy",), "more.zip")
    report = filled.verify()
    assert report.ok
    (finding,) = report.incomplete
    assert "more.zip" in finding
    assert "5 of 10 images" in finding


def test_unfinished_files_are_reported_ignored_and_removed_by_the_next_writer(filled, rows):
    partial = filled.path / "shards" / f"{'01' * 16}.partial"
    partial.write_bytes(b"half a shard")
    report = filled.verify()
    assert (report.ok, report.leftovers) == (True, (f"shards/{partial.name}",))
    assert len(FeatureStore(filled.path)) == 30
    filled.append(*rows(30, 31))
    assert not partial.exists()


def test_a_store_of_a_newer_hybridfer_is_no_damage_and_stays(filled):
    file = filled.path / "key.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 99}))
    before = sorted(filled.path.rglob("*"))
    with pytest.raises(UnreadableStoreError, match="pip install --upgrade hybridfer"):
        verify_store(filled.path, quarantine=True)
    assert sorted(filled.path.rglob("*")) == before


@pytest.mark.parametrize("folder", ["shards", "listings"])
def test_a_file_of_a_newer_hybridfer_is_no_damage_and_stays(filled, folder):
    file = min((filled.path / folder).iterdir())
    with h5py.File(file, "r+") as opened:
        opened.attrs["format"], opened["more"] = 2, [1]
    before = sorted(filled.path.rglob("*"))
    newer = rf"{file.name} cannot be read: it was .*\(format 2; this one reads 1\)\. Run: pip install --upgrade hybridfer$"
    with pytest.raises(UnreadableStoreError, match=newer):
        verify_store(filled.path, quarantine=True)
    with pytest.raises(UnreadableStoreError, match=newer):
        FeatureStore(filled.path).listings()
    assert sorted(filled.path.rglob("*")) == before


@pytest.mark.parametrize("folder", ["shards", "listings"])
def test_what_the_system_refuses_to_read_is_no_damage_and_stays(filled, monkeypatch, folder):
    read = h5py.File

    def refuse(path, *arguments, **settings):
        if path.parent.name == folder:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path, *arguments, **settings)

    before = sorted(filled.path.rglob("*"))
    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(UnreadableStoreError, match=r"cannot be read: Permission denied\. Check permissions"):
        verify_store(filled.path, quarantine=True)
    assert sorted(filled.path.rglob("*")) == before


def test_what_is_no_store_cannot_be_verified(tmp_path):
    with pytest.raises(StoreError, match="is no feature store"):
        verify_store(tmp_path)
