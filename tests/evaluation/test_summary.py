"""What the report says of how its figures were made."""

from hybridfer import FeatureRecipe
from hybridfer.evaluation.summary import describe_protocol

PLAIN = FeatureRecipe(name="plain", network="tiny")


def named(name: str, **training) -> FeatureRecipe:
    return PLAIN.model_copy(update={"name": name}).retrained(**training)


def told(*recipes: FeatureRecipe, weights: object | None = None) -> str:
    return describe_protocol(recipes, weights, "grid", "train").network


def test_a_training_that_takes_from_no_other_network_is_told_as_such():
    assert told(PLAIN) == "plain: trained on train; early stopping and schedules watched validation."


def test_weights_to_start_with_and_teachers_are_told_by_their_names_without_folders():
    network = told(
        PLAIN,
        named("fine", start="compact"),
        named("finer", start="compact"),
        named("pupil", start="/mine/w.safetensors", teacher=("compact", "/mine/a.safetensors", "/mine/b.safetensors")),
    )
    seen = "; test images that those have seen are counted."
    assert network.startswith("plain, fine, finer, pupil: trained on train; ")
    assert f" fine, finer: begins with the weights of compact{seen}" in network
    assert network.endswith(
        " pupil: begins with the weights of w.safetensors and is taught by compact, a.safetensors and b.safetensors" + seen
    )


def test_of_networks_that_are_loaded_no_training_is_told():
    heir = named("heir", teacher="compact")
    loaded = heir.model_copy(update={"weights": "builtin"})
    assert "taught by compact" in told(heir)
    assert "taught" not in told(loaded)
    assert "taught" not in told(heir, weights="w.safetensors")
