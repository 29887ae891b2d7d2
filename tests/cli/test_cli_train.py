"""Trainings on the command line that start with trained weights."""

import pytest
import torch

from hybridfer.networks import catalogue_network, load_network, network_preprocessing, save_network


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


def test_start_wins_over_the_published_weights_of_a_recipes_backbone(run, timm, workplace):
    recipe = 'network = "timm:test_resnet"\nimage_size = 32\n[training]\nmax_epochs = 1\n[network_arguments]\n'
    (workplace / "hub.toml").write_text(f'{recipe}pretrained = "hub"\nfrozen = true\nhidden = 8\n')
    preprocessing = network_preprocessing("timm:test_resnet", (32, 32))
    before = catalogue_network("timm:test_resnet", preprocessing=preprocessing, arguments={"hidden": 8}, random_state=5)
    save_network(before, "mine.safetensors")
    result = run("train", "faces:90", "-f", "hub.toml", "--start", "mine.safetensors", "-o", "on.safetensors")
    assert result.exit_code == 0, result.output
    network = load_network("on.safetensors")
    assert network.training["start"]["digest"] == before.digest
    assert network.training["network_arguments"] == {"frozen": True, "hidden": 8}


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
