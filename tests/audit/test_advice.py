from dataclasses import replace

import pytest

from hybridfer import audit_dataset
from hybridfer.audit import NearDuplicates
from hybridfer.audit.advice import advice


@pytest.fixture(scope="module")
def clean(faces):
    return audit_dataset(faces, near=None, n_jobs=1)


def test_clean_data_needs_no_advice(clean):
    assert advice(clean) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"across_splits": 2, "redundant": 2}, ["2 groups of identical images in several splits"]),
        ({"conflicting_labels": 1}, ["There is 1 group of identical images with different labels"]),
        ({"redundant": 1500}, ["1,500 copies to spare"]),
    ],
)
def test_each_kind_of_identical_images_has_a_line(clean, changes, words):
    told = advice(replace(clean, exact=replace(clean.exact, **changes)))
    assert len(told) == len(words)
    assert all(word in line for word, line in zip(words, told, strict=True))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blanks": 1}, "There is 1 blank image."),
        ({"unreadable": ("a: is an empty file",)}, "There is 1 file or line that cannot be used"),
        ({"unlabelled": 4}, "4 images without a label"),
        ({"imbalance": 16.55}, "16.6 times"),
        ({"near": NearDuplicates("", 11, 9, 9, 3, 6, 2, 0)}, "2 groups of near-duplicates in several splits"),
        ({"near": NearDuplicates("", 11, 9, 9, 3, 6, 0, 1)}, "1 group of near-duplicates with different labels"),
        ({"counts": {"train": (0, 5, 5, 5, 5, 5, 5)}}, "No train image is labelled angry."),
        ({"counts": {"train": (0, 0, 5, 0, 5, 5, 5)}}, "No train image is labelled angry, disgust or happy."),
        ({"classes": ("happy",)}, "All images are happy: one class"),
    ],
)
def test_each_other_finding_has_a_line(clean, changes, words):
    (told,) = advice(replace(clean, **changes))
    assert words in told


def test_near_duplicates_are_to_be_kept_together_where_a_test_split_is_yet_to_be_drawn(clean):
    frames = replace(clean, near=NearDuplicates("", 11, 9, 9, 41, 318, 0, 0))
    assert advice(frames) == ()
    (told,) = advice(replace(frames, counts={"train": (5,) * 7}))
    assert told.startswith("There are 41 groups of near-duplicates (318 images) and no test split yet: one that is drawn")
    assert advice(replace(frames, counts={"train": (0,) * 7}, unlabelled=frames.n_images)) != (told,)
