"""The weights that backbones begin with: state dicts, the hub, and what is said where neither can be had."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hybridfer.errors import MissingExtraError, RecipeError, WeightsError
from hybridfer.networks import (
    Embedder,
    Preprocessing,
    load_network,
    network_preprocessing,
    pretrained_network,
    save_network,
)

NAME = "timm:test_resnet"


@pytest.fixture(scope="module")
def state(timm) -> dict[str, torch.Tensor]:
    """A state dict as timm would give it, classifier and all."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return timm.create_model("test_resnet").state_dict()


@pytest.fixture(scope="module")
def file(state, tmp_path_factory) -> Callable[[str], Path]:
    def write(suffix: str) -> Path:
        path = tmp_path_factory.mktemp("weights") / f"resnet{suffix}"
        if suffix == ".safetensors":
            save_file({name: tensor.clone() for name, tensor in state.items()}, path)
        else:
            torch.save({"state_dict": state} if suffix == ".pth" else state, path)
        return path

    return write


@pytest.fixture
def hub(timm, monkeypatch) -> Callable[[Callable[..., object]], None]:
    """Puts something else in the place of timm's download from the hub."""

    def replace(answer: Callable[..., object]) -> None:
        from timm.models import _builder

        monkeypatch.setattr(_builder, "has_hf_hub", lambda necessary=False: True)
        monkeypatch.setattr(_builder, "load_state_dict_from_hf", answer)

    return replace


def no_network(*arguments: object, **options: object) -> None:
    raise OSError("Network is unreachable")


def assert_filled(network, state) -> None:
    found = network.module.pooled.model.state_dict()
    assert set(state) - set(found) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(tensor, state[name]) for name, tensor in found.items())


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_a_state_dict_makes_a_plain_feature_extractor(suffix, file, state, timm):
    network = load_network(NAME, weights=file(suffix))
    assert_filled(network, state)
    assert (network.name, network.classes) == (NAME, ())
    assert network.preprocessing == network_preprocessing(NAME)
    assert network.widths == {"pooled": 96, "embedding": 96, "logits": 96}


def test_the_hub_is_asked_where_it_is_named(hub, state):
    asked = []
    hub(lambda name, **options: asked.append(name) or dict(state))
    assert_filled(load_network(NAME, weights="hub"), state)
    assert asked == ["timm/test_resnet.r160_in1k"]


def test_nothing_is_downloaded_unless_the_hub_is_named(hub, file):
    hub(lambda *arguments, **options: pytest.fail("the hub was asked"))
    load_network(NAME, weights=None)
    load_network(NAME, weights=file(".pt"))
    pretrained_network(NAME, n_classes=3)
    with pytest.raises(WeightsError, match="weights='hub', which downloads them"):
        load_network(NAME)


def test_without_a_network_the_error_says_what_was_tried_and_what_to_do(hub):
    hub(no_network)
    with pytest.raises(WeightsError) as raised:
        load_network(NAME, weights="hub")
    told = str(raised.value)
    assert "could not be had from timm/test_resnet.r160_in1k (OSError: Network is unreachable)" in told
    assert "timm.create_model('test_resnet', pretrained=True)" in told
    assert "HF_HOME" in told
    assert "state dict" in told


def test_a_model_without_published_weights_is_told(hub, timm):
    hub(no_network)
    nowhere = next(name for name in timm.list_models("resnet*") if not timm.models.is_model_pretrained(name))
    with pytest.raises(WeightsError, match=f"No weights of timm:{nowhere} are published"):
        load_network(f"timm:{nowhere}", weights="hub")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda state: {name: tensor for name, tensor in state.items() if name != "conv1.0.weight"},
            "conv1.0.weight: expected",
        ),
        (lambda state: {**state, "extra": torch.zeros(2)}, "extra: expected None"),
        (lambda state: {**state, "bn1.weight": torch.zeros(3)}, "bn1.weight: expected float"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_with_the_tensors_that_differ(spoil, told, state, tmp_path):
    torch.save(spoil(state), tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match="does not fit") as raised:
        load_network(NAME, weights=tmp_path / "bad.pt")
    assert told in str(raised.value)


@pytest.mark.parametrize("name", ["absent.pt", "absent.safetensors", "bad.safetensors", "bad.pt"])
def test_an_absent_or_damaged_state_dict_is_named(name, tmp_path, timm):
    if name.startswith("bad"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match=f"{name} must hold a state dict"):
        load_network(NAME, weights=tmp_path / name)


def test_a_head_is_put_on_weights_of_a_file_and_leaves_the_generator_alone(file, state):
    before = torch.get_rng_state()
    one, same = (
        pretrained_network(NAME, n_classes=3, arguments={"pretrained": str(file(".pt")), "hidden": 5}) for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert_filled(one, state)
    assert one.digest == same.digest
    assert one.arguments["pretrained"].startswith("sha256:")


def test_random_weights_are_not_frozen(timm):
    with pytest.raises(RecipeError, match=r"would be frozen with random weights\. Set pretrained = 'hub'"):
        pretrained_network(NAME, arguments={"frozen": True})


@pytest.mark.parametrize("side", [32, 160])
def test_a_saved_backbone_comes_back_without_hub_and_state_dict(side, file, hub, pixels, tmp_path):
    source = tmp_path / "gone.pt"
    shutil.copy(file(".pt"), source)
    arguments = {"pretrained": str(source), "frozen": True, "hidden": 6}
    saved = pretrained_network(NAME, n_classes=2, preprocessing=Preprocessing((side, side)), arguments=arguments)
    path = save_network(saved, tmp_path / "mine.safetensors")
    source.unlink()
    hub(no_network)
    for network in (load_network(path), load_network(NAME, weights=path)):
        assert (network.digest, network.preprocessing, network.widths) == (saved.digest, saved.preprocessing, saved.widths)
        assert network.module.pooled.frozen
        assert network.parameters == saved.parameters == 97 * 6 + 7 * 2


def test_what_a_model_computes_once_from_its_weights_is_computed_from_those_it_is_given(pixels, tmp_path, timm):
    model = timm.create_model("tiny_vit_5m_224", num_classes=0).eval()
    torch.nn.init.normal_(model.stages[-1].blocks[-1].attn.attention_biases)
    torch.save(model.state_dict(), tmp_path / "tiny_vit.pt")
    small = Preprocessing((96, 96))
    network = load_network("timm:tiny_vit_5m_224", weights=tmp_path / "tiny_vit.pt", preprocessing=small)
    with torch.no_grad():
        expected = model(network.preprocessing(torch.from_numpy(pixels)))
    found = Embedder(network, ["embedding"], device="cpu", precision="fp32").embed(pixels)["embedding"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", ["test_vit", "test_vit_relpos", "test_vit4"])
def test_tensors_that_no_file_holds_are_computed_anew(model, pixels, tmp_path, timm):
    saved = load_network(f"timm:{model}", weights=None)
    path = save_network(saved, tmp_path / "mine.safetensors")
    rows = [
        Embedder(network, ["embedding"], device="cpu", precision="fp32").embed(pixels)["embedding"]
        for network in (saved, load_network(path))
    ]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_a_weights_file_of_a_backbone_needs_timm_and_says_so(tmp_path, monkeypatch, timm):
    path = save_network(load_network(NAME, weights=None), tmp_path / "mine.safetensors")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hybridfer\[backbones\]'"):
        load_network(path)
