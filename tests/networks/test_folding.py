import numpy as np
import pytest
import torch
from torch import nn

from hybridfer.networks import NETWORKS, Embedder, Preprocessing, own_network
from hybridfer.networks.folding import fold_batchnorm


def norms(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]


def activations(module: nn.Module, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    outputs = {}
    with torch.no_grad():
        for name, block in module.named_children():
            batch = outputs[name] = block(batch)
    return outputs


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_gives_the_same_layers_with_no_batchnorm_behind_a_layer(name, trained):
    network = trained(name)
    module = network.module
    batch = torch.rand(5, 1, *network.preprocessing.image_size, generator=torch.Generator().manual_seed(0))
    folded = fold_batchnorm(module)
    # a BatchNorm behind an activation cannot be folded into what is before that
    assert bool(norms(folded)) == (name in ("leaky_cnn", "grigorasi", "conv_stack"))
    expected, found = activations(module, batch), activations(folded, batch)
    assert list(expected) == list(found)
    for layer, output in expected.items():
        torch.testing.assert_close(found[layer], output, rtol=1e-4, atol=1e-4, msg=layer)


def test_folding_leaves_the_original_as_it_was(trained):
    network = trained()
    names, digest = list(network.module.state_dict()), network.digest
    fold_batchnorm(network.module)
    assert list(network.module.state_dict()) == names
    assert trained().digest == digest


class Backwards(nn.Sequential):
    """Runs its children in another order than they stand in."""

    def forward(self, batch):
        return self[0](self[1](batch))


class Activated(nn.BatchNorm2d):
    """A BatchNorm that does more, as backbones have them."""

    def forward(self, batch):
        return torch.relu(super().forward(batch))


class Scaled(nn.Conv2d):
    """A convolution whose weight is not the one it runs with."""

    def forward(self, batch):
        return 3 * super().forward(batch)


@pytest.mark.parametrize(
    "module",
    [
        Backwards(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)),
        nn.Sequential(nn.Conv2d(1, 4, 3), Activated(4)),
        nn.Sequential(Scaled(1, 4, 3), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
        nn.Sequential(nn.Flatten(), nn.Linear(256, 6), nn.BatchNorm1d(6, affine=False)),
        nn.Sequential(nn.Flatten(2), nn.Linear(256, 6), nn.BatchNorm1d(1)),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 4, 3)), nn.BatchNorm2d(4)),
    ],
    ids=[
        "own order",
        "activated norm",
        "scaled convolution",
        "batch statistics",
        "not affine",
        "over tokens",
        "weight norm",
    ],
)
def test_what_cannot_be_folded_is_left_alone(module):
    for norm in norms(module):
        if norm.track_running_stats:
            norm.running_mean.fill_(0.3)
            norm.running_var.fill_(0.6)
    module.eval()
    batch = torch.rand(5, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(fold_batchnorm(module)(batch), module(batch))
    assert norms(fold_batchnorm(module))


def test_a_convolution_that_is_itself_a_layer_keeps_its_own_output(seasoned, pixels):
    module = seasoned(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(784, 2)))
    batch = torch.from_numpy(pixels)[:, None] / 255
    with torch.no_grad():
        expected = module[0](batch).mean(dim=(2, 3))
        normed = module[1](module[0](batch)).mean(dim=(2, 3))
    network = own_network(module, ["0", "1"], preprocessing=Preprocessing((16, 16)))
    rows = Embedder(network, ["0", "1"], device="cpu").embed(pixels)
    torch.testing.assert_close(torch.from_numpy(rows["0"]), expected)
    torch.testing.assert_close(torch.from_numpy(rows["1"]), normed)


class Unpacked(nn.Module):
    """Runs the children of a Sequential by themselves, and needs what the first gives once more."""

    def __init__(self, *stem: nn.Module) -> None:
        super().__init__()
        self.stem, self.dense = nn.Sequential(*stem), nn.Linear(4, 2)

    def forward(self, batch):
        conv, norm, activation = self.stem
        maps = conv(batch)
        return self.dense((activation(norm(maps)) + maps).mean(dim=(2, 3)))


class Whole(Unpacked):
    """Runs the Sequential as one."""

    def forward(self, batch):
        return self.dense(self.stem(batch).mean(dim=(2, 3)))


class Fragile(Whole):
    """Takes no fewer than three images."""

    def forward(self, batch):
        if len(batch) < 3:
            raise AssertionError("too few")
        return super().forward(batch)


@pytest.mark.parametrize(("kind", "is_folded"), [(Unpacked, False), (Whole, True), (Fragile, False)])
def test_a_module_of_ones_own_is_folded_only_where_that_changes_nothing(kind, is_folded, seasoned, pixels):
    module = seasoned(kind(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()))
    with torch.no_grad():
        expected = module(torch.from_numpy(pixels)[:, None] / 255)
    network = own_network(module, ["dense"], preprocessing=Preprocessing((16, 16)))
    embedder = Embedder(network, ["logits"], device="cpu")
    np.testing.assert_allclose(embedder.embed(pixels)["logits"], expected, rtol=1e-4, atol=1e-5)
    assert bool(norms(embedder._module)) != is_folded
