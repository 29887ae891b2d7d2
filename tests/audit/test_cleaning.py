"""Which images a cleaned index keeps, case by case."""

from dataclasses import replace

import numpy as np
import pytest

from hybridfer import Dataset, audit_dataset, read_dataset
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


def decisions(*rows):
    return {
        choice.name: (choice.reason, choice.kept_instead)
        for choice in clean_dataset(dataset_of(*rows)).choices.values()
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
    choice = clean_dataset(broken).choices["b.png"]
    assert (choice.keep, choice.reason) == (False, "is an empty file")


def test_images_of_one_name_cannot_be_told_apart():
    with pytest.raises(DatasetError, match="2 images of planted are a"):
        clean_dataset(dataset_of((1, "train", 0, "a"), (2, "train", 0, "a")))


def test_a_cleaned_dataset_has_neither_copies_nor_conflicts_outside_test(faces, with_images, tmp_path):
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, 60, 80)
    blanks = np.zeros((4, 48, 48), dtype=np.uint8)
    splits = rng.choice(["train", "validation", "test"], 84)
    dirty = with_images(faces, [*faces.images[chosen], *blanks], splits=splits, labels=rng.integers(0, 7, 84))
    (tmp_path / "cleaned.csv").write_text(clean_dataset(dirty).to_csv())
    clean = read_dataset(dirty, index=tmp_path / "cleaned.csv")
    assert (clean.splits == "test").sum() == (dirty.splits == "test").sum()
    assert audit_dataset(clean, near=None).exact.across_splits == 0
    assert audit_dataset(clean.subset(clean.splits != "test"), near=None).exact.groups == 0
    assert audit_dataset(clean.split("train"), near=None).blanks == 0
    again = clean_dataset(clean)
    assert all(choice.keep for choice in again.choices.values())
