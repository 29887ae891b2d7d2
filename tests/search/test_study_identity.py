"""What a study is known by: when a search goes on with one, and when it is that of another search."""

import contextlib
import json
import sqlite3

import pytest

from hybridfer.search import SearchSpace, StudyError, fingerprint_of, identity_of
from hybridfer.search.study import opened_study
from hybridfer.training.identity import LATER

DRAWN = {"batch_size": {"choices": [32, 64]}}


def space_of(axes=DRAWN, **training) -> SearchSpace:
    return SearchSpace(network="tiny", image_size=16, training=training, space={"training": axes})


def test_what_came_later_and_is_off_is_no_part_of_it(faces):
    space = space_of(class_weight={"happy": 2.0}, augmentation={"flip": True})
    written = space.training.model_dump(mode="json")
    assert written["augmentation"].pop("noise") == 0
    assert identity_of(space, faces)["space"]["training"] == {
        name: value for name, value in written.items() if name not in LATER
    }


def test_a_study_that_was_begun_before_they_came_is_gone_on_with(faces, study):
    space = space_of()
    with opened_study(study, space, faces) as opened:
        found = opened.study.user_attrs["identity"]
    assert not set(LATER) & set(found["space"]["training"])
    with opened_study(study, SearchSpace.model_validate(space.model_dump()), faces) as opened:
        assert opened.fingerprint == fingerprint_of(found)


def test_what_is_on_is_part_of_it(faces):
    known = identity_of(space_of(mixup=0.2), faces)["space"]["training"]
    assert known["mixup"] == 0.2
    assert "teacher" not in known
    taught = identity_of(space_of(teacher="compact", temperature=2.0), faces)["space"]["training"]
    assert (taught["distillation"], taught["temperature"]) == (0.5, 2.0)


@pytest.mark.parametrize("field", ["start", "teacher"])
def test_weights_are_known_by_what_they_hold_wherever_they_are(faces, field, tmp_path, save_tiny):
    first = save_tiny(tmp_path / "a" / "w.safetensors")
    moved, other = save_tiny(tmp_path / "b" / "moved.safetensors"), save_tiny(tmp_path / "c.safetensors", seed=1)
    known = [fingerprint_of(identity_of(space_of(**{field: str(path)}), faces)) for path in (first, moved, other)]
    assert known[0] == known[1] != known[2]
    save_tiny(first, seed=1)
    assert fingerprint_of(identity_of(space_of(**{field: str(first)}), faces)) == known[2]


@pytest.mark.parametrize("field", ["start", "teacher"])
def test_weights_to_draw_are_known_by_what_they_hold_too(faces, field, tmp_path, study, save_tiny):
    path = save_tiny(tmp_path / "w.safetensors")
    space = space_of({field: {"choices": ["compact", str(path)]}})
    with opened_study(study, space, faces) as opened:
        assert opened.study.user_attrs["identity"] == json.loads(json.dumps(identity_of(space, faces)))
    with opened_study(study, space, faces):
        pass
    save_tiny(path, seed=1)
    with (
        pytest.raises(StudyError, match=rf"space\.training\.{field}\.choices\..*digest is"),
        opened_study(study, space, faces),
    ):
        pass


def test_a_database_of_something_else_is_left_alone(faces, study):
    with contextlib.closing(sqlite3.connect(study)) as connection:
        connection.execute("CREATE TABLE photographs (name TEXT)")
    before = study.read_bytes()
    told = r"no study file, but a database of photographs\. Choose another --study"
    with pytest.raises(StudyError, match=told), opened_study(study, space_of(), faces):
        pass
    assert study.read_bytes() == before


def test_an_empty_file_becomes_a_study(faces, study):
    study.touch()
    with opened_study(study, space_of(), faces) as opened:
        assert not opened.study.trials
