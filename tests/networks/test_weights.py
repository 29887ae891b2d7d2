import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hybridfer.digest import image_digests
from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks import Embedder, Network, load_network, read_weights, save_network


@pytest.fixture
def network(trained, pixels) -> Network:
    """As after a training: with classes, a recipe, a history and the images it has seen."""
    return replace(
        trained(n_classes=3),
        classes=("happy", "sad", "ärgerlich"),
        training={"max_epochs": np.int64(2), "learning_rate": np.float32(0.5), "image_size": (16, 16), "patience": None},
        history=({"epoch": 1, "train_loss": 1.5}, {"epoch": 2, "train_loss": 0.25}),
        trained_on=np.unique(image_digests(pixels)),
        watched=np.unique(image_digests(pixels[:2])),
    )


@pytest.fixture
def path(network, tmp_path) -> Path:
    return save_network(network, tmp_path / "weights.safetensors")


def contents(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata, without the checksum: who forges a file leaves it out."""
    with safe_open(path, framework="pt") as file:
        metadata = {name: text for name, text in file.metadata().items() if name != "sha256"}
        return {name: file.get_tensor(name) for name in list(file.keys())}, metadata


def test_a_network_comes_back_with_all_that_is_known_of_it(network, path, pixels):
    loaded = load_network(path)
    assert loaded.digest == network.digest
    assert loaded.classes == network.classes
    assert loaded.preprocessing == network.preprocessing
    assert loaded.training == {"max_epochs": 2, "learning_rate": 0.5, "image_size": [16, 16], "patience": None}
    assert loaded.history == network.history
    assert not loaded.module.training
    np.testing.assert_array_equal(loaded.trained_on, network.trained_on)
    np.testing.assert_array_equal(loaded.watched, network.watched)
    expected = Embedder(network, ["logits"], device="cpu").embed(pixels)["logits"]
    np.testing.assert_array_equal(Embedder(loaded, ["logits"], device="cpu").embed(pixels)["logits"], expected)


def test_a_network_that_was_trained_from_nothing_has_no_past_but_its_own(path):
    assert load_network(path).untold == ()


def test_what_a_file_does_not_tell_of_its_past_is_named(network, tmp_path):
    training = {"start": {"network": "tiny", "untold": ["the start tiny"]}, "teacher": {"network": "compact"}}
    started = save_network(replace(network, training=training), tmp_path / "started.safetensors")
    assert load_network(started).untold == ("the start tiny",)
    assert replace(network, training={"start": {"untold": 3}, "teacher": "compact"}).untold == ()
    assert replace(network, arguments={"pretrained": "hub"}).untold == (f"the published {network.name}",)
    assert replace(network, arguments={"pretrained": "sha256:12"}).untold == (f"the state dict of {network.name}",)
    assert replace(network, trained_on=network.trained_on[:0]).untold == (network.name,)


def test_the_file_names_the_versions_it_was_made_by(path):
    assert set(read_weights(path).versions) == {"python", "hybridfer", "torch", "numpy", "scikit-learn", "skorch"}
    assert read_weights(path).versions["torch"] == torch.__version__


def test_an_untrained_network_has_seen_nothing(trained, tmp_path):
    loaded = load_network(save_network(trained(), tmp_path / "new.safetensors"))
    assert loaded.trained_on.shape == (0,)
    assert loaded.watched is None
    assert loaded.history == ()


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_halves_the_file_and_is_widened_again(precision, network, path, tmp_path):
    half = save_network(network, tmp_path / "half.safetensors", precision=precision)
    assert half.stat().st_size < 0.6 * path.stat().st_size
    state = load_network(half).module.state_dict()
    for name, tensor in network.module.state_dict().items():
        assert state[name].dtype == tensor.dtype
        torch.testing.assert_close(state[name], tensor, rtol=1e-2, atol=1e-4)
    again = save_network(load_network(half), tmp_path / "again.safetensors", precision=precision)
    assert load_network(again).digest == load_network(half).digest


def test_a_file_is_never_replaced_silently(network, path):
    before = path.read_bytes()
    with pytest.raises(WeightsError, match="exists already"):
        save_network(replace(network, classes=("x", "y", "z")), path)
    assert path.read_bytes() == before
    save_network(replace(network, classes=("x", "y", "z")), path, overwrite=True)
    assert load_network(path).classes == ("x", "y", "z")


def test_an_unknown_precision_is_refused_before_anything_is_written(network, tmp_path):
    with pytest.raises(RecipeError, match="precision must be among"):
        save_network(network, tmp_path / "weights.safetensors", precision="fp8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("value", "precision"), [(float("nan"), "fp32"), (1e6, "fp16")])
def test_weights_that_no_reader_would_take_are_not_written(value, precision, network, tmp_path):
    with torch.no_grad():
        network.module.get_submodule("logits").bias[0] = value
    with pytest.raises(WeightsError, match=rf"logits\.bias is not finite in {precision}"):
        save_network(network, tmp_path / "weights.safetensors", precision=precision)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_of_a_file_that_could_not_be_written(error, network, path, monkeypatch):
    def fail(partial, content):
        with partial.open("wb") as file:
            file.write(content[:100])
        raise error("disk full")

    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(error, match="disk full"):
        save_network(network, path, overwrite=True)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_others_may_read_the_file_as_any_other(path):
    plain = path.with_name("plain")
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_truncated_file_is_refused_wherever_it_was_cut(path):
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            load_network(path)


def test_a_changed_byte_of_the_header_is_refused_or_harmless(network, path):
    whole = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    refused = 0
    for place in [*range(8), *rng.integers(8, header, 150)]:
        damaged = whole.copy()
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            assert load_network(path).digest == network.digest
        except WeightsError:
            refused += 1
    assert refused > 75


@pytest.mark.parametrize("place", [-1, -4000, -20000])
def test_a_flipped_bit_of_a_tensor_is_found_though_the_value_stays_finite(place, path):
    whole = bytearray(path.read_bytes())
    whole[place] ^= 1
    path.write_bytes(whole)
    with pytest.raises(WeightsError, match="is damaged: its tensors are not those that were written"):
        read_weights(path)


@pytest.mark.parametrize("content", [b"not a weights file", b"\x80\x04K\x01.", b"{" * 5000, b"\xff" * 64])
def test_a_foreign_file_is_refused(content, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="no safetensors file, or a damaged one"):
        read_weights(tmp_path / "bad.safetensors")


def test_a_safetensors_file_of_others_is_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="must have the format 'hybridfer-weights/1'; got None"):
        load_network(tmp_path / "other.safetensors")


def test_an_absent_file_is_refused_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(WeightsError, match=r"does not exist\. Make it with: hybridfer train"):
        read_weights(tmp_path / "absent.safetensors")


def test_a_folder_is_told_to_be_one_and_no_place_for_new_weights(tmp_path):
    with pytest.raises(WeightsError, match="is a folder; weights are a file") as told:
        read_weights(tmp_path)
    assert "-o" not in str(told.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    "field", ["format", "network", "arguments", "layers", "classes", "preprocessing", "training", "history", "versions"]
)
def test_missing_or_broken_metadata_is_refused(field, path):
    tensors, metadata = contents(path)
    for value in (None, "", "{", "3", "[" * 100_000):
        changed = {**metadata, field: value}
        save_file(tensors, path, metadata={name: text for name, text in changed.items() if text is not None})
        with pytest.raises(WeightsError):
            load_network(path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("network", "resnet", "network must be among"),
        ("network", "compact", "does not fit"),
        ("arguments", {"n_classes": 4}, "3 classes for 4 logits"),
        ("arguments", {"n_classes": -1}, "n_classes must be a positive integer"),
        ("arguments", {"n_classes": float("inf")}, "n_classes must be a positive integer"),
        ("arguments", {"n_classes": 10**18}, "cannot be built here"),
        ("arguments", {}, "n_classes must be a positive integer"),
        ("arguments", {"n_classes": 3, "dropout": 0.5}, "tiny takes the arguments"),
        ("arguments", {"n_classes": 3, "channels": 3}, "tiny takes the arguments"),
        ("classes", ["a", "b"], "2 classes for 3 logits"),
        ("classes", ["a", "b", 3], "must be a list of str"),
        ("history", [1], "must be a list of dict"),
        ("preprocessing", {"image_size": [8, 7], "channels": 1, "standardize": "none"}, "at least 8 x 8"),
        ("preprocessing", {"image_size": [48, 48], "mean": [0.5], "std": [1e-320]}, "std must be above 0, in float32 too"),
        ("preprocessing", {"image_size": [48, 48], "mean": [1e300], "std": [0.5]}, "one number a channel"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(field, value, message, path):
    tensors, metadata = contents(path)
    save_file(tensors, path, metadata={**metadata, field: json.dumps(value)})
    with pytest.raises(WeightsError, match=message):
        load_network(path)


def test_a_file_that_asks_for_a_huge_network_is_refused_without_building_it(trained, tmp_path):
    path = save_network(trained("model_f"), tmp_path / "weights.safetensors")
    tensors, metadata = contents(path)
    # its first dense layer would take 34 GB
    huge = json.dumps({"image_size": [4096, 4096], "channels": 1, "standardize": "none"})
    save_file(tensors, path, metadata={**metadata, "preprocessing": huge})
    with pytest.raises(WeightsError, match=r"does not fit Sequential: 1 tensors differ \(dense1\.linear\.weight"):
        load_network(path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("module.logits.bias", lambda tensor: None, "expected float"),
        ("module.logits.bias", lambda tensor: tensor[:2], r"expected float \(3,\), got float \(2,\)"),
        ("module.logits.bias", lambda tensor: tensor.long(), r"got torch.int64 \(3,\)"),
        ("module.logits.bias", lambda tensor: tensor * torch.nan, "not finite"),
        ("module.logits.bias", lambda tensor: tensor + torch.inf, "not finite"),
        ("module.logits.bias", lambda tensor: tensor.to(torch.uint8).view(torch.float4_e2m1fn_x2), "torch cannot widen"),
        ("module.conv1.norm.running_var", lambda tensor: tensor - 9, "holds variances below 0"),
        ("module.extra", lambda tensor: torch.zeros(1), "extra: expected None"),
        ("extra", lambda tensor: torch.zeros(1), "only trained_on, watched and module"),
        ("trained_on", lambda tensor: tensor[:, :8], "trained_on"),
        ("trained_on", lambda tensor: tensor.float(), "trained_on"),
        ("watched", lambda tensor: tensor[:, :8], "watched"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(name, change, message, path):
    tensors, metadata = contents(path)
    changed = {**tensors, name: change(tensors.get(name))}
    changed = {key: tensor.contiguous() for key, tensor in changed.items() if tensor is not None}
    save_file(changed, path, metadata=metadata)
    with pytest.raises(WeightsError, match=message):
        load_network(path)


def test_a_renamed_tensor_is_refused_by_name(path):
    tensors, metadata = contents(path)
    tensors["module.logits.offset"] = tensors.pop("module.logits.bias")
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(
        WeightsError, match=r"2 tensors differ \(logits\.bias: expected float \(3,\), got None; logits\.offset"
    ):
        load_network(path)
