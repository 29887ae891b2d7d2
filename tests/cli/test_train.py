"""Trainings on the command line that start with trained weights."""

import re

import numpy as np
import pytest
import torch

from hybridfer import read_dataset
from hybridfer.evaluation.splits import trained_and_watched
from hybridfer.networks import Embedder, catalogue_network, load_network, network_preprocessing, save_network


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


def test_train_tells_the_validation_accuracy_of_the_weights_that_it_writes(run, workplace):
    recipe = 'network = "tiny"\nimage_size = 16\n[training]\nmax_epochs = 8\npatience = 2\nlearning_rate = 0.05\n'
    (workplace / "patient.toml").write_text(recipe)
    result = run("train", "faces:60", "-f", "patient.toml", "-o", "out.safetensors", "--seed", 1)
    told = re.search(r"accuracy ([\d.]+)% by the weights of epoch (\d+), which were kept", result.stdout)
    network = load_network("out.safetensors")
    assert int(told[2]) < len(network.history)
    dataset = trained_and_watched(read_dataset("faces:60"))
    images, labels = dataset.arrays("validation")
    found = Embedder(network, ["logits"], device="cpu").embed(images)["logits"].argmax(axis=1)
    right = np.array(network.classes)[found] == np.array(dataset.classes)[labels]
    assert float(told[1]) == pytest.approx(100 * right.mean(), abs=0.05)


def test_train_says_that_its_accuracy_is_of_before_averaging(run, weights, workplace):
    training = f'max_epochs = 1\nstart = "{weights}"\nstart_share = 0.5\n'
    (workplace / "half.toml").write_text(f'network = "tiny"\n[training]\n{training}')
    result = run("train", "faces:60", "-f", "half.toml", "-o", "out.safetensors")
    assert "by the last weights, before they were averaged with the start's, " in result.stdout


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


@pytest.mark.parametrize("read", ["DATA", "--index", "-f", "--start", "teacher"])
def test_no_weights_are_written_over_what_is_read(run, workplace, weights, read):
    out = workplace / "out.safetensors"
    out.write_bytes(weights.read_bytes())
    (workplace / "link").symlink_to(out)
    (workplace / "taught.toml").write_text('network = "tiny"\n[training]\nteacher = "link"\n')
    options = {"DATA": [], "-f": [], "teacher": ["-f", "taught.toml"]}.get(read, [read, "link"])
    options += ["-f", "link"] if read == "-f" else [] if read == "teacher" else ["--network", "tiny"]
    result = run("train", "link" if read == "DATA" else "faces:60", *options, "-o", out.name, "--overwrite")
    assert result.exit_code == 2
    assert f"is what is read, as {read};" in result.output
    assert out.read_bytes() == weights.read_bytes()
