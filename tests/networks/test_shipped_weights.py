"""The weights in the wheel: those that their cards describe, small enough, and of images that they may have seen."""

import hashlib
import os
import re
from importlib.resources import files

import numpy as np
import pytest

from hybridfer import read_dataset
from hybridfer.networks import builtin_weights, load_network

SHIPPED = files("hybridfer.weights")
MEGABYTE = 10**6


@pytest.fixture(params=builtin_weights())
def shipped(request):
    return request.param


def test_the_card_names_the_checksum_and_the_digest_of_the_weights(shipped):
    card = SHIPPED.joinpath(f"{shipped}.md").read_text(encoding="utf-8")
    content = SHIPPED.joinpath(f"{shipped}.safetensors").read_bytes()
    assert f"`{hashlib.sha256(content).hexdigest()}`" in card
    assert f"`{load_network('compact', weights=shipped).digest}`" in card
    assert re.search(rf"hybridfer train fer2013\.zip -f \S+ -o {shipped}\.safetensors", card)


def test_the_weights_know_how_they_were_trained(shipped):
    network = load_network("compact", weights=shipped)
    assert len(network.history) == network.training["max_epochs"]
    assert network.history[-1]["train_loss"] < network.history[0]["train_loss"]
    assert len(network.classes) == 7
    assert len(np.intersect1d(network.trained_on, network.watched)) == len(network.watched) > 2000


def test_the_weights_are_small():
    sizes = [len(SHIPPED.joinpath(f"{name}.safetensors").read_bytes()) for name in builtin_weights()]
    assert max(sizes) <= 4 * MEGABYTE
    assert sum(sizes) <= 12 * MEGABYTE


@pytest.mark.data
@pytest.mark.skipif("HYBRIDFER_FER2013" not in os.environ, reason="HYBRIDFER_FER2013 does not name the FER2013 zip")
def test_no_test_image_was_seen_but_for_copies_of_training_images(shipped):
    dataset = read_dataset(os.environ["HYBRIDFER_FER2013"])
    seen = load_network("compact", weights=shipped).trained_on
    assert np.isin(seen, dataset.split("train").digests).all()
