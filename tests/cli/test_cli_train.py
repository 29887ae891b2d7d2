"""Trainings on the command line that start with trained weights."""

import pytest
import torch

from hybridfer.networks import load_network


@pytest.fixture
def started(workplace):
    """A feature recipe that starts with a file which is not there."""
    path = workplace / "started.toml"
    path.write_text('network = "tiny"\n[training]\nmax_epochs = 1\nstart = "absent.safetensors"\n')
    return path


def test_train_goes_on_from_a_weights_file_whatever_the_recipe_starts_with(run, weights, started):
    result = run("train", "faces:90", "-f", started, "--start", weights, "-o", "on.safetensors", "--learning-rate", 1e-12)
    assert result.exit_code == 0, result.output
    before, network = load_network(weights), load_network("on.safetensors")
    assert network.training["start"]["digest"] == before.digest
    torch.testing.assert_close(network.module.conv1.conv.weight, before.module.conv1.conv.weight)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-f", "started.toml"], "absent.safetensors does not exist"),
        (["--network", "tiny", "--start", "nothing.safetensors"], "nothing.safetensors does not exist"),
        (["--network", "tiny", "--start", "compakt"], "Did you mean 'compact'"),
        (["--network", "tiny", "--start", "compact"], "have network='compact', the training network='tiny'"),
        (["--network", "tiny", "--start", "timm:vgg16"], "argument pretrained"),
        (["--network", "tiny", "--device", "cuda:99"], "cuda:99"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_trained_is_told_before_images_are_read(run, started, options, words):
    result = run("train", "nowhere.zip", *options, "-o", "out.safetensors")
    assert result.exit_code == 1, result.output
    assert words in result.stderr
    assert "nowhere.zip" not in result.stderr
