"""What a training inherits, as far as its ancestors say."""

from dataclasses import replace

import numpy as np
import pytest

from hybridfer.errors import WeightsError
from hybridfer.networks import Network, catalogue_network, load_network, save_network
from hybridfer.networks.ensemble import ensemble_network
from hybridfer.training.ancestry import Ancestry, load_ancestry


def digests(*names: str) -> np.ndarray:
    return np.array(names, dtype="S16")


def known(*seen: str, watched: tuple[str, ...] | None = ()) -> Network:
    only_watched = None if watched is None else digests(*watched)
    return replace(catalogue_network("tiny"), trained_on=digests(*seen), watched=only_watched)


def test_ancestors_that_say_what_they_have_seen_leave_nothing_untold():
    assert Ancestry().untold == ()
    assert Ancestry(start=known("a"), teacher=known("b")).untold == ()


def test_an_ancestor_of_unknown_past_is_named_by_its_role():
    assert Ancestry(start=catalogue_network("tiny"), teacher=known("b")).untold == ("the start tiny",)
    teacher = ensemble_network([known("a"), catalogue_network("compact")])
    assert Ancestry(teacher=teacher).untold == ("the member compact",)
    assert Ancestry(teacher=ensemble_network([catalogue_network("tiny")] * 2)).untold == ("the teacher ensemble",)


def test_an_ancestor_that_tells_nothing_hides_nothing_of_the_others():
    seen, watched = Ancestry(start=catalogue_network("tiny"), teacher=known("b", "c", watched=("c",))).seen_with(
        digests("a"), digests("c", "d")
    )
    assert (seen.tolist(), watched.tolist()) == ([b"a", b"b", b"c", b"d"], [b"c", b"d"])
    assert Ancestry(start=known("b", watched=None)).seen_with(digests("a"), digests("c"))[1] is None


def test_an_ancestor_that_tells_a_part_of_its_past_is_warned_of(caplog):
    caplog.set_level("WARNING", logger="hybridfer")
    teacher = ensemble_network([known("a"), catalogue_network("compact")])
    Ancestry(teacher=teacher).warn_of_seen_validation(digests("a"), digests("v"))
    assert caplog.messages == [
        "The weights of the teacher ensemble do not say all images that they depend on: those of the member compact are "
        "unknown."
    ]
    caplog.clear()
    Ancestry(teacher=known("a")).warn_of_seen_validation(digests("a"), digests("v"))
    assert not caplog.messages


def test_a_network_trained_from_weights_of_unknown_past_says_so_from_its_file(quick, shades, tmp_path):
    names = ("a", "b", "c")
    first = quick(max_epochs=1).fit(*shades, class_names=names).network_
    assert first.untold == ()
    begun = save_network(replace(first, trained_on=first.trained_on[:0], watched=None), tmp_path / "begun.safetensors")
    student = quick(max_epochs=1, start=str(begun)).fit(*shades, class_names=names).network_
    assert load_network(save_network(student, tmp_path / "student.safetensors")).untold == ("the start tiny",)
    assert student.watched.tolist() == first.watched.tolist()


@pytest.mark.parametrize("role", ["start", "teacher"])
def test_weights_that_there_are_not_are_answered_with_those_that_there_are(role):
    parameters = {"start": None, "teacher": None}
    with pytest.raises(WeightsError, match=r"\['compact', .* got 'compakt', which is neither\. Did you mean 'compact'\?"):
        load_ancestry({**parameters, role: "compakt"})
    assert load_ancestry({**parameters, role: "compact"}).named[role].name == "compact"
