import h5py
import numpy as np
import pytest

from hybridfer.errors import StoreError
from hybridfer.store import FeatureStore
from hybridfer.store.listing import Listing, read_listing


def record(store, digests, **changes):
    count = len(digests)
    given = {
        "labels": np.zeros(count, dtype=np.int64),
        "splits": ["train"] * count,
        "names": [f"{number}.png" for number in range(count)],
        "classes": ("happy", "sad"),
        "source": "other.zip",
    }
    store.record(digests, **{**given, **changes})


def test_load_gives_what_scikit_learn_fits(filled, rows):
    _, features = rows(0, 30)
    X, y = FeatureStore(filled.path).load(split="test")
    np.testing.assert_array_equal(X, features[20:])
    np.testing.assert_array_equal(y, np.arange(20, 30) % 2)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)


def test_load_without_a_split_gives_the_whole_dataset_in_order(filled, rows):
    X, y = filled.load()
    np.testing.assert_array_equal(X, rows(0, 30)[1])
    assert len(y) == 30


def test_load_reads_only_the_layers_asked_for(filled, rows):
    X, _ = filled.load(split="train", layers="embedding")
    np.testing.assert_array_equal(X, rows(0, 20)[1][:, 3:])


def test_names_and_classes_go_with_load(filled):
    assert filled.names("test").tolist() == [f"{number}.png" for number in range(20, 30)]
    assert filled.classes == ("happy", "sad")


def test_what_load_returns_may_be_changed_without_changing_the_store(filled):
    X, y = filled.load(split="train")
    X[:], y[:] = 0, 7
    again, labels = filled.load(split="train")
    assert again.any()
    assert labels.max() == 1


def test_twins_and_any_order_keep_the_datasets_order(filled, rows):
    digests, features = rows(0, 30)
    order = np.array([7, 7, 29, 0, 7])
    record(filled, digests[order], source="twins.zip")
    X, _ = filled.load(source="twins.zip")
    np.testing.assert_array_equal(X, features[order])


def test_recording_the_same_dataset_again_changes_nothing(filled, rows):
    digests, _ = rows(0, 30)
    record(filled, digests)
    before = sorted((filled.path / "listings").iterdir())
    record(filled, digests)
    assert sorted((filled.path / "listings").iterdir()) == before
    assert len(filled.listings()) == 2


def test_several_datasets_ask_for_a_source(filled, rows):
    record(filled, rows(0, 10)[0])
    with pytest.raises(StoreError, match=r"faces\.zip .*other\.zip|other\.zip .*faces\.zip"):
        filled.load(split="train")
    assert len(filled.load(split="train", source="other.zip")[0]) == 10
    digest = next(item.digest for item in filled.listings() if item.source == "faces.zip")
    assert len(filled.load(split="train", source=digest[:8])[0]) == 20


def test_a_split_that_one_dataset_has_needs_no_source(filled, rows):
    record(filled, rows(0, 10)[0])
    assert len(filled.load(split="test")[0]) == 10


def test_an_unknown_split_names_the_known_ones(filled):
    with pytest.raises(StoreError, match=r"no recorded dataset of the split 'dev'\..*faces\.zip .*: test, train"):
        filled.load(split="dev")


def test_an_unknown_source_names_the_known_ones(filled):
    with pytest.raises(StoreError, match=r"of the split 'test' and the source 'b\.zip'\..*it has .*faces\.zip"):
        filled.load(split="test", source="b.zip")


def test_a_store_without_a_dataset_says_so(store):
    with pytest.raises(StoreError, match="no recorded dataset"):
        store.load()


def test_a_dataset_may_be_recorded_before_its_rows(store, rows):
    digests, features = rows(0, 4)
    record(store, digests)
    with pytest.raises(StoreError, match="4 of 4 rows are not in"):
        store.load()
    store.append(digests, features)
    np.testing.assert_array_equal(store.load()[0], features)


@pytest.mark.parametrize("name", ["Gesichter/fröhlich 😀.png", "", "a" * 300, "b\udce4d.png", "new\nline", " end "])
def test_names_survive_whatever_they_hold(store, rows, name):
    digests, _ = rows(0, 2)
    record(store, digests, names=[name, "x"], classes=("froh", "日本"), source="Bilder ä")
    (listing,) = FeatureStore(store.path).listings()
    assert listing.names.tolist() == [name, "x"]
    assert listing.classes == ("froh", "日本")
    assert listing.source == "Bilder ä"


def test_images_without_a_label_are_kept_and_counted(store, rows):
    digests, features = rows(0, 3)
    store.append(digests, features)
    record(store, digests, labels=[-1, 0, -1])
    assert store.load()[1].tolist() == [-1, 0, -1]
    assert store.listings()[0].counts() == {"train": {"?": 2, "happy": 1}}


def test_a_dataset_without_any_class_is_recorded(store, rows):
    record(store, rows(0, 3)[0], labels=[-1] * 3, classes=())
    assert FeatureStore(store.path).classes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0, 2, 0]}, "labels must lie between 0 and 1"),
        ({"labels": [0, -2, 0]}, "labels must lie between"),
        ({"labels": [0, 1]}, "one digest, label, split and name"),
        ({"labels": [0.5, 1, 1]}, "labels must be whole numbers"),
        ({"splits": ["train"]}, "one digest, label, split and name"),
        ({"names": "abc"}, "one text an image"),
    ],
)
def test_datasets_that_do_not_fit_together_are_refused(store, rows, changes, message):
    with pytest.raises(StoreError, match=message):
        record(store, rows(0, 3)[0], **changes)
    assert store.listings() == ()


def test_a_damaged_listing_is_refused_and_found(filled, flip):
    (file,) = (filled.path / "listings").iterdir()
    with h5py.File(file) as opened:
        offset = opened["labels"].id.get_offset()
    flip(file, offset)
    with pytest.raises(StoreError, match="hybridfer store verify"):
        FeatureStore(filled.path).load(split="train")
    report = filled.verify(quarantine=True)
    assert file.name in report.problems[0]
    assert report.quarantined == (f"listings/{file.name}",)
    assert filled.verify().ok


def test_a_forged_listing_with_links_is_refused(filled, tmp_path):
    (file,) = (filled.path / "listings").iterdir()
    with h5py.File(file, "r+") as opened:
        del opened["names"]
        opened["names"] = h5py.ExternalLink(str(tmp_path / "elsewhere.h5"), "names")
    with pytest.raises(StoreError, match="is a link"):
        read_listing(file)


def test_a_listings_digest_depends_on_every_part(rows):
    digests, _ = rows(0, 2)
    parts = [digests, [0, 1], ["a", "b"], ["x", "y"], ("c", "d"), "source"]
    changed = [digests[::-1], [1, 1], ["a", "a"], ["x", "z"], ("c", "e"), "sauce"]
    found = {Listing.of(*parts).digest}
    for place, change in enumerate(changed):
        found.add(Listing.of(*parts[:place], change, *parts[place + 1 :]).digest)
    assert len(found) == 7


def carved(filled, rows, order=slice(None), **changes):
    """The dataset of the filled store, with validation carved from train, in another order."""
    digests, _ = rows(0, 30)
    names = np.array([f"{number:02}.png" for number in range(30)])
    splits = np.array(["train"] * 15 + ["validation"] * 5 + ["test"] * 10)
    given = {"labels": np.arange(30)[order] % 2, "splits": splits[order], "names": names[order], "source": "faces.zip"}
    record(filled, digests[order], **{**given, **changes})


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["same order", "reversed"])
def test_of_one_dataset_the_finer_splits_count_so_that_train_is_without_validation(filled, rows, order):
    carved(filled, rows, order)
    features = rows(0, 30)[1]
    for split, part in (("train", slice(15)), ("validation", slice(15, 20)), ("test", slice(20, 30))):
        X, y = filled.load(split=split)
        np.testing.assert_array_equal(X, features[part][order])
        np.testing.assert_array_equal(y, (np.arange(30)[part] % 2)[order])
    whole = next(item.digest for item in filled.listings() if "validation" not in item.splits)
    assert len(filled.load(split="train", source=whole)[0]) == 20


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": np.zeros(30, dtype=np.int64)},
        {"names": [f"other {number}" for number in range(30)]},
        {"classes": ("sad", "happy")},
        {"splits": ["train"] * 25 + ["test"] * 5},
    ],
    ids=["labels", "names", "classes", "splits that overlap"],
)
def test_datasets_that_differ_in_more_than_finer_splits_ask_for_a_source(filled, rows, changes):
    carved(filled, rows, **changes)
    with pytest.raises(StoreError, match="several recorded datasets fit"):
        filled.load(split="train")


def test_one_dataset_under_two_paths_is_one(filled, rows):
    before = filled.load(split="train")
    digests, _ = rows(0, 30)
    (first,) = filled.listings()
    filled.record(digests, first.labels, first.splits, first.names, first.classes, "/data/faces.zip")
    for found, expected in zip(filled.load(split="train"), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(filled.load(source="/data/faces.zip")[0]) == 30


def test_a_source_whose_path_is_no_utf8_is_recorded_and_found(store, rows):
    digests, features = rows(0, 2)
    store.append(digests, features)
    source = b"caf\xe9".decode(errors="surrogateescape")
    store.record(digests, [0, 0], ["all"] * 2, ["a", "b"], ("happy",), source)
    (found,) = FeatureStore(store.path).listings()
    assert found.source == r"caf\udce9"
    assert len(store.load(source=source)[0]) == 2
