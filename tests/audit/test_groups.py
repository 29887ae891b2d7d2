"""Groups of equal rows, and what differs within them."""

import tracemalloc

import numpy as np
import pytest

from hybridfer.audit.groups import equal_rows, identical_images
from hybridfer.digest import image_digests


def as_lists(groups):
    return sorted(group.tolist() for group in groups)


def test_rows_are_grouped_where_every_column_agrees():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 6, 60), rng.integers(0, 3, 60)
    together = [[i for i in range(60) if (one[i], other[i]) == pair] for pair in {*zip(one, other, strict=True)}]
    groups = equal_rows(one, other)
    assert as_lists(groups) == sorted(members for members in together if len(members) > 1)
    assert [groups[i].tolist() for i in range(len(groups))] == [group.tolist() for group in groups]


@pytest.mark.parametrize("values", [[], [3], [1, 2, 3]])
def test_rows_that_differ_make_no_group(values):
    groups = equal_rows(np.array(values, dtype=np.int64))
    assert (len(groups), len(groups.members), list(groups)) == (0, 0, [])
    assert groups.differ(np.zeros(3, dtype=np.int64)).shape == (0,)


def test_a_group_that_is_not_there_is_an_index_error():
    with pytest.raises(IndexError, match="group must lie in"):
        equal_rows(np.array([1, 1]))[1]


def test_values_differ_within_a_group_only_where_they_are_known():
    groups = equal_rows(np.array([0, 0, 1, 1, 2, 2, 2, 3, 3]))
    values = np.array([5, 5, 5, 6, -1, 4, 4, -1, -1])
    assert groups.differ(values).tolist() == [False, True, False, False]


def test_digests_that_end_in_zero_bytes_are_told_apart():
    digests = np.array([b"a" + bytes(15), b"a" + bytes(14) + b"b", b"a" + bytes(15)], dtype="S16")
    assert as_lists(identical_images(digests)) == [[0, 2]]


def test_digests_that_share_a_half_are_told_apart():
    one, other, third = bytes(range(1, 9)), bytes(range(11, 19)), bytes(range(21, 29))
    digests = np.array([one + other, one + third, third + other, one + other, other + one], dtype="S16")
    assert as_lists(identical_images(digests)) == [[0, 3]]


@pytest.mark.parametrize(("copies", "most"), [(0, 12), (2_000, 14), (100_000, 80)])
def test_copies_are_found_with_a_few_bytes_an_image_beside_the_digests(copies, most):
    raw = np.random.default_rng(2).integers(0, 2**63, (200_000, 2), dtype=np.uint64)
    raw[len(raw) - copies :] = raw[:copies]
    digests = raw.view("S16")[:, 0]
    tracemalloc.start()
    groups = identical_images(digests)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(groups), len(groups.members)) == (copies, 2 * copies)
    assert peak < most * len(digests)


def test_groups_can_be_put_into_another_order():
    groups = equal_rows(np.array([7, 5, 7, 6, 5, 5, 6]))
    assert [group.tolist() for group in groups.reordered(np.array([2, 0, 1]))] == [[0, 2], [1, 4, 5], [3, 6]]
    assert len(equal_rows(np.arange(3)).reordered(np.zeros(0, dtype=np.int64))) == 0


def test_identical_images_are_those_whose_pixels_agree():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 2, (200, 2, 3), dtype=np.uint8)
    _, inverse, counts = np.unique(images.reshape(200, -1), axis=0, return_inverse=True, return_counts=True)
    groups = identical_images(image_digests(images))
    assert as_lists(groups) == sorted(np.flatnonzero(inverse == i).tolist() for i in np.flatnonzero(counts > 1))
