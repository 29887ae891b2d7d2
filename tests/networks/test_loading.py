import copy
import dataclasses
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks import (
    Embedder,
    Network,
    Preprocessing,
    builtin_weights,
    catalogue_network,
    load_network,
    own_network,
    save_network,
)
from hybridfer.networks.ensemble import ensemble_network

SMALL = Preprocessing((16, 16))


def own_module(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(784, 3))


def test_a_module_of_ones_own_offers_its_layers_an_embedding_and_logits(pixels):
    module = own_module()
    network = load_network(module, ["0", "3"], preprocessing=SMALL, name="mine", classes=("a", "b", "c"))
    assert dict(network.layers) == {"0": "0", "3": "3", "embedding": "3", "logits": ""}
    assert (network.name, network.classes) == ("mine", ("a", "b", "c"))
    rows = Embedder(network, ["embedding", "logits"], device="cpu").embed(pixels)
    with torch.no_grad():
        logits = module(torch.from_numpy(pixels)[:, None] / 255)
    np.testing.assert_allclose(rows["logits"], logits, rtol=1e-4, atol=1e-5)
    assert rows["embedding"].shape == (7, 784)


def test_layers_of_ones_own_may_have_public_names():
    network = own_network(own_module(), {"maps": "2", "embedding": "3"}, preprocessing=SMALL)
    assert network.widths == {"maps": 4, "embedding": 784, "logits": 3}


@pytest.mark.parametrize("layers", [[], ["9"], {"embedding": "conv"}])
def test_layers_that_are_no_submodules_are_refused(layers):
    with pytest.raises(RecipeError, match="layers must name at least one submodule of Sequential"):
        load_network(own_module(), layers)


def test_frozen_weights_are_not_counted_as_trainable():
    module = own_module()
    module[0].requires_grad_(False)
    assert own_network(module, ["3"]).parameters == 4 + 4 + 784 * 3 + 3


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_fills_a_module_of_ones_own(wrapped, tmp_path):
    trained = own_module(seed=1)
    state = trained.state_dict()
    torch.save({"state_dict": state} if wrapped else state, tmp_path / "mine.pt")
    network = load_network(own_module(), ["3"], weights=tmp_path / "mine.pt")
    assert network.digest == own_network(trained, ["3"]).digest


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("writer", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb, protocol=2))])
def test_a_malicious_pickle_is_refused_and_not_run(writer, tmp_path):
    fuse = tmp_path / "ran"
    writer({"0.weight": Bomb(fuse)}, tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match="tensors alone"):
        load_network(own_module(), ["3"], weights=tmp_path / "bad.pt")
    assert not fuse.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "must hold a state dict"),
        ({1: torch.zeros(2)}, "must hold a state dict"),
        ({"0.weight": 3}, "must hold a state dict"),
        ({"0.weight": torch.zeros(4, 1, 3, 3)}, "tensors differ"),
    ],
)
def test_what_is_no_fitting_state_dict_is_refused(content, message, tmp_path):
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match=message):
        load_network(own_module(), ["3"], weights=tmp_path / "bad.pt")


@pytest.mark.parametrize("content", [b"", b"\x80\x02garbage", b"PK\x03\x04 not a zip", b"\x00" * 200])
def test_a_damaged_state_dict_is_refused(content, tmp_path):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.pt must hold a state dict"):
        load_network(own_module(), ["3"], weights=tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match=r"absent\.pt must hold a state dict"):
        load_network(own_module(), ["3"], weights=tmp_path / "absent.pt")


def test_a_module_of_ones_own_comes_back_from_a_weights_file_with_what_it_knows(tmp_path):
    saved = own_network(own_module(seed=1), {"maps": "2", "embedding": "3"}, name="mine", preprocessing=SMALL, classes="abc")
    path = save_network(saved, tmp_path / "mine.safetensors")
    network = load_network(own_module(), {"maps": "2", "embedding": "3"}, weights=path)
    assert network.digest == saved.digest
    assert (network.name, network.classes, network.preprocessing) == ("mine", ("a", "b", "c"), SMALL)
    with pytest.raises(WeightsError, match="For a network of your own, pass its module"):
        load_network(path)


def test_tied_weights_can_be_saved(tmp_path):
    module = nn.Sequential(nn.Flatten(), nn.Linear(256, 256), nn.Linear(256, 256))
    module[2].weight = module[1].weight
    saved = own_network(module, ["1"], preprocessing=SMALL)
    path = save_network(saved, tmp_path / "tied.safetensors")
    assert load_network(module, ["1"], weights=path).digest == saved.digest


def test_a_name_a_path_or_both_find_a_weights_file(tmp_path):
    saved = catalogue_network("tiny", preprocessing=SMALL, n_classes=3)
    path = save_network(saved, tmp_path / "weights.safetensors")
    for network in (load_network(path), load_network(str(path)), load_network("tiny", weights=path)):
        assert network.digest == saved.digest
    with pytest.raises(WeightsError, match="holds weights of 'tiny'; 'compact' was asked for"):
        load_network("compact", weights=path)


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> Path:
    """A wheel with weights of two names, of one network."""
    folder = tmp_path / "wheel"
    folder.mkdir()
    for seed, name in enumerate(("tiny", "tiny-other")):
        save_network(catalogue_network("tiny", preprocessing=SMALL, random_state=seed), folder / f"{name}.safetensors")
    monkeypatch.setattr("hybridfer.networks.loading.files", lambda _package: folder)
    return folder


def test_weights_in_the_wheel_go_by_their_names(wheel):
    assert builtin_weights() == ("tiny", "tiny-other")
    for name in builtin_weights():
        digest = load_network(wheel / f"{name}.safetensors").digest
        assert load_network(name).digest == load_network("tiny", weights=name).digest == digest
    assert load_network("tiny").digest != load_network("tiny-other").digest
    with pytest.raises(WeightsError, match="tiny-other holds weights of 'tiny'; 'compact' was asked for"):
        load_network("compact", weights="tiny-other")


def test_a_file_beside_is_no_reason_to_overlook_a_name_in_the_wheel(wheel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny-other").mkdir()
    assert load_network("tiny-other").name == "tiny"


def test_a_name_that_is_not_in_the_wheel_is_answered_with_those_that_are(wheel):
    with pytest.raises(WeightsError, match=r"\['tiny', 'tiny-other'\], or a weights file; got 'tiny-otter'"):
        load_network("tiny", weights="tiny-otter")
    with pytest.raises(WeightsError, match="Did you mean 'tiny-other'"):
        load_network("tiny-otter")


def test_untrained_networks_take_preprocessing_and_classes():
    network = load_network("tiny", weights=None, preprocessing=SMALL, classes=("a", "b"))
    assert network.widths["logits"] == 2
    assert network.preprocessing == SMALL


def test_an_unknown_name_and_an_absent_file_are_told_apart(tmp_path):
    with pytest.raises(RecipeError, match="network must be among"):
        load_network("resnet")
    with pytest.raises(WeightsError, match="does not exist"):
        load_network(tmp_path / "absent.safetensors")


def test_a_network_without_weights_in_the_wheel_says_how_to_train_it():
    assert "tiny" not in builtin_weights()
    with pytest.raises(WeightsError, match="hybridfer train DATA --network tiny"):
        load_network("tiny")


@pytest.mark.parametrize(
    ("network", "weights", "names"),
    [
        ("compact", "builtin", "layers, preprocessing, name, classes cannot be set for compact with trained weights"),
        ("compact", None, "layers, name cannot be set for an untrained compact"),
        ("ensemble", "builtin", "layers, preprocessing, name, classes cannot be set for an ensemble"),
        ("mine.safetensors", "builtin", "layers, preprocessing, name, classes cannot be set for the weights file mine"),
        ("timm:test_resnet", "hub", "layers, name, classes cannot be set for timm:test_resnet with published weights"),
    ],
)
def test_what_would_change_nothing_is_refused(network, weights, names):
    given = {"layers": ["stem"], "preprocessing": SMALL, "name": "mine", "classes": ["a"]}
    with pytest.raises(RecipeError, match=names):
        load_network(network, weights=weights, **given)


@pytest.mark.parametrize(("weights", "words"), [("absent.safetensors", "are both trained weights"), (None, "is no name")])
def test_weights_beside_a_weights_file_are_refused(weights, words, tmp_path):
    path = save_network(catalogue_network("tiny"), tmp_path / "tiny.safetensors")
    with pytest.raises(RecipeError, match=words):
        load_network(path, weights=weights)


def test_an_untrained_network_knows_the_classes_that_it_is_given():
    assert load_network("tiny", weights=None, classes=["a", "b"]).classes == ("a", "b")


@pytest.mark.parametrize(
    "other", [{"preprocessing": Preprocessing((16, 16), standardize="image")}, {"classes": ("c", "b", "a")}]
)
def test_a_weights_file_of_ones_own_module_is_not_read_as_what_it_is_not(other, tmp_path):
    saved = own_network(own_module(), ["3"], name="mine", preprocessing=SMALL, classes="abc")
    path = save_network(saved, tmp_path / "mine.safetensors")
    with pytest.raises(RecipeError, match=f"{next(iter(other))} of .* must be as the weights were saved with"):
        load_network(own_module(), ["3"], weights=path, **other)
    same = load_network(own_module(), ["3"], weights=path, name="ours", preprocessing=SMALL, classes=list("abc"))
    assert (same.name, same.classes) == ("ours", ("a", "b", "c"))


def test_an_ensemble_is_saved_as_its_members():
    pair = ensemble_network([catalogue_network("tiny")] * 2)
    with pytest.raises(RecipeError, match=r"save each of network\.members"):
        save_network(pair, "ensemble.safetensors")
    assert not Path("ensemble.safetensors").exists()


@pytest.mark.parametrize(
    ("network", "weights", "words"),
    [
        (3, "builtin", "network must be a name, .* got a int"),
        (None, "builtin", "network must be a name, .* got a NoneType"),
        ("ensemble", [None, None], "each member of an ensemble .* got None"),
        ("ensemble", 3, "each member of an ensemble .* got 3"),
    ],
)
def test_what_names_no_network_is_refused(network, weights, words):
    with pytest.raises(RecipeError, match=words):
        load_network(network, weights=weights)


def test_a_module_whose_weights_are_computed_of_others_gives_its_rows(pixels):
    module = nn.Sequential(nn.Flatten(), nn.Linear(256, 4), nn.ReLU())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(module[1])
    network = load_network(module, layers=["2"], preprocessing=Preprocessing((16, 16)))
    rows = Embedder(network, ["2"], device="cpu").embed(pixels)["2"]
    with torch.no_grad():
        expected = module(torch.from_numpy(pixels)[:, None] / 255)
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)


class Remembering(nn.Sequential):
    """Keeps something beside its tensors."""

    def __init__(self, state) -> None:
        super().__init__(nn.Flatten(), nn.Linear(2304, 3))
        nn.init.zeros_(self[1].weight)
        nn.init.zeros_(self[1].bias)
        self.state = state

    def get_extra_state(self):
        return self.state

    def set_extra_state(self, state):
        self.state = state


def test_what_a_module_keeps_beside_its_tensors_is_part_of_its_digest():
    states = [None, {"scale": 2.0}, {"scale": 3.0}, {"scale": torch.ones(2)}, {"scale": torch.zeros(2)}, [1, "a"], {}]
    digests = [load_network(Remembering(state), layers=["1"]).digest for state in states]
    assert len(set(digests)) == len(states)
    assert digests == [load_network(Remembering(state), layers=["1"]).digest for state in states]
    turned = [load_network(Remembering(state), layers=["1"]).digest for state in ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
    assert turned[0] == turned[1]
    with pytest.raises(RecipeError, match=r"_extra_state.* must be .* can be pickled"):
        _ = load_network(Remembering(lambda: None), layers=["1"]).digest


def test_weights_that_lack_what_a_module_keeps_beside_its_tensors_do_not_fit(tmp_path):
    state = nn.Sequential(nn.Flatten(), nn.Linear(2304, 3)).state_dict()
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(WeightsError, match=r"1 tensors differ .*expected a dict, got None"):
        load_network(Remembering({}), layers=["1"], weights=tmp_path / "state.pt")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), "lazy ones. Run it once before"),
        (lambda: torch.jit.trace(own_module().eval(), torch.zeros(1, 1, 16, 16)), "TorchScript"),
        (lambda: nn.Sequential(nn.Flatten(), torch.jit.script(nn.Linear(2304, 3))), "TorchScript"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_modules_that_cannot_be_looked_into_are_refused(make, words):
    with pytest.raises(RecipeError, match=words):
        load_network(make(), layers=["1"])


def test_a_network_is_printed_in_a_line_without_its_digests():
    seen = np.array([b"%016d" % number for number in range(28709)])
    network = dataclasses.replace(catalogue_network("tiny", n_classes=2), classes=("sad", "happy"), trained_on=seen)
    assert repr(network) == (
        "Network('tiny', classes=('sad', 'happy'), layers={'conv1': 16, 'conv2': 32, 'conv3': 64, "
        "'conv4': 128, 'embedding': 128, 'logits': 2}, image_size=(48, 48), trained_on=28,709 images)"
    )
    assert "members=['tiny', 'tiny']" in repr(ensemble_network([catalogue_network("tiny"), catalogue_network("tiny")]))


def test_a_network_that_cannot_be_run_can_be_printed():
    network = load_network(nn.Sequential(nn.Flatten(), nn.Linear(3, 7)), layers={"embedding": "0", "logits": "1"})
    assert repr(network).startswith("Network(")
    assert "layers=['embedding', 'logits']" in repr(network)


def copied_by_pickle(network):
    return pickle.loads(pickle.dumps(network))  # noqa: S301 - its own


def test_a_network_of_the_catalogue_is_pickled_as_its_weights_file():
    network = dataclasses.replace(catalogue_network("tiny", n_classes=2), classes=("happy", "sad"))
    assert list(network.__getstate__()) == ["weights"]
    copied = copied_by_pickle(network)
    assert (copied.digest, copied.classes, copied.widths) == (network.digest, network.classes, network.widths)


def test_an_ensemble_is_pickled_as_its_members():
    pair = load_network("ensemble", weights=["compact", "compact-plain"])
    copied = copied_by_pickle(pair)
    assert copied.digest == pair.digest
    assert [member.digest for member in copied.members] == [member.digest for member in pair.members]
    np.testing.assert_array_equal(copied.trained_on, pair.trained_on)


def test_a_module_of_ones_own_is_pickled_as_it_is():
    network = load_network(nn.Sequential(nn.Flatten(), nn.Linear(2304, 3)), ["0"], name="mine")
    copied = copied_by_pickle(network)
    assert (copied.name, copied.digest, copied.layers) == ("mine", network.digest, network.layers)


def test_a_damaged_pickle_of_a_network_is_told():
    network = catalogue_network("tiny")
    for content, told in ((b"", "no safetensors, or damaged"), (network.__getstate__()["weights"][:-9], "no safetensors")):
        with pytest.raises(WeightsError, match=told):
            object.__new__(Network).__setstate__({"weights": content})


def changed_networks():
    half = catalogue_network("tiny")
    half.module.half()
    other = catalogue_network("tiny")
    other.module.logits.linear = nn.Linear(128, 3)
    diverged = catalogue_network("tiny")
    next(diverged.module.parameters()).data.fill_(float("nan"))
    trained = catalogue_network("tiny")
    trained.module.train()
    smooth = catalogue_network("tiny")
    smooth.module.conv1.relu = nn.GELU()
    renamed = dataclasses.replace(catalogue_network("tiny"), name="mine")
    return {"half": half, "other": other, "diverged": diverged, "trained": trained, "smooth": smooth, "renamed": renamed}


@pytest.mark.parametrize("change", changed_networks())
@pytest.mark.parametrize("copy", [copied_by_pickle, copy.deepcopy])
def test_a_network_that_was_changed_is_copied_as_it_is(change, copy):
    network = changed_networks()[change]
    copied = copy(network)
    assert (copied.name, repr(copied.module)) == (network.name, repr(network.module))
    assert copied.module.training is network.module.training
    assert copied.digest == network.digest
    assert next(copied.module.parameters()).dtype is next(network.module.parameters()).dtype


def test_a_copy_that_is_changed_has_a_digest_of_its_own():
    network = catalogue_network("tiny")
    before = network.digest
    copied = copy.deepcopy(network)
    with torch.no_grad():
        next(copied.module.parameters()).add_(1)
    assert copied.digest != before == network.digest


@pytest.mark.parametrize("state", [{}, {"weights": "text"}, {"members": ()}, {"members": [1]}, {"module": 1}])
def test_a_forged_state_makes_no_network(state):
    with pytest.raises(WeightsError, match="must be kept as the content of a weights file"):
        object.__new__(Network).__setstate__(state)
