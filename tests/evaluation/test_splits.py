import os
from dataclasses import replace

import numpy as np
import pytest

from hybridfer import load_network, make_faces, read_dataset
from hybridfer.errors import DatasetError
from hybridfer.evaluation.splits import check_trainable, three_splits, without_twins


@pytest.fixture
def faces():
    return make_faces(90, classes=("happy", "sad", "surprise"), random_state=1)


def of_train(faces):
    return faces.subset(faces.splits == "train")


def counts(splits):
    return {split: sum(row.values()) for split, row in splits.dataset.counts().items()}


def test_splits_of_the_source_stay_as_they_are(faces):
    splits = three_splits(faces)
    assert splits.dataset is faces
    assert splits.test_origin == "the source's own test split"
    assert splits.validation_origin == "the source's own validation split"


def test_missing_splits_are_drawn_from_train_and_told(faces):
    splits = three_splits(of_train(faces))
    whole = len(of_train(faces))
    # each class gives its share, rounded
    assert counts(splits)["test"] == sum(round(0.2 * n) for n in of_train(faces).counts()["train"].values())
    assert sum(counts(splits).values()) == whole
    assert all(min(row.values()) > 0 for row in splits.dataset.counts().values())
    assert "20% of train" in splits.test_origin
    assert "10% of train" in splits.validation_origin


def test_the_summary_shows_the_splits_that_are_used(faces):
    told = three_splits(of_train(faces)).summary()
    assert [line.split()[0] for line in told.splitlines()[2:5]] == ["train", "validation", "test"]
    assert "no test split" in told


def test_the_draw_does_not_depend_on_the_order_of_the_images(faces):
    train = of_train(faces)
    order = np.random.default_rng(0).permutation(len(train))
    first, again = three_splits(train), three_splits(train.subset(order))
    assert set(first.digests("test").tolist()) == set(again.digests("test").tolist())
    assert set(first.digests("validation").tolist()) == set(again.digests("validation").tolist())


def places(dataset):
    """Each image's split, by its digest."""
    return dict(zip(dataset.digests.tolist(), dataset.splits.tolist(), strict=True))


def with_conflicts(n=300, copies=12):
    """Train images of which as many sad ones are there a second time, as angry ones."""
    faces = make_faces(n, classes=("angry", "happy", "sad"), image_size=16, random_state=3)
    faces = replace(faces, splits=np.full(len(faces), "train"))
    sad = np.flatnonzero(faces.labels == 2)[:copies]
    twice = faces.subset(np.r_[np.arange(n), sad])
    return replace(twice, labels=np.r_[faces.labels, np.zeros(copies, dtype=np.int64)])


@pytest.mark.parametrize("classes", ["happy,sad", "angry,sad", "angry,happy"])
def test_some_classes_are_split_as_all_are_though_copies_have_labels_of_the_others(classes):
    faces = with_conflicts()
    some = three_splits(read_dataset(faces, classes=classes)).dataset
    assert places(some).items() <= places(three_splits(faces).dataset).items()
    assert some.counts()["validation"].keys() == set(classes.split(","))


def test_classes_that_were_taken_earlier_are_split_as_all_are_whatever_is_asked_for_later():
    faces = with_conflicts()
    happy_and_sad = read_dataset(faces, classes="happy,sad")
    once_more = read_dataset(happy_and_sad, test_split="all")
    assert places(three_splits(once_more).dataset).items() <= places(three_splits(faces).dataset).items()
    sad = read_dataset(happy_and_sad, classes="sad").with_validation()
    assert places(sad).items() <= places(faces.with_validation()).items()


def test_a_class_of_one_image_that_is_left_out_does_not_keep_the_others_from_being_split():
    faces = with_conflicts()
    faces = faces.subset((faces.labels != 1) | (np.cumsum(faces.labels == 1) == 1))
    with pytest.raises(DatasetError, match=r"too few of happy \(1\)"):
        three_splits(faces)
    assert counts(three_splits(read_dataset(faces, classes="angry,sad")))["test"] > 0


@pytest.mark.data
@pytest.mark.skipif("HYBRIDFER_FER2013" not in os.environ, reason="HYBRIDFER_FER2013 does not name the FER2013 zip")
def test_fer2013_is_split_as_the_weights_in_the_wheel_were_trained_whichever_classes_are_taken():
    splits = three_splits(read_dataset(os.environ["HYBRIDFER_FER2013"]))
    assert counts(splits) == {"train": 25_844, "validation": 2_865, "test": 3_589}
    watched = load_network("compact").watched
    assert set(splits.digests("validation").tolist()) == set(watched.tolist())
    some = three_splits(read_dataset(os.environ["HYBRIDFER_FER2013"], classes="happy,sad,neutral,surprise"))
    for part in ("train", "validation"):
        assert np.isin(some.digests(part), splits.digests(part)).all()


def test_copies_of_an_image_never_stand_on_both_sides(faces):
    train = of_train(faces)
    splits = three_splits(train.subset(np.tile(np.arange(len(train)), 3)))
    drawn = [set(splits.digests(split).tolist()) for split in ("train", "validation", "test")]
    assert sum(map(len, drawn)) == len(set.union(*drawn))


@pytest.mark.parametrize(
    ("parts", "origin"),
    [
        (["PublicTest", "PrivateTest"], "PublicTest and PrivateTest together"),
        (["PublicTest"], "PublicTest"),
        (["PublicTest", "Other"], "all test images of the source (of FER2013: PublicTest and PrivateTest together)"),
        ([], "all test images of the source (of FER2013: PublicTest and PrivateTest together)"),
    ],
)
def test_where_both_test_parts_were_asked_for_those_are_told_that_the_images_are_of(faces, parts, origin):
    if parts:
        names = np.array([f"test/sad/{parts[i % len(parts)]}_{i}.jpg" for i in range(len(faces))])
        faces = replace(faces, names=np.where(faces.splits == "test", names, faces.names))
    assert three_splits(faces, "all").test_origin == origin


@pytest.mark.parametrize(("asked", "origin"), [("public", "PublicTest"), ("private", "PrivateTest")])
def test_the_test_part_that_was_asked_for_is_told(faces, asked, origin):
    assert three_splits(faces, asked).test_origin == origin


def with_copies(faces, n):
    """The faces, of which n validation images are copies of train images."""
    train, validation = (np.flatnonzero(faces.splits == split) for split in ("train", "validation"))
    images = faces.images.copy()
    images[validation[:n]] = images[train[:n]]
    return replace(faces, images=images)


def test_heads_are_tuned_on_validation_images_without_a_copy_in_train(faces):
    splits = three_splits(with_copies(faces, 4))
    validation = faces.splits == "validation"
    assert splits.digests("tuning").tolist() == faces.digests[validation][4:].tolist()
    assert splits.labels("tuning").tolist() == faces.labels[validation][4:].tolist()
    assert len(splits.digests("validation")) == len(splits.labels("validation")) == validation.sum()
    assert splits.tuning_remark.startswith(f"4 of {validation.sum()} validation images are copies of train images")


def test_copies_of_train_images_are_looked_for_once(faces, monkeypatch):
    splits, searches, isin = three_splits(with_copies(faces, 4)), [], np.isin
    monkeypatch.setattr(np, "isin", lambda *given, **told: searches.append(1) or isin(*given, **told))
    for _ in range(3):
        splits.labels("tuning")
        splits.digests("tuning")
        assert splits.validation_copies == 4
    assert len(searches) == 1


def test_where_all_validation_images_are_copies_all_are_tuned_on_and_that_is_told(faces):
    n = int((faces.splits == "validation").sum())
    splits = three_splits(with_copies(faces, n))
    assert splits.digests("tuning").tolist() == splits.digests("validation").tolist()
    assert splits.tuning_remark.startswith(f"All {n} validation images are copies of train images")


def test_of_carved_validation_images_none_is_a_copy_so_that_all_are_tuned_on(faces):
    train = of_train(faces)
    # copies, some of them with another label
    twice = train.subset(np.tile(np.arange(len(train)), 2))
    splits = three_splits(replace(twice, labels=np.r_[train.labels, np.roll(train.labels, 5)]))
    assert splits.validation_copies == 0
    assert splits.digests("tuning").tolist() == splits.digests("validation").tolist()
    assert splits.labels("tuning").tolist() == splits.labels("validation").tolist()
    assert splits.tuning_remark == ""


def with_twins(faces, train, validation):
    """The faces, and as many copies of test images in train and in validation."""
    test = np.flatnonzero(faces.splits == "test")
    copies = faces.subset(test[: train + validation])
    return replace(
        faces,
        images=np.concatenate([faces.images, copies.images]),
        labels=np.concatenate([faces.labels, copies.labels]),
        names=np.concatenate([faces.names, copies.names]),
        splits=np.concatenate([faces.splits, ["train"] * train + ["validation"] * validation]),
    )


def test_twins_are_dropped_from_train_and_validation_alone(faces):
    before = three_splits(with_twins(faces, 4, 3))
    after, dropped = without_twins(before)
    assert dropped == 7
    assert after.dataset.names.tolist() == faces.names.tolist()
    assert counts(after) == counts(three_splits(faces))
    assert after.validation_origin == before.validation_origin


def test_copies_within_train_stay_where_twins_are_dropped(faces):
    train = np.flatnonzero(faces.splits == "train")
    twice = faces.subset(np.r_[np.arange(len(faces)), train[:5]])
    after, dropped = without_twins(three_splits(twice))
    assert dropped == 0
    assert len(after.dataset) == len(twice)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_where_dropping_twins_leaves_nothing_it_is_refused(faces, split):
    kept = faces.subset(faces.splits != split)
    test = faces.subset(faces.splits == "test")
    copied = replace(
        kept,
        images=np.concatenate([kept.images, test.images]),
        labels=np.concatenate([kept.labels, test.labels]),
        names=np.concatenate([kept.names, test.names]),
        splits=np.concatenate([kept.splits, [split] * len(test)]),
    )
    with pytest.raises(DatasetError, match=f"{len(test)} images .* were to be dropped.* no {split} images"):
        without_twins(three_splits(copied))


def test_a_source_without_train_images_is_refused(faces):
    with pytest.raises(DatasetError, match="no train images"):
        three_splits(faces.subset(faces.splits == "test"))


@pytest.mark.parametrize(("split", "hint"), [("test", True), ("train", False)])
def test_images_without_labels_are_refused_before_anything_is_drawn(faces, split, hint):
    labels = np.where(faces.splits == split, -1, faces.labels)
    with pytest.raises(DatasetError, match=f"{split} images .* have no label") as caught:
        three_splits(replace(faces, labels=labels))
    assert ("Give the train images alone" in str(caught.value)) is hint


def test_test_images_without_labels_do_not_stand_in_the_way_of_training(faces):
    check_trainable(replace(faces, labels=np.where(faces.splits == "test", -1, faces.labels)))


def test_a_single_class_is_refused():
    with pytest.raises(DatasetError, match="the class 'happy' alone"):
        three_splits(make_faces(40, classes=("happy",)))


@pytest.mark.parametrize(("kept", "fits"), [(2, False), (3, True)])
def test_classes_with_too_few_different_images_are_named(faces, kept, fits):
    train = of_train(faces)
    few = np.flatnonzero(train.labels == 1)[:kept]
    # copies do not count
    part = train.subset(np.r_[np.flatnonzero(train.labels != 1), few, few, few])
    if fits:
        assert counts(three_splits(part))["test"] > 0
        return
    with pytest.raises(DatasetError, match=r"3 different images .* too few of sad \(2\)"):
        three_splits(part)


def test_a_class_that_train_lacks_is_named_though_nothing_is_drawn(faces):
    part = faces.subset((faces.splits != "train") | (faces.labels != 2))
    with pytest.raises(DatasetError, match=r"surprise \(0\)"):
        three_splits(part)
