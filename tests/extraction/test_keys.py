import logging

import pytest

from hybridfer.extraction import default_store_path
from hybridfer.store import FeatureStore, StoreKey
from hybridfer.store.manifest import NAME

KEY = StoreKey("0" * 64, "sums", "{}", ("embedding", "logits"), "single", "fp32")
OTHER = StoreKey("1" * 64, "sums", "{}", ("embedding", "logits"), "single", "fp32")


def made(path, key=KEY, asked=("embedding",)):
    widths = [{layer: 2 for layer in key.layers if (layer in asked) is kind} for kind in (True, False)]
    return FeatureStore.create(path, key, *widths).path


def test_a_store_is_found_by_its_key_whatever_it_is_called(tmp_path):
    stored = made(default_store_path(KEY, "first", tmp_path))
    assert default_store_path(KEY, "second", tmp_path) == stored
    assert default_store_path(OTHER, "second", tmp_path) != stored


def test_of_several_the_one_of_the_name_asked_for_is_taken(tmp_path):
    first, second = (made(tmp_path / f"{name}-{KEY.digest[:12]}.store") for name in ("first", "second"))
    assert default_store_path(KEY, "second", tmp_path) == second
    assert default_store_path(KEY, "third", tmp_path) == first


def test_a_folder_without_a_key_is_passed_over(tmp_path):
    own = default_store_path(KEY, "first", tmp_path)
    own.mkdir()
    (tmp_path / f"a-{KEY.digest[:12]}.store").mkdir()
    assert default_store_path(KEY, "first", tmp_path) == own
    stored = made(default_store_path(KEY, "second", tmp_path))
    assert default_store_path(KEY, "first", tmp_path) == stored


@pytest.mark.parametrize(("asked", "found"), [(None, True), (["embedding"], True), (["embedding", "logits"], False)])
def test_who_names_no_layers_passes_over_a_store_that_gives_others(tmp_path, asked, found):
    stored = made(default_store_path(KEY, "first", tmp_path))
    assert (default_store_path(KEY, "second", tmp_path, asked) == stored) is found
    assert default_store_path(KEY, "first", tmp_path, asked) == stored


@pytest.mark.parametrize("asked", [None, ["embedding"]])
def test_a_store_of_another_name_whose_key_does_not_read_is_passed_over_with_a_warning(tmp_path, asked, caplog):
    broken, sound = (made(tmp_path / f"{name}-{KEY.digest[:12]}.store") for name in ("first", "second"))
    (broken / NAME).write_text("{")
    with caplog.at_level(logging.WARNING, "hybridfer"):
        assert default_store_path(KEY, "third", tmp_path, asked) == sound
    assert str(broken) in caplog.text
    (sound / NAME).write_text("{")
    assert default_store_path(KEY, "third", tmp_path, asked) == tmp_path / f"third-{KEY.digest[:12]}.store"
    # under its own name it is for its user to mend
    assert default_store_path(KEY, "first", tmp_path, asked) == broken


@pytest.mark.parametrize("name", ["x" * 300, "é" * 200, "x\0y", "x\ud800"])
def test_a_store_may_be_called_after_a_network_of_any_name(tmp_path, name):
    stored = made(default_store_path(KEY, name, tmp_path))
    assert stored.parent == tmp_path
    assert default_store_path(KEY, name, tmp_path) == stored
