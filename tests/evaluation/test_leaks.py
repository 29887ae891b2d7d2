import pytest

from hybridfer.evaluation.leaks import find_leaks
from hybridfer.evaluation.summary import DatasetSummary


def summary(twins: int, dropped: int | None = None) -> DatasetSummary:
    counts = {"train": (1000, 1000), "validation": (100, 100), "test": (50, 50)}
    classes = ("happy", "sad")
    return DatasetSummary("fer.zip", classes, (48, 48), counts, "test", "train", twins, twins, 0, dropped_twins=dropped)


@pytest.mark.parametrize(("twins", "told"), [(0, False), (8, False), (50, False), (51, True), (100, True)])
def test_a_test_split_that_is_mostly_training_images_is_none(twins, told):
    leaks = find_leaks(summary(twins), ())
    assert bool(leaks) is told
    if told:
        assert leaks[0].startswith(f"Do not trust this comparison: {twins} of 100 test images are also training images")


def test_without_test_images_nothing_is_said():
    assert find_leaks(DatasetSummary("a", ("x",), (48, 48), {}, "", "", 0, 0, 0), ()) == ()
