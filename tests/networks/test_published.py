"""The published networks: what their sources say of them, and what the sources leave open."""

import warnings

import pytest
import torch
from torch import nn

from hybridfer.networks import build_network, catalogue_network, summarise_network
from hybridfer.networks.blocks import conv_block

SHAPES = {
    "model_1": [(64, 24, 24), (32, 12, 12), (32, 6, 6), (1152,), (512,), (4,)],
    "model_2": [(64, 24, 24), (128, 12, 12), (128, 6, 6), (256, 3, 3), (2304,), (256,), (32,), (4,)],
    "model_3": [(64, 24, 24), (128, 12, 12), (512, 6, 6), (512, 3, 3), (128, 1, 1), (128,), (256,), (512,), (4,)],
    "leaky_cnn": [(32, 24, 24), (64, 12, 12), (128, 6, 6), (4608,), (512,), (256,), (128,), (64,), (7,)],
    "grigorasi": [(256, 48, 48), (512, 24, 24), (384, 12, 12), (192, 6, 6), (384, 3, 3), (3456,), (256,), (7,)],
    "model_b": [(32, 24, 24), (64, 12, 12), (128, 6, 6), (4608,), (128,), (7,)],
    "model_c": [(32, 24, 24), (64, 12, 12), (128, 6, 6), (128, 3, 3), (1152,), (256,), (7,)],
    "model_d": [(64, 24, 24), (128, 12, 12), (256, 6, 6), (256, 3, 3), (2304,), (256,), (256,), (7,)],
    "model_e": [(64, 24, 24), (128, 12, 12), (512, 6, 6), (512, 3, 3), (4608,), (256,), (512,), (7,)],
}


@pytest.mark.parametrize(
    ("name", "arguments", "total", "trainable"),
    [
        ("model_1", {}, 605_060, 605_060),
        ("model_3", {"kernel": 2}, 1_782_340, 1_778_116),
        ("grigorasi", {}, 5_173_959, 5_170_503),
    ],
)
def test_a_network_has_the_published_number_of_parameters(name, arguments, total, trainable):
    summary = summarise_network(name, arguments=arguments)
    assert (summary.total, summary.parameters) == (total, trainable)
    assert summary.total - summary.parameters == summary.non_trainable


@pytest.mark.parametrize(
    ("name", "total", "trainable"),
    [
        # 830,928 are published
        ("model_2", 830_948, 829_796),
        ("model_3", 3_789_700, 3_785_476),
        ("leaky_cnn", 2_630_151, 2_627_783),
        ("model_b", 683_527, 683_527),
        ("model_c", 539_655, 538_439),
        ("model_d", 1_623_303, 1_620_871),
        ("model_e", 4_347_655, 4_343_687),
    ],
)
def test_a_network_of_ours_has_the_number_of_parameters_that_its_docstring_gives(name, total, trainable):
    summary = summarise_network(name)
    assert (summary.total, summary.parameters) == (total, trainable)


@pytest.mark.parametrize("name", SHAPES)
def test_layers_have_the_shapes_that_are_described(name):
    assert list(summarise_network(name).layers.values()) == SHAPES[name]


@pytest.mark.parametrize(("name", "n_classes"), [("model_1", 4), ("model_2", 4), ("model_3", 4), ("grigorasi", 7)])
def test_figures_are_for_the_published_number_of_classes_unless_another_is_asked_for(name, n_classes):
    summary = summarise_network(name)
    assert summary.n_classes == n_classes
    assert summarise_network(name, n_classes=9).layers["logits"] == (9,)


def test_an_even_kernel_is_padded_at_the_bottom_and_at_the_right_as_in_keras():
    block = conv_block(1, 3, 2, order=("conv",))
    maps = torch.rand(2, 1, 6, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = block(maps)
    padded = torch.zeros(2, 1, 7, 6)
    padded[:, :, :6, :5] = maps
    conv = block.get_submodule("conv")
    torch.testing.assert_close(found, nn.functional.conv2d(padded, conv.weight, conv.bias))


def test_kernels_of_model_3_are_of_the_size_that_is_asked_for():
    for kernel in (2, 3):
        module = build_network("model_3", kernel=kernel)
        assert {part.kernel_size for part in module.modules() if isinstance(part, nn.Conv2d)} == {(kernel, kernel)}


@pytest.mark.parametrize(("name", "slope"), [("model_2", 0.1), ("model_3", 0.1), ("leaky_cnn", 0.01)])
def test_slopes_are_the_published_ones_and_can_be_changed(name, slope):
    def slopes(module: nn.Module) -> set[float]:
        return {part.negative_slope for part in module.modules() if isinstance(part, nn.LeakyReLU)}

    assert slopes(build_network(name)) == {slope}
    assert slopes(build_network(name, slope=0.3)) == {0.3}


def test_normal_first_weights_have_the_standard_deviation_of_keras_and_no_biases():
    module = catalogue_network("leaky_cnn").module
    parts = [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert all(not part.bias.any() for part in parts)
    weights = torch.cat([part.weight.detach().flatten() for part in parts])
    assert float(weights.std()) == pytest.approx(0.05, rel=0.01)
    assert float(weights.mean()) == pytest.approx(0, abs=1e-3)
    # further out than any uniform distribution of that deviation reaches
    assert float(weights.abs().max()) > 0.15
    other = catalogue_network("leaky_cnn", arguments={"initialisation": "default"}).module
    assert float(other.get_submodule("dense1.linear").weight.detach().std()) < 0.01


def test_the_dropout_of_the_leaky_cnn_is_published_layer_by_layer():
    shares = [part.p for part in build_network("leaky_cnn").modules() if isinstance(part, nn.Dropout)]
    assert shares == [0.25, 0.25, 0.25, 0.4]


def test_the_dropout_of_grigorasi_is_the_best_that_was_found():
    shares = [part.p for part in build_network("grigorasi").modules() if isinstance(part, nn.Dropout)]
    assert shares == [0.4, 0.4, 0.4, 0.4, 0.3]
