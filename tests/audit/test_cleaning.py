"""Which images a cleaned index keeps, case by case."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hybridfer import Dataset, audit_dataset, read_dataset
from hybridfer.audit import find_faults
from hybridfer.audit.cleaning import clean_dataset
from hybridfer.datasets import Problem
from hybridfer.errors import DatasetError

CLASSES = ("angry", "happy", "sad")


def dataset_of(*rows):
    """One image for each (pixels, split, label, name); equal numbers stand for equal pixels, 0 for a blank image."""
    drawn = np.random.default_rng(0).integers(0, 256, (10, 6, 6), dtype=np.uint8)
    drawn[0] = 7
    pixels, splits, labels, names = zip(*rows, strict=True)
    return Dataset(
        drawn[list(pixels)], np.array(labels, dtype=np.int64), np.array(splits), np.array(names), CLASSES, "planted"
    )


def audited(dataset):
    return find_faults(dataset, near=None, n_jobs=1)


def decisions(*rows):
    return {
        choice.name: (choice.reason, choice.kept_instead)
        for choice in clean_dataset(audited(dataset_of(*rows))).choices.values()
        if not choice.keep
    }


def test_different_images_are_all_kept():
    assert decisions((1, "train", 0, "a"), (2, "train", 0, "b"), (3, "test", 1, "c")) == {}


def test_the_first_by_name_stays_within_a_split():
    assert decisions((1, "train", 0, "b"), (1, "train", 0, "a"), (1, "train", 0, "c")) == {
        "b": ("is a copy of a train image", "a"),
        "c": ("is a copy of a train image", "a"),
    }


def test_test_images_stay_and_their_copies_elsewhere_go():
    rows = [(1, "train", 0, "a"), (1, "validation", 0, "b"), (1, "test", 0, "d"), (1, "test", 2, "c")]
    assert decisions(*rows) == {"a": ("is a copy of a test image", "c"), "b": ("is a copy of a test image", "c")}


def test_a_train_copy_of_a_validation_image_goes():
    assert decisions((1, "train", 0, "a"), (1, "validation", 0, "b")) == {"a": ("is a copy of a validation image", "b")}


def test_the_majority_of_labels_is_kept():
    rows = [(1, "train", 0, "a"), (1, "train", 2, "b"), (1, "train", 2, "c")]
    assert decisions(*rows) == {
        "a": ("has copies of which most are labelled sad", "b"),
        "c": ("is a copy of a train image", "b"),
    }


def test_copies_without_a_majority_all_go():
    reason = ("has copies with other labels, and none of them is the majority's", "")
    assert decisions((1, "train", 0, "a"), (1, "train", 1, "b")) == {"a": reason, "b": reason}
    two_and_two = [(1, "train", label, name) for label, name in zip((0, 0, 1, 1), "abcd", strict=True)]
    assert set(decisions(*two_and_two)) == set("abcd")


def test_labels_of_validation_and_train_vote_together():
    rows = [(1, "validation", 0, "a"), (1, "train", 1, "b"), (1, "train", 1, "c")]
    assert decisions(*rows) == {
        "a": ("has copies of which most are labelled happy", "b"),
        "c": ("is a copy of a train image", "b"),
    }


def test_an_unlabelled_copy_does_not_vote():
    assert decisions((1, "train", -1, "a"), (1, "train", 1, "b")) == {"a": ("is a copy of a train image", "b")}
    assert decisions((1, "train", -1, "a"), (1, "train", -1, "b")) == {"b": ("is a copy of a train image", "a")}


def test_blank_images_go_from_train_alone():
    rows = [(0, "train", 0, "a"), (0, "train", 1, "b"), (0, "validation", 2, "c"), (0, "test", 0, "d"), (0, "test", 0, "e")]
    assert decisions(*rows) == {"a": ("is blank", ""), "b": ("is blank", ""), "c": ("is a copy of a test image", "d")}
    assert decisions((0, "validation", 0, "a"), (0, "train", 1, "b")) == {"b": ("is blank", "")}


def test_what_could_not_be_used_is_dropped_with_its_reason():
    broken = replace(dataset_of((1, "train", 0, "a")), problems=(Problem("b.png", "is an empty file"),))
    choice = clean_dataset(audited(broken)).choices["b.png"]
    assert (choice.keep, choice.reason) == (False, "is an empty file")


def test_images_of_one_name_cannot_be_told_apart():
    with pytest.raises(DatasetError, match="2 images of planted are a"):
        clean_dataset(audited(dataset_of((1, "train", 0, "a"), (2, "train", 0, "a"))))


def test_a_cleaned_dataset_has_neither_copies_nor_conflicts_outside_test(faces, with_images, tmp_path):
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, 60, 80)
    blanks = np.zeros((4, 48, 48), dtype=np.uint8)
    splits = rng.choice(["train", "validation", "test"], 84)
    dirty = with_images(faces, [*faces.images[chosen], *blanks], splits=splits, labels=rng.integers(0, 7, 84))
    (tmp_path / "cleaned.csv").write_text(clean_dataset(audited(dirty)).to_csv())
    clean = read_dataset(dirty, index=tmp_path / "cleaned.csv")
    assert (clean.splits == "test").sum() == (dirty.splits == "test").sum()
    assert audit_dataset(clean, near=None).exact.across_splits == 0
    assert audit_dataset(clean.subset(clean.splits != "test"), near=None).exact.groups == 0
    assert audit_dataset(clean.split("train"), near=None).blanks == 0
    again = clean_dataset(audited(clean))
    assert all(choice.keep for choice in again.choices.values())


@pytest.fixture
def alike(faces):
    """Images that look like one another, one dataset a list of (split, label, name); "=" before a name stands for a copy."""

    def dataset(*rows):
        images, label = [], []
        for row, (_, number, name) in enumerate(rows):
            changed = cv2.convertScaleAbs(faces.images[3], alpha=1 - row / 40, beta=row)
            images.append(images[-1] if name.startswith("=") else changed)
            label.append(number)
        splits, names = np.array([row[0] for row in rows]), np.array([row[2] for row in rows])
        return Dataset(np.stack(images), np.array(label), splits, names, CLASSES, "planted")

    return dataset


def thinned(dataset):
    choices = clean_dataset(find_faults(dataset, n_jobs=1), drop_near=True).choices.values()
    return {choice.name: (choice.reason, choice.kept_instead) for choice in choices if not choice.keep}


def test_near_duplicates_stay_unless_they_are_to_go(alike):
    dataset = alike(("train", 0, "a"), ("train", 0, "b"), ("test", 0, "c"))
    assert all(choice.keep for choice in clean_dataset(find_faults(dataset, n_jobs=1)).choices.values())
    assert set(thinned(dataset)) == {"a", "b"}


def test_near_duplicates_of_test_images_go_whatever_their_labels(alike):
    rows = [("train", 0, "a"), ("validation", 1, "b"), ("test", 2, "d"), ("test", 0, "c")]
    assert thinned(alike(*rows)) == {"a": ("looks like a test image", "c"), "b": ("looks like a test image", "c")}


def test_train_images_go_that_look_like_a_validation_image(alike):
    rows = [("train", 0, "a"), ("train", 1, "b"), ("validation", 0, "d"), ("validation", 0, "c")]
    assert thinned(alike(*rows)) == {
        "a": ("looks like a validation image", "c"),
        "b": ("looks like a validation image", "c"),
        "d": ("looks like a validation image", "c"),
    }


def test_of_look_alikes_in_one_split_the_first_of_each_label_stays(alike):
    rows = [("train", 0, "b"), ("train", 0, "a"), ("train", 1, "d"), ("train", 1, "c"), ("train", -1, "0")]
    assert thinned(alike(*rows)) == {
        "b": ("looks like a train image", "a"),
        "d": ("looks like a train image", "c"),
        "0": ("looks like a train image", "a"),
    }


def test_what_stood_for_a_copy_and_goes_is_replaced_by_what_stands_for_it(alike):
    assert thinned(alike(("train", 0, "a"), ("train", 0, "=a"), ("test", 0, "t"))) == {
        "a": ("is a copy of a train image", "t"),
        "=a": ("looks like a test image", "t"),
    }


def test_near_duplicates_that_were_not_looked_for_cannot_go(faces):
    with pytest.raises(DatasetError, match="not looked for"):
        clean_dataset(audited(faces), drop_near=True)
