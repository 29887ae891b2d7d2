import json

import pytest

from hybridfer.errors import StoreError, UnreadableStoreError
from hybridfer.store import FeatureStore, verify_store
from hybridfer.store.manifest import NAME, is_store


def test_any_changed_byte_of_the_key_file_is_refused(store, flip):
    file = store.path / NAME
    whole = file.read_bytes()
    for offset in range(0, len(whole), 3):
        flip(file, offset)
        with pytest.raises(StoreError):
            FeatureStore(store.path)
        file.write_bytes(whole)
    FeatureStore(store.path)


def test_a_damaged_key_file_is_a_finding_of_verify(filled, flip):
    flip(filled.path / NAME, 40)
    report = verify_store(filled.path)
    assert not report.ok
    assert NAME in report.problems[0]
    assert report.rows == 30


def test_a_truncated_key_file_is_refused(store):
    file = store.path / NAME
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StoreError, match=NAME):
        FeatureStore(store.path)


def test_a_store_of_a_newer_format_asks_for_an_upgrade(store):
    file = store.path / NAME
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 99}))
    with pytest.raises(UnreadableStoreError, match=r"cannot be read: it was .* pip install --upgrade hybridfer$"):
        FeatureStore(store.path)


@pytest.mark.parametrize("widths", [[3], [3, 0], [3, True], [3, 5.0], "35", None, [3, -5], [10**400, 5]])
def test_hostile_widths_are_refused(store, widths):
    file = store.path / NAME
    file.write_text(json.dumps({**json.loads(file.read_text()), "widths": widths}))
    with pytest.raises(StoreError):
        FeatureStore(store.path)


def test_widths_must_name_the_layers(tmp_path, key):
    with pytest.raises(StoreError, match="widths must name the layers"):
        FeatureStore.create(tmp_path / "new", key, {"conv3": 3})
    assert not (tmp_path / "new").exists()


def test_a_creation_that_was_killed_is_finished(tmp_path, key):
    folder = tmp_path / "faces.store"
    (folder / "shards").mkdir(parents=True)
    (folder / "lock").touch()
    (folder / f"{'0f' * 16}.partial").write_text("half a ke")
    FeatureStore.create(folder, key, {"conv3": 3, "embedding": 5})
    assert verify_store(folder).leftovers == ()
    assert FeatureStore(folder).key == key


def test_a_folder_of_other_things_is_left_alone(tmp_path, key):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match=r"thesis\.tex"):
        FeatureStore.create(tmp_path, key, {"conv3": 3, "embedding": 5})
    assert not (tmp_path / NAME).exists()


def test_a_folder_of_other_things_keeps_partial_files_of_other_programs(tmp_path, key):
    names = {"film.mp4.partial", "thesis.tex"}
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(StoreError, match="holds other things"):
        FeatureStore.create(tmp_path, key, {"conv3": 3, "embedding": 5})
    assert {entry.name for entry in tmp_path.iterdir()} == names


def test_a_file_is_no_place_for_a_store(tmp_path, key):
    (tmp_path / "faces.store").touch()
    with pytest.raises(StoreError, match=r"faces\.store is a file, and a store is a folder\. Choose another --store"):
        FeatureStore.create(tmp_path / "faces.store", key, {"conv3": 3, "embedding": 5})


def test_a_store_that_nobody_gave_a_path_names_the_home_that_cannot_be_written(tmp_path, key, monkeypatch):
    (tmp_path / "home").touch()
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    with pytest.raises(StoreError, match=r"home is a file.* Set HYBRIDFER_HOME to a folder"):
        FeatureStore.create(tmp_path / "home" / "stores" / "a.store", key, {"conv3": 3, "embedding": 5})


def test_shards_that_lost_their_key_are_not_adopted(filled, key):
    (filled.path / NAME).unlink()
    with pytest.raises(StoreError, match="shards but no"):
        FeatureStore.create(filled.path, key, filled.widths)


# what stores were written with before any layer could ride along
FORMER = """{
  "format": 1,
  "key": {
    "weights": "abababababababababababababababababababababababababababababababab",
    "network": "compact",
    "preprocessing": "{\\"size\\":48}",
    "layers": [
      "conv3",
      "embedding"
    ],
    "views": "single",
    "precision": "fp32"
  },
  "widths": [
    3,
    5
  ],
  "digest": "2994319477732f8ff020261aebec65d4c63a8245b6bd6fbd2da58b451752d98b",
  "checksum": "a7207879d5cb363a47f692cad96b97de708be5c138c3ca351f6c2a8b34f40a31"
}
"""


def test_a_store_that_was_written_before_layers_rode_along_is_read_and_written_alike(store):
    assert (store.path / NAME).read_text() == FORMER
    (store.path / NAME).write_text(FORMER)
    former = FeatureStore(store.path)
    assert (former.widths, former.riding) == ({"conv3": 3, "embedding": 5}, {})


def test_any_changed_byte_of_a_key_file_with_riding_layers_is_refused(riding, flip):
    file = riding.path / NAME
    whole = file.read_bytes()
    assert json.loads(whole)["format"] == 2
    for offset in range(whole.index(b"widths"), len(whole), 3):
        flip(file, offset)
        with pytest.raises(StoreError):
            FeatureStore(riding.path)
        file.write_bytes(whole)


@pytest.mark.parametrize("names", [["conv3"], ["conv3", "embedding"], ["logits"], "embedding", None, [7], [["embedding"]]])
def test_hostile_riding_layers_are_refused(riding, names):
    file = riding.path / NAME
    file.write_text(json.dumps({**json.loads(file.read_text()), "riding": names}, indent=2) + "\n")
    with pytest.raises(StoreError):
        FeatureStore(riding.path)


def test_only_the_last_layers_ride_along_and_never_all(tmp_path, key):
    for widths, riding in (({"embedding": 5}, {"conv3": 3}), ({}, {"conv3": 3, "embedding": 5})):
        with pytest.raises(StoreError, match="riding must be the last of"):
            FeatureStore.create(tmp_path / "new", key, widths, riding)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_a_key_is_a_store_be_it_damaged(store, tmp_path, monkeypatch):
    assert is_store(store.path)
    (store.path / NAME).write_text("damaged")
    assert is_store(str(store.path))
    assert not is_store(tmp_path)
    assert not is_store(tmp_path / "none.store")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert is_store(f"~/{store.path.name}")
