from dataclasses import replace

import pytest
import torch
from torch import nn

from hybridfer import extract_features, make_faces
from hybridfer.extraction import layer_widths, store_key, with_riding
from hybridfer.extraction.architecture import function_of
from hybridfer.networks import Embedder, Network, catalogue_network, load_network, save_network
from hybridfer.networks.ensemble import ensemble_network

# digests of keys with weights of zeros alone: stores that were written under them must be found
KEYS = {
    "tiny": "ba419a1f627762f1c26393ec352fd33ca3fe2c6c3d86d62e1ac3074e6648312a",
    "compact": "97e69bc82eb5c8e0e8c4ea7cf1d0d070416846ffd30987ec86435f183f91aea4",
    "model_f": "a8ce256d9c779c489dba18db7f78ab3b8c705c8e49702ba5eb33dadf9e7ec2fa",
    "leaky_cnn": "4ae9ef87683a88ff9a74fdd16e37c5f83f3ccf0b92485962b507b2e909141626",
}
ENSEMBLE_KEY = "8790a36cefae1a2964bdee1ffe0e9a7532fc723cbdc1dc7d4ec451095ea94bea"


class Turned(nn.Module):
    """Adds what is in no weights file."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.register_buffer("offset", torch.tensor(offset), persistent=False)

    def forward(self, rows):
        return rows + self.offset


def own(activation: nn.Module, name: str = "mine") -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        dense = nn.Linear(2304, 5), nn.Linear(5, 7)
    return load_network(nn.Sequential(nn.Flatten(), dense[0], activation, dense[1]), layers=["2"], name=name)


def key_digest(network: Network) -> str:
    key = store_key(network, Embedder(network, ["embedding", "logits"], device="cpu", precision="fp32"))
    return replace(key, weights="0" * 64).digest


@pytest.mark.parametrize("name", KEYS)
def test_the_key_of_a_network_with_default_arguments_never_changes(name):
    assert key_digest(catalogue_network(name)) == KEYS[name]


def test_the_key_of_an_ensemble_of_such_networks_never_changes():
    assert key_digest(ensemble_network([catalogue_network("tiny"), catalogue_network("compact")])) == ENSEMBLE_KEY


@pytest.mark.parametrize(
    ("name", "arguments", "function"),
    [
        ("leaky_cnn", {"slope": 0.01}, "leaky_cnn"),
        ("leaky_cnn", {"initialisation": "default"}, "leaky_cnn"),
        ("model_f", {"dropout": 0.5}, "model_f"),
        ("leaky_cnn", {"slope": 0.3}, 'leaky_cnn {"slope": 0.3}'),
        ("leaky_cnn", {"slope": 1}, 'leaky_cnn {"slope": 1.0}'),
        ("model_3", {"kernel": 2, "dropout": 0.1}, 'model_3 {"kernel": 2}'),
    ],
)
def test_arguments_that_change_what_is_computed_are_in_the_key(name, arguments, function):
    assert function_of(catalogue_network(name, n_classes=3, arguments=arguments)) == function


@pytest.mark.parametrize(
    ("one", "other"), [(nn.ReLU(), nn.Tanh()), (Turned(1.0), Turned(2.0)), (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2))]
)
def test_modules_of_ones_own_with_equal_weights_share_no_rows(one, other, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    faces, networks = make_faces(14), [own(one), own(other)]
    assert networks[0].digest == networks[1].digest
    extractions = [extract_features(faces, network, progress=False) for network in networks]
    assert [extraction.embedded for extraction in extractions] == [14, 14]
    rows = [extraction.store.load()[0] for extraction in extractions]
    assert abs(rows[0] - rows[1]).max() > 0.01


def test_a_module_of_ones_own_that_is_built_anew_finds_its_rows():
    assert function_of(own(nn.ReLU())) == function_of(own(nn.ReLU()))
    assert function_of(own(nn.ReLU())) != function_of(own(nn.ReLU(), name="another forward"))


class Told(nn.ReLU):
    """Prints an object, and so where it lies in memory."""

    def extra_repr(self) -> str:
        return repr(lambda: None) + object.__repr__(self)


def test_where_an_object_lies_in_memory_is_no_part_of_the_key():
    first, second = Told(), Told()
    assert repr(first) != repr(second)
    assert function_of(own(first)) == function_of(own(second))


def test_a_module_of_ones_own_with_weights_of_the_catalogue_is_not_taken_for_its_network(tmp_path):
    network = catalogue_network("tiny")
    path = save_network(network, tmp_path / "tiny.safetensors")
    module = catalogue_network("tiny").module
    module.conv1.relu = nn.Tanh()
    changed = load_network(module, layers=["embedding"], weights=path)
    assert (changed.name, changed.digest) == ("tiny", network.digest)
    assert function_of(changed).startswith("tiny (structure ")


def test_a_member_of_an_ensemble_brings_its_arguments():
    pair = [catalogue_network("leaky_cnn", arguments={"slope": slope}) for slope in (0.01, 0.3)]
    assert function_of(ensemble_network(pair)) == 'ensemble of leaky_cnn, leaky_cnn {"slope": 0.3}'


def test_with_a_plain_feature_extractor_nothing_rides_along(timm):
    plain, trained = (catalogue_network("timm:test_resnet", n_classes=n_classes) for n_classes in (0, 7))
    assert with_riding(["embedding"], plain) == ("embedding",)
    assert with_riding(["embedding"], ensemble_network([plain, plain])) == ("embedding",)
    assert with_riding(["embedding"], trained) == with_riding(["embedding"]) == ("embedding", "logits")
    assert with_riding(["embedding"], ensemble_network([catalogue_network("tiny")] * 2)) == ("embedding", "logits")


def test_features_of_a_backbone_are_stored_once(timm, tmp_path):
    plain = catalogue_network("timm:test_resnet", n_classes=0)
    store = extract_features(make_faces(7), plain, store=tmp_path / "s.store", progress=False).store
    assert (store.widths, store.riding) == (layer_widths(plain, ["embedding"]), {})
