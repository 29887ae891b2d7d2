import warnings

import numpy as np
import pytest
import torch

from hybridfer.training.batches import DeviceBatches, DeviceImages

CPU = torch.device("cpu")


def numbered(n: int) -> DeviceImages:
    """Images that show their own number, as do their labels."""
    return DeviceImages(np.arange(n, dtype=np.uint8).reshape(n, 1, 1), np.arange(n), CPU)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 24, 25])
@pytest.mark.parametrize("shuffled", [False, True])
def test_every_image_comes_once_an_epoch_with_its_label(n, shuffled):
    batches = DeviceBatches(numbered(n), 8, torch.Generator() if shuffled else None)
    found = list(batches)
    assert len(found) == len(batches)
    for images, labels in found:
        assert torch.equal(images[:, 0, 0].long(), labels)
    assert sorted(torch.cat([labels for _, labels in found]).tolist()) == list(range(n))


@pytest.mark.parametrize(("n", "sizes"), [(1, [1]), (8, [8]), (9, [9]), (10, [8, 2]), (17, [8, 9]), (24, [8, 8, 8])])
def test_a_last_batch_of_one_joins_the_one_before(n, sizes):
    assert [len(labels) for _, labels in DeviceBatches(numbered(n), 8)] == sizes


def test_each_epoch_is_shuffled_anew_by_the_generator_alone():
    def epochs(seed: int) -> list[list[int]]:
        batches = DeviceBatches(numbered(20), 8, torch.Generator().manual_seed(seed))
        return [torch.cat([labels for _, labels in batches]).tolist() for _ in range(2)]

    first, second = epochs(0)
    assert first != second
    assert first != list(range(20))
    assert epochs(0) == [first, second]
    assert epochs(1)[0] != first


def test_pixels_stay_bytes():
    assert numbered(3).images.dtype == torch.uint8


def test_read_only_images_are_taken_without_a_warning_and_stay_untouched():
    images = np.zeros((3, 2, 2), dtype=np.uint8)
    images.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        device_images = DeviceImages(images, np.arange(3), CPU)
    device_images.images += 1
    assert not images.any()
