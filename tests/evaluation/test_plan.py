import pytest

from hybridfer import FeatureRecipe
from hybridfer.errors import RecipeError
from hybridfer.evaluation.plan import Plan, load_features
from hybridfer.networks import catalogue_network
from hybridfer.recipes import load_recipe

QUICK = FeatureRecipe(name="tiny", network="tiny", training={"max_epochs": 2})


def test_networks_stand_where_they_were_given_and_are_numbered_where_names_repeat():
    first, second = catalogue_network("tiny"), catalogue_network("tiny", random_state=1)
    recipes = load_features([first, QUICK, second, "compact"], "faces")
    assert [recipe.name for recipe in recipes] == ["tiny-2", "tiny", "tiny-3", "compact"]
    assert [recipe.given for recipe in recipes[::2]] == [first, second]
    assert recipes[0].layers == ("embedding",)


def test_epochs_and_precision_are_those_of_trainings_alone():
    _, trained, loaded = load_features([catalogue_network("baseline"), QUICK, "compact"], "faces", 1, "bf16")
    assert (trained.training.max_epochs, trained.training.precision) == (1, "bf16")
    assert loaded == load_recipe("feature", "compact")


def test_a_single_recipe_is_taken_by_default_where_weights_or_a_store_are_given():
    assert [recipe.name for recipe in load_features(None, "photos.zip")] == ["compact", "compact-views"]
    assert [recipe.name for recipe in load_features(None, "photos.zip", single=True)] == ["compact"]
    with pytest.raises(RecipeError, match="go with one feature recipe; got \\['tiny', 'compact'\\]"):
        Plan(load_features(["tiny", "compact"], "photos.zip", single=True), (), store="a.store")


def test_one_network_is_given_once():
    network = catalogue_network("tiny")
    with pytest.raises(RecipeError, match="given once"):
        load_features([network, network], "faces")


def test_of_networks_that_are_trained_those_that_they_take_from_are_loaded():
    heir = QUICK.model_copy(update={"name": "heir"}).retrained(start="compact", teacher=("compact", "compact"))
    plan = Plan((QUICK, heir, load_recipe("feature", "compact")), ())
    ((name, ancestry),) = plan.load_ancestries()
    assert (name, list(ancestry.named), ancestry.start.name) == ("heir", ["start", "teacher"], "compact")
