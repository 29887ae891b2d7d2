"""Near-duplicates of drawn faces: what is found, and what is left alone."""

import cv2
import numpy as np
import pytest

from hybridfer.audit.blanks import blank_images
from hybridfer.audit.groups import identical_images
from hybridfer.audit.hashing import perceptual_hashes, thumbnail
from hybridfer.audit.likeness import ALIKE, details, likeness
from hybridfer.audit.near import near_duplicates
from hybridfer.digest import image_digests
from hybridfer.errors import DatasetError


def recompressed(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)


def cropped(image):
    return cv2.resize(image[1:-1, 1:-1], image.shape[::-1], interpolation=cv2.INTER_LINEAR)


CHANGES = {
    "recompressed": recompressed,
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=0.8, beta=40),
    "moved": lambda image: np.roll(image, 1, axis=1),
    "cropped": cropped,
}


def groups_of(images, **options):
    matches = near_duplicates(images, identical_images(image_digests(images)), blank_images(images), **options)
    return sorted(group.tolist() for group in matches.groups), matches


@pytest.mark.parametrize("change", CHANGES)
def test_a_photograph_is_known_again(faces, change):
    changed = np.stack([CHANGES[change](image) for image in faces.images[:30]])
    groups, matches = groups_of(np.concatenate([faces.images, changed]))
    known = [i for i in range(30) if any({i, 140 + i} <= set(group) for group in groups)]
    # a hash is a coarse sieve: one of these moves one pixel and flips 12 bits
    assert len(known) >= 29
    assert matches.pairs >= len(known)


def test_different_faces_are_no_near_duplicates(faces):
    groups, matches = groups_of(faces.images)
    assert groups == []
    assert matches.search.candidates > 0


def test_copies_of_a_near_duplicate_belong_to_its_group(faces):
    images = np.concatenate([faces.images, recompressed(faces.images[5])[None], faces.images[5:6], faces.images[9:10]])
    assert groups_of(images)[0] == [[5, 140, 141]]


def test_what_is_connected_is_one_group(faces):
    steps = [faces.images[0]]
    for _ in range(6):
        steps.append(np.roll(steps[-1], 1, axis=0))
    assert likeness(details(steps[0]), details(steps[6])) < ALIKE
    assert groups_of(np.concatenate([steps, faces.images[1:20]]))[0] == [[0, 1, 2, 3, 4, 5, 6]]


def test_blank_images_are_near_nothing(faces):
    blanks = np.full((60, 48, 48), np.arange(60)[:, None, None] * 4, dtype=np.uint8)
    assert groups_of(np.concatenate([blanks, faces.images[:10]]))[0] == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images_are_searched_too(faces, count):
    assert groups_of(faces.images[:count])[0] == []


def test_the_result_depends_neither_on_threads_nor_on_lots(faces, monkeypatch):
    images = np.concatenate([faces.images, *([change(image) for image in faces.images[:20]] for change in CHANGES.values())])
    expected, matches = groups_of(images)
    monkeypatch.setattr("hybridfer.audit.near.LOT", 3)
    monkeypatch.setattr("hybridfer.audit.near.CHUNK", 5)
    again, others = groups_of(images, n_jobs=2)
    assert again == expected
    assert others.pairs == matches.pairs


def test_colour_and_large_images_are_known_again_by_their_thumbnails(faces):
    large = np.stack([cv2.resize(image, (96, 112), interpolation=cv2.INTER_CUBIC) for image in faces.images[:20]])
    colour = np.repeat(large[..., None], 3, axis=-1)
    tinted = np.clip(colour[:4].astype(int) + [12, 0, 5], 0, 255).astype(np.uint8)
    assert groups_of(np.concatenate([colour, tinted]))[0] == [[i, 20 + i] for i in range(4)]
    assert thumbnail(colour[0]).shape == (48, 48)


def test_brightness_and_contrast_leave_the_hash_as_it_is(faces):
    flatter = (faces.images // 2 * 2).astype(np.uint8)
    bits = np.bitwise_count(perceptual_hashes(flatter) ^ perceptual_hashes(flatter // 2 + 90))
    assert bits.max() == 0


@pytest.mark.parametrize("distance", [-1, 16])
def test_a_distance_out_of_range_is_refused(faces, distance):
    with pytest.raises(DatasetError, match=r"must be 0\.\.15"):
        groups_of(faces.images, distance=distance)
