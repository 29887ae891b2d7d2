import json
from dataclasses import replace

import pytest

from hybridfer.errors import StoreError
from hybridfer.store import StoreKey

CHANGES = {
    "weights": "cd" * 32,
    "network": "model_f",
    "preprocessing": "{}",
    "layers": ("embedding",),
    "views": "flip",
    "precision": "bf16",
}


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_changes_the_digest_and_is_named(key, field):
    other = replace(key, **{field: CHANGES[field]})
    assert other.digest != key.digest
    (sentence,) = key.difference(other)
    assert sentence.startswith(f"{field}: the store holds ")


def test_the_order_of_layers_is_part_of_the_key(key):
    assert replace(key, layers=key.layers[::-1]).digest != key.digest


def test_equal_keys_do_not_differ(key):
    assert key.difference(replace(key)) == []


def test_the_digest_never_changes_between_releases():
    fixed = StoreKey("0" * 64, "compact", "{}", ("embedding",), "single", "fp32")
    assert fixed.digest == "0382706dae7a6be7ef39e5eea27a313338a331fec350bdd858c1e98c94a36eaa"


def test_json_gives_the_same_key_back(key):
    assert StoreKey.from_json(key.to_json()) == key


@pytest.mark.parametrize(
    "change",
    [
        {"layers": "embedding"},
        {"layers": []},
        {"layers": ["a", "a"]},
        {"layers": [["a"]]},
        {"layers": [1]},
        {"layers": {"a": 1}},
        {"weights": 7},
        {"weights": None},
        {"network": ""},
        {"precision": "int4"},
        {"__class__": "x"},
    ],
)
def test_malformed_keys_are_refused(key, change):
    with pytest.raises(StoreError):
        StoreKey.from_json(json.dumps({**json.loads(key.to_json()), **change}))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, "1" * 10_000, '{"weights": "a"}'])
def test_text_that_is_no_key_is_refused(text):
    with pytest.raises(StoreError):
        StoreKey.from_json(text)
