from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hybridfer.evaluation.leaks import NetworkLeaks, at_least, find_leaks
from hybridfer.evaluation.splits import Splits
from hybridfer.evaluation.summary import DatasetSummary
from hybridfer.evaluation.twins import Leak
from hybridfer.networks import Network, catalogue_network
from hybridfer.networks.ensemble import ensemble_network
from hybridfer.training.ancestry import Ancestry


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


def test_twins_of_validation_images_are_not_called_training_images_alone():
    (leak,) = find_leaks(replace(summary(100), twins_in_train=40, twins_in_validation=70), ())
    assert "100 of 100 test images are also training images or validation images: what" in leak


def digests(*names: str) -> np.ndarray:
    return np.array(names, dtype="S16")


def splits_of(**parts: np.ndarray) -> Splits:
    """Splits that know nothing but their digests."""
    return SimpleNamespace(digests=lambda split: parts[split], image_shape=(48, 48))


SPLITS = splits_of(train=digests("a", "b"), validation=digests("b", "v", "w"), test=digests("s", "t"))
NO_TWINS = np.zeros(2, bool)


def known(*seen: str, watched: tuple[str, ...] | None = (), **changes) -> Network:
    only_watched = None if watched is None else digests(*watched)
    return replace(catalogue_network("tiny"), trained_on=digests(*sorted(seen)), watched=only_watched, **changes)


def leaks_of(network: Network) -> NetworkLeaks:
    return NetworkLeaks.of("mine", network, SPLITS, NO_TWINS)


def test_a_past_that_is_told_is_counted_and_no_more_is_said():
    told = leaks_of(known("a", "t", "v", watched=("v",)))
    assert (told.leak, told.validation_leak) == (Leak(1, 1), 0)
    (leak,) = find_leaks(summary(0), [told])
    assert "was trained on 1 of the test images" in leak
    assert leak.endswith("Score images that were not trained on, or train anew on the train split alone.")


def test_seen_images_of_another_size_may_be_among_these():
    smaller = SimpleNamespace(digests=SPLITS.digests, image_shape=(40, 40))
    trained = known("t", training={"image_shapes": [[48, 48], [40, 40]]})
    assert leaks_of(known("a")).leak == Leak(0, 0)
    assert NetworkLeaks.of("mine", known("a"), smaller, NO_TWINS).leak == Leak(0, 0, other_shapes=((48, 48),))
    told = NetworkLeaks.of("mine", trained, smaller, NO_TWINS).leak
    assert told == Leak(1, 1, other_shapes=((48, 48),))
    assert at_least(told) == "at least "
    ancestry = Ancestry(start=known("t"))
    assert NetworkLeaks.inherited("mine", ancestry, smaller, NO_TWINS).leak.other_shapes == ((48, 48),)
    pair = ensemble_network([trained, known("b")])
    assert NetworkLeaks.of("mine", pair, smaller, NO_TWINS).leak.other_shapes == ((48, 48),)


@pytest.mark.parametrize("recorded", [None, "48", [48, 48], [["a", 3]], {"a": 1}, [[4.5, 2]]])
def test_a_record_of_sizes_that_makes_no_sense_is_none(recorded):
    assert known("t", training={"image_shapes": recorded}).seen_shapes == ((48, 48),)


def test_of_a_network_that_tells_nothing_nothing_is_counted():
    untold = leaks_of(catalogue_network("tiny"))
    assert (untold.leak, untold.validation_leak) == (None, None)
    assert find_leaks(summary(0), [untold]) == ()


def test_an_ensemble_with_a_member_of_unknown_past_has_seen_at_least_what_the_others_have():
    members = [known("a", "t", "v"), catalogue_network("tiny", random_state=1)]
    told = leaks_of(ensemble_network(members))
    assert (told.leak, told.validation_leak) == (Leak(1, 1, untold=("the member tiny",)), 1)
    into_test, into_validation = find_leaks(summary(0), [told])
    assert "was trained on at least 1 of the test images" in into_test
    assert "was trained on at least 1 of the 200 validation images" in into_validation


def test_a_training_from_weights_of_unknown_past_will_have_seen_more_than_its_own_images():
    ancestry = Ancestry(start=catalogue_network("tiny"), teacher=known("t"))
    told = NetworkLeaks.inherited("mine", ancestry, SPLITS, NO_TWINS)
    assert told.leak == Leak(1, 1, untold=("the start tiny",))


def test_weights_that_do_not_say_what_they_only_watched_are_told_of_with_all_that_they_have_seen():
    told = leaks_of(known("a", "b", "v", "w", watched=None))
    assert (told.leak, told.validation_leak) == (Leak(0, 0, validation_seen=2), None)
    (leak,) = find_leaks(summary(0), [told])
    assert "was trained on or watched 2 of the 200 validation images, and the weights do not say which" in leak
    assert find_leaks(summary(0), [leaks_of(known("a", "b", watched=None))]) == ()


def test_cnns_that_have_seen_the_same_are_told_of_together():
    told = [NetworkLeaks(name, Leak(3, 3), 2) for name in ("compact", "compact-views")]
    told.append(NetworkLeaks("tiny", Leak(3, 1), 0))
    both, alone, tuned = find_leaks(summary(20), told)
    assert "the CNNs of compact and compact-views were trained on 3 of the twin-free test images" in both
    assert "the CNN of tiny was trained on 1 of the twin-free test images" in alone
    assert "the CNNs of compact and compact-views were trained on 2 of the 200 validation images" in tuned
