import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from hybridfer.datasets import Dataset, Problem, make_faces
from hybridfer.errors import DatasetError


@pytest.fixture(scope="module")
def only_train():
    faces = make_faces(140, random_state=1)
    return replace(faces, splits=np.full(len(faces), "train"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"images": np.zeros((84, 48, 48), dtype=np.float32)}, "images must be uint8"),
        ({"images": np.zeros((84, 48, 48, 2), dtype=np.uint8)}, "images must be uint8"),
        ({"labels": np.zeros(83, dtype=np.int64)}, "labels must be one integer for each of 84"),
        ({"labels": np.full(84, 7)}, "labels must be positions in 7 classes"),
        ({"labels": np.full(84, -2)}, "labels must be positions in 7 classes"),
        ({"splits": np.full(84, "dev")}, "splits must be among"),
        ({"names": np.arange(84)}, "names must be one string"),
        ({"classes": ("happy",) * 7}, "classes must differ"),
    ],
)
def test_parts_that_do_not_fit_are_refused(faces, change, told):
    with pytest.raises(DatasetError, match=told):
        replace(faces, **change)


def test_size_and_channels_are_those_of_the_images(faces):
    colour = replace(faces, images=np.zeros((84, 40, 50, 3), dtype=np.uint8))
    assert (len(faces), faces.image_size, faces.channels) == (84, (48, 48), 1)
    assert (colour.image_size, colour.channels) == ((40, 50), 3)


def test_a_subset_is_taken_by_mask_positions_or_slice(faces):
    happy = faces.labels == 3
    assert np.array_equal(faces.subset(happy).images, faces.subset(np.flatnonzero(happy)).images)
    assert set(faces.subset(happy).labels.tolist()) == {3}
    assert faces.subset(slice(2, 5)).names.tolist() == faces.names[2:5].tolist()
    assert len(faces.subset([])) == 0


def test_a_split_that_is_missing_is_an_error_that_names_those_that_exist(only_train):
    assert only_train.has_split("train")
    assert not only_train.has_split("test")
    with pytest.raises(DatasetError, match="no 'test' split; it has train"):
        only_train.split("test")


def test_arrays_are_the_images_and_labels_of_a_split(faces):
    X, y = faces.arrays("test")
    assert np.array_equal(X, faces.images[faces.splits == "test"])
    assert np.array_equal(y, faces.labels[faces.splits == "test"])


def test_counts_tell_every_class_of_every_split_and_unlabelled_images(faces):
    counts = faces.counts()
    assert sum(sum(row.values()) for row in counts.values()) == 84
    assert counts["train"]["happy"] == np.sum((faces.splits == "train") & (faces.labels == 3))
    unlabelled = replace(faces, labels=np.where(faces.splits == "test", -1, faces.labels))
    assert unlabelled.counts()["test"]["unknown"] == np.sum(faces.splits == "test")
    assert "unknown" not in unlabelled.counts()["train"]


def test_validation_is_carved_from_train_in_proportion_and_repeatably(only_train):
    carved = only_train.with_validation(0.2, random_state=5)
    assert set(carved.counts()["validation"].values()) == {4}
    assert set(carved.counts()["train"].values()) == {16}
    assert np.array_equal(carved.splits, only_train.with_validation(0.2, random_state=5).splits)
    assert not np.array_equal(carved.splits, only_train.with_validation(0.2, random_state=6).splits)
    assert np.array_equal(carved.images, only_train.images)


def test_a_seed_of_numpy_carves_as_that_of_python_does(only_train):
    for seed in (np.int64(5), np.uint8(5)):
        carved = only_train.with_validation(0.2, random_state=seed)
        assert np.array_equal(carved.splits, only_train.with_validation(0.2, random_state=5).splits)


@pytest.mark.parametrize("seed", [0.0, np.float64(1), True, np.True_, -1, np.int64(-1), 2**32, 10**400, "0", None])
def test_what_is_no_seed_is_told(only_train, seed):
    with pytest.raises(DatasetError, match=r"random_state of a carved split must be an integer from 0 to 2\*\*32 - 1; got"):
        only_train.with_validation(random_state=seed)


def test_which_images_are_carved_does_not_depend_on_other_classes_or_the_order(only_train):
    whole = only_train.with_validation(0.25)
    held = set(whole.digests[whole.splits == "validation"].tolist())
    some = only_train.subset(only_train.labels >= 3).with_validation(0.25)
    kept = set(some.digests.tolist())
    assert set(some.digests[some.splits == "validation"].tolist()) == held & kept
    backwards = only_train.subset(np.arange(len(only_train.labels))[::-1]).with_validation(0.25)
    assert set(backwards.digests[backwards.splits == "validation"].tolist()) == held


def test_carving_and_asking_for_labels_copy_no_image(only_train):
    many = only_train.subset(np.tile(np.arange(140), 20))
    assert many.digests.size == 2800
    tracemalloc.start()
    try:
        many.with_validation(0.25).split_labels("validation")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < many.images.nbytes / 4


def test_labels_and_digests_of_a_split_are_those_of_its_images(faces):
    assert np.array_equal(faces.split_labels("test"), faces.split("test").labels)
    assert np.array_equal(faces.split_digests("test"), faces.split("test").digests)
    with pytest.raises(DatasetError, match="no 'dev' split; it has train, validation, test"):
        faces.split_labels("dev")


def test_an_existing_validation_split_is_left_alone(faces):
    assert faces.with_validation() is faces


def test_validation_cannot_be_carved_where_a_class_has_one_image(only_train):
    keep = (only_train.labels != 1) | (np.cumsum(only_train.labels == 1) == 1)
    with pytest.raises(DatasetError, match="at least 2 distinct images"):
        only_train.subset(keep).with_validation()


def test_a_train_image_without_label_need_not_be_in_two_splits(only_train):
    labels = only_train.labels.copy()
    labels[0] = -1
    carved = replace(only_train, labels=labels).with_validation()
    assert carved.splits[0] == "train"
    assert carved.has_split("validation")
    with pytest.raises(DatasetError, match="at least 2 distinct images"):
        replace(only_train, labels=labels).subset([0]).with_validation()


def test_validation_cannot_be_carved_without_train(faces):
    with pytest.raises(DatasetError, match="no 'train' split"):
        faces.split("test").with_validation()


def test_an_impossible_fraction_is_told_in_plain_words(only_train):
    with pytest.raises(DatasetError, match=r"must lie between 0 and 1; got 1\.5"):
        only_train.with_validation(1.5)


def test_digests_are_computed_once(faces):
    assert faces.digests is faces.digests
    assert faces.digests.shape == (84,)


def test_the_summary_shows_counts_and_problems(faces):
    text = replace(faces, problems=(Problem("a.jpg", "is no readable image"),)).summary()
    assert "84 grey images of 48x48" in text
    assert "surprise" in text
    assert "1 problem was skipped: a.jpg: is no readable image" in text


def test_a_dataset_may_be_empty():
    one = Dataset(
        images=np.zeros((0, 4, 4), dtype=np.uint8),
        labels=np.zeros(0, dtype=np.int64),
        splits=np.zeros(0, dtype="<U5"),
        names=np.zeros(0, dtype="<U5"),
        classes=(),
        source="nothing",
    )
    assert len(one) == 0
    assert one.counts() == {}
