"""Every feature recipe that ships trains end to end, on a handful of small drawn faces."""

import math

import pytest

from hybridfer import make_faces
from hybridfer.errors import RecipeError
from hybridfer.networks import NETWORKS, load_network, save_network
from hybridfer.recipes import expand_recipe, list_recipes, load_recipe
from hybridfer.training import recipe_classifier, train_network

# backbones of timm begin with weights that would have to be downloaded: see test_transfer.py; an ensemble is not trained
RECIPES = [recipe for name in list_recipes("feature") if (recipe := load_recipe("feature", name)).network in NETWORKS]
MEMBERS = [member for recipe in RECIPES for member in expand_recipe(recipe)]


@pytest.mark.parametrize("recipe", MEMBERS, ids=lambda recipe: recipe.name)
def test_a_shipped_recipe_trains(recipe, tmp_path, monkeypatch):
    # starts and teachers of recipes that are not in the wheel
    for name in ("compact-mixup", "compact-robust", "grown"):
        save_network(load_network("compact"), tmp_path / f"{name}.safetensors")
    monkeypatch.chdir(tmp_path)
    faces = make_faces(60, image_size=16, random_state=0).with_validation()
    balance = recipe.training.balance and dict.fromkeys(recipe.training.balance, 2)
    training = recipe.training.model_copy(update={"max_epochs": 1, "balance": balance})
    side = max(16, NETWORKS[recipe.network].smallest)
    small = recipe.model_copy(update={"weights": None, "image_size": side, "training": training})
    network = train_network(faces, small, device="cpu", verbose=0)
    assert network.name == recipe.network
    assert {name: network.arguments[name] for name in recipe.network_arguments} == recipe.network_arguments
    assert network.classes == tuple(faces.classes)
    assert math.isfinite(network.history[0]["valid_loss"])
    added = sum(network.training.get("trained_counts", network.training["train_counts"])) - sum(
        network.training["train_counts"]
    )
    assert added == 2 * len(balance or {})


# conv_stack is what a search fills in
@pytest.mark.parametrize("network", sorted(set(NETWORKS) - {"conv_stack"}))
def test_every_network_has_a_recipe_of_its_name(network):
    assert load_recipe("feature", network).network == network


def test_a_grid_is_no_single_training_and_its_recipes_are_named():
    with pytest.raises(
        RecipeError, match=r"model_3-grid is a grid of 4 recipes.*model_3-grid\[kernel=2,learning_rate=0.003\]"
    ):
        recipe_classifier(load_recipe("feature", "model_3-grid"))


def test_an_argument_that_the_network_does_not_take_is_named():
    recipe = load_recipe("feature", "model_3").model_copy(update={"network_arguments": {"kernal": 2}})
    with pytest.raises(RecipeError, match=r"got \['kernal'\]"):
        recipe_classifier(recipe)


@pytest.mark.parametrize("name", ["compact-plain", "compact-views", "compact-ten-crop"])
def test_a_recipe_that_has_weights_and_tells_of_no_training_is_not_trained(name):
    with pytest.raises(RecipeError, match=rf"{name} has weights, and no \[training\].*-f compact"):
        recipe_classifier(load_recipe("feature", name))
    with pytest.raises(RecipeError, match="has weights"):
        load_recipe("feature", name).retrained(max_epochs=3)


def test_the_ensemble_is_not_said_to_be_trained_by_its_own_recipe():
    with pytest.raises(RecipeError, match="Train what it is made of") as caught:
        recipe_classifier(load_recipe("feature", "ensemble"))
    assert "-f ensemble" not in str(caught.value)
