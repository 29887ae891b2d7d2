"""The network whose depth and widths are arguments."""

import pytest
import torch

from hybridfer.errors import RecipeError
from hybridfer.networks import build_network, catalogue_network, load_network, save_network, summarise_network


def test_with_the_published_winner_s_arguments_it_is_grigorasi():
    winner = {"filters": "256-512-384-192-384", "bare": 1, "conv_dropout": 0.4, "dense_dropout": 0.3}
    ours, published = summarise_network("conv_stack", arguments=winner), summarise_network("grigorasi")

    assert ours.total == published.total == 5_173_959
    assert [(line.kind, line.shape, line.parameters) for line in ours.lines] == [
        (line.kind, line.shape, line.parameters) for line in published.lines
    ]


@pytest.mark.parametrize(("side", "sides"), [(48, [24, 12, 6, 3, 1, 1]), (16, [8, 4, 2, 1, 1, 1]), (1, [1] * 6)])
def test_maps_are_halved_for_as_long_as_they_can_be(side, sides):
    layers = summarise_network("conv_stack", image_size=(side, side), arguments={"filters": "4-4-4-4-4-4"}).layers

    assert [layers[f"conv{number}"][1:] for number in range(1, 7)] == [(one, one) for one in sides]


def test_a_single_convolution_is_never_bare():
    layers = summarise_network("conv_stack", arguments={"filters": "8", "bare": 1}).layers

    assert layers["conv1"] == (8, 24, 24)


def test_it_runs_and_its_layers_have_stable_names():
    module = build_network("conv_stack", n_classes=4, channels=3, image_size=(16, 20), filters="4-8", dense=6).eval()

    assert list(dict(module.named_children())) == ["conv1", "conv2", "flatten", "embedding", "logits"]
    assert module(torch.zeros(2, 3, 16, 20)).shape == (2, 4)


def test_its_arguments_go_with_its_weights(tmp_path):
    network = catalogue_network("conv_stack", arguments={"filters": "4-8", "dense": 6})
    save_network(network, tmp_path / "a.safetensors")

    assert load_network(tmp_path / "a.safetensors").digest == network.digest


@pytest.mark.parametrize("filters", ["", "0", "64-", "-64", "64,32", "64-0-32", "12345", "64 32", "-".join(["4"] * 17)])
def test_filters_that_are_no_list_of_widths_are_refused(filters):
    with pytest.raises(RecipeError, match="joined by '-'"):
        build_network("conv_stack", filters=filters)


@pytest.mark.parametrize(("name", "value"), [("kernel", 0), ("dense", 0), ("bare", -1)])
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(RecipeError, match=f"{name} of conv_stack must be at least"):
        build_network("conv_stack", **{name: value})
