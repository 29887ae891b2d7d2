import copy
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hybridfer.errors import StoreError
from hybridfer.store import FeatureStore


def test_a_folder_without_a_store_says_what_to_run(tmp_path):
    with pytest.raises(StoreError, match="hybridfer extract DATA --store"):
        FeatureStore(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("made", "got"),
    [
        (
            ["faces/c.png", "faces/d.png", "faces/a.txt", "faces/b.txt"],
            "a folder that holds a.txt, b.txt, c.png and more",
        ),
        (["faces"], "a file"),
    ],
    ids=["folder", "file"],
)
def test_where_other_things_are_no_store_is_advised_but_told_what_was_expected(tmp_path, made, got):
    for name in made:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"other")
    with pytest.raises(StoreError, match=f"folder that hybridfer extract wrote, with key.json in it; got {got}") as told:
        FeatureStore(tmp_path / "faces")
    assert "Run: " not in str(told.value)


def test_an_empty_folder_may_become_a_store_and_shards_without_their_key_may_not(tmp_path):
    with pytest.raises(StoreError, match="Run: hybridfer extract DATA --store"):
        FeatureStore(tmp_path)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "0.h5").touch()
    with pytest.raises(StoreError, match=r"holds shards but no key\.json\. Restore"):
        FeatureStore(tmp_path)


def test_an_empty_path_is_told_to_be_missing(filled):
    with pytest.raises(StoreError, match="must name a folder; got an empty one"):
        FeatureStore("")
    with pytest.raises(StoreError, match="must name a folder; got an empty one"):
        FeatureStore.create("", filled.key, filled.widths)


def test_create_opens_what_is_there_already(filled):
    again = FeatureStore.create(filled.path, filled.key, filled.widths)
    assert len(again) == 30


@pytest.mark.parametrize(
    ("field", "value"), [("weights", "cd" * 32), ("preprocessing", "{}"), ("views", "flip"), ("precision", "fp16")]
)
def test_create_never_uses_a_store_of_another_key(filled, field, value):
    with pytest.raises(StoreError, match=f"{field}: the store holds"):
        FeatureStore.create(filled.path, replace(filled.key, **{field: value}), filled.widths)


def test_create_names_every_field_that_differs(filled):
    with pytest.raises(StoreError, match=r"weights: .*views: "):
        FeatureStore.create(filled.path, replace(filled.key, weights="0" * 64, views="flip"), filled.widths)


def test_create_refuses_other_layers(filled):
    with pytest.raises(StoreError, match=r"layers: the store holds \('conv3', 'embedding'\)"):
        FeatureStore.create(filled.path, replace(filled.key, layers=("embedding",)), {"embedding": 5})


def test_create_refuses_other_widths(filled):
    with pytest.raises(StoreError, match="widths: the store holds"):
        FeatureStore.create(filled.path, filled.key, {"conv3": 3, "embedding": 6})


def test_columns_are_named_by_layer(store):
    assert store.n_features == 8
    assert store.feature_names == [*(f"conv3_{i}" for i in range(3)), *(f"embedding_{i}" for i in range(5))]
    assert store.layer("conv3") == slice(0, 3)
    assert store.layer("embedding") == slice(3, 8)
    with pytest.raises(StoreError, match="got 'conv4'"):
        store.layer("conv4")


def test_widths_follow_the_keys_order_however_they_are_given(tmp_path, key):
    store = FeatureStore.create(tmp_path / "new", key, {"embedding": 5, "conv3": 3})
    assert list(store.widths.items()) == [("conv3", 3), ("embedding", 5)]


def test_get_gives_rows_back_bit_by_bit_in_any_order_with_repeats(filled, rows):
    digests, features = rows(0, 30)
    order = np.array([29, 0, 0, 15, 9, 10, 29, 3])
    found = filled.get(digests[order])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, features[order])


@pytest.mark.parametrize("seed", range(8))
def test_any_selection_of_any_shards_is_found_or_missing_as_it_should(tmp_path, key, rows, seed):
    rng = np.random.default_rng(seed)
    store = FeatureStore.create(tmp_path / "faces.store", key, {"conv3": 3, "embedding": 5})
    digests, features = rows(0, 200)
    held: set[int] = set()
    for _ in range(rng.integers(1, 6)):
        batch = rng.integers(0, 200, size=rng.integers(0, 60))
        added = store.append(digests[batch], features[batch])
        assert added == len(set(batch.tolist()) - held)
        held |= set(batch.tolist())
    for reader in (store, FeatureStore(store.path)):
        assert len(reader) == len(held)
        np.testing.assert_array_equal(reader.missing(digests), [number not in held for number in range(200)])
        wanted = rng.choice(sorted(held), size=rng.integers(0, 300)) if held else np.empty(0, int)
        np.testing.assert_array_equal(reader.get(digests[wanted]), features[wanted])
        np.testing.assert_array_equal(reader.get(digests[wanted], ["embedding"]), features[wanted, 3:])


def test_reading_in_small_blocks_gives_the_same(filled, rows, monkeypatch):
    monkeypatch.setattr("hybridfer.store.index.BLOCK_BYTES", 64)
    digests, features = rows(0, 30)
    order = np.random.default_rng(0).permutation(30)
    np.testing.assert_array_equal(filled.get(digests[order]), features[order])


def test_layers_come_in_the_order_asked_for(filled, rows):
    digests, features = rows(5, 15)
    np.testing.assert_array_equal(filled.get(digests, "embedding"), features[:, 3:])
    swapped = np.hstack([features[:, 3:], features[:, :3]])
    np.testing.assert_array_equal(filled.get(digests, ("embedding", "conv3")), swapped)
    with pytest.raises(StoreError, match="got 'softmax'"):
        filled.get(digests, ["softmax"])
    with pytest.raises(StoreError, match="got none"):
        filled.get(digests, [])


def test_get_names_the_first_missing_row(filled, rows):
    digests, _ = rows(28, 33)
    with pytest.raises(StoreError, match=f"3 of 5 rows are not in .*number 2, image {bytes(digests[2]).hex()}"):
        filled.get(digests)


def test_digests_that_end_in_zero_bytes_are_told_apart(store):
    raw = [b"a" + bytes(15), b"a" + bytes(14) + b"\1", bytes(16), bytes(15) + b"\1"]
    digests = np.frombuffer(b"".join(raw), dtype="S16")
    features = np.arange(32, dtype=np.float32).reshape(4, 8)
    assert store.append(digests, features) == 4
    np.testing.assert_array_equal(FeatureStore(store.path).get(digests[::-1]), features[::-1])


def test_a_row_that_is_present_is_never_written_again(filled, rows):
    digests, features = rows(0, 30)
    assert filled.append(digests, features + 1) == 0
    np.testing.assert_array_equal(filled.get(digests), features)
    assert len(list((filled.path / "shards").iterdir())) == 3


def test_of_rows_repeated_in_one_call_the_first_counts(store, rows):
    digests, features = rows(0, 3)
    assert store.append(digests[[0, 1, 0, 2]], features[[0, 1, 2, 2]]) == 3
    np.testing.assert_array_equal(store.get(digests), features)


def test_an_empty_append_adds_nothing(store, rows):
    assert store.append(*rows(0, 0)) == 0
    assert store.get(rows(0, 0)[0]).shape == (0, 8)


def test_another_readers_rows_are_seen_after_refresh_and_by_get(store, rows):
    reader = FeatureStore(store.path)
    digests, features = rows(0, 5)
    store.append(digests, features)
    assert reader.missing(digests).all()
    np.testing.assert_array_equal(reader.get(digests), features)
    assert not reader.missing(digests).any()
    store.append(*rows(5, 9))
    reader.refresh()
    assert len(reader) == 9


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused_with_their_row(store, rows, value):
    digests, features = rows(0, 5)
    features[3, 4] = value
    with pytest.raises(StoreError, match=r"row 3 .*embedding_1"):
        store.append(digests, features)
    assert len(store) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda features: features.astype(np.float64),
        lambda features: features.astype(">f4"),
        lambda features: features[:, :7],
        lambda features: features[:4],
        lambda features: features[0],
        lambda features: features.tolist(),
    ],
)
def test_features_of_another_kind_are_refused(store, rows, wrong):
    digests, features = rows(0, 5)
    with pytest.raises(StoreError, match=r"float32 of shape \(5, 8\)"):
        store.append(digests, wrong(features))


@pytest.mark.parametrize("digests", [np.arange(3), np.array([b"x" * 17]), np.array([["a"]]), np.array(b"a"), ["a"]])
def test_digests_of_another_kind_are_refused(filled, digests):
    with pytest.raises(StoreError, match="digests must be 16 bytes"):
        filled.missing(digests)


def test_arrays_in_column_order_and_views_are_written_as_they_read(store, rows):
    digests, features = rows(0, 20)
    store.append(digests[::2], np.asfortranarray(features[::2]))
    store.append(digests[1::2], features[1::2])
    np.testing.assert_array_equal(FeatureStore(store.path).get(digests), features)


def test_a_store_travels_to_a_worker_by_its_path(filled, rows):
    digests, features = rows(0, 30)
    assert len(pickle.dumps(filled)) < 1000
    np.testing.assert_array_equal(copy.deepcopy(filled).get(digests), features)


def test_a_store_may_be_read_where_nothing_may_be_written(filled, rows):
    digests, features = rows(0, 30)
    (filled.path / "lock").unlink()
    for folder in (filled.path, filled.path / "shards"):
        folder.chmod(0o555)
    try:
        reader = FeatureStore.create(filled.path, filled.key, filled.widths)
        np.testing.assert_array_equal(reader.get(digests), features)
        assert reader.verify().ok
        assert not (filled.path / "lock").exists()
    finally:
        for folder in (filled.path, filled.path / "shards"):
            folder.chmod(0o755)


def test_a_copy_that_lost_its_empty_folders_is_still_a_store(store, rows):
    (store.path / "shards").rmdir()
    (store.path / "listings").rmdir()
    reader = FeatureStore(store.path)
    assert len(reader) == 0
    assert reader.append(*rows(0, 2)) == 2


def test_info_counts_rows_shards_and_classes(filled):
    info = filled.info()
    assert (info.rows, info.shards) == (30, 3)
    assert info.listings[0].counts == {"test": {"happy": 5, "sad": 5}, "train": {"happy": 10, "sad": 10}}
    assert info.bytes == sum(file.stat().st_size for file in filled.path.rglob("*") if file.suffix in (".h5", ".json"))
    assert info.to_dict()["widths"] == {"conv3": 3, "embedding": 5}
    text = str(info)
    assert "30 rows x 8 features" in text
    assert "conv3 (3), embedding (5)" in text
    assert "riding" not in text
    assert "faces.zip" in text


def test_a_full_disk_is_told_and_leaves_nothing_behind(filled, rows):
    program = """
import resource, signal, sys
import numpy as np
from hybridfer.errors import StoreError
from hybridfer.store import FeatureStore
store = FeatureStore(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
digests = np.array([f"image {n}" for n in range(5000)], dtype="S16")
try:
    store.append(digests, np.ones((5000, 8), np.float32))
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, str(filled.path)], capture_output=True, text=True, check=False)
    assert "No shard could be written" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr
    assert len(FeatureStore(filled.path)) == 30
    report = filled.verify()
    assert (report.ok, report.leftovers) == (True, ())


def test_reading_a_store_never_imports_torch(filled):
    program = f"import sys; from hybridfer.store import FeatureStore; FeatureStore({str(filled.path)!r}).load('train')"
    program += "; heavy = {'torch', 'sklearn', 'scipy', 'xgboost', 'pandas'}; print(heavy & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_layers_that_ride_along_are_read_only_by_name(riding, rows):
    digests, features = rows(0, 10)
    riding.append(digests, features)
    riding.record(digests, np.zeros(10, int), ["train"] * 10, ["x"] * 10, ("happy",), "faces.zip")
    for store in (riding, FeatureStore(riding.path)):
        assert (store.widths, store.riding, store.n_features) == ({"conv3": 3}, {"embedding": 5}, 3)
        assert store.feature_names == ["conv3_0", "conv3_1", "conv3_2"]
        np.testing.assert_array_equal(store.load(split="train")[0], features[:, :3])
        np.testing.assert_array_equal(store.get(digests), features[:, :3])
        np.testing.assert_array_equal(store.load(layers=["conv3", "embedding"])[0], features)
        np.testing.assert_array_equal(store.load(layers="embedding")[0], features[:, 3:])


def test_what_rides_along_is_settled_when_a_store_is_made_and_makes_no_other_rows(riding, filled, rows):
    digests, _ = rows(0, 10)
    again = FeatureStore.create(riding.path, filled.key, filled.widths)
    assert again.riding == {"embedding": 5}
    assert again.key.digest == filled.key.digest
    assert FeatureStore.create(filled.path, riding.key, riding.widths, riding.riding).riding == {}
    assert riding.merge(filled) == 30
    assert riding.get(digests).shape == (10, 3)
    assert riding.verify().ok


def test_whole_rows_are_appended_where_layers_ride_along(riding, rows):
    digests, features = rows(0, 5)
    with pytest.raises(StoreError, match=r"float32 of shape \(5, 8\)"):
        riding.append(digests, features[:, :3].copy())
    features[2, 6] = np.nan
    with pytest.raises(StoreError, match="row 2 is nan in embedding_3"):
        riding.append(digests, features)


def test_info_tells_what_is_read_and_what_rides_along(riding, rows):
    riding.append(*rows(0, 5))
    text, told = str(riding.info()), riding.info().to_dict()
    assert "5 rows x 3 features" in text
    assert "layers         conv3 (3)\n  riding along   embedding (5): read only by name" in text
    assert (told["widths"], told["riding"]) == ({"conv3": 3}, {"embedding": 5})
