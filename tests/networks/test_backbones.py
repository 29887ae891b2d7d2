"""Models of timm under a new head: shapes, normalisation, freezing, names."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from hybridfer.errors import MissingExtraError, RecipeError
from hybridfer.networks import (
    Embedder,
    Preprocessing,
    build_network,
    catalogue_network,
    check_arguments,
    network_preprocessing,
    summarise_network,
)
from hybridfer.networks import backbones as module_of_backbones

RESNET = "timm:test_resnet"
EFFICIENTNET = "timm:test_efficientnet"
VIT = "timm:test_vit"


def test_a_backbone_offers_pooled_features_an_embedding_and_logits(timm):
    network = catalogue_network(EFFICIENTNET, n_classes=4, arguments={"hidden": 12})
    assert network.widths == {"pooled": 256, "embedding": 12, "logits": 4}
    assert catalogue_network(EFFICIENTNET).widths == {"pooled": 256, "embedding": 256, "logits": 7}


@pytest.mark.parametrize("name", [RESNET, EFFICIENTNET, VIT])
def test_grey_images_of_any_size_get_three_channels_the_backbones_size_and_its_normalisation(name, pixels, timm):
    network = catalogue_network(name, n_classes=0)
    model = timm.create_model(name.removeprefix("timm:"), num_classes=0).eval()
    model.load_state_dict(network.module.pooled.model.state_dict())
    mean, std = (torch.tensor(model.pretrained_cfg[part]).view(1, 3, 1, 1) for part in ("mean", "std"))
    grey = torch.from_numpy(pixels).float()[:, None].expand(-1, 3, -1, -1) / 255
    images = nn.functional.interpolate(grey, (160, 160), mode="bilinear", antialias=True)
    with torch.no_grad():
        expected = model((images - mean) / std)
    found = Embedder(network, ["embedding"], device="cpu", precision="fp32").embed(pixels)["embedding"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_backbones_of_other_normalisation_are_told_apart(timm):
    one, other = network_preprocessing(RESNET), network_preprocessing(EFFICIENTNET)
    assert (one.image_size, one.channels) == (other.image_size, other.channels) == ((160, 160), 3)
    assert one.mean == (0.5, 0.5, 0.5)
    assert other.std == (0.229, 0.224, 0.225)
    assert one.to_json() != other.to_json()
    assert Preprocessing.from_json(other.to_json()) == other


@pytest.mark.parametrize("name", [RESNET, VIT])
def test_another_image_size_may_be_asked_for(name, pixels, timm):
    network = catalogue_network(name, preprocessing=Preprocessing((64, 64)))
    assert network.preprocessing == network_preprocessing(name, (64, 64))
    assert Embedder(network, ["logits"], device="cpu").embed(pixels)["logits"].shape == (7, 7)


@pytest.mark.parametrize(("name", "side"), [(VIT, 65), ("timm:xcit_nano_12_p16_224", 96)])
def test_a_size_that_a_model_cannot_be_adapted_to_is_named(name, side, timm):
    if name != VIT and not timm.models.get_pretrained_cfg("xcit_nano_12_p16_224").fixed_input_size:
        pytest.skip("this model is bound to no size in this version of timm")
    with pytest.raises(RecipeError, match=rf"cannot take images of {side} x {side}"):
        catalogue_network(name, preprocessing=Preprocessing((side, side)))


def test_a_backbone_takes_no_other_normalisation(timm):
    with pytest.raises(RecipeError, match="standardize must be 'none'; got 'image'"):
        network_preprocessing(RESNET, standardize="image")


def test_a_frozen_backbone_stays_as_it_is_in_training_and_its_head_does_not(timm):
    module = build_network(RESNET, channels=3, image_size=(32, 32), frozen=True, dropout=0.5, hidden=8).train()
    assert not any(part.training for part in module.pooled.modules())
    assert all(part.training for part in module.embedding.modules())
    before = {name: tensor.clone() for name, tensor in module.pooled.state_dict().items()}
    module(torch.randn(8, 3, 32, 32)).sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.pooled.state_dict().items())
    assert {name.partition(".")[0] for name, weight in module.named_parameters() if weight.grad is not None} == {
        "embedding",
        "logits",
    }
    trained = build_network(RESNET, channels=3, image_size=(32, 32)).train()
    assert all(part.training for part in trained.modules())


def test_without_classes_logits_are_the_embedding(pixels, timm):
    rows = Embedder(catalogue_network(RESNET, n_classes=0), ["embedding", "logits"], device="cpu").embed(pixels)
    np.testing.assert_array_equal(rows["embedding"], rows["logits"])


def test_first_weights_are_reproducible_and_leave_the_global_generator_alone(timm):
    state = torch.get_rng_state()
    one, same, other = (catalogue_network(RESNET, random_state=seed).digest for seed in (0, 0, 1))
    assert one == same != other
    assert torch.equal(torch.get_rng_state(), state)


# without classifiers: the counts of the papers' models, of which ResNet v2 and EfficientNet have pooling before it
@pytest.mark.parametrize(
    ("name", "pre_logits", "width", "parameters"),
    [
        ("timm:vgg16", False, 512, 14_714_688),
        ("timm:vgg16", True, 4096, 134_260_544),
        ("timm:resnetv2_50", True, 2048, 23_500_352),
        ("timm:efficientnet_b0", True, 1280, 4_007_548),
    ],
)
def test_a_published_backbone_has_its_number_of_parameters_and_its_width(name, pre_logits, width, parameters, timm):
    arguments = {"frozen": True, "hidden": 256, "pre_logits": pre_logits}
    summary = summarise_network(name, n_classes=4, arguments=arguments)
    assert (summary.image_size, summary.channels) == ((224, 224), 3)
    assert summary.layers == {"pooled": (width,), "embedding": (256,), "logits": (4,)}
    assert summary.parameters == (width + 1) * 256 + 257 * 4
    running = sum(tensor.numel() for tensor in _running(name))
    assert summary.non_trainable == parameters + running


def _running(name: str) -> list[torch.Tensor]:
    with torch.device("meta"):
        module = build_network(name, channels=3, image_size=(224, 224))
    return [tensor for tensor_name, tensor in module.named_buffers() if "running" in tensor_name]


@pytest.mark.parametrize("name", [RESNET, EFFICIENTNET, VIT])
def test_the_lines_of_a_summary_add_up(name, timm):
    summary = summarise_network(name, arguments={"hidden": 4})
    assert sum(line.parameters for line in summary.lines) == summary.total
    assert summary.lines[-1].name == "logits"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("timm:resnetv2_5", "timm has no model 'resnetv2_5'. Did you mean 'resnetv2_50'"),
        ("timm:resnetv2_50.a1h_in1", "timm has no weights 'resnetv2_50.a1h_in1'. Did you mean 'resnetv2_50.a1h_in1k'"),
        ("timm:hf-hub:someone/resnet", "timm has no model 'hf-hub:someone/resnet'"),
        ("timm:local-dir:here", "timm has no model 'local-dir:here'"),
        ("timm:", "timm has no model ''"),
    ],
)
def test_an_unknown_model_is_told_with_those_that_may_have_been_meant(name, told, timm):
    with pytest.raises(RecipeError) as raised:
        catalogue_network(name)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"frozen": 1}, "frozen of timm:test_resnet must be of the kind of False"),
        ({"hidden": True}, "hidden of timm:test_resnet must be of the kind of 0"),
        ({"pretrained": True}, "pretrained of timm:test_resnet must be of the kind of ''"),
        ({"width": 3}, r"got \['width'\]"),
    ],
)
def test_an_argument_of_another_kind_is_named(arguments, told, timm):
    with pytest.raises(RecipeError, match=told):
        check_arguments(RESNET, arguments)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"hidden": -1}, "hidden of timm:test_resnet must be 0 or a number of units"),
        ({"dropout": 1.5}, "dropout probability"),
        ({"pre_logits": False}, "has no dense layers before its classifier"),
    ],
)
def test_a_head_that_cannot_be_built_is_told(arguments, told, timm):
    with pytest.raises(RecipeError, match=told):
        catalogue_network(RESNET, arguments=arguments)


def test_where_timm_is_not_installed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"timm is needed.*pip install 'hybridfer\[backbones\]'"):
        catalogue_network(RESNET)


def test_where_torchvision_is_of_another_build_than_torch_that_is_told(monkeypatch):
    def broken(module: str, *, extra: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(module_of_backbones, "require", broken)
    with pytest.raises(MissingExtraError, match=r"nms does not exist.*must be of the build that goes with torch"):
        catalogue_network(RESNET)
