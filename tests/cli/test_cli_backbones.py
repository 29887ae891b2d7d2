"""Backbones of timm from end to end, from a state dict: nothing is downloaded."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridfer import CNNFeaturizer, FeatureStore, make_faces, run_benchmark
from hybridfer.errors import RecipeError
from hybridfer.networks import load_network
from hybridfer.recipes import load_recipe

PLAIN = """
network = "timm:test_resnet"
weights = "resnet.pt"
image_size = 32
"""
HEAD = """
network = "timm:test_resnet"
image_size = 32
network_arguments = { pretrained = "resnet.pt", frozen = true, hidden = 8 }
[training]
max_epochs = 1
"""


@pytest.fixture
def recipes(timm, workplace: Path) -> Path:
    """A folder with two recipes and the state dict that they name."""
    folder = workplace / "recipes"
    folder.mkdir()
    torch.save(timm.create_model("test_resnet").state_dict(), folder / "resnet.pt")
    (folder / "plain.toml").write_text(PLAIN)
    (folder / "head.toml").write_text(HEAD)
    return folder


def test_a_backbone_is_summed_up_at_its_own_size_or_another(run, timm):
    arguments = ("--argument", "frozen=true", "--argument", "hidden=8", "--json")
    (told,) = json.loads(run("networks", "timm:test_resnet", *arguments).stdout)
    assert (told["image_size"], told["channels"], told["parameters"]) == ([160, 160], 3, 97 * 8 + 9 * 7)
    lines = run("networks", "timm:test_resnet", "--image-size", "32").stdout.splitlines()
    assert lines[1] == "32 x 32 x 3, 7 classes"
    assert len({line.index("Conv2D") for line in lines if "Conv2D" in line}) == 1


def test_paths_in_a_recipe_start_from_its_folder_and_the_hub_is_none(recipes):
    assert load_recipe("feature", recipes / "plain.toml").weights == str(recipes / "resnet.pt")
    assert load_recipe("feature", recipes / "head.toml").network_arguments["pretrained"] == str(recipes / "resnet.pt")
    (recipes / "hub.toml").write_text(PLAIN.replace("resnet.pt", "hub"))
    assert load_recipe("feature", recipes / "hub.toml").weights == "hub"


def test_a_plain_backbone_is_extracted_at_the_size_that_the_recipe_says(run, recipes):
    result = run("extract", "faces:40", "-f", recipes / "plain.toml", "--store", "a.store")
    assert "40 of them through the network" in result.stdout
    rows, _ = FeatureStore("a.store").load()
    faces = make_faces(40, random_state=0)
    featurizer = CNNFeaturizer.from_recipe(recipes / "plain.toml", device="cpu").fit(faces.images)
    assert featurizer.network_.preprocessing.image_size == (32, 32)
    assert rows.shape == (40, 96)
    assert CNNFeaturizer(featurizer.network, weights=featurizer.weights).fit(
        faces.images
    ).network_.preprocessing.image_size == (
        160,
        160,
    )


def test_another_size_is_for_backbones_alone():
    with pytest.raises(RecipeError, match="image_size is for models of timm"):
        CNNFeaturizer("compact", image_size=32).fit(np.zeros((2, 48, 48), dtype=np.uint8))


def test_a_head_is_trained_into_a_file_that_needs_no_state_dict(run, recipes):
    run("train", "faces:90", "-f", recipes / "head.toml", "-o", "mine.safetensors")
    (recipes / "resnet.pt").unlink()
    network = load_network("mine.safetensors")
    assert (network.name, network.widths["embedding"], len(network.classes)) == ("timm:test_resnet", 8, 7)


def test_a_benchmark_of_a_plain_backbone_has_no_softmax_and_one_of_a_head_has(recipes):
    faces = make_faces(120, random_state=0)
    report = run_benchmark(faces, [recipes / "plain.toml", recipes / "head.toml"], "knn", search="off", verbose=0)
    assert {(row.feature, row.pipeline) for row in report.rows} == {("plain", "knn"), ("head", "knn"), ("head", "softmax")}
